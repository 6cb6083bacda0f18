package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"galien"
)

var testTime = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// newLog makes a log with the first entries of sample.
func newLog(t testing.TB, entries int) (*Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l, err := Create(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		appendSample(t, l, i)
	}
	return l, dir
}

func sample(i int) Entry {
	return Entry{
		Time: testTime.Add(time.Duration(i) * time.Second), Actor: "marie", Action: "cohort count",
		Permit: "researcher-00000000", Snapshot: "0123456789abcdef", Subject: strconv.Itoa(i), Outcome: "allowed",
	}
}

func appendSample(t testing.TB, l *Log, i int) {
	t.Helper()
	index, err := l.Append(context.Background(), sample(i))
	if err != nil {
		t.Fatal(err)
	}
	if index != int64(i) {
		t.Fatalf("appended as entry %d, want %d", index, i)
	}
}

// check opens the log afresh and verifies it.
func check(dir string) (Report, error) {
	l, err := Open(dir)
	if err != nil {
		return Report{}, err
	}
	return l.Verify(context.Background())
}

// subjects lists the Subject of every entry.
func subjects(t *testing.T, dir string) string {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	err = l.Entries(context.Background(), func(index int64, e Entry) error {
		if index != int64(len(all)) {
			t.Errorf("entry %d is yielded as %d", len(all), index)
		}
		all = append(all, e.Subject)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustBeCorrupt fails unless the log is refused as damaged.
func mustBeCorrupt(t *testing.T, dir, what string) error {
	t.Helper()
	_, err := check(dir)
	if galien.KindOf(err) != galien.Corrupt {
		t.Errorf("%s: got %v, want damage", what, err)
	}
	return err
}

// TestOnDisk works the format out independently: the lines, RFC 6962's hashes
// by hand, and the signature with the standard library.
func TestOnDisk(t *testing.T) {
	_, dir := newLog(t, 3)

	want := ""
	for i := range 3 {
		want += fmt.Sprintf(`{"time":"2026-03-01T09:00:0%dZ","actor":"marie","action":"cohort count","permit":"researcher-00000000","snapshot":"0123456789abcdef","subject":"%d","outcome":"allowed"}`+"\n", i, i)
	}
	if got := string(read(t, dir, entriesFile)); got != want {
		t.Fatalf("entries:\n%s\nwant:\n%s", got, want)
	}

	leaf := func(line string) []byte { h := sha256.Sum256([]byte("\x00" + line + "\n")); return h[:] }
	node := func(l, r []byte) []byte {
		h := sha256.Sum256(append(append([]byte{1}, l...), r...))
		return h[:]
	}
	lines := strings.Split(want, "\n")
	a, b, c := leaf(lines[0]), leaf(lines[1]), leaf(lines[2])
	if got := read(t, dir, hashesFile); !bytes.Equal(got, bytes.Join([][]byte{a, b, node(a, b), c}, nil)) {
		t.Fatalf("hashes are not those of RFC 6962 in storage order")
	}

	checkpoint := string(read(t, dir, checkpointFile))
	root := base64.StdEncoding.EncodeToString(node(node(a, b), c))
	origin, _, _ := strings.Cut(checkpoint, "\n")
	if !regexp.MustCompile("^galien/audit/1/[0-9a-f]{16}$").MatchString(origin) {
		t.Fatalf("origin %q", origin)
	}
	text := fmt.Sprintf("%s\n3\n%s\nbytes %d\n", origin, root, len(want))
	signed, signature, _ := strings.Cut(checkpoint, "\n— "+origin+" ")
	if signed != text {
		t.Fatalf("checkpoint text:\n%s\nwant:\n%s", signed, text)
	}
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	if err != nil {
		t.Fatal(err)
	}
	public := strings.TrimSpace(string(read(t, dir, publicKeyFile)))
	key, err := base64.StdEncoding.DecodeString(public[strings.Index(public, "+A")+1:]) // A: algorithm 1
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(key[1:], []byte(text), sig[4:]) {
		t.Fatal("the standard library does not verify the signature")
	}

	report, err := check(dir)
	if err != nil {
		t.Fatal(err)
	}
	if report.Entries != 3 || report.Root != root || report.Key != public || report.Tail != 0 {
		t.Fatalf("report %+v", report)
	}
	for _, name := range []string{entriesFile, hashesFile, checkpointFile, keyFile, publicKeyFile, lockFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode().Perm())
		}
	}
}

func TestVerifyEverySize(t *testing.T) {
	l, dir := newLog(t, 0)
	for n := range 40 {
		report, err := check(dir)
		if err != nil || report.Entries != int64(n) {
			t.Fatalf("%d entries: %+v, %v", n, report, err)
		}
		appendSample(t, l, n)
	}
}

func TestEveryDamagedByteIsFound(t *testing.T) {
	for _, n := range []int{1, 3} {
		_, dir := newLog(t, n)
		for _, name := range []string{entriesFile, hashesFile, checkpointFile} {
			whole := read(t, dir, name)
			for i := range whole {
				for bit := range 8 {
					if bit != i%8 && (name != checkpointFile || n == 1) {
						continue // every bit of the larger checkpoint, one bit of any other byte
					}
					damaged := bytes.Clone(whole)
					damaged[i] ^= 1 << bit
					write(t, dir, name, damaged)
					err := mustBeCorrupt(t, dir, fmt.Sprintf("%s of %d entries, byte %d, bit %d", name, n, i, bit))
					if line := bytes.Count(whole[:i], []byte("\n")); name == entriesFile && err != nil && !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", line)) {
						t.Fatalf("byte %d is in entry %d and the error is: %v", i, line, err)
					}
				}
			}
			write(t, dir, name, whole)
		}
		if _, err := check(dir); err != nil {
			t.Fatalf("put back: %v", err)
		}
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	_, dir := newLog(t, 5)
	for _, name := range []string{entriesFile, hashesFile, checkpointFile} {
		whole := read(t, dir, name)
		for n := range whole {
			write(t, dir, name, whole[:n])
			mustBeCorrupt(t, dir, fmt.Sprintf("%s cut to %d bytes", name, n))
		}
		write(t, dir, name, whole)
	}
	for _, name := range []string{entriesFile, hashesFile, checkpointFile, keyFile, publicKeyFile} {
		whole := read(t, dir, name)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := mustBeCorrupt(t, dir, name+" removed"); err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
		write(t, dir, name, whole)
	}
}

func TestRearrangedEntriesAreFound(t *testing.T) {
	_, dir := newLog(t, 6)
	whole := read(t, dir, entriesFile)
	lines := bytes.SplitAfter(whole, []byte("\n"))[:6]
	join := func(order ...int) []byte {
		var b []byte
		for _, i := range order {
			b = append(b, lines[i]...)
		}
		return b
	}
	for what, order := range map[string][]int{
		"entry 2 ": {0, 1, 3, 4, 5},    // removed
		"entry 1 ": {0, 2, 1, 3, 4, 5}, // swapped; equal lengths
		"entry 4 ": {0, 1, 2, 3, 3, 4, 5},
	} {
		write(t, dir, entriesFile, join(order...))
		// The removal and the insertion change the length; keep it, so that
		// only the hashes can tell.
		b := read(t, dir, entriesFile)
		for len(b) < len(whole) {
			b = append(b, lines[0]...)
		}
		write(t, dir, entriesFile, b[:len(whole)])
		if err := mustBeCorrupt(t, dir, what); err != nil && !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want %s named", err, what)
		}
	}
	write(t, dir, entriesFile, append(bytes.Clone(whole), join(0, 1)...))
	mustBeCorrupt(t, dir, "two lines added at the end")
}

