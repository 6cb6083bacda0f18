package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
)

// galienRun runs one command line in this process.
func galienRun(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// mustRun runs one command line that is to succeed, and returns its standard
// output.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := galienRun(t, "", args...)
	if code != 0 {
		t.Fatalf("galien %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func newTestHub(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hub")
	mustRun(t, "init", dir)
	return dir
}

func examplePermit(name string) string {
	return filepath.Join("..", "..", "examples", "permits", name+".yaml")
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("plain"), 1},
		{galien.Errorf(galien.Internal, "x"), 1},
		{galien.Errorf(galien.Invalid, "x"), 2},
		{galien.Errorf(galien.NotFound, "x"), 3},
		{galien.Errorf(galien.Withheld, "x"), 3},
		{galien.Errorf(galien.Denied, "x"), 4},
		{galien.Errorf(galien.Conflict, "x"), 5},
		{galien.Errorf(galien.Busy, "x"), 6},
		{galien.Errorf(galien.Corrupt, "x"), 7},
		{fmt.Errorf("around: %w", galien.Errorf(galien.Denied, "x")), 4},
		{context.Canceled, 130},
		{fmt.Errorf("around: %w", context.Canceled), 130},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.want)
		}
	}
}

func TestWithheldLooksLikeNothing(t *testing.T) {
	if got := errorText(galien.Errorf(galien.Withheld, "seven persons")); got != "not found" {
		t.Errorf("printed %q", got)
	}
}

func TestUsageErrors(t *testing.T) {
	hub := newTestHub(t)
	for _, args := range [][]string{
		{"bogus"}, {"permit", "bogus"}, {"audit", "bogus"}, {"init"}, {"init", "a", "b"}, {"init", "--bogus", "a"}, {"--bogus"},
		{"permit", "grant", hub}, {"audit", "show", hub, "--limit", "many"}, {"audit", "show", hub, "--limit", "-1"},
	} {
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "galien: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("galien %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
}

// TestEveryCommandHelps asks every command for its help page.
func TestEveryCommandHelps(t *testing.T) {
	var ran bool
	root := newRoot(&ran)
	pages := 0
	var walk func(path []string)
	walk = func(path []string) {
		code, stdout, stderr := galienRun(t, "", append(slices.Clone(path), "--help")...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("galien %s --help: exit %d\n%s", strings.Join(path, " "), code, stderr)
		}
		pages++
		cmd, _, err := root.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range cmd.Commands() {
			if sub.Short == "" || sub.Use == "" {
				t.Errorf("%s has no description", sub.CommandPath())
			}
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(append(slices.Clone(path), sub.Name()))
			}
		}
	}
	walk(nil)
	if pages < 9 {
		t.Errorf("only %d commands", pages)
	}
	// A group without a subcommand shows its help.
	if out := mustRun(t, "permit"); !strings.Contains(out, "grant") {
		t.Errorf("galien permit:\n%s", out)
	}
	if out := mustRun(t); !strings.Contains(out, "init") {
		t.Errorf("galien:\n%s", out)
	}
}

func TestInitRefusesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := galienRun(t, "", "init", dir); code != 5 || !strings.Contains(stderr, "not empty") {
		t.Errorf("folder with a file: exit %d, %s", code, stderr)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("init left %v behind, %v", names, err)
	}
	mustRun(t, "init", filepath.Join(dir, "deeper", "hub"))
	hub := newTestHub(t)
	if code, _, _ := galienRun(t, "", "init", hub); code != 5 {
		t.Errorf("a hub: exit %d", code)
	}
	if code, _, _ := galienRun(t, "", "init", filepath.Join(dir, "a")); code == 0 {
		t.Error("a file became a hub")
	}
	empty := t.TempDir()
	mustRun(t, "init", empty)
	info, err := os.Stat(filepath.Join(empty, "vault"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("vault has mode %v, %v", info.Mode(), err)
	}
}

