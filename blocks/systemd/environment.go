package systemd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// environment is what the service manager says by environment variables.
type environment struct {
	socket   string        // NOTIFY_SOCKET; empty: nobody listens
	watchdog time.Duration // WATCHDOG_USEC; 0: none, or that of another process
}

// maxSocket is the longest name that fits into a socket address, with the byte that ends a path, or begins an
// abstract name.
const maxSocket = 107

// readEnvironment reads the variables; the error names all that are wrong.
func readEnvironment(getenv func(string) string, pid int) (environment, error) {
	env := environment{socket: getenv("NOTIFY_SOCKET")}
	if env.socket == "" {
		return env, nil
	}
	var faults []error
	if env.socket[0] != '/' && env.socket[0] != '@' {
		faults = append(faults, fmt.Errorf("NOTIFY_SOCKET: %q is neither an absolute path nor an abstract socket (@name)", env.socket))
	}
	if len(env.socket) > maxSocket {
		faults = append(faults, fmt.Errorf("NOTIFY_SOCKET: %q is longer than the %d bytes of a socket's name", env.socket, maxSocket))
	}
	mine := true
	if text := getenv("WATCHDOG_PID"); text != "" {
		id, err := strconv.ParseUint(text, 10, 31)
		if err != nil || id == 0 {
			faults = append(faults, fmt.Errorf("WATCHDOG_PID: %q is not a process id", text))
		}
		mine = err == nil && int(id) == pid
	}
	if text := getenv("WATCHDOG_USEC"); text != "" {
		usec, err := strconv.ParseUint(text, 10, 64)
		if err != nil || usec == 0 || usec > math.MaxInt64/uint64(time.Microsecond) {
			faults = append(faults, fmt.Errorf("WATCHDOG_USEC: %q is not a number of microseconds", text))
		} else if mine {
			env.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return env, errors.Join(faults...)
}