// TestRewrittenLogIsFound replaces entries and hashes by those of another log,
// consistent with each other, as someone without the key could.
func TestRewrittenLogIsFound(t *testing.T) {
	_, dir := newLog(t, 4)
	other, otherDir := newLog(t, 3)
	e := sample(3)
	e.Actor = "jean_" // the same length as marie
	if _, err := other.Append(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	write(t, dir, entriesFile, read(t, otherDir, entriesFile))
	write(t, dir, hashesFile, read(t, otherDir, hashesFile))
	mustBeCorrupt(t, dir, "entries and hashes of another log")
	write(t, dir, checkpointFile, read(t, otherDir, checkpointFile))
	mustBeCorrupt(t, dir, "with its checkpoint, signed by another key")
	write(t, dir, publicKeyFile, read(t, otherDir, publicKeyFile))
	mustBeCorrupt(t, dir, "with its public key")
}

// TestRolledBackCheckpoint puts an older signed checkpoint back: entries that
// were acknowledged must not be lost in silence.
func TestRolledBackCheckpoint(t *testing.T) {
	l, dir := newLog(t, 3)
	older := map[int][]byte{}
	for i := 3; i < 6; i++ {
		older[i] = read(t, dir, checkpointFile)
		appendSample(t, l, i)
	}
	write(t, dir, checkpointFile, older[3])
	mustBeCorrupt(t, dir, "checkpoint of three entries before six")
	if _, err := l.Append(context.Background(), sample(6)); galien.KindOf(err) != galien.Corrupt {
		t.Fatalf("appending over lost entries: %v", err)
	}
	write(t, dir, checkpointFile, older[5])
	if report, err := check(dir); err != nil || report.Tail == 0 {
		t.Fatalf("one entry beyond the checkpoint looks like a crash: %+v, %v", report, err)
	}
	appendSample(t, l, 6)
	if got := subjects(t, dir); got != "0 1 2 3 4 5 6" {
		t.Fatalf("entries %s", got)
	}
	if _, err := check(dir); err != nil {
		t.Fatal(err)
	}
}

// TestExtends keeps every checkpoint of a log and asks whether later logs grew
// from it, and whether others did, signed by the same key.
func TestExtends(t *testing.T) {
	ctx := context.Background()
	l, dir := newLog(t, 0)
	var kept [][]byte
	for i := range 9 {
		kept = append(kept, read(t, dir, checkpointFile))
		appendSample(t, l, i)
		for n, note := range kept {
			if got, err := l.Extends(ctx, note); err != nil || got != int64(n) {
				t.Fatalf("%d entries from %d: %d, %v", i+1, n, got, err)
			}
		}
	}

	// The owner of the key writes the log again, with another fourth entry.
	_, forged := newLog(t, 0)
	for _, name := range []string{keyFile, publicKeyFile} {
		write(t, forged, name, read(t, dir, name))
	}
	write(t, forged, checkpointFile, kept[0])
	f, err := Open(forged)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		e := sample(i)
		if i == 3 {
			e.Actor = "jean"
		}
		if _, err := f.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Verify(ctx); err != nil {
		t.Fatalf("the forged log does not even verify by itself: %v", err)
	}
	for n, note := range kept {
		if _, err := f.Extends(ctx, note); (n <= 3) != (err == nil) || n > 3 && galien.KindOf(err) != galien.Corrupt {
			t.Errorf("forged log from checkpoint %d: %v", n, err)
		}
	}

	// An older copy of the whole folder is put back.
	short, _ := newLog(t, 2)
	other, _ := newLog(t, 3)
	head, err := other.Head()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := short.Extends(ctx, head.Note); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("a checkpoint of another key: %v", err)
	}
	for _, name := range []string{entriesFile, hashesFile} {
		write(t, forged, name, nil)
	}
	write(t, forged, checkpointFile, kept[0])
	if _, err := f.Extends(ctx, kept[5]); galien.KindOf(err) != galien.Corrupt || !strings.Contains(err.Error(), "had 5 at") {
		t.Errorf("an emptied log: %v", err)
	}
}

