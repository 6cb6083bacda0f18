package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"galien/api"
	"galien/audit"
	"galien/permit"
)

// watched is the context and the standard output of a command line under test. It
// is told of each step at which the command looks at its context, or writes: many
// of them lie between an entry of the log and what it announces, and they come in
// an order that no machine's speed changes.
type watched struct {
	context.Context
	out  io.Writer
	step func()
	mu   sync.Mutex
}

func (w *watched) Err() error {
	w.tell()
	return w.Context.Err()
}

func (w *watched) Done() <-chan struct{} {
	w.tell()
	return w.Context.Done()
}

func (w *watched) Write(b []byte) (int, error) {
	w.tell()
	n, err := w.out.Write(b)
	w.tell()
	return n, err
}

func (w *watched) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step()
}

// struckMain is galien as another process that kills itself at the step that
// GALIEN_TEST_STRIKE says; at step 0 never, and then it writes to standard error
// between which steps the log grew first and how many there were.
func struckMain(strike string) int {
	var at, steps, allowed int
	if _, err := fmt.Sscan(strike, &at); err != nil {
		panic(err)
	}
	log := os.Getenv("GALIEN_TEST_LOG")
	size := func() int64 {
		info, err := os.Stat(log)
		if err != nil {
			panic(err)
		}
		return info.Size()
	}
	before := size()
	w := &watched{Context: context.Background(), out: os.Stdout}
	w.step = func() {
		steps++
		if at == 0 && allowed == 0 && size() > before {
			allowed = steps
		}
		if steps == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it falls
		}
	}
	code := run(w, os.Args[1:], os.Stdin, w, os.Stderr)
	if at == 0 {
		fmt.Fprintf(os.Stderr, "\nsteps %d %d\n", allowed, steps)
	}
	return code
}

// struck prepares galien as a process that dies at a step.
func struck(t *testing.T, hub string, at int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := process(t, args...)
	cmd.Env = append(cmd.Env, fmt.Sprint("GALIEN_TEST_STRIKE=", at), "GALIEN_TEST_LOG="+filepath.Join(hub, auditDir, "entries.ndjson"))
	return cmd
}

// askingLines are command lines that ask a hub about persons under a permit; OUT
// stands for a new folder.
func askingLines(hub, steward, dir string) map[string][]string {
	one, two := filepath.Join(dir, "1.json"), filepath.Join(dir, "2.json")
	with := func(command string, rest ...string) []string {
		return append(append(strings.Fields(command), hub, "--permit", steward), rest...)
	}
	return map[string][]string{
		"cohort count":        with("cohort count", one),
		"cohort count duckdb": with("cohort count", one, "--engine", "duckdb"),
		"cohort run":          with("cohort run", one, "--out", "OUT"),
		"cohort run, several": with("cohort run", one, two, "--out", "OUT"),
		"table":               with("table", "--cohort", one, "--by", "sex"),
		"release":             with("release", "--cohort", one, "--by", "sex", "--out", "OUT"),
		"extract":             with("extract", "--cohort", one, "--format", "csv", "--out", "OUT"),
		"export":              with("export", "--out", "OUT"),
	}
}

// strikingHub is a hub with a permit, and definitions to ask it.
func strikingHub(t *testing.T) (hub, steward, dir string) {
	t.Helper()
	hub = conditionsHub(t, 3700) // enough for two fifths of the persons to be in the cohort
	steward = strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "1.json"), conditions(0, false))
	writeFile(t, filepath.Join(dir, "2.json"), conditions(10, false))
	return hub, steward, dir
}

