package syslog

import "time"

// readLines delivers a connection's lines until it ends, one way or another.
func readLines(c *conn) {
	framer := NewFramer(c.r.conf.MaxLine)
	parser := newParser(c.r.loc, c.r.conf.KeepRaw)
	delivered := false
	for {
		err := c.fill(framer, delivered)
		received := time.Now()
		var open bool
		if delivered, open = c.deliverAll(framer, parser, received); !open {
			return
		}
		if err != nil {
			c.logEnd(err)
			if frame, ok := framer.Rest(); ok && c.r.deliver(parser, frame, &c.from, received, nil) == refused {
				c.r.count.unsent.Add(1)
			}
			return
		}
	}
}

// deliverAll delivers the lines that are complete. open is false where the connection is to be closed.
func (c *conn) deliverAll(framer *Framer, parser *parser, received time.Time) (delivered, open bool) {
	for {
		frame, ok, err := framer.Next()
		if err != nil {
			c.r.count.oversize.Add(1)
			c.warn("connection closed", "error", err)
			return delivered, false
		}
		if !ok {
			return delivered, true
		}
		if c.r.deliver(parser, frame, &c.from, received, nil) == refused {
			c.giveUp(framer)
			return true, false
		}
		delivered = true
	}
}

// giveUp counts what was read and can't be delivered.
func (c *conn) giveUp(framer *Framer) {
	n := uint64(1)
	for {
		if _, ok, err := framer.Next(); !ok || err != nil {
			break
		}
		n++
	}
	c.from.lines.Add(n - 1) // the first one is counted
	c.r.count.unsent.Add(n)
}
