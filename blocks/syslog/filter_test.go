package syslog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilter(t *testing.T) {
	conf := testConf()
	conf.Facilities = []string{"auth", "mail"}
	conf.Severity = "notice"
	f := fly(t, conf, nil)
	c := f.dial(t, "tcp")
	for _, priority := range []string{
		"<32>", "<37>", // auth.emerg, auth.notice: these pass
		"<38>", "<39>", // auth.info, auth.debug
		"<13>", "<191>", // user.notice, local7.debug
		"<20>", // mail.warning passes
	} {
		send(t, c, priority+"Nov 20 07:30:01 host app: "+priority+"\n")
	}
	send(t, c, "no syslog at all\n")
	for _, want := range []string{"<32>", "<37>", "<20>"} {
		assert.Equal(t, want, f.next(t).Message)
	}
	assert.Equal(t, "no syslog at all", f.next(t).Raw, "what can't be parsed passes")
	assert.EqualValues(t, 4, f.count.filtered.Load())
	require.NoError(t, f.finish())
	assert.Contains(t, f.log.String(), "filtered=4")
}

func TestFilterOfUnparsed(t *testing.T) {
	conf := testConf()
	conf.DropUnparsed = true
	f := fly(t, conf, nil)
	c := f.dial(t, "udp")
	send(t, c, "no syslog at all")
	send(t, c, "<191>Nov 20 07:30:01 host app: x")
	assert.Equal(t, "x", f.next(t).Message)
	assert.EqualValues(t, 1, f.count.filtered.Load())
	assert.EqualValues(t, 1, f.count.unparsed.Load())
}

func TestFilterNamesAllOrNothing(t *testing.T) {
	all, none := newFilter(nil, "", false), newFilter([]string{"auth"}, "emerg", true)
	passed := 0
	for p := range all {
		assert.True(t, all[p])
		if none[p] {
			passed++
			assert.Equal(t, 4*8, p, "auth.emerg")
		}
	}
	assert.Equal(t, 1, passed)
}
