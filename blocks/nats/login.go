package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// checkLogin looks for more than one way to log in, for half a way, and for files that can't be used.
func (c Conf) checkLogin(f *fault.List) {
	f.Unless(c.Password == "" || c.User != "", "password", "needs a user")
	f.Unless(c.JWT == "" || c.JWTFile == "", "jwt_file", "is one way to give the JWT, jwt another: choose")
	if c.Creds != "" {
		_, err := readCreds(c.Creds)
		f.Err("creds", err)
	}
	if c.NKeySeed != "" {
		pair, err := readSeed(c.NKeySeed)
		f.Err("nkey_seed", err)
		pair.wipe()
	}
	if c.JWT != "" {
		f.Err("jwt", c.checkJWT(c.JWT))
	}
	if c.JWTFile != "" {
		token, err := readJWT(c.JWTFile)
		if err == nil {
			err = c.checkJWT(token)
		}
		f.Err("jwt_file", err)
	}
	var ways []string
	for _, way := range []struct {
		key  string
		used bool
	}{
		{"user", c.User != ""},
		{"token", c.Token != ""},
		{"creds", c.Creds != ""},
		{"jwt", c.JWT != "" || c.JWTFile != ""},
		{"nkey_seed", c.NKeySeed != "" && c.JWT == "" && c.JWTFile == ""},
	} {
		if way.used {
			ways = append(ways, way.key)
		}
	}
	if len(ways) > 1 {
		f.Unless(false, ways[len(ways)-1], "there is one login for a connection, and %s are configured: choose", strings.Join(ways, " and "))
	}
}

// login is how the connection proves who it is. Files are read when the server asks.
func (c Conf) login() []nats.Option {
	switch {
	case c.User != "":
		return []nats.Option{nats.UserInfo(c.User, c.Password)}
	case c.Token != "":
		return []nats.Option{nats.Token(c.Token)}
	case c.Creds != "":
		return []nats.Option{nats.UserCredentials(c.Creds)}
	case c.JWT != "" || c.JWTFile != "":
		return []nats.Option{nats.UserJWT(c.userJWT, c.sign)}
	case c.NKeySeed != "":
		return []nats.Option{c.nkey}
	default:
		return nil
	}
}

func (c Conf) userJWT() (string, error) {
	if c.JWT != "" {
		return strings.TrimSpace(c.JWT), nil
	}
	return readJWT(c.JWTFile)
}

func (c Conf) checkJWT(token string) error {
	claims, err := jwt.DecodeUserClaims(strings.TrimSpace(token))
	switch {
	case err != nil:
		return fmt.Errorf("not a user's JWT: %w", err)
	case !claims.BearerToken && c.NKeySeed == "":
		return errors.New("it needs nkey_seed, the file with the key that goes with it")
	}
	return nil
}

// sign answers the server's challenge; with a bearer token there is nothing to sign.
func (c Conf) sign(nonce []byte) ([]byte, error) {
	if c.NKeySeed == "" {
		return nil, nil
	}
	pair, err := readSeed(c.NKeySeed)
	if err != nil {
		return nil, err
	}
	defer pair.wipe()
	return pair.Sign(nonce)
}

func (c Conf) nkey(o *nats.Options) error {
	pair, err := readSeed(c.NKeySeed)
	if err != nil {
		return err
	}
	defer pair.wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return err
	}
	return nats.Nkey(public, c.sign)(o)
}

// keyPair is one that may be missing.
type keyPair struct{ nkeys.KeyPair }

func (p keyPair) wipe() {
	if p.KeyPair != nil {
		p.Wipe()
	}
}

// readSeed reads a user's seed, bare or decorated. Errors name the file, and nothing of what is in it.
func readSeed(file string) (keyPair, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return keyPair{}, err
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err == nil {
		var public string
		if public, err = pair.PublicKey(); err == nil && !nkeys.IsValidPublicUserKey(public) {
			err = errors.New("it is not a user's")
		}
	}
	clear(text)
	if err != nil {
		return keyPair{}, fmt.Errorf("%s: not a user's NKey seed (SU...): %w", file, err)
	}
	return keyPair{pair}, nil
}

func readCreds(file string) (string, error) {
	token, err := readJWT(file)
	if err != nil {
		return "", err
	}
	pair, err := readSeed(file)
	pair.wipe()
	return token, err
}

func readJWT(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	defer clear(text)
	token, err := nkeys.ParseDecoratedJWT(text)
	token = strings.TrimSpace(token)
	if err != nil || strings.Count(token, ".") != 2 {
		return "", fmt.Errorf("%s: there is no JWT in it", file)
	}
	return token, nil
}

func (c Conf) checkTLS(f *fault.List) {
	if c.TLSCA != "" {
		_, err := access.CertPool(c.TLSCA)
		f.Err("tls_ca", err)
	}
	switch {
	case c.TLSCert != "" && c.TLSKey != "":
		_, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		f.Err("tls_cert", err)
	case c.TLSKey != "":
		f.Unless(false, "tls_key", "needs tls_cert, the certificate it is for")
	case c.TLSCert != "":
		f.Unless(false, "tls_cert", "needs tls_key, its key")
	}
}

// tls is nil where nothing but the URL can ask for TLS.
func (c Conf) tls() (*tls.Config, error) {
	if c.TLSCA == "" && c.TLSCert == "" && c.TLSServerName == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.TLSServerName}
	var err error
	if c.TLSCA != "" {
		if config.RootCAs, err = access.CertPool(c.TLSCA); err != nil {
			return nil, err
		}
	}
	if c.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
