package main

import (
	"io"
	"net"
	"sync"
)

// server stands for the process beside which a sidecar runs. It answers each line with the same line.
type server struct {
	listener net.Listener
	all      sync.WaitGroup // the goroutines that serve
}

// besideServer runs a sidecar while a server is up. A real one finds its server running, or waits for it.
func besideServer(sidecar func(addr string) error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{listener: listener}
	s.all.Go(s.accept)
	defer s.stop()
	return sidecar(listener.Addr().String())
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // stop has closed the listener
		}
		s.all.Go(func() {
			_, _ = io.Copy(conn, conn) // until the client hangs up
			_ = conn.Close()
		})
	}
}

// stop waits for the clients to hang up, which a sidecar that has finished has done.
func (s *server) stop() {
	_ = s.listener.Close()
	s.all.Wait()
}
