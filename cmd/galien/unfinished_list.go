package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"galien"
	"galien/durable"
)

// unfinishedList is the folder of the hub that names the folders of unfinished
// answers, which lie beside the answers: one file each, of one line. They hold
// rows of persons who may oppose before the answer is finished.
const unfinishedList = "unfinished"

// listUnfinished names a folder of unfinished work in the hub. It stays named
// until somebody looks and finds it gone.
func listUnfinished(hubDir, dir string) error {
	list := filepath.Join(hubDir, unfinishedList)
	if err := os.MkdirAll(list, 0o700); err != nil {
		return fmt.Errorf("name the unfinished answer: %w", err)
	}
	sum := sha256.Sum256([]byte(dir))
	path := filepath.Join(list, hex.EncodeToString(sum[:8]))
	if err := durable.Create(path, []byte(dir+"\n"), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return galien.Errorf(galien.Internal, "name the unfinished answer: %w", err)
	}
	return nil
}

// removeUnfinished removes the unfinished answers of the hub, and names those that
// it could not: one that a command works on now is refused at its delivery.
func (h *hub) removeUnfinished() (removed, left []string, err error) {
	entries, err := os.ReadDir(h.path(unfinishedList))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("look for unfinished answers: %w", err)
	}
	for _, e := range entries {
		name := filepath.Join(h.path(unfinishedList), e.Name())
		b, err := os.ReadFile(name)
		if err != nil {
			left = append(left, name)
			continue
		}
		dir := strings.TrimSuffix(string(b), "\n")
		switch took, err := takeAway(dir); {
		case err != nil:
			left = append(left, dir)
			continue
		case took:
			removed = append(removed, dir)
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, left, fmt.Errorf("look for unfinished answers: %w", err)
		}
	}
	return removed, left, nil
}

// takeAway removes a folder of unfinished work that no process has, and reports
// whether there was one.
func takeAway(dir string) (bool, error) {
	s := scratch{dir: dir}
	var err error
	if s.lock, err = os.Open(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	defer s.lock.Close()
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return false, err
	}
	return true, os.RemoveAll(dir)
}

// printUnfinished says what became of unfinished answers.
func printUnfinished(w io.Writer, removed, left []string) {
	if len(removed) > 0 {
		fmt.Fprintf(w, "%d unfinished answers were removed, which had rows of before: ask again.\n", len(removed))
	}
	for _, dir := range left {
		fmt.Fprintf(w, "An unfinished answer may have their rows, and could not be removed (in use, or of another account): %s\n", printable(dir))
	}
}
