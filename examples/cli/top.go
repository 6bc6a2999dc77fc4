package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/sputnik-go/sputnik"
)

// adminName is the block that answers top.
const adminName = "admin"

const (
	answerLimit = 3 * time.Second
	longest     = 16 << 20 // bytes of an answer
)

// topSettings say which process is watched.
type topSettings struct {
	Once  bool          `help:"Print once; so does an output that is no terminal."`
	Every time.Duration `default:"1s" placeholder:"TIME" help:"Refresh so often (1s)."`
	CA    string        `placeholder:"FILE" help:"Certificates to check the process's own against; else tls_cert of the block admin, and the system's."`
	URL   string        `arg:"" optional:"" help:"Address of the block admin, as in http://127.0.0.1:8088; else the configured one. The token is always the configured one."`
}

// watcher is the command top.
type watcher struct {
	client *http.Client
	url    string
	token  string
}

func (r *program) top() error {
	w, err := r.watcher()
	if err != nil {
		return err
	}
	ctx, stop := r.interrupted()
	defer stop()
	screen, err := r.screen()
	if err != nil {
		now, err := w.ask(ctx)
		if err != nil {
			return err
		}
		return r.print(view{width: 120, height: 1 << 20}.frame(now, nil))
	}
	return r.watch(ctx, w, screen)
}

// watch shows a frame each second, until ctx ends. A process that can't be reached is waited for.
func (r *program) watch(ctx context.Context, w watcher, screen *os.File) (err error) {
	const (
		enter = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the other screen, without a cursor, lines cut at its edge
		leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
		home  = "\x1b[H"
		below = "\x1b[J"
	)
	if err := r.print(enter); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.print(leave)) }()
	tick := time.NewTicker(max(r.args.Top.Every, 100*time.Millisecond))
	defer tick.Stop()
	var before *status
	for {
		v := view{colour: r.colour()}
		if v.width, v.height, err = term.GetSize(int(screen.Fd())); err != nil || v.width < 20 || v.height < 5 {
			v.width, v.height = 80, 24
		}
		now, err := w.ask(ctx)
		var frame string
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			frame = v.absent(err)
		default:
			frame = v.frame(now, before)
			before = &now
		}
		if err := r.print(home + strings.ReplaceAll(frame, "\n", "\x1b[K\n") + below); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// screen is the terminal that the output goes to; an error, where it isn't one.
func (r *program) screen() (*os.File, error) {
	file, ok := r.Stdout.(*os.File)
	if !ok || r.args.Top.Once || !term.IsTerminal(int(file.Fd())) || r.variableOf("TERM") == "dumb" {
		return nil, errors.New("no terminal")
	}
	return file, nil
}

func (r *program) colour() bool { return r.variableOf("NO_COLOR") == "" }

func (r *program) variableOf(name string) string {
	for _, line := range slices.Backward(r.Environ) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// interrupted returns a context that a signal ends.
func (r *program) interrupted() (ctx context.Context, stop func()) {
	if r.Signals == nil {
		return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-r.Signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// watcher finds out where to ask, and with which token.
func (r *program) watcher() (watcher, error) {
	conf, err := r.adminConf()
	if err != nil {
		return watcher{}, err
	}
	address := r.args.Top.URL
	if address != "" && !strings.Contains(address, "://") {
		address = "http://" + address
	}
	if address == "" {
		listen := conf["listen"]
		if listen == "" {
			return watcher{}, &sputnik.ConfError{Name: adminName, Err: errors.New("no such block is configured: which process is to be watched? Give the address, as in top http://127.0.0.1:8088")}
		}
		scheme := "http://"
		if conf["tls_cert"] != "" {
			scheme = "https://"
		}
		address = scheme + reachable(listen)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return watcher{}, &sputnik.ConfError{Name: adminName, Err: fmt.Errorf("%q is not an address such as http://127.0.0.1:8088", address)}
	}
	transport := &http.Transport{}
	if file := cmp.Or(r.args.Top.CA, conf["tls_cert"]); file != "" {
		if transport.TLSClientConfig, err = trusting(file); err != nil {
			return watcher{}, &sputnik.ConfError{Name: adminName, Err: err}
		}
	}
	return watcher{
		client: &http.Client{Timeout: answerLimit, Transport: transport},
		url:    u.JoinPath("status").String(),
		token:  conf["token"],
	}, nil
}

// adminConf are the texts in the configuration of the block admin, if there is one.
func (r *program) adminConf() (map[string]string, error) {
	known, ok := r.block(adminName)
	if !ok || known.Default == nil {
		return nil, nil
	}
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{
		Defaults: r.Defaults, Path: r.args.Conf, Environ: r.Environ, EnvPrefix: r.EnvPrefix,
	})
	if err != nil {
		return nil, err
	}
	conf, err := known.read(cf)
	if err != nil {
		return nil, r.locate(err)
	}
	keys := make(map[string]string)
	for _, f := range fieldsOf(conf) {
		if text, ok := reflect.TypeAssert[string](f.value); ok {
			keys[f.key] = text
		}
	}
	return keys, nil
}

// reachable is an address to dial for one to listen on.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// ask gets the status.
func (w watcher) ask(ctx context.Context) (status, error) {
	var s status
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, http.NoBody)
	if err != nil {
		return s, err
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return s, w.unanswered(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, longest))
	switch {
	case err != nil:
		return s, w.unanswered(err)
	case resp.StatusCode == http.StatusUnauthorized:
		return s, fmt.Errorf("%s: %s: %s; top takes the token that is configured for %s (--conf, or a variable)", w.url, resp.Status, said(body), adminName)
	case resp.StatusCode != http.StatusOK:
		return s, fmt.Errorf("%s: %s: %s", w.url, resp.Status, said(body))
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%s: not a status: %w", w.url, err)
	}
	return s, nil
}

// unanswered says why there is no answer, and what to look for.
func (w watcher) unanswered(err error) error {
	cause := err
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		cause = wrapped.Err
		if wrapped.Timeout() {
			cause = fmt.Errorf("nothing within %v", answerLimit)
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s: %w: does the process run, with the block %s at this address?", w.url, cause, adminName)
	}
	return fmt.Errorf("%s: %w", w.url, cause)
}

// said is the reason in an answer of the block admin; else its first line.
func said(body []byte) string {
	var answer struct{ Error string }
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return printable(answer.Error)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return printable(line)
}
