package api

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The user id is that of the process that connected, as the kernel has it, and
// nothing in the request changes it. To ask as another account takes root.
func TestPeerIsTheKernelsWord(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can ask as another account")
	}
	const nobody = 65534
	r := start(t, echo)
	path := filepath.Join(r.folder, SocketFile)
	// Open what keeps other accounts out.
	for p := r.folder; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	body := `{"permit":"p","definition":{}}`
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: hub\r\nX-Uid: 0\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", countPath, len(body), body)
	type reply struct {
		text string
		err  error
	}
	done := make(chan reply)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, changed, ends here
		text, err := func() (string, error) {
			if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); e != 0 {
				return "", e
			}
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return "", err
			}
			defer unix.Close(fd)
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
				return "", err
			}
			if _, err := unix.Write(fd, []byte(request)); err != nil {
				return "", err
			}
			var text []byte
			for b := make([]byte, 4096); ; {
				n, err := unix.Read(fd, b)
				if n <= 0 || err != nil {
					return string(text), err
				}
				text = append(text, b[:n]...)
			}
		}()
		done <- reply{text, err}
	}()
	if got := <-done; got.err != nil || !strings.Contains(got.text, fmt.Sprintf(`"persons":%d,`, nobody)) {
		t.Errorf("%s, %v", got.text, got.err)
	}
	if a, err := r.ask(context.Background(), "p"); err != nil || fmt.Sprint(a.Persons) != "0" {
		t.Errorf("root itself: %v, %v", a.Persons, err)
	}
}

// A connection that is no Unix socket has no asker.
func TestNoPeerOverTCP(t *testing.T) {
	if _, err := PeerUID(nil); err == nil {
		t.Error("no connection has a user id")
	}
	if _, err := peerOf(context.Background()); err == nil {
		t.Error("no connection has an asker")
	}
}