func TestNotAHub(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"permit", "list", dir}, {"audit", "verify", dir}, {"permit", "grant", filepath.Join(dir, "absent"), examplePermit("steward")}} {
		if code, _, stderr := galienRun(t, "", args...); code != 3 || !strings.Contains(stderr, "galien init") {
			t.Errorf("galien %s: exit %d, %s", args, code, stderr)
		}
	}
	hub := newTestHub(t)
	for content, want := range map[string]int{"{": 7, `{"format": 99}`: 2} {
		if err := os.WriteFile(filepath.Join(hub, hubFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := galienRun(t, "", "permit", "list", hub); code != want {
			t.Errorf("%s: exit %d, %s", content, code, stderr)
		}
	}
}

// TestPermitLife grants, shows, lists and revokes a permit, and reads it all
// back from the audit log.
func TestPermitLife(t *testing.T) {
	hub := newTestHub(t)
	if out := mustRun(t, "permit", "list", hub); !strings.Contains(out, "No permit yet") {
		t.Errorf("a new hub has permits:\n%s", out)
	}
	out := mustRun(t, "permit", "grant", hub, examplePermit("researcher"))
	id := strings.TrimSuffix(out, "\n")
	if strings.ContainsAny(id, " \n") || !strings.HasPrefix(id, "researcher-") {
		t.Fatalf("grant printed %q", out)
	}
	if again := mustRun(t, "permit", "grant", hub, examplePermit("researcher")); again != out {
		t.Errorf("granted again: %q", again)
	}
	show := mustRun(t, "permit", "show", hub, id)
	for _, want := range []string{"active", "month", "drug_exposure: drug_concept_id", "11 persons", "2024-01-01 to 2035-12-31", "432586 and descendants"} {
		if !strings.Contains(show, want) {
			t.Errorf("show lacks %q:\n%s", want, show)
		}
	}
	var view permitView
	if err := json.Unmarshal([]byte(mustRun(t, "permit", "show", hub, id, "--json")), &view); err != nil || view.ID != id || view.State != "active" || view.Terms.Threshold != 11 {
		t.Errorf("show --json: %+v, %v", view, err)
	}
	var views []permitView
	if err := json.Unmarshal([]byte(mustRun(t, "permit", "list", hub, "--json")), &views); err != nil || len(views) != 1 {
		t.Errorf("list --json: %+v, %v", views, err)
	}
	mustRun(t, "permit", "revoke", hub, id)
	if out := mustRun(t, "permit", "list", hub); !strings.Contains(out, id+"  revoked") {
		t.Errorf("list:\n%s", out)
	}
	for _, args := range [][]string{{"permit", "show", hub, "nobody-00000000"}, {"permit", "revoke", hub, "nobody-00000000"}} {
		if code, _, _ := galienRun(t, "", args...); code != 3 {
			t.Errorf("galien %s: exit %d", args, code)
		}
	}
	if code, _, stderr := galienRun(t, "", "permit", "grant", hub, examplePermit("researcher")); code != 5 || !strings.Contains(stderr, "revoked") {
		t.Errorf("grant after revoking: exit %d, %s", code, stderr)
	}

	text, err := os.ReadFile(examplePermit("aggregates"))
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := galienRun(t, string(text), "permit", "grant", hub, "-")
	if code != 0 || !strings.HasPrefix(stdout, "aggregates-") {
		t.Errorf("grant from standard input: exit %d, %q", code, stdout)
	}
	if code, _, stderr := galienRun(t, "name: x\nlevle: rows\n", "permit", "grant", hub, "-"); code != 2 || !strings.Contains(stderr, "line 2: levle is not a key of a permit; did you mean level?") {
		t.Errorf("a bad permit: exit %d, %s", code, stderr)
	}
	if code, _, _ := galienRun(t, "", "permit", "grant", hub, "absent.yaml"); code != 3 {
		t.Errorf("no such file: exit %d", code)
	}
	if code, _, _ := galienRun(t, "", "permit", "grant", hub, t.TempDir()); code != 2 {
		t.Errorf("a folder for a file: exit %d", code)
	}

	// granted, granted, revoked, granted (refused) and failed, granted
	var got []string
	dec := json.NewDecoder(strings.NewReader(mustRun(t, "audit", "show", hub, "--json")))
	for {
		var e numbered
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Index != int64(len(got)) || e.Actor != account() || e.Time.IsZero() {
			t.Errorf("entry %+v", e)
		}
		got = append(got, e.Outcome)
	}
	if want := "granted granted revoked granted failed granted"; strings.Join(got, " ") != want {
		t.Errorf("outcomes %v, want %s", got, want)
	}
	if out := mustRun(t, "audit", "show", hub, "--limit", "2"); strings.Count(out, "\n") != 3 || !strings.Contains(out, "failed") || strings.Contains(out, "revoke ") {
		t.Errorf("the last two entries:\n%s", out)
	}
	if out := mustRun(t, "audit", "verify", hub); !strings.Contains(out, "6 entries") {
		t.Errorf("verify: %s", out)
	}

	kept := filepath.Join(t.TempDir(), "kept")
	checkpoint, err := os.ReadFile(filepath.Join(hub, auditDir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "permit", "grant", hub, examplePermit("steward"))
	if out := mustRun(t, "audit", "verify", hub, "--from", kept); !strings.Contains(out, "first 6 entries are unchanged") {
		t.Errorf("verify --from: %s", out)
	}
	other := newTestHub(t)
	if code, _, _ := galienRun(t, "", "audit", "verify", other, "--from", kept); code != 7 {
		t.Errorf("another hub grew from this one's checkpoint: exit %d", code)
	}

	path := filepath.Join(hub, auditDir, "entries.ndjson")
	entries, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(entries, []byte("revoked"), []byte("granted"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := galienRun(t, "", "audit", "verify", hub); code != 7 || !strings.Contains(stderr, "entry 2 ") {
		t.Errorf("a changed entry: exit %d, %s", code, stderr)
	}
}

func TestTerminalControlsAreNotPrinted(t *testing.T) {
	if got := printable("a\x1b[2Jb\nc\td\u009be"); got != "a [2Jb c d e" {
		t.Errorf("printed %q", got)
	}
}

func TestErrorsHoldNoTerminalControls(t *testing.T) {
	_, _, stderr := galienRun(t, `{"PrimaryCriteria":{"a\u001b[2J":1}}`, "cohort", "count", t.TempDir(), "--permit", "p", "-")
	if strings.Contains(stderr, "\x1b") || !strings.Contains(stderr, "a [2J") {
		t.Errorf("%q", stderr)
	}
	if got := errorText(errors.New("one\ntwo\x1b")); got != "one\ntwo " {
		t.Errorf("%q", got)
	}
}

func TestProgressIsSilentOffTerminal(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, "reading", "rows")
	p.set(1, 10)
	p.finish()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p = newProgress(f, "reading", "rows")
	p.set(1, 10)
	p.finish()
	info, err := f.Stat()
	if err != nil || info.Size() != 0 || b.Len() != 0 {
		t.Errorf("wrote %d and %d bytes, %v", b.Len(), info.Size(), err)
	}
}
