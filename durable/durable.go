// Package durable writes files that outlive a crash, and keeps processes that
// write the same folder apart. What one of its functions has returned from
// without error is on the disk, its name in the folder too.
//
// It owns no format and no place: whoever calls it says where, and what an error
// means there.
//
//	err := durable.Create(path, content, 0o600)  // a new file, or fs.ErrExist
//	err = durable.Replace(path, content)         // the old content or the new one
//	err = durable.Lock(ctx, lockFile, true, 30*time.Second) // until lockFile is closed
package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"galien"
)

// Create writes a new file, and none when it fails; a crash before it returns may
// leave a part of it. It fails with fs.ErrExist when there is one.
func Create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return SyncFolder(filepath.Dir(path))
}

// Replace writes a file for its owner alone beside its place and moves it there:
// whoever opens path finds the old content or the new one.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Lock takes a lock on an open file, for oneself or shared with others who share
// it, and holds it until the file is closed or the process ends, however it ends.
// It fails with Busy when others still hold it after the time to wait.
func Lock(ctx context.Context, f *os.File, exclusive bool, wait time.Duration) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return galien.Errorf(galien.Busy, "another process keeps it; try again")
		case <-time.After(pause):
		}
	}
}
