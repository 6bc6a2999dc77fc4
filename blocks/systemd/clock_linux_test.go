package systemd

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The time since the machine's start is the same clock, where it has never slept.
func TestMonotonicIsTheMachinesClock(t *testing.T) {
	text, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	uptime, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	require.NoError(t, err)
	now := monotonic()
	assert.LessOrEqual(t, float64(now)/1e6, uptime+60, "CLOCK_MONOTONIC leaves out the time that the machine slept")
	assert.NotZero(t, now)
	assert.GreaterOrEqual(t, monotonic(), now)
}
