package syslog

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// udpServer reads datagrams, each of them one line. Its reader never waits for anything but the socket: what the
// receiving block doesn't take in time is queued, and dropped when the queue is full.
type udpServer struct {
	r      *receiver
	conn   *net.UDPConn
	stop   chan struct{} // closed by drain
	queue  chan datagram // closed by receive
	queued atomic.Int64  // bytes in queue
}

type datagram struct {
	data     []byte
	peer     netip.AddrPort
	received time.Time
}

func newUDPServer(r *receiver, conn *net.UDPConn) *udpServer {
	return &udpServer{r: r, conn: conn, stop: make(chan struct{}), queue: make(chan datagram, r.conf.UDPQueue)}
}

// receive fills the queue until drain.
func (s *udpServer) receive() {
	defer close(s.queue)
	defer s.close()
	buf := make([]byte, 1<<16)
	for {
		n, peer, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			s.r.count.read.add(err)
			select {
			case <-time.After(errorPause):
				continue
			case <-s.stop:
				return
			}
		}
		s.enqueue(datagram{data: buf[:n], peer: peer, received: time.Now()})
	}
}

func (s *udpServer) enqueue(d datagram) {
	size := int64(len(d.data))
	if s.queued.Load()+size > int64(s.r.conf.UDPQueueBytes) || len(s.queue) == cap(s.queue) {
		s.r.count.dropped.Add(1)
		return
	}
	s.queued.Add(size)
	d.data = append([]byte(nil), d.data...)
	s.queue <- d // the only sender: there is room
}

// forward empties the queue, at the pace of the receiving block.
func (s *udpServer) forward() {
	parser := newParser(s.r.loc, s.r.conf.KeepRaw)
	for d := range s.queue {
		s.queued.Add(-int64(len(d.data)))
		frame := datagramFrame(d.data, s.r.conf.MaxLine)
		if len(frame.Data) == 0 {
			continue
		}
		peer := netip.AddrPortFrom(d.peer.Addr().Unmap(), d.peer.Port())
		if !s.r.deliver(parser, frame, peer.String(), "udp", d.received) {
			s.r.count.dropped.Add(1)
		}
	}
}

// drain ends receive, which still reads what has arrived already.
func (s *udpServer) drain() {
	close(s.stop)
	if err := s.conn.SetReadDeadline(time.Now().Add(s.r.conf.Drain)); err != nil {
		s.r.log.Warn("UDP read deadline", "error", err)
	}
}

func (s *udpServer) close() {
	if err := s.conn.Close(); err != nil {
		s.r.log.Warn("closing the UDP socket", "error", err)
	}
}

// datagramFrame is a datagram as a frame: it needs no framing (RFC 5426), and what senders add all the same is taken off.
func datagramFrame(data []byte, limit int) Frame {
	data = trim(bytes.TrimPrefix(data, []byte(bom)))
	if len(data) > limit {
		return Frame{Data: cut(data, limit), Truncated: true}
	}
	return Frame{Data: data}
}
