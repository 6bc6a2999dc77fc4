// Package admin is the block "admin": it tells over HTTP what the process and its blocks are doing, and takes orders
// from those who may give them. It has probes, Prometheus metrics, a status in JSON, the lifecycle events as they come,
// a live page, and actions: stop, reload, log level. Import it blank to register the block; README.md has all endpoints
// and names.
//
// List it as the first of the blocks: then it is the last to finish, and tells of the finish of all others.
//
// It listens on 127.0.0.1 unless told otherwise, and elsewhere only with a token or with client certificates.
package admin
