// Package syslog is the block "syslog": it receives syslog lines over UDP, TCP, TLS, RELP, Unix sockets and sockets of
// systemd's, and sends each to another block as a record in JSON. Import it blank to register the block. Syslog is plain
// text without authentication, unless it comes by TLS with client certificates: the block listens on 127.0.0.1 unless
// told otherwise.
//
// Framing (LF, NUL or octet count) and format (RFC 3164 or 5424) are found by itself, line by line. A line that no
// parser takes is kept as it came; every record carries the peer and the time of receipt.
//
// Over a stream (TCP, TLS, RELP, unix) a full receiving block holds up the connections (back-pressure). By TCP, TLS and unix
// a line counts as accepted once it was read and the receiving block has taken it. By RELP it is answered only when the
// receiving block has stored it: see [KeyDone]. Over UDP and unixgram nothing can be held up: what finds the queue full is
// dropped, and counted and reported, as is what the kernel has dropped.
//
// README.md has the keys, the counters and what was measured.
package syslog
