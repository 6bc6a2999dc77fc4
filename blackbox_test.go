package sputnik_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func panicHere(v any) { panic(v) }

func TestTheBlackBoxTellsOfABadDay(t *testing.T) {
	type kind struct {
		opts []sputnik.BlockOption
		why  string // one of these words
		hurt func(f *flight)
		in   string // the report
	}
	land := func(f *flight) { f.shootDown() }
	wait := func(*flight) { time.Sleep(time.Minute) }
	during(t, map[string]kind{
		"panic of OnMsg": {[]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { panicHere(errBoom) })}, "panic", wait, "panicHere"},
		"panic of Finish": {[]sputnik.BlockOption{
			sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithFinish(func(bool) { panicHere(errBoom) }),
		}, "panic", land, "panicHere"},
		"panic that a restart cures": {[]sputnik.BlockOption{
			sputnik.WithOnMsg(func(sputnik.Msg) { panicHere(errBoom) }), onFailure(sputnik.RestartPolicy{}),
		}, "panic", wait, "panicHere"},
		"stall": {[]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(2 * time.Second) }), sputnik.WithBlockWatchdog(time.Second)}, "OnMsg", wait, "stallHere"},
		"abandoned": {[]sputnik.BlockOption{
			sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(never) }), sputnik.WithBlockFinishTimeout(time.Second),
		}, "abandoned", land, "stallHere"},
		"second signal": {[]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(2 * time.Second) })}, "signal", func(f *flight) {
			f.signals <- os.Interrupt
			time.Sleep(time.Second)
			f.signals <- os.Interrupt
		}, "stallHere"},
		"limit used up": {[]sputnik.BlockOption{
			sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithFinish(func(bool) { stallHere(never) }), sputnik.WithBlockFinishTimeout(never),
		}, "limit", land, "stallHere"},
	}, func(t *testing.T, k kind) {
		var log bytes.Buffer
		var bc sputnik.BlockCommunicator
		path := filepath.Join(t.TempDir(), "box.txt")
		require.NoError(t, os.WriteFile(path, []byte("an older report\n"), 0o600))
		f := takeOff(t, crew{idle("bystander"), idle("b", k.opts...), idle("from", handle(&bc))}, sputnik.WithBlackBox(path),
			sputnik.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
		to(t, bc, "b").Send(sputnik.Msg{})
		k.hurt(f)
		f.shootDown()
		_ = f.landed()
		time.Sleep(time.Minute)
		boxes := eventsOf[sputnik.BlackBox](f)
		require.NotEmpty(t, boxes)
		whys, reports := "", ""
		for _, b := range boxes {
			whys += b.Why + "\n"
			reports += b.Report
			assert.Contains(t, b.Report, b.Why)
		}
		assert.Contains(t, whys, k.why)
		assert.Contains(t, reports, k.in, "stacks")
		for _, part := range []string{"bystander", "from", "finisher", "running", "process prepared", "connected"} {
			assert.Contains(t, boxes[0].Report, part)
		}
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(written), "an older report\n"))
		for _, b := range boxes {
			assert.Contains(t, string(written), b.Report)
		}
		assert.Contains(t, log.String(), "level=ERROR")
		assert.Equal(t, len(boxes), strings.Count(log.String(), "report="), "each goes to the logger as well")
		time.Sleep(2 * never)
	})
}

func TestTheBlackBoxIsSilentOnAGoodDay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		path := filepath.Join(t.TempDir(), "box.txt")
		f := takeOff(t, crew{
			idle("b", sputnik.WithOnMsg(func(sputnik.Msg) {}), onFailure(sputnik.RestartPolicy{}), failAfter(time.Second, errBoom)),
			idle("from", handle(&bc)),
		}, sputnik.WithBlackBox(path))
		to(t, bc, "b").Send(sputnik.Msg{})
		time.Sleep(1500 * time.Millisecond)
		f.signals <- os.Interrupt
		require.NoError(t, f.landed())
		assert.Empty(t, eventsOf[sputnik.BlackBox](f), "an error that a restart cures is no bad day")
		assert.NoFileExists(t, path)
	})
}

