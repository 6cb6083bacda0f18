package lake

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"galien"
)

// lock takes the lake's exclusive lock, which the system releases when the
// process ends, however it ends. It fails with Busy when another holds it.
func (l *Lake) lock() (*os.File, error) {
	f, err := os.OpenFile(l.path(lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock lake: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, galien.Errorf(galien.Busy, "another process is writing to the lake %s; try again when it is done", l.dir)
	}
	return nil, fmt.Errorf("lock lake: %w", err)
}
