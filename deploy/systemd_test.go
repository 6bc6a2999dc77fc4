package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/systemd"
)

const (
	serviceFile = "syslog2nats.service"
	socketFile  = "syslog2nats.socket"
)

// setting returns the value of a setting that is there once.
func setting(t *testing.T, unit, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(unit, -1)
	require.Len(t, found, 1, name)
	return found[0][1]
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return time.Duration(n) * time.Second
}

func TestUnitLeavesTheProcessItsTime(t *testing.T) {
	unit := readFile(t, filepath.Join("systemd", serviceFile))
	assert.Equal(t, "notify-reload", setting(t, unit, "Type"))
	assert.Equal(t, "main", setting(t, unit, "NotifyAccess"))
	assert.Greater(t, seconds(t, setting(t, unit, "TimeoutStopSec")), landing)
	assert.GreaterOrEqual(t, seconds(t, setting(t, unit, "WatchdogSec")), 2*sputnik.DefaultWatchdog,
		"the engine's own watchdog is to tell first")
	// 2 is the exit status of a wrong configuration, but of a Go program that SIGABRT ends, too.
	assert.NotContains(t, unit, "RestartPreventExitStatus")
	assert.Equal(t, "on-failure", setting(t, unit, "Restart"))
}

func TestUnitAndConfigurationBelongTogether(t *testing.T) {
	unit := readFile(t, filepath.Join("systemd", serviceFile))
	socket := readFile(t, filepath.Join("systemd", socketFile))
	validate(t, filepath.Join("systemd", "conf"), nil)
	conf := readConfiguration(t, filepath.Join("systemd", "conf"), nil)
	conf.checkOrder(t)
	conf.checkMemory(t, bytesOf(t, setting(t, unit, "MemoryMax")+"i"))
	assert.Equal(t, systemd.Name, conf.blocks[0].Name)
	assert.Equal(t, []string{"systemd:" + setting(t, socket, "FileDescriptorName")}, conf.syslog.Listen)
	assert.Equal(t, setting(t, socket, "ReceiveBuffer"), strconv.Itoa(conf.syslog.UDPBuffer>>20)+"M")
	assert.Equal(t, "/usr/local/bin/syslog2nats run --conf /etc/"+setting(t, unit, "ConfigurationDirectory"), setting(t, unit, "ExecStart"))
	assert.True(t, strings.HasPrefix(conf.broker.Store, "/var/lib/"+setting(t, unit, "StateDirectory")+"/"), "the store is out of reach")
	assert.Contains(t, unit, "Requires="+socketFile)
	stream, datagram := setting(t, socket, "ListenStream"), setting(t, socket, "ListenDatagram")
	assert.Equal(t, "514", stream)
	assert.Equal(t, stream, datagram)
}

// analyze copies the units to a folder, as far as this machine's systemd knows them, and returns the folder.
func analyze(t *testing.T) string {
	t.Helper()
	const notifyReload = 253 // the version that has Type=notify-reload
	version, err := exec.Command("systemd-analyze", "--version").Output()
	if err != nil {
		t.Skipf("systemd-analyze: %v", err)
	}
	found := regexp.MustCompile(`^systemd (\d+)`).FindSubmatch(version)
	require.Len(t, found, 2, "%s", version)
	number, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	if number < 250 {
		t.Skipf("systemd %d can't analyse unit files offline, 250 can", number)
	}
	program, err := os.Executable() // ExecStart has to be there
	require.NoError(t, err)
	unit := strings.Replace(readFile(t, filepath.Join("systemd", serviceFile)), "/usr/local/bin/syslog2nats", program, 1)
	if number < notifyReload {
		t.Logf("systemd %d: analysed with Type=notify in place of notify-reload", number)
		unit = strings.Replace(unit, "Type=notify-reload", "Type=notify", 1)
	}
	return folderWith(t, map[string]string{serviceFile: unit, socketFile: readFile(t, filepath.Join("systemd", socketFile))})
}

func TestUnitsAreWhatSystemdUnderstands(t *testing.T) {
	folder := analyze(t)
	cmd := exec.Command("systemd-analyze", "verify", filepath.Join(folder, serviceFile), filepath.Join(folder, socketFile))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Empty(t, string(out))
}

// What is left: sockets and the network have to be open, and the root folder is that of the host.
func TestUnitIsHardened(t *testing.T) {
	folder := analyze(t)
	const exposure = "11" // in tenths, of 10.0
	cmd := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+exposure, filepath.Join(folder, serviceFile))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "Overall exposure level")
}
