package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"galien"
)

// The files of a server in a hub folder.
const (
	SocketFile = "galien.sock"
	LockFile   = "galien.lock"
	// newSocket ends the name of a socket until it has its mode.
	newSocket = ".new"
)

// Socket is the listening socket of a hub's one server.
type Socket struct {
	*net.UnixListener
	path string
	mode fs.FileMode
	lock *os.File
	once sync.Once
	err  error
}

// Listen takes the hub's lock and opens its socket, for the owner of the
// process alone. A socket that a killed server left is replaced. It fails with
// Busy when another server answers for the hub, and with Invalid when the
// folder's path is too long for a socket.
func Listen(folder string) (*Socket, error) {
	return ListenAs(folder, SocketFile, LockFile, "galien serve", 0o600)
}

// ListenAs is Listen for another server of the hub: its socket and lock have
// other names, and the accounts that may connect are those of the mode. The
// name of the command stands in errors.
func ListenAs(folder, socket, lock, command string, mode fs.FileMode) (*Socket, error) {
	s := &Socket{path: filepath.Join(folder, socket), mode: mode}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(folder, lock), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	for {
		if err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = s.lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, galien.Errorf(galien.Busy, "serve: another %s answers for this hub (it holds %s); stop that one first", command, lock)
		}
		return nil, fmt.Errorf("serve: lock the hub: %w", err)
	}
	if err := s.open(s.path + newSocket); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// open makes the socket under another name, and gives it its own when its mode
// is set: nobody finds it before.
func (s *Socket) open(path string) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("serve: remove what an earlier server left: %w", err)
	}
	s.UnixListener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, unix.EINVAL) {
		return galien.Errorf(galien.Invalid, "serve: the path of the hub has %d bytes, too many for a socket in it; name the folder from nearby (cd to it, or make a link to it)", len(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("serve: open the socket: %w", err)
	}
	s.SetUnlinkOnClose(false)
	if err = os.Chmod(path, s.mode); err == nil {
		err = os.Rename(path, s.path)
	}
	if err != nil {
		_ = s.UnixListener.Close()
		_ = os.Remove(path)
		return fmt.Errorf("serve: open the socket: %w", err)
	}
	return nil
}

// Close removes the socket and stops listening; the hub stays locked until
// Release. Closing again does nothing.
func (s *Socket) Close() error {
	s.once.Do(func() { s.err = errors.Join(os.Remove(s.path), s.UnixListener.Close()) })
	return s.err
}

// Release lets another server answer for the hub.
func (s *Socket) Release() { _ = s.lock.Close() }
