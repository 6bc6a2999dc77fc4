package sputniktest

import (
	"maps"
	"strings"

	"github.com/sputnik-go/sputnik"
)

// EchoTo is the key under which a message that came by Send names the responsibility of the block that gets it back.
const EchoTo = "echo_to"

// Echo makes a block that answers each [sputnik.Request] with what it was asked. A message that came by Send goes, as it
// is, to the block that it names under [EchoTo]; if it names none, it is dropped. Echo is a [sputnik.BlockFactory].
func Echo() *sputnik.Block {
	var own sputnik.BlockCommunicator
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc }),
		sputnik.WithRunContext(untilDone),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			answer := maps.Clone(msg)
			maps.DeleteFunc(answer, func(key string, _ any) bool { return strings.HasPrefix(key, "__") })
			if err := sputnik.Reply(msg, answer); err == nil {
				return
			}
			resp, _ := msg[EchoTo].(string)
			if to, ok := own.Communicator(resp); ok {
				to.Send(msg)
			}
		}),
	)
}