func TestTheBlackBoxNeedsNoFileAndNoObserver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, path := range []string{"", filepath.Join(t.TempDir(), "box.txt")} {
			var bc sputnik.BlockCommunicator
			c := crew{idle("b", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { panicHere(errBoom) }))}
			opts := append(c.options(), sputnik.WithSignals(make(chan os.Signal)))
			if path != "" {
				opts = append(opts, sputnik.WithBlackBox(path))
			}
			sp, err := sputnik.NewSputnik(opts...)
			require.NoError(t, err)
			launch, _, err := sp.Prepare()
			require.NoError(t, err)
			bc.Send(sputnik.Msg{})
			require.ErrorIs(t, launch(), errBoom)
			if path != "" {
				written, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Contains(t, string(written), "panicHere")
			}
		}
	})
}

func TestABlackBoxNeedsAFolder(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "none", "box.txt")} {
		_, err := newFlight(t, crew{idle("a")}, sputnik.WithBlackBox(path))
		require.ErrorAs(t, err, new(*sputnik.SetupError))
		assert.ErrorContains(t, err, "WithBlackBox")
	}
}

func TestABlackBoxThatCanNotBeWrittenIsToldAndNotFatal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "gone")
		require.NoError(t, os.Mkdir(folder, 0o700))
		path := filepath.Join(folder, "box.txt")
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("b", handle(&bc), sputnik.WithBlockWatchdog(time.Second),
			sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(3 * time.Second) }))}, sputnik.WithBlackBox(path))
		require.NoError(t, os.Remove(folder))
		bc.Send(sputnik.Msg{})
		time.Sleep(time.Minute)
		assert.True(t, f.sp.Status().Ready, "not fatal")
		require.NotEmpty(t, eventsOf[sputnik.BlackBox](f), "the logger gets it even so")
		err := f.land()
		f.mu.Lock()
		told := fmt.Sprint(f.events, err)
		f.mu.Unlock()
		assert.Contains(t, told, path, "but somebody is told")
	})
}

func TestTheBlackBoxWritesAtMostOnceASecondAndLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		path := filepath.Join(t.TempDir(), "box.txt")
		f := takeOff(t, crew{idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { panicHere(fmt.Sprintf("<%v>", m["n"])) }),
			onFailure(sputnik.RestartPolicy{Backoff: 1, BackoffCap: 1, Max: 1000})), idle("from", handle(&bc))}, sputnik.WithBlackBox(path))
		const all = 34
		for n := range all {
			to(t, bc, "b").Send(sputnik.Msg{"n": n})
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
		}
		require.NoError(t, f.land()) // in the middle of a second
		boxes := eventsOf[sputnik.BlackBox](f)
		assert.GreaterOrEqual(t, len(boxes), 8)
		assert.LessOrEqual(t, len(boxes), 10)
		reports := ""
		for i, b := range boxes {
			reports += b.Report
			if i > 0 && i < len(boxes)-1 {
				assert.GreaterOrEqual(t, b.Time.Sub(boxes[i-1].Time), time.Second)
			}
		}
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		for n := range all {
			assert.Contains(t, reports, fmt.Sprintf("<%d>", n))
			assert.Contains(t, string(written), fmt.Sprintf("<%d>", n))
		}
	})
}

func TestTheBlackBoxTellsWithinASecondWhateverHappensAfterwards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		path := filepath.Join(t.TempDir(), "box.txt")
		f := takeOff(t, crew{idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { panicHere(fmt.Sprintf("<%v>", m["n"])) }),
			onFailure(sputnik.RestartPolicy{Backoff: 1, BackoffCap: 1, Max: 1000})), idle("from", handle(&bc))}, sputnik.WithBlackBox(path))
		for n := range 3 { // 200 ms after one another
			to(t, bc, "b").Send(sputnik.Msg{"n": n})
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(time.Second) // and nothing more happens
		synctest.Wait()
		boxes := eventsOf[sputnik.BlackBox](f)
		require.Len(t, boxes, 2)
		assert.Contains(t, boxes[0].Report, "<0>")
		assert.NotContains(t, boxes[0].Report, "<1>")
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, late := range []string{"<1>", "<2>"} {
			assert.Contains(t, boxes[1].Report, late)
			assert.Contains(t, string(written), late)
		}
		assert.Equal(t, time.Second, boxes[1].Time.Sub(boxes[0].Time).Round(time.Millisecond))
		time.Sleep(24 * time.Hour)
		require.NoError(t, f.land())
		assert.Len(t, eventsOf[sputnik.BlackBox](f), 2, "once")
	})
}
