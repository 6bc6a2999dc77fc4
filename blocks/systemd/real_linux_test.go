package systemd

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

var long = flag.Bool("long", false, "also fly under a real systemd, in namespaces of its own: takes root, and 10 s")

//go:embed testdata/drive.sh
var drive string

// asService makes the test's program the service that systemd starts.
const asService = "SYSTEMD_TEST_SERVICE"

const systemdProgram = "/usr/lib/systemd/systemd"

// TestUnderSystemd starts a user's systemd in namespaces of its own, with a unit that is this program.
func TestUnderSystemd(t *testing.T) {
	if os.Getenv(asService) != "" {
		if err := serve(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !*long {
		t.Skip("flies under a real systemd: -long")
	}
	_, installed := os.Stat(systemdProgram)
	namespaces := exec.Command("unshare", "-m", "-p", "-f", "--mount-proc", "true").Run()
	if err := errors.Join(installed, namespaces); err != nil {
		t.Skipf("no systemd, or no right to make namespaces: %v", err)
	}
	folder := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("systemd/user/x.service", strings.ReplaceAll(strings.ReplaceAll(`[Service]
Type=notify
ExecStart=PROGRAM -test.run ^TestUnderSystemd$
ExecReload=kill -HUP $MAINPID
Environment=`+asService+`=1
WatchdogSec=1
TimeoutStopSec=1
Restart=on-failure
RestartSec=0
StandardOutput=append:FOLDER/log
StandardError=append:FOLDER/log
`, "PROGRAM", program), "FOLDER", folder))
	write("drive.sh", drive)
	cmd := exec.Command("timeout", "60", "unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", filepath.Join(folder, "drive.sh"))
	cmd.Env = append(os.Environ(), "FOLDER="+folder, "SYSTEMD="+systemdProgram)
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(folder, "log"))
	require.NoError(t, err, "%s\n%s", out, log)
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	assert.Equal(t, []string{
		"started: active running 0 running, 3 blocks",
		"reloading: reloading reload 0 reloading: context ended: SIGHUP",
		"reloaded: active running 0 running, 3 blocks",
		"fed for 3 s: active running 0 running, 3 blocks",
		"stalled: active running 0 watchdog withheld: block \"worker\": OnMsg runs for too long; running, 3 blocks",
		"restarted: active running 1 running, 3 blocks",
		"stopping: deactivating stop-sigterm 1 stopping: context ended: signal terminated",
		"stopped: inactive dead 0 success", // after 4 s, although TimeoutStopSec is 1 s
	}, said, "%s", log)
	assert.Contains(t, string(log), "SIGABRT", "the watchdog's signal prints the stacks")
}

// serve flies until SIGTERM, and anew on SIGHUP. On SIGUSR1 the worker stalls; its finish takes 4 s.
func serve() error {
	worker := func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				d, _ := msg["for"].(time.Duration)
				<-time.After(d)
			}),
			sputnik.WithBlockWatchdog(100*time.Millisecond), sputnik.WithBlockFinishTimeout(time.Minute),
		)
	}
	for {
		ctx, end := context.WithCancelCause(context.Background())
		events := make(chan os.Signal, 1)
		signal.Notify(events, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM)
		var self sputnik.BlockCommunicator
		source := func() *sputnik.Block {
			return sputnik.NewBlock(
				sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self, _ = bc.Communicator("worker") }),
				sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
					for {
						select {
						case <-ctx.Done():
							return nil
						case s := <-events:
							switch s {
							case syscall.SIGHUP:
								self.Send(sputnik.Msg{"for": time.Second})
								end(reload{})
							case syscall.SIGUSR1:
								self.Send(sputnik.Msg{"for": time.Hour})
							default:
								for range 8 {
									self.Send(sputnik.Msg{"for": time.Second / 2})
								}
								end(&sputnik.SignalError{Signal: s})
							}
						}
					}
				}),
			)
		}
		err := sputnik.Fly(
			sputnik.WithConfFactory(sputniktest.NoConf), sputnik.WithContext(ctx), sputnik.WithLogger(slog.Default()),
			sputnik.WithSignals(make(chan os.Signal)), sputnik.WithFinishTimeout(time.Minute),
			sputnik.WithBlockFactories(sputnik.BlockFactories{Name: func() *sputnik.Block { return NewBlock(slog.Default()) }, "worker": worker, "source": source}),
			sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: Name, Responsibility: Name}, {Name: "worker", Responsibility: "worker"}, {Name: "source", Responsibility: "source"}}),
		)
		signal.Stop(events)
		if err != nil || !errors.As(context.Cause(ctx), new(reload)) {
			return err
		}
	}
}
