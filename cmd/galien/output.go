package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"galien"
)

// output is a folder of answers in the making. Its files are written beside
// the folder and moved there together once the answer may be handed over, so
// that an answer that is refused at delivery, or interrupted, leaves nothing.
type output struct {
	dir, partial string
}

// newOutput prepares the answer that will be in dir, which must be absent or
// empty.
func newOutput(dir string) (*output, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.Invalid, "output folder: %w", err)
	}
	if len(entries) > 0 {
		return nil, galien.Errorf(galien.Conflict, "output folder: %s is not empty; name a new or an empty folder with --out", dir)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	partial, err := os.MkdirTemp(parent, ".galien-partial-")
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	return &output{dir: dir, partial: partial}, nil
}

// path returns where a file of the answer is written.
func (o *output) path(name string) string { return filepath.Join(o.partial, name) }

// deliver puts the answer in its place.
func (o *output) deliver() error {
	if err := os.Remove(o.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("output folder: %w", err)
	}
	if err := os.Rename(o.partial, o.dir); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// discard removes whatever was not delivered.
func (o *output) discard() { _ = os.RemoveAll(o.partial) }

// table is a CSV file in the making.
type table struct {
	f *os.File
	w *csv.Writer
}

func (o *output) table(name string, header ...string) (*table, error) {
	f, err := os.OpenFile(o.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	t := &table{f, csv.NewWriter(f)}
	t.row(header...)
	return t, nil
}

// row writes a line; an error is kept until close.
func (t *table) row(fields ...string) { _ = t.w.Write(fields) }

func (t *table) close() error {
	t.w.Flush()
	if err := errors.Join(t.w.Error(), t.f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(t.f.Name()), err)
	}
	return nil
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