func TestDamagedLogTakesNoEntries(t *testing.T) {
	l, dir := newLog(t, 4)
	whole := read(t, dir, hashesFile)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-1] ^= 1 // the root of all four
	write(t, dir, hashesFile, damaged)
	if _, err := l.Append(context.Background(), sample(4)); galien.KindOf(err) != galien.Corrupt {
		t.Fatalf("appended to a damaged log: %v", err)
	}
	write(t, dir, hashesFile, whole)
	appendSample(t, l, 4)
}

// TestTornTail stops an append after each byte it writes, in each file, and
// goes on.
func TestTornTail(t *testing.T) {
	l, dir := newLog(t, 3)
	before := map[string][]byte{}
	for _, name := range []string{entriesFile, hashesFile, checkpointFile} {
		before[name] = read(t, dir, name)
	}
	appendSample(t, l, 3) // completes two subtrees: the hashes grow by three
	entries, hashes := read(t, dir, entriesFile), read(t, dir, hashesFile)
	if len(hashes)-len(before[hashesFile]) != 3*32 {
		t.Fatalf("hashes grew by %d bytes", len(hashes)-len(before[hashesFile]))
	}
	restore := func(e, h []byte) {
		write(t, dir, entriesFile, e)
		write(t, dir, hashesFile, h)
		write(t, dir, checkpointFile, before[checkpointFile])
		write(t, dir, checkpointFile+".tmp", []byte("galien/au"))
	}
	expect := func(what, want string) {
		t.Helper()
		if _, err := check(dir); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := subjects(t, dir); got != "0 1 2" {
			t.Fatalf("%s: acknowledged entries %s", what, got)
		}
		l, err := Open(dir)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := l.Append(context.Background(), sample(9)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := subjects(t, dir); got != want {
			t.Fatalf("%s: entries %s, want %s", what, got, want)
		}
		if report, err := check(dir); err != nil || report.Tail != 0 {
			t.Fatalf("%s, after going on: %+v, %v", what, report, err)
		}
	}
	for n := len(before[entriesFile]); n < len(entries); n++ {
		restore(entries[:n], before[hashesFile])
		expect(fmt.Sprintf("torn at byte %d", n), "0 1 2 9")
	}
	for n := len(before[hashesFile]); n <= len(hashes); n += 16 {
		restore(entries, hashes[:n])
		expect(fmt.Sprintf("whole line, hashes torn at byte %d", n), "0 1 2 3 9")
	}
	restore(append(bytes.Clone(before[entriesFile]), make([]byte, 300)...), before[hashesFile])
	expect("zeros of a lost page", "0 1 2 9")
}

func TestCreateAndOpenRefusals(t *testing.T) {
	_, dir := newLog(t, 1)
	if _, err := Create(dir, rand.Reader); galien.KindOf(err) != galien.Conflict {
		t.Errorf("create over a log: %v", err)
	}
	if _, err := Open(t.TempDir()); galien.KindOf(err) != galien.NotFound {
		t.Errorf("open nothing: %v", err)
	}
	l, dir := newLog(t, 1)
	for what, e := range map[string]Entry{
		"no time":    {Actor: "a", Action: "b", Outcome: "c"},
		"no actor":   {Time: testTime, Action: "b", Outcome: "c"},
		"no outcome": {Time: testTime, Actor: "a", Action: "b"},
	} {
		if _, err := l.Append(context.Background(), e); err == nil {
			t.Errorf("appended an entry with %s", what)
		}
	}
	big := sample(1)
	big.Details = map[string]string{"x": strings.Repeat("x", maxEntry)}
	if _, err := l.Append(context.Background(), big); galien.KindOf(err) != galien.Invalid {
		t.Errorf("an entry over the limit: %v", err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Append(done, sample(1)); err == nil {
		t.Errorf("appended for a caller that had gone")
	}
	if got := subjects(t, dir); got != "0" {
		t.Errorf("entries %s", got)
	}
}

// TestSecretKeyIsNotInErrors damages the key file and looks for its text.
func TestSecretKeyIsNotInErrors(t *testing.T) {
	_, dir := newLog(t, 0)
	key := read(t, dir, keyFile)
	write(t, dir, keyFile, key[:len(key)-6])
	_, err := Open(dir)
	secret := string(key[len(key)-40 : len(key)-6])
	if galien.KindOf(err) != galien.Corrupt || strings.Contains(err.Error(), secret) {
		t.Fatalf("got %v", err)
	}
}

func TestConcurrentGoroutines(t *testing.T) {
	_, dir := newLog(t, 0)
	var wg sync.WaitGroup
	for range 4 {
		l, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wg.Go(func() {
				for i := range 10 {
					if _, err := l.Append(context.Background(), sample(i)); err != nil {
						t.Error(err)
					}
					if _, err := l.Verify(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	if report, err := check(dir); err != nil || report.Entries != 80 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// TestMain lets this test binary stand in for another process that appends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("AUDIT_TEST_DIR"); dir != "" {
		if err := appendFor(dir, os.Getenv("AUDIT_TEST_DO")); err != nil {
			fmt.Println("error", galien.KindOf(err), err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// appendFor appends entries and prints the index of each that was
// acknowledged: n of them, or with a limit on the size of files, or until it kills
// itself at a step.
func appendFor(dir, do string) error {
	n := 1 << 30
	if do == "full disk" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := unix.Rlimit{Cur: 5000, Max: 5000}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	} else {
		n, _ = strconv.Atoi(do)
	}
	l, err := Open(dir)
	if err != nil {
		return err
	}
	if step, dies := strings.CutPrefix(do, "die at "); dies {
		left, _ := strconv.Atoi(step)
		n = 1 << 30
		l.fault = func(string) {
			if left--; left == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // until it falls
			}
		}
	}
	for i := range n {
		index, err := l.Append(context.Background(), sample(i))
		if err != nil {
			return err
		}
		fmt.Println(index)
	}
	return nil
}

func child(dir, do string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AUDIT_TEST_DIR="+dir, "AUDIT_TEST_DO="+do)
	return cmd
}

func TestConcurrentProcesses(t *testing.T) {
	_, dir := newLog(t, 0)
	seen := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out, err := child(dir, "25").CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, index := range strings.Fields(string(out)) {
				if seen[index] {
					t.Errorf("two entries were acknowledged as %s", index)
				}
				seen[index] = true
			}
		})
	}
	wg.Wait()
	if report, err := check(dir); err != nil || report.Entries != 100 || len(seen) != 100 {
		t.Fatalf("%+v, %d acknowledged, %v", report, len(seen), err)
	}
}

// TestKill kills a process at each step of its appends, the first and later
// ones. Every entry it heard of must be there, and the log must go on.
// GALIEN_CRASH is the number of kills.
func TestKill(t *testing.T) {
	const steps = 7 // of an append
	kills := 2*steps + 1
	if s := os.Getenv("GALIEN_CRASH"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	_, dir := newLog(t, 0)
	before := int64(0)
	for k := range kills {
		at := 1 + k%(3*steps)
		out, err := child(dir, fmt.Sprint("die at ", at)).Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("kill %d at step %d: %v: %s", k, at, err, out)
		}
		heard := int64(bytes.Count(out, []byte("\n")))
		if want := int64((at - 1) / steps); heard < want-1 || heard > want { // one less when a crash before left an entry, whose commit has steps of its own
			t.Fatalf("kill %d at step %d: %d entries were acknowledged, want %d", k, at, heard, want)
		}
		report, err := check(dir)
		if err != nil {
			t.Fatalf("after kill %d at step %d: %v", k, at, err)
		}
		if report.Entries < before+heard {
			t.Fatalf("after kill %d at step %d: %d entries, of %d and %d that were acknowledged", k, at, report.Entries, before, heard)
		}
		before = report.Entries
	}
}

func TestFullDisk(t *testing.T) {
	l, dir := newLog(t, 10)
	out, err := child(dir, "full disk").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "error") {
		t.Fatalf("the log grew over the limit: %s", out)
	}
	acknowledged := int64(10 + strings.Count(string(out), "\n") - 1)
	report, err := check(dir)
	if err != nil || report.Entries != acknowledged || acknowledged < 15 {
		t.Fatalf("%+v, %d acknowledged, %v", report, acknowledged, err)
	}
	if _, err := l.Append(context.Background(), sample(0)); err != nil {
		t.Fatalf("after making room: %v", err)
	}
	if _, err := check(dir); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	l, _ := newLog(b, 0)
	for b.Loop() {
		if _, err := l.Append(context.Background(), sample(1)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzEntry gives any line: it is refused, or what it says is the same when it is
// written again.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"time":"2024-01-01T00:00:00.000000001Z","actor":"a","action":"ingest","outcome":"done","details":{"rows":"1"}}`))
	f.Add([]byte(`{"time":"2024-01-01T02:00:00+02:00","actor":"a","action":"ingest","outcome":"done"} {}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := decodeEntry(line)
		if err != nil {
			return
		}
		written, err := e.encode()
		if err != nil {
			return
		}
		again, err := decodeEntry(written)
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if !again.Time.Equal(e.Time) || again.Actor != e.Actor || again.Action != e.Action || again.Outcome != e.Outcome || len(again.Details) != len(e.Details) {
			t.Fatalf("%+v is read back as %+v", e, again)
		}
	})
}
