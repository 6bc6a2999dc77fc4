package syslog

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// packetConn is a datagram socket.
type packetConn interface {
	net.PacketConn
	syscall.Conn
}

// datagramServer reads datagrams, each of them one line. Its reader never waits for anything but the socket: what the
// receiving block doesn't take in time is queued, and dropped when the queue is full.
type datagramServer struct {
	r         *receiver
	conn      packetConn
	transport string
	file      socketFile     // goes with the socket
	next      datagramReader // reads one
	stop      chan struct{}  // closed by drain
	until     time.Time      // set by drain, before the reader can see it
	queue     chan datagram  // closed by receive
	queued    atomic.Int64   // bytes in queue
	drops     *kernelDrops
}

type datagram struct {
	data     []byte
	addr     netip.AddrPort // of UDP
	peer     string         // of a Unix socket
	received time.Time
}

// datagramReader reads one datagram into buf.
type datagramReader func(buf []byte) (n int, d datagram, err error)

func newDatagramServer(r *receiver, conn packetConn, file socketFile, drops *kernelDrops) *datagramServer {
	s := &datagramServer{
		r: r, conn: conn, file: file, drops: drops,
		stop: make(chan struct{}), queue: make(chan datagram, r.conf.UDPQueue),
	}
	switch conn := conn.(type) {
	case *net.UDPConn:
		s.transport = transportUDP
		s.next = func(buf []byte) (n int, d datagram, err error) {
			n, d.addr, err = conn.ReadFromUDPAddrPort(buf)
			return n, d, err
		}
		s.drops.open(conn)
	case *net.UnixConn:
		s.transport = transportUnixgram
		s.next = unixDatagramReader(conn)
	}
	return s
}

func (s *datagramServer) serve() {
	var receiving sync.WaitGroup
	defer receiving.Wait()
	receiving.Go(s.receive)
	s.forward()
}

// receive fills the queue until drain.
func (s *datagramServer) receive() {
	defer close(s.queue)
	defer s.close()
	defer s.sample()
	const largest = 1 << 16                               // of UDP
	buf := make([]byte, max(largest, s.r.conf.MaxLine+2)) // so that a larger one is seen to be cut
	for {
		n, d, err := s.next(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.r.flush.Err() != nil || time.Now().After(s.until.Add(late)) || !arrived(s.conn) {
				return
			}
			s.setDeadline(time.Now().Add(lateRead))
			continue
		case err != nil:
			s.r.count.read.note(err.Error())
			select {
			case <-time.After(errorPause):
				continue
			case <-s.stop:
				return
			}
		}
		d.data, d.received = buf[:n], time.Now()
		s.enqueue(d)
	}
}

func (s *datagramServer) enqueue(d datagram) {
	size := int64(len(d.data))
	if s.queued.Load()+size > int64(s.r.conf.UDPQueueBytes) || len(s.queue) == cap(s.queue) {
		s.r.count.queueDropped.Add(1)
		return
	}
	s.queued.Add(size)
	d.data = append([]byte(nil), d.data...)
	s.queue <- d // the only sender: there is room
}

// forward empties the queue, at the pace of the receiving block.
func (s *datagramServer) forward() {
	parser := newParser(s.r.loc, s.r.conf.KeepRaw)
	from := source{transport: s.transport, lines: s.r.count.of(s.transport)}
	var last netip.AddrPort
	for d := range s.queue {
		s.queued.Add(-int64(len(d.data)))
		frame := datagramFrame(d.data, s.r.conf.MaxLine)
		if len(frame.Data) == 0 {
			continue
		}
		switch {
		case !d.addr.IsValid():
			from.peer = d.peer
		case d.addr != last:
			last = d.addr
			from.peer = netip.AddrPortFrom(last.Addr().Unmap(), last.Port()).String()
		}
		if s.r.deliver(parser, frame, &from, d.received, nil) == refused {
			s.r.count.unsent.Add(1)
		}
	}
}

// drain ends receive, which still reads what has arrived already.
func (s *datagramServer) drain(until time.Time) {
	s.until = until
	close(s.stop)
	s.setDeadline(until)
}

func (s *datagramServer) setDeadline(t time.Time) {
	if err := s.conn.SetReadDeadline(t); err != nil {
		s.r.log.Warn("datagram socket's deadline", "transport", s.transport, "error", err)
	}
}

func (s *datagramServer) close() {
	if err := errors.Join(s.file.remove(), s.conn.Close()); err != nil {
		s.r.log.Warn("closing the datagram socket", "transport", s.transport, "error", err)
	}
}

func (s *datagramServer) address() (transport, address string) {
	return s.transport, s.conn.LocalAddr().String()
}

// sample brings the kernel's count of drops up to date.
func (s *datagramServer) sample() {
	s.r.count.kernelDropped.Add(s.drops.more())
}

// datagramFrame is a datagram as a frame: it needs no framing (RFC 5426), and what senders add all the same is taken off.
func datagramFrame(data []byte, limit int) Frame {
	data = trim(bytes.TrimPrefix(data, []byte(bom)))
	if len(data) > limit {
		return Frame{Data: cut(data, limit), Truncated: true}
	}
	return Frame{Data: data}
}
