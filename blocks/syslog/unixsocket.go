package syslog

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

func (o *opener) unix(e endpoint) error {
	listener, err := reclaim(transportUnix, e.address, func() (*net.UnixListener, error) {
		return net.ListenUnix("unix", &net.UnixAddr{Name: e.address, Net: "unix"})
	})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	file, err := o.made(e.address)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return o.stream(unixListener{listener, file}, e, nil)
}

func (o *opener) unixgram(path string) error {
	conn, err := reclaim(transportUnixgram, path, func() (*net.UnixConn, error) {
		return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	})
	if err != nil {
		return err
	}
	file, err := o.made(path)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	return o.own(conn, file, nil)
}

// made gives the file of a Unix socket its permissions.
func (o *opener) made(path string) (socketFile, error) {
	if err := os.Chmod(path, o.mode); err != nil {
		return socketFile{}, errors.Join(err, os.Remove(path))
	}
	info, err := os.Lstat(path)
	return socketFile{path, info}, err
}

// socketFile is the file of a Unix socket that the block has made; the zero value is none.
type socketFile struct {
	path string
	info os.FileInfo
}

// remove removes it, unless it's gone, or another process has put its own there. It has to be called before the socket is
// closed, as until then the file's number is in use.
func (f socketFile) remove() error {
	if now, err := os.Lstat(f.path); err == nil && os.SameFile(f.info, now) {
		return os.Remove(f.path)
	}
	return nil
}

// unixListener goes with its file.
type unixListener struct {
	*net.UnixListener
	file socketFile
}

func (l unixListener) Close() error { return errors.Join(l.file.remove(), l.UnixListener.Close()) }

// reclaim opens a Unix socket, also where the file of a process that has died is in the way.
func reclaim[T any](network, path string, open func() (T, error)) (T, error) {
	opened, err := open()
	if !errors.Is(err, syscall.EADDRINUSE) {
		return opened, err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil || info.Mode().Type() != os.ModeSocket {
		return opened, fmt.Errorf("%w: %s is there and is no socket", err, path)
	}
	conn, dialErr := net.Dial(network, path)
	if dialErr == nil {
		return opened, errors.Join(err, conn.Close())
	}
	if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return opened, err
	}
	if rmErr := os.Remove(path); rmErr != nil {
		return opened, rmErr
	}
	return open()
}
