package httpin

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxHeader  = 16 << 10
	answerTime = 10 * time.Second // for writing an answer

	// At finish: for a connection whose first request has not come, and for answers when the time is up.
	firstRequest = 200 * time.Millisecond
	lastAnswers  = 300 * time.Millisecond
)

// server is the web server and its connections.
type server struct {
	http     *http.Server
	listener *limitListener
	open     sync.WaitGroup // connections that are served
	served   chan error     // 1 slot: Serve has returned

	mu    sync.Mutex
	count int
	fresh map[net.Conn]struct{} // those whose first request has not come
}

// newServer makes a server of a listener. It answers nothing before serve.
func newServer(conf Conf, tlsConf *tls.Config, listener net.Listener, handler http.Handler, count *counters) *server {
	s := &server{served: make(chan error, 1), fresh: map[net.Conn]struct{}{}}
	s.listener = &limitListener{Listener: listener, admit: func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.count < conf.MaxConn || s.makeRoom(count)
	}, refused: count.refuseConn}
	s.http = &http.Server{
		Handler:           handler,
		TLSConfig:         tlsConf,
		ReadHeaderTimeout: conf.HeaderTimeout,
		ReadTimeout:       conf.ReadTimeout,
		IdleTimeout:       conf.IdleTimeout,
		WriteTimeout:      conf.ReadTimeout + conf.AcceptTimeout + conf.StoredTimeout + answerTime,
		MaxHeaderBytes:    maxHeader,
		ConnState:         s.track,
		ErrorLog:          log.New(&count.faults, "", 0),
		Protocols:         new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true) // a request at a time on a connection: max_conn bounds both
	return s
}

// serve serves until stop.
func (s *server) serve() {
	var l net.Listener = s.listener
	if s.http.TLSConfig != nil {
		l = tls.NewListener(l, s.http.TLSConfig)
	}
	s.served <- s.http.Serve(l)
}

// track is called for a new connection before Serve can return, and for a closed one when its goroutine is through.
func (s *server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.open.Add(1)
		s.count++
		s.fresh[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		s.count--
		delete(s.fresh, c)
		s.open.Done()
	default:
		delete(s.fresh, c)
	}
}

// connections is how many are open.
func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// makeRoom closes a connection whose first request has not come, whichever it is: clients that send nothing, or byte by
// byte, don't keep others out. It is called under the lock.
func (s *server) makeRoom(count *counters) bool {
	for c := range s.fresh {
		delete(s.fresh, c)
		hangUp(c)
		count.refuseConn()
		return true
	}
	return false
}

// stop accepts no more connections and waits for the requests in progress; when flush ends it calls hurry, and closes soon
// after. It returns when nobody is served any more.
func (s *server) stop(flush context.Context, hurry func()) {
	calm := time.AfterFunc(firstRequest, s.closeFresh)
	defer calm.Stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = s.http.Shutdown(flush) // in time or not: the rest is awaited below
		s.open.Wait()              // Serve has returned, none is added
	}()
	select {
	case <-gone:
		return
	case <-flush.Done():
	}
	hurry()
	timer := time.NewTimer(lastAnswers)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		_ = s.http.Close() // what is still open gets no answer
		<-gone
	}
}

// closeFresh closes connections on which nothing comes.
func (s *server) closeFresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.fresh {
		hangUp(c)
	}
}

// hangUp closes a connection that has nothing to lose, without TLS's farewell, which would wait for a client that reads nothing.
func hangUp(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	_ = c.Close()
}

// limitListener closes connections over the limit at once.
type limitListener struct {
	net.Listener
	admit   func() bool
	refused func()
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.admit() {
			return c, err
		}
		l.refused()
		_ = c.Close() // nothing was read or written
	}
}