// outcomes returns the entries of the log from one on, as action and outcome.
func outcomes(t *testing.T, hub string, from int64) (all []string, next int64) {
	t.Helper()
	log, err := audit.Open(filepath.Join(hub, auditDir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = log.Entries(t.Context(), func(i int64, e audit.Entry) error {
		if next = i + 1; i >= from {
			all = append(all, e.Action+" "+e.Outcome)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, next
}

// TestKillBeforeAnswer kills commands at steps between the entry that allows a
// question and the end, and finds the entry of its delivery in the log whenever
// anything of an answer came out. With GALIEN_CRASH there are 1,000 kills, at
// steps drawn by lot; without, two of each command.
func TestKillBeforeAnswer(t *testing.T) {
	hub, steward, dir := strikingHub(t)
	lines := askingLines(hub, steward, dir)
	parent := t.TempDir()
	names := make([]string, 0, len(lines))
	between := map[string][2]int{}
	_, at := outcomes(t, hub, 0)
	n := 0
	command := func(name string, step int) (cmd *exec.Cmd, out string) {
		n++
		out = filepath.Join(parent, fmt.Sprint("out", n))
		args := slices.Clone(lines[name])
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "OUT", out)
		}
		return struck(t, hub, step, args...), out
	}
	for name := range lines {
		names = append(names, name)
		cmd, _ := command(name, 0)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, errs.String())
		}
		var first, last int
		if _, err := fmt.Sscanf(errs.String()[strings.LastIndex(errs.String(), "\nsteps "):], "\nsteps %d %d\n", &first, &last); err != nil || first == 0 || last-first < 5 {
			t.Fatalf("%s: the steps cannot be told: %s", name, errs.String())
		}
		between[name] = [2]int{first, last}
		var got []string
		if got, at = outcomes(t, hub, at); len(got) < 2 || !strings.HasSuffix(got[1], " delivered") {
			t.Fatalf("%s: entries %q", name, got)
		}
	}
	slices.Sort(names)
	kills := 2 * len(names)
	if os.Getenv("GALIEN_CRASH") != "" {
		kills = 1000
	}
	random := rand.New(rand.NewPCG(6, 0))
	struckDead, answered, undelivered := 0, 0, 0
	for k := range kills {
		name := names[k%len(names)]
		first, last := between[name][0], between[name][1]
		step := first + random.IntN(last-first+1)
		if k < 2*len(names) { // the last steps of each, about its delivery, and one in the middle
			step = last - k/len(names)*(last-first)/2
		}
		cmd, out := command(name, step)
		stdout, err := cmd.Output()
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if err != nil && !killed {
			t.Fatalf("%s at step %d: %v\n%s", name, step, err, exit.Stderr)
		}
		var entries []string
		entries, at = outcomes(t, hub, at)
		_, absent := os.Stat(out)
		came := len(stdout) > 0 || absent == nil
		delivered := slices.ContainsFunc(entries, func(e string) bool { return strings.HasSuffix(e, " delivered") })
		if came && !delivered {
			t.Errorf("%s, killed at step %d: an answer came out, and the log has %q\n%s", name, step, entries, stdout)
		}
		if killed {
			struckDead++
		}
		if came {
			answered++
		}
		if !delivered {
			undelivered++
		}
		_ = os.RemoveAll(out)
	}
	t.Logf("%d of %d were killed; %d had an answer out, each with its entry; %d had none", struckDead, kills, answered, undelivered)
	if struckDead < kills*9/10 || undelivered == 0 {
		t.Errorf("%d of %d were killed, %d of them before delivery: this tests nothing", struckDead, kills, undelivered)
	}
}

// How a command, or a route of the server, keeps to "entry first".
const (
	asks    = "asks"    // it answers from persons' data under a permit, between two entries of the gate
	entered = "entered" // it has an entry before it does what it does
	// Anything else says why it needs none.
)

// paths are all commands, and routes of the server, with how they keep to "entry
// first", and a command line that shows it.
var paths = map[string]struct {
	how  string
	args []string // after the hub
}{
	"cohort count": {how: asks}, "cohort run": {how: asks}, "table": {how: asks}, "release": {how: asks}, "extract": {how: asks}, "export": {how: asks},
	"POST /v1/cohort/count": {how: asks},
	"serve":                 {how: "its routes ask"},
	"GET /v1/health":        {how: "says how the server is"},

	"ingest":              {entered, []string{"omop", "EXPORT"}},
	"vocab load":          {entered, []string{"EXPORT"}},
	"compact":             {how: entered},
	"opposition add":      {entered, []string{"--source", "omop"}},
	"opposition withdraw": {entered, []string{"--source", "omop"}},
	"opposition list":     {how: entered},
	"opposition override": {entered, []string{"--permit", "PERMIT", "--law", "a law"}},
	"permit grant":        {entered, []string{"GRANT"}},
	"permit revoke":       {entered, []string{"PERMIT"}},
	"vault rotate":        {how: entered},
	"vault backup":        {entered, []string{"OUT"}},
	"vault restore":       {entered, []string{"OUT"}},
	"vault upgrade":       {how: entered},
	"vault link":          {how: "its entry comes first, once the files to link were read"},
	"vault links":         {entered, []string{"--out", "OUT"}},
	"vault decide":        {how: "its entry comes before the decision"},
	"vault serve":         {how: "other commands ask it, whose entries come first; it has one for each part that it gives"},
	"vault unseal":        {how: "its entry comes before the shares are read"},
	"vault split":         {entered, []string{"--needed", "1", "--shares", "2", "--out", "OUT"}},
	"vault forget":        {entered, []string{"--source", "omop"}},
	"purge":               {how: entered},
	"audit prove":         {entered, []string{"--person", "1", "--out", "OUT"}},
	"audit witness add":   {entered, []string{"WITNESS"}},
	"audit retain":        {how: "announces what it removes before it does"},

	"vault public-key": {how: "a public key"}, "vault evaluate": {how: "its entry comes before the elements"},
	"vault blind": {how: "reads no hub"}, "vault unblind": {how: "reads no hub"},
	"attack":      {how: "its questions pass the gate, each with its entries"},
	"ledger list": {how: "what was let out, without the persons behind it"}, "ledger show": {how: "as ledger list"},

	"init": {how: "makes an empty hub"}, "synth snds": {how: "invents persons"}, "demo": {how: "runs other commands"},
	"cohort check": {how: "reads no hub"}, "cohort describe": {how: "reads no hub"},
	"source rules": {how: "counts of a load"}, "vocab list": {how: "licences"}, "status": {how: "counts of a load"}, "fsck": {how: "whether files are whole"},
	"quarantine":    {how: "an index without values; trying rows again has an entry first"},
	"airlock check": {how: "reads no hub"}, "disclosure check": {how: "reads no hub"},
	"airlock submit": {how: "its entry holds the hash of what comes in, and precedes it"}, "airlock show": {how: "the gate's entry comes before what waits is shown"},
	"airlock review": {how: "the entry is the review"}, "airlock release": {how: "the entry precedes the copy"},
	"airlock list": {how: "groups, without their outputs"}, "airlock register": {how: "what left, which is public"},
	"role list": {how: "roles"}, "role appoint": {how: "the entry precedes the role"}, "role end": {how: "as role appoint"}, "role confirm": {how: "as role appoint"},
	"permit draft": {how: "as permit grant"}, "permit complete": {how: "as permit grant"}, "permit opinion": {how: "as permit grant"}, "permit extend": {how: "as permit grant"},
	"permit decide": {how: "as permit grant"}, "permit refuse": {how: "as permit grant"}, "permit agree": {how: "as permit grant"}, "permit activate": {how: "as permit grant"},
	"permit withdraw": {how: "as permit grant"}, "permit close": {how: "as permit grant"}, "permit purge": {how: "as permit grant"}, "permit clock": {how: "as permit grant"},
	"permit list": {how: "permits"}, "permit show": {how: "permits"}, "vault status": {how: "who has shares"},
	"audit show": {how: "the log, which names no person"}, "audit verify": {how: "whether the log is whole"},
	"audit witness key": {how: "reads no hub"}, "audit cosign": {how: "reads no hub"}, "audit witness remove": {how: "as audit witness add"}, "audit witness quorum": {how: "as audit witness add"},
	"audit checkpoint": {how: "the log's own hashes"}, "audit add-cosignature": {how: "a signature on the log"},
	"audit witness ask": {how: "the log's own hashes"}, "audit witness serve": {how: "reads no hub"},
}

// TestNothingIsAnsweredFirst goes through every command and route. One that
// answers under a permit gives nothing, neither when the log takes no entry at all
// nor when it takes the one that allows and then no more; one that has an entry
// first does nothing when the log takes none.
func TestNothingIsAnsweredFirst(t *testing.T) {
	var missing []string
	known := func(path string) {
		if _, ok := paths[path]; !ok {
			missing = append(missing, path)
		}
	}
	ran := false
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			walk(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
		if !c.HasSubCommands() {
			known(path)
		}
	}
	walk(newRoot(&ran), "")
	for _, r := range api.Routes {
		known(r.Method + " " + r.Path)
	}
	if len(missing) > 0 {
		t.Errorf("not in the table of paths (strike_test.go): %q.\n\tSay of each whether it reads persons' data, and how it keeps to an entry first.", missing)
	}

	hub, steward, dir := strikingHub(t)
	hashes := filepath.Join(hub, auditDir, "hashes")
	whole, err := os.ReadFile(hashes)
	if err != nil {
		t.Fatal(err)
	}
	damage := func() { writeFile(t, hashes, make([]byte, 1<<20)) }
	mend := func() {
		var err error
		if whole, err = os.ReadFile(hashes); err != nil {
			t.Fatal(err)
		}
	}
	gives := func(name string, args []string, out string, step func(*watched)) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		w := &watched{Context: t.Context(), out: &stdout}
		w.step = func() { step(w) }
		code := run(w, args, strings.NewReader("source 1\n"), w, &stderr)
		if _, err := os.Stat(out); code != 7 || stdout.Len() > 0 || err == nil {
			t.Errorf("%s, while the log takes no entry: exit %d, printed %q, folder there: %v\n%s", name, code, stdout.String(), err == nil, stderr.String())
		}
	}
	entries := filepath.Join(hub, auditDir, "entries.ndjson")
	for name, line := range askingLines(hub, steward, dir) {
		for _, when := range []string{"at first", "after it allowed"} {
			out := filepath.Join(t.TempDir(), "out")
			args := slices.Clone(line)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "OUT", out)
			}
			mend()
			info, err := os.Stat(entries)
			if err != nil {
				t.Fatal(err)
			}
			damaged := when == "at first"
			if damaged {
				damage()
			}
			gives(name+", "+when, args, out, func(*watched) {
				now, err := os.Stat(entries)
				if damaged || err != nil || now.Size() == info.Size() {
					return
				}
				// Other goroutines come by while the entry is being written.
				if b, err := os.ReadFile(hashes); err == nil && settled(hub, b) {
					whole, damaged = b, true
					damage()
				}
			})
			if !damaged {
				t.Fatalf("%s: the log was never damaged", name)
			}
			writeFile(t, hashes, whole)
			mustRun(t, "audit", "verify", hub)
		}
	}
	key := filepath.Join(t.TempDir(), "witness.key")
	mustRun(t, "audit", "witness", "key", "example.org/w", "--out", key)
	mustRun(t, "cohort", "count", hub, "--permit", steward, filepath.Join(dir, "1.json"))
	replace := strings.NewReplacer("EXPORT", export(t, 2, 10, 10), "PERMIT", steward, "GRANT", examplePermit("aggregates"), "WITNESS", key+".pub")
	mend()
	damage()
	for name, p := range paths {
		if p.how != entered {
			continue
		}
		out := filepath.Join(t.TempDir(), "out")
		args := append(strings.Fields(name), hub)
		for _, a := range p.args {
			args = append(args, strings.ReplaceAll(replace.Replace(a), "OUT", out))
		}
		gives(name, args, out, func(*watched) {})
	}
	writeFile(t, hashes, whole)
	mustRun(t, "audit", "verify", hub)
	store, err := permit.OpenStore(filepath.Join(hub, metaFile))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if all, err := store.Oppositions(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("what no entry announced was done: %v, %v", all, err)
	}
	if p, err := store.Get(t.Context(), steward); err != nil || !p.RevokedAt.IsZero() {
		t.Errorf("a permit was revoked that no entry announces: %v", err)
	}
}

// settled reports whether the log's checkpoint covers its entries, and the hashes
// are all there.
func settled(hub string, hashes []byte) bool {
	log, err := audit.Open(filepath.Join(hub, auditDir))
	if err != nil {
		return false
	}
	head, err := log.Head()
	if err != nil {
		return false
	}
	info, err := os.Stat(filepath.Join(hub, auditDir, "entries.ndjson"))
	count := int64(0)
	for n := head.Entries; n > 0; n /= 2 {
		count += n
	}
	return err == nil && info.Size() == head.Bytes && int64(len(hashes)) == 32*count
}
