// Package nats connects a sputnik process to NATS JetStream: [Connector] is the connector's plug-in, "nats.producer"
// the block that publishes what other blocks send it, "nats.tail" the block that prints what gets stored. Import it
// blank to register the blocks.
//
// Each message that the producer has accepted is stored once, also across reconnects, as long as the process lives: it
// is published until the stream acknowledges it, always under the same message id: the sender's own ([KeyID]), or one made
// of an id of this process and a counter. The server drops repetitions within the stream's duplicates window; after a
// longer outage the producer looks up in the stream what had been stored. What is held in memory dies with the process;
// a sender that must know asks for the end of each message ([KeyDone]).
//
// There is one way to recover from whatever goes wrong on a connection: it is declared broken, the connector makes a
// new one, and everything unacknowledged is published again, in its order. nats.go's own reconnection is off.
//
// The subject of a message comes from a template of its fields (subject_template), in which each value is one token
// ([DecodeToken]), or from the sender ([KeySubject]). What the stream refuses for good becomes a dead letter
// ([HeaderError]), if a subject for that is configured. What it refuses for now holds up the senders: window and mailbox
// are bounded.
//
// A request with [KeyCommand] = [CommandCounters] is answered with figures under [KeyCounters]. It waits in the mailbox like
// a message, so give its context a limit.
package nats
