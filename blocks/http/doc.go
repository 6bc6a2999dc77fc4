// Package httpin is the block "http": a REST receiver. Clients POST messages, one or many in a request, and the block
// hands each to the block that stores them (key "to"). What a client is told is what holds: 202 means that the receiving
// block has taken every message of the request or, where storage is waited for, that it has stored them; any other answer
// says how many it has taken and from which one on to send again.
//
// Nothing waits without a limit: connections, bytes, messages, waiting requests and every wait are bounded. A receiving block
// under pressure holds requests up for a while (key "accept_timeout"), then they are refused by 429.
//
// It speaks HTTP/1.1, with TLS and client certificates where configured. It needs no more than a blank import; README.md has the
// keys, the answers and the counters. The folder is called http, the package httpin: it stands beside net/http in the same file.
package httpin
