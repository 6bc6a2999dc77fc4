// Package syslog is the block "syslog": it receives syslog lines over UDP and TCP on one port and sends each to another
// block as a record in JSON. Import it blank to register the block. Syslog is plain text without authentication: the
// block listens on 127.0.0.1 unless told otherwise.
//
// Framing (LF, NUL or octet count) and format (RFC 3164 or 5424) are found by itself, line by line. A line that no
// parser takes is kept as it came; every record carries the peer's address and the time of receipt.
//
// Over TCP a full receiver holds up the connections (back-pressure): a line counts as accepted once it was read and the
// receiver has taken it. Over UDP nothing can be held up: what finds the queue full is dropped, counted and reported.
package syslog
