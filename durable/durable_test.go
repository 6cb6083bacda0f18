package durable_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"galien"
	"galien/durable"
)

func TestCreateAndReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := durable.Create(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(path, []byte("two"), 0o640); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	want := func(content string, mode fs.FileMode) {
		t.Helper()
		b, err := os.ReadFile(path)
		info, errInfo := os.Stat(path)
		if err != nil || errInfo != nil || string(b) != content || info.Mode() != mode {
			t.Errorf("%q, %v, %v, %v", b, info, err, errInfo)
		}
	}
	want("one", 0o640)
	if err := durable.Replace(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	want("three", 0o600)

	// What cannot be moved into place leaves nothing beside it.
	if err := os.Mkdir(filepath.Join(dir, "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(filepath.Join(dir, "b"), nil); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) != 2 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	take := func(f *os.File, exclusive bool) error { return durable.Lock(t.Context(), f, exclusive, 0) }
	one, two, writer := open(), open(), open()
	if err := errors.Join(take(one, false), take(two, false)); err != nil {
		t.Fatalf("shared: %v", err)
	}
	if err := take(writer, true); galien.KindOf(err) != galien.Busy {
		t.Errorf("exclusive beside shared: %v", err)
	}
	one.Close()
	got := make(chan error)
	go func() { got <- durable.Lock(t.Context(), writer, true, time.Hour) }()
	two.Close()
	if err := <-got; err != nil {
		t.Errorf("after the others left: %v", err)
	}
	if err := take(open(), false); galien.KindOf(err) != galien.Busy {
		t.Errorf("shared beside exclusive: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := durable.Lock(ctx, open(), true, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
