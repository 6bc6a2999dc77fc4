package syslog

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// passed is a socket that a service manager has handed over.
type passed struct {
	name  string
	file  *os.File
	drops *kernelDrops // over reloads, too: the kernel goes on dropping meanwhile
}

// passedSockets takes over what systemd's socket activation has left in the environment, and takes it out of there, so
// that no child process believes it to be its own. It stays open as long as the process lives: after a reload, or a
// restart of the block, it is needed again, and meanwhile the kernel keeps what arrives.
//
//nolint:gochecknoglobals // what a process inherits, it inherits once
var passedSockets = sync.OnceValues(func() ([]passed, error) {
	const first = 3 // sd_listen_fds(3)
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if pid == "" || count == "" {
		return nil, errors.New("no sockets were handed over (LISTEN_PID and LISTEN_FDS are not set): start the process by a systemd .socket unit")
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("the sockets are for process %s (LISTEN_PID), this is %d", pid, os.Getpid())
	}
	n, err := strconv.ParseUint(count, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: %w", err)
	}
	named := strings.Split(names, ":")
	all := make([]passed, n)
	for i := range all {
		name := "unknown" // as sd_listen_fds_with_names calls it
		if i < len(named) && named[i] != "" {
			name = named[i]
		}
		closeOnExec(first + i)
		all[i] = passed{name, os.NewFile(uintptr(first+i), name), new(kernelDrops)}
	}
	return all, nil
})

// choose returns the sockets of a name; of no name, those that no entry of the configuration names.
func choose(all []passed, name string, entries []endpoint) ([]passed, error) {
	named := names(entries)
	var chosen []passed
	var there []string
	for _, p := range all {
		there = append(there, p.name)
		if p.name == name || name == "" && !named[p.name] {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("none of the sockets that were handed over is for it; there are: %s", strings.Join(there, ", "))
	}
	return chosen, nil
}

// unused returns the sockets that no entry takes.
func unused(all []passed, entries []endpoint) (left []passed) {
	named := names(entries)
	for _, p := range all {
		if !named[p.name] && !named[""] {
			left = append(left, p)
		}
	}
	return left
}

// names are the names that entries take sockets by; "" is that of all others.
func names(entries []endpoint) map[string]bool {
	named := map[string]bool{}
	for _, e := range entries {
		if e.scheme == schemeSystemd {
			named[e.address] = true
		}
	}
	return named
}
