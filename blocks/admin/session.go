package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

const (
	loginPath  = "/login"
	logoutPath = "/logout"

	// sessionLife is how long a browser that was given the token stays signed in; not beyond the process's life.
	sessionLife = 12 * time.Hour
)

// sessions makes and checks the cookies of those who were signed in. There is nothing to remember: a cookie is the time
// of its end, with a signature by a key that nobody else ever has.
type sessions struct {
	cookie string // its name; browsers share cookies between ports
	secure bool   // sent over TLS only
	key    []byte
}

func newSessions(port string, tls bool) *sessions {
	s := &sessions{cookie: "sputnik_admin_" + port, secure: tls, key: make([]byte, sha256.Size)}
	if tls {
		s.cookie = "__Host-" + s.cookie
	}
	_, _ = rand.Read(s.key) // never fails
	return s
}

func (s *sessions) sign(end string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(end))
	return hex.EncodeToString(mac.Sum(nil))
}

// begin makes the cookie of a new session.
func (s *sessions) begin(now time.Time) *http.Cookie {
	end := strconv.FormatInt(now.Add(sessionLife).Unix(), 10)
	return s.made(end+"."+s.sign(end), int(sessionLife.Seconds()))
}

// end makes the cookie that removes one.
func (s *sessions) end() *http.Cookie { return s.made("", -1) }

func (s *sessions) made(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: s.cookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode,
	}
}

func (s *sessions) valid(value string, now time.Time) bool {
	end, signature, _ := strings.Cut(value, ".")
	if !hmac.Equal([]byte(signature), []byte(s.sign(end))) {
		return false
	}
	unix, err := strconv.ParseInt(end, 10, 64)
	return err == nil && now.Unix() < unix
}

// login signs a browser in. Programs send the token with each request instead.
func (a *admin) login(w http.ResponseWriter, r *http.Request) {
	switch {
	case a.gate.token == "":
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case r.Method != http.MethodPost:
		a.page.login(w, http.StatusOK, false)
	case !access.Same(r.PostFormValue("token"), a.gate.token):
		a.gate.noteRequest(byWrongToken, r)
		a.page.login(w, http.StatusUnauthorized, true)
	default:
		http.SetCookie(w, a.gate.sessions.begin(time.Now()))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

func (a *admin) logout(w http.ResponseWriter, r *http.Request) {
	if a.gate.token != "" {
		http.SetCookie(w, a.gate.sessions.end())
	}
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}
