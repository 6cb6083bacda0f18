package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"galien"
)

// output is a folder of answers in the making. Its files are written beside
// the folder and moved there together once the answer may be handed over, so
// that an answer that is refused at delivery leaves nothing, and neither does
// one that is interrupted, unless it is of several definitions (unfinished).
type output struct {
	dir     string
	files   string // the folder that will be dir
	scratch *scratch
}

// newOutput prepares the answer that will be in dir, which must be absent or
// empty, and outside the hub.
func newOutput(hubDir, dir string) (*output, error) {
	parent, err := outputParent(hubDir, dir)
	if err != nil {
		return nil, err
	}
	s, err := newScratch(parent, ".galien-partial-")
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "output folder: %w", err)
	}
	return &output{dir: dir, files: s.dir, scratch: s}, nil
}

// outputParent checks the folder of an answer and returns the one that will
// hold it, made where it is absent.
func outputParent(hubDir, dir string) (string, error) {
	if err := checkOutput(hubDir, dir); err != nil {
		return "", err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", galien.Errorf(galien.Invalid, "output folder: %w", err)
	}
	return parent, nil
}

// checkOutput fails when an answer cannot be put in dir: it must be absent or
// empty, and outside the hub, whose folders hold nothing but the hub's files.
func checkOutput(hubDir, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return galien.Errorf(galien.Invalid, "output folder: %w", err)
	}
	if len(entries) > 0 {
		return galien.Errorf(galien.Conflict, "output folder: %s is not empty; name a new or an empty folder with --out", dir)
	}
	inside, err := insideHub(hubDir, dir)
	if err == nil && inside {
		err = galien.Errorf(galien.Invalid, "output folder: %s is inside the hub; name a folder outside of it with --out", dir)
	}
	return err
}

// insideHub reports whether a path, which need not exist, is within a hub.
func insideHub(hubDir, path string) (bool, error) {
	hub, err := os.Stat(hubDir)
	if err != nil {
		return false, nil // there is no hub to be inside of
	}
	at, err := filepath.Abs(path)
	if err != nil {
		return false, galien.Errorf(galien.Invalid, "output: %w", err)
	}
	for {
		// The first folder that exists has every symbolic link above it.
		if real, err := filepath.EvalSymlinks(at); err == nil {
			at = real
		}
		if info, err := os.Stat(at); err == nil && os.SameFile(info, hub) {
			return true, nil
		}
		if at == filepath.Dir(at) {
			return false, nil
		}
		at = filepath.Dir(at)
	}
}

// path returns where a file of the answer is written.
func (o *output) path(name string) string { return filepath.Join(o.files, name) }

// deliver puts the answer in its place.
func (o *output) deliver() error {
	err := os.Remove(o.dir)
	if errors.Is(err, syscall.ENOTEMPTY) {
		return galien.Errorf(galien.Conflict, "output folder: %s was filled by another command meanwhile; name a new one with --out", o.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("output folder: %w", err)
	}
	if err := os.Rename(o.files, o.dir); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// discard removes whatever was not delivered.
func (o *output) discard() { o.scratch.remove() }

// table starts a CSV file of the answer.
func (o *output) table(name string, header ...string) (*table, error) {
	return createTable(o.path(name), header...)
}

// json writes a value as an indented JSON file.
func (o *output) json(name string, value any) error {
	b, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.WriteFile(o.path(name), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
