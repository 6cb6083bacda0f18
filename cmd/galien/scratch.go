package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"galien"
)

// scratch is a folder for the time of a command. It is locked while its
// process lives, so that what a killed process left can be told from what is in
// use, and is removed by the next command that works in the same place.
type scratch struct {
	dir  string
	lock *os.File
}

// newScratch makes a folder in parent, whose name begins with prefix, and
// removes those that killed processes left there.
func newScratch(parent, prefix string) (*scratch, error) {
	sweep(parent, prefix)
	for {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, fmt.Errorf("make a folder for the work: %w", err)
		}
		s := &scratch{dir: dir}
		if s.lock, err = os.Open(dir); err == nil {
			err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX)
		}
		if err == nil && s.there() {
			return s, nil
		}
		// Another command took the folder for a leftover before it was locked.
		s.remove()
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("lock the folder of the work: %w", err)
		}
	}
}

// holdScratch makes the folder dir, or takes the one that an earlier process
// left there, for this process alone. It fails with Busy while another has it.
func holdScratch(dir string) (*scratch, error) {
	for {
		if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
			return nil, fmt.Errorf("make a folder for the work: %w", err)
		}
		info, err := os.Lstat(dir)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make a folder for the work: %w", err)
		}
		// A folder of rows is nobody else's, and was not put there by anyone else.
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Getuid() {
			return nil, galien.Errorf(galien.Conflict, "%s is not a folder of this account alone: remove it, or name another folder with --out", dir)
		}
		s := &scratch{dir: dir}
		if s.lock, err = os.Open(dir); err != nil {
			if os.IsNotExist(err) {
				continue
			}
			return nil, fmt.Errorf("make a folder for the work: %w", err)
		}
		err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			s.release()
			return nil, galien.Errorf(galien.Busy, "another galien works on this answer, in %s: wait for it, or name another folder with --out", dir)
		}
		if err != nil {
			s.release()
			return nil, fmt.Errorf("lock the folder of the work: %w", err)
		}
		if s.there() {
			return s, nil
		}
		s.release() // the other process ended and removed the folder
	}
}

// release lets another process have the folder, with what is in it.
func (s *scratch) release() { _ = s.lock.Close() }

// there reports whether the folder that is locked is still the one of its name.
func (s *scratch) there() bool {
	locked, errLocked := s.lock.Stat()
	named, errNamed := os.Lstat(s.dir)
	return errLocked == nil && errNamed == nil && os.SameFile(locked, named)
}

// remove removes the folder and what is in it.
func (s *scratch) remove() {
	_ = os.RemoveAll(s.dir)
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// sweep removes the folders of that prefix which no process holds. One that
// cannot be removed, such as another account's, is left to its owner.
func sweep(parent, prefix string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		s := scratch{dir: filepath.Join(parent, e.Name())}
		if s.lock, err = os.Open(s.dir); err != nil {
			continue
		}
		if syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && s.there() {
			s.remove()
			continue
		}
		_ = s.lock.Close()
	}
}
