package sputniktest

import "github.com/sputnik-go/sputnik"

// EchoTo is the key under which a message to [Echo] names the responsibility of the block that gets it back.
const EchoTo = "echo_to"

// Echo makes a block that sends each message, as it is, to the block that the message names under [EchoTo]. It drops
// what names none, and what that block refuses. It is a [sputnik.BlockFactory].
func Echo() *sputnik.Block {
	var own sputnik.BlockCommunicator
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc }),
		sputnik.WithRunContext(untilDone),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			resp, _ := msg[EchoTo].(string)
			if to, ok := own.Communicator(resp); ok {
				to.Send(msg)
			}
		}),
	)
}
