package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// sendLimit bounds a message to a service manager that reads nothing.
const sendLimit = time.Second

// notifier sends one message to the service manager: lines of VARIABLE=value. It may be used from any goroutine.
type notifier func(message string) error

// dial returns what sends to the socket at address, a path or @name. Each message has a connection of its own, as with
// sd_notify: a service manager that begins anew at the same address is found again.
func dial(address string) notifier {
	return func(message string) (err error) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			return fmt.Errorf("NOTIFY_SOCKET: %w", err)
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		if err := conn.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
			return fmt.Errorf("NOTIFY_SOCKET: %w", err)
		}
		if _, err := conn.Write([]byte(message)); err != nil {
			return fmt.Errorf("NOTIFY_SOCKET: %w", err)
		}
		return nil
	}
}

// ReloadRefused tells the service manager that a reload was asked for and that the process goes on as it was, because of
// err: without an answer, "systemctl reload" of a unit with Type=notify-reload waits until it times out. It is for the
// code that takes SIGHUP and finds the new configuration wrong. Without NOTIFY_SOCKET it does nothing.
func ReloadRefused(err error) error {
	env, wrong := readEnvironment(os.Getenv, os.Getpid())
	if wrong != nil || env.socket == "" {
		return wrong
	}
	return refuse(dial(env.socket), monotonic, err)
}

func refuse(send notifier, monotonic func() uint64, err error) error {
	return errors.Join(send(reloading(monotonic)), send("READY=1\n"+statusLine(fmt.Sprintf("reload refused: %v", err))))
}
