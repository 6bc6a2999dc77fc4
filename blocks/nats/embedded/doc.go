// Package embedded runs a NATS server with JetStream inside the process, as the block "nats.embedded" or by [Start] and
// [Broker.Stop]. It is a package of its own because it makes a program 11 MB larger.
//
// # The order of things
//
// List the block before all blocks that use the connection. Its Init starts the broker, and the connector's first attempt
// to connect comes after all Inits. At finish, blocks end in reverse, so the broker ends when they have stored everything.
// The connector disconnects only after the last block; that can't be otherwise, since the broker is a block itself. An
// in-process connection therefore outlives the broker, in silence, until the connector closes it ([Server.InProcessConn]);
// a connector that came by the listener sees the connection break, and that is logged, but nothing is lost.
//
// The connector finds the broker in one of two ways, neither of which needs any state of this package:
//
//	server := embedded.New(log)                               // in process, no port
//	factories[embedded.Name] = server.NewBlock
//	sputnik.WithConnector(nats.NewConnector(log, server), 0)
//
//	import _ ".../blocks/nats/embedded"                       // listen: 127.0.0.1:4222 here, urls: there
//	sputnik.WithConnector(nats.NewConnector(log, nil), 0)
//
// # An edge
//
// With domain and leaf, the broker is a leaf node of a NATS cluster: blocks here store in a stream here, whether the hub
// can be reached or not, and a stream of the hub that sources (or mirrors) this one through the domain catches up when it
// can be reached again. Subjects that streams on both sides take belong in leaf_local.
package embedded
