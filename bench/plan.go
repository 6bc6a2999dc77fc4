package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik/bench/workload"
)

// peer is one column.
type peer struct {
	name    string
	program string // a folder of peers
	args    []string
	actors  bool // one of the actor libraries
}

const (
	sputnik  = "sputnik"
	old      = "sputnik 2023"
	channel1 = "channel(1)"
	channel  = "channel(128)"
	mailbox  = "bare mailbox"
)

func peers() []peer {
	return []peer{
		{name: sputnik, program: "sputnik"},
		{name: old, program: "sputnik2023"},
		{name: "hollywood", program: "hollywood", actors: true},
		{name: "protoactor", program: "protoactor", actors: true},
		{name: "ergo", program: "ergo", actors: true},
		{name: channel1, program: "channel", args: []string{"-buffer=1"}},
		{name: channel, program: "channel", args: []string{"-buffer=128"}},
		{name: "select(128)", program: "channel", args: []string{"-buffer=128", "-select"}},
		{name: mailbox, program: "mailbox"},
	}
}

// condition is what a workload runs under.
type condition string

const (
	calm condition = ""
	hogs condition = "4 hogs"
	one  condition = "GOMAXPROCS=1"
)

// job is one workload under one condition, measured for each peer in each round.
type job struct {
	workload string
	under    condition
	budget   time.Duration
	only     []string // peers; nil: all
	rounds   int      // at most, for the long ones; 0: no limit of its own
}

func (j job) String() string {
	if j.under == calm {
		return j.workload
	}
	return fmt.Sprintf("%s, %s", j.workload, j.under)
}

// plan is what to measure.
type plan struct {
	jobs   []job
	rounds int
}

func short() plan {
	const ms = time.Millisecond
	p := plan{rounds: 3}
	for _, w := range []string{"tell-1", "tell-4", "tell-8", "steady", "ping-pong", "ring", "fan-out", "request"} {
		p.jobs = append(p.jobs, job{workload: w, budget: 60 * ms})
	}
	p.jobs = append(p.jobs,
		job{workload: "tell-1", under: hogs, budget: 60 * ms},
		job{workload: "ping-pong", under: hogs, budget: 60 * ms, only: []string{sputnik, old, channel1, channel}},
		job{workload: "steady", under: one, budget: 60 * ms},
		job{workload: "ping-pong", under: one, budget: 60 * ms},
		job{workload: "burst"},
		job{workload: "idle-small", rounds: 1},
		job{workload: "waiting-small", only: []string{sputnik}},
		job{workload: "flight-10000"},
		job{workload: "flight-100000", only: []string{sputnik}},
		job{workload: "broken", budget: 20 * ms, only: []string{sputnik}},
	)
	return p
}

func full() plan {
	const budget = 150 * time.Millisecond
	p := plan{rounds: 15}
	for _, under := range []condition{calm, hogs, one} {
		for _, w := range []string{
			"tell-1", "tell-2", "tell-4", "tell-8", "steady", "ping-pong", "ring", "fan-out", "request", "fresh", "burst",
		} {
			p.jobs = append(p.jobs, job{workload: w, under: under, budget: budget})
		}
	}
	p.jobs = append(p.jobs,
		job{workload: "idle", rounds: 2},
		job{workload: "waiting", only: []string{sputnik, channel1}, rounds: 5},
		job{workload: "flight-10000"},
		job{workload: "flight-100000", rounds: 1},
		job{workload: "broken", budget: budget, only: []string{sputnik}},
	)
	return p
}

func matching(jobs []job, name string) []job {
	return slices.DeleteFunc(jobs, func(j job) bool { return !strings.Contains(j.String(), name) })
}

// build makes the programs of all peers.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(os.PathSeparator), "./peers/...")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// run makes rounds until there are enough, or until one more would end too late. It returns how many were made.
func (p plan) run(ctx context.Context, dir string, r *record, end time.Time) (int, error) {
	var last time.Duration // shorter than the first one, which waits for peers that stand still
	for round := range p.rounds {
		began := time.Now()
		if round > 0 && began.Add(last).After(end) {
			return round, nil
		}
		for _, i := range rand.Perm(len(p.jobs)) {
			j := p.jobs[i]
			if j.rounds > 0 && round >= j.rounds {
				continue
			}
			all := peers()
			rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
			for _, peer := range all {
				if j.only != nil && !slices.Contains(j.only, peer.name) {
					continue
				}
				if err := measure(ctx, dir, peer, j, r, round); err != nil {
					return round, err
				}
			}
		}
		last = time.Since(began)
		log.Printf("round %d of %d took %v", round+1, p.rounds, last.Round(time.Second))
	}
	return p.rounds, nil
}

// How long one figure is waited for: hogs make some peers stand still.
const (
	patience     = 10 * time.Second
	longPatience = time.Minute // for 100,000 components
)

func (j job) patience() time.Duration {
	if j.rounds > 0 {
		return longPatience
	}
	return patience
}

func measure(ctx context.Context, dir string, p peer, j job, r *record, round int) error {
	if r.stuck[stuck{j.String(), p.name}] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, j.patience())
	defer cancel()
	args := append([]string{"-workload", j.workload, "-for", j.budget.String()}, p.args...)
	cmd := exec.CommandContext(ctx, filepath.Join(dir, p.program), args...)
	cmd.Env = os.Environ()
	switch j.under {
	case calm:
	case hogs:
		cmd.Args = append(cmd.Args, "-hogs", "4")
	case one:
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if context.Cause(ctx) == context.DeadlineExceeded { //nolint:errorlint // this very one
		log.Printf("%s: %s: gave up after %v", p.name, j, j.patience())
		r.stuck[stuck{j.String(), p.name}] = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w\n%s", p.name, j, err, complaint.Bytes())
	}
	var result workload.Result
	if err := json.Unmarshal(out, &result); err != nil {
		return fmt.Errorf("%s: %s: %w", p.name, j, err)
	}
	r.version[p.name] = result.Version
	for metric, value := range result.Values {
		r.add(key{j.workload, j.under, metric, p.name}, round, value)
	}
	return nil
}
