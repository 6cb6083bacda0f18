package airlock_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"galien"
	"galien/release/airlock"
	"galien/release/check"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		kind   galien.Kind
	}{
		"a link to a file outside": {func(dir string) error { return os.Symlink("/etc/hostname", filepath.Join(dir, "link.csv")) }, galien.Invalid},
		"a link to a folder":       {func(dir string) error { return os.Symlink("/etc", filepath.Join(dir, "links")) }, galien.Invalid},
		"a link to a file beside":  {func(dir string) error { return os.Symlink("analysis.R", filepath.Join(dir, "again.R")) }, galien.Invalid},
		"a pipe":                   {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o600) }, galien.Invalid},
		"no manifest":              {func(dir string) error { return os.Remove(filepath.Join(dir, check.ManifestFile)) }, galien.Invalid},
		"a manifest that is a link": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, check.ManifestFile), filepath.Join(dir, "x.yaml")), os.Symlink("x.yaml", filepath.Join(dir, check.ManifestFile)))
		}, galien.Invalid},
		"too deep": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, strings.Repeat("a/", 20)), 0o700) }, galien.Invalid},
		"too many": {func(dir string) error {
			for i := range 250 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".csv")), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, galien.Invalid},
		"too much": {func(dir string) error {
			f, err := os.Create(filepath.Join(dir, "big.csv"))
			if err != nil {
				return err
			}
			return errors.Join(f.Truncate(100<<20), f.Close())
		}, galien.Invalid},
	} {
		dir := outputs(t)
		if err := c.change(dir); err != nil {
			t.Fatal(name, err)
		}
		_, _, err := airlock.Read(dir)
		wantKind(t, name, err, c.kind)
	}
	_, _, err := airlock.Read(filepath.Join(t.TempDir(), "none"))
	wantKind(t, "no folder", err, galien.NotFound)
}

// TestSubmitWhileWriting submits a folder that somebody writes to: what was
// checked is what is kept, or nothing is.
func TestSubmitWhileWriting(t *testing.T) {
	h := newHub(t, permitText)
	dir := outputs(t)
	path := filepath.Join(dir, "tables", "doses.csv")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.WriteFile(path, []byte("sex,n\nfemale,410\nmale,"+[]string{"560", "3"}[i%2]+"\n"), 0o600)
		}
	})
	for range 20 {
		v, err := h.as("marie").Submit(context.Background(), dir, h.id, "")
		if err != nil {
			wantKind(t, "a file that changes", err, galien.Conflict)
			continue
		}
		b, err := h.as("marie").Look(context.Background(), v.Group, 1, "tables/doses.csv")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "560") == v.Refused() {
			t.Errorf("kept %q, and refused is %v", b, v.Refused())
		}
	}
	close(stop)
	wg.Wait()
}

func TestReviewForm(t *testing.T) {
	ctx := context.Background()
	h := newHub(t, permitText)
	v := h.submit("marie", outputs(t), "")
	for name, j := range map[string]airlock.Judgement{
		"no verdict":                       {Reason: "x"},
		"no reason":                        {Verdict: airlock.Accept, Reason: " "},
		"a file that is not there":         {Verdict: airlock.Refuse, Reason: "x", Files: []airlock.FileVerdict{{Name: "other.csv", Verdict: airlock.Refuse}}},
		"a file twice":                     {Verdict: airlock.Refuse, Reason: "x", Files: []airlock.FileVerdict{{Name: "analysis.R", Verdict: airlock.Refuse}, {Name: "analysis.R", Verdict: airlock.Accept}}},
		"a file refused, the group taken":  {Verdict: airlock.Accept, Reason: "x", Files: []airlock.FileVerdict{{Name: "analysis.R", Verdict: airlock.Refuse}}},
		"a file with another word than is": {Verdict: airlock.Refuse, Reason: "x", Files: []airlock.FileVerdict{{Name: "analysis.R", Verdict: "maybe"}}},
	} {
		_, err := h.as("paul").Review(ctx, v.Group, j)
		wantKind(t, name, err, galien.Invalid)
	}
	_, err := h.as("paul").Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Refuse, Reason: "one row is a doctor", Files: []airlock.FileVerdict{
		{Name: "tables/doses.csv", Verdict: airlock.Refuse, Comment: "row 3"}, {Name: "analysis.R", Verdict: airlock.Accept}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.as("paul").Status(ctx, v.Group, 0)
	if err != nil || len(s.Reviews) != 1 || len(s.Reviews[0].Files) != 4 {
		t.Fatalf("%+v, %v", s.Reviews, err)
	}
	for _, f := range s.Reviews[0].Files {
		want := map[string]airlock.Verdict{"tables/doses.csv": airlock.Refuse, "analysis.R": airlock.Accept, "outputs.yaml": airlock.Refuse, "scorecard/scorecard.json": airlock.Refuse}[f.Name]
		if f.Verdict != want {
			t.Errorf("%s: %s, want %s", f.Name, f.Verdict, want)
		}
	}
}

func TestNothingIsOpenToOthers(t *testing.T) {
	h := newHub(t, permitText)
	h.submit("marie", outputs(t), "")
	err := filepath.WalkDir(filepath.Join(h.dir, "airlock"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", d.Name(), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		was, is string
		want    []string
	}{
		{"a\nb\nc\n", "a\nb\nc\n", nil},
		{"a\nb\nc\n", "a\nx\nc\n", []string{"-b", "+x"}},
		{"a\nb\nc\nd\n", "b\nc\nx\nd\n", []string{"-a", "+x"}},
		{"", "a\n", []string{"+a"}},
		{"a", "", []string{"-a"}},
		{"a\x00", "b", nil},
		{"a\r\nb\r\n", "a\nb\n", nil},
	} {
		if got := airlock.Differ([]byte(c.was), []byte(c.is)); !slices.Equal(got, c.want) {
			t.Errorf("%q to %q: %q, want %q", c.was, c.is, got, c.want)
		}
	}
}
