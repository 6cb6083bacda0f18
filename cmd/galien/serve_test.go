package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"galien/api"
	"galien/engine/oracle"
	"galien/lake"
	"galien/synth"
)

// population writes an invented population and returns its folder and truth.
func population(t *testing.T, seed uint64) (string, synth.Truth) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "population")
	truth, err := synth.Write(t.Context(), dir, synth.Config{Persons: 1500, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return dir, truth
}

func exampleCohorts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "synth", "cohorts", "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("example cohorts: %v, %v", files, err)
	}
	return files
}

// served is galien serve, running in this process.
type served struct {
	hub  string
	log  sharedBuffer
	stop func() int // as a signal would, and returns the exit code
}

// serve starts a server and waits until it answers.
func serve(t *testing.T, hub string, args ...string) *served {
	t.Helper()
	s := &served{hub: hub}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", hub}, args...), strings.NewReader(""), io.Discard, &s.log)
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { s.stop() })
	waitForServer(t, hub)
	return s
}

func waitForServer(t *testing.T, hub string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := api.NewClient(hub, version()).Health(t.Context()); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no server answers")
		}
	}
}

// questions is how many questions a server has answered.
func (s *served) questions(t *testing.T) int64 {
	t.Helper()
	h, err := api.NewClient(s.hub, version()).Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.Questions
}

// both asks a server and then this process, expects the same to the byte, and
// returns it.
func (s *served) both(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	args = append([]string{"cohort", "count", s.hub}, args...)
	before := s.questions(t)
	code, stdout, stderr = galienRun(t, stdin, args...)
	if n := s.questions(t) - before; n != 1 {
		t.Errorf("%s: the server was asked %d times", args, n)
	}
	code2, stdout2, stderr2 := galienRun(t, stdin, append(args, "--engine", "duckdb")...)
	if n := s.questions(t) - before; n != 1 {
		t.Errorf("%s: the server was asked although an engine was named", args)
	}
	if code != code2 || stdout != stdout2 || stderr != stderr2 {
		t.Errorf("%s\nserved: exit %d\n%s%s\nin this process: exit %d\n%s%s", args, code, stdout, stderr, code2, stdout2, stderr2)
	}
	return code, stdout, stderr
}

// auditEntries are the entries of the log from the given one on, without what
// differs from one moment to another.
func auditEntries(t *testing.T, hub string, from int) []string {
	t.Helper()
	var all []string
	dec := json.NewDecoder(strings.NewReader(mustRun(t, "audit", "show", hub, "--json", "--limit", "0")))
	for dec.More() {
		var e numbered
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		e.Index, e.Time = 0, time.Time{}
		delete(e.Details, "allowed_by_entry")
		if list := strings.Fields(e.Details["persons_in_answer"]); len(list) > 1 {
			e.Details["persons_in_answer"] = list[1] // how many; the rest is of a number drawn for each answer
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all[from:]
}

// TestServedCounts asks the example cohorts under the example permits, with a
// server and without: the answers, the refusals and the audit log are the same.
func TestServedCounts(t *testing.T) {
	hub := newTestHub(t)
	dir, truth := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	cohorts := exampleCohorts(t)
	permits := map[string]string{}
	for _, name := range []string{"steward", "researcher", "aggregates"} {
		permits[name] = grant(t, hub, name)
	}
	bad := filepath.Join(t.TempDir(), "4-bad.json")
	writeFile(t, bad, []byte(`{"PrimaryCriteria":{"Strange":1}}`))

	var lines [][]string
	for _, name := range []string{"steward", "researcher", "aggregates"} {
		for _, file := range cohorts {
			lines = append(lines, []string{"--permit", permits[name], file}, []string{"--permit", permits[name], file, "--json"})
		}
	}
	lines = append(lines, []string{"--permit", "nobody-00000000", cohorts[0]}, []string{"--permit", "no id at all", cohorts[0]})
	unasked := [][]string{ // found wrong before anyone is asked
		{"--permit", permits["steward"], bad}, {"--permit", permits["steward"], "absent.json"}, {cohorts[0]},
	}
	type result struct {
		code           int
		stdout, stderr string
	}
	ask := func() (all []result) {
		for _, args := range append(slices.Clone(lines), unasked...) {
			code, stdout, stderr := galienRun(t, "", append([]string{"cohort", "count", hub}, args...)...)
			all = append(all, result{code, stdout, stderr})
		}
		return all
	}
	start := len(auditEntries(t, hub, 0))
	alone := ask()
	auditAlone := auditEntries(t, hub, start)
	s := serve(t, hub)
	through := ask()
	auditThrough := auditEntries(t, hub, start+len(auditAlone))
	if n := s.questions(t); n != int64(len(lines)) {
		t.Errorf("the server was asked %d questions, want %d", n, len(lines))
	}
	for i, args := range append(slices.Clone(lines), unasked...) {
		if alone[i] != through[i] {
			t.Errorf("%s\nserved: exit %d\n%s%s\nin this process: exit %d\n%s%s", args,
				through[i].code, through[i].stdout, through[i].stderr, alone[i].code, alone[i].stdout, alone[i].stderr)
		}
	}
	if n := 16*2 + 4; len(auditAlone) != n {
		t.Errorf("%d entries, want %d: two for an answer, one for a refusal", len(auditAlone), n)
	}
	if !slices.Equal(auditAlone, auditThrough) {
		t.Errorf("audit of served questions:\n%s\nof the same in this process:\n%s", strings.Join(auditThrough, "\n"), strings.Join(auditAlone, "\n"))
	}
	for _, e := range auditThrough {
		if !strings.Contains(e, `"actor":"`+account()+`"`) {
			t.Errorf("entry of someone else: %s", e)
		}
	}
	// Against what is known otherwise: the truth of the population, and the
	// researcher's permit, which lacks laboratory values.
	for i, c := range truth.Cohorts {
		var got struct{ Persons int64 }
		if err := json.Unmarshal([]byte(through[2*i+1].stdout), &got); err != nil || got.Persons != c.Persons {
			t.Errorf("%s: %d persons, truth %d, %v", c.File, got.Persons, c.Persons, err)
		}
	}
	var codes []int
	for _, r := range through {
		codes = append(codes, r.code)
	}
	if want := []int{0, 0, 0, 0, 0, 0 /* researcher */, 0, 0, 0, 0, 4, 4 /* aggregates */, 0, 0, 0, 0, 0, 0 /* no permit */, 3, 3 /* wrong */, 2, 3, 2}; !slices.Equal(codes, want) {
		t.Errorf("exit codes %v, want %v", codes, want)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, s.log.text())
	}
	if left := leftovers(t, hub); len(left) != 0 {
		t.Errorf("the server left %v", left)
	}
}

// leftovers are what a server has in a hub folder while it runs.
func leftovers(t *testing.T, hub string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(hub)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp-") || strings.HasPrefix(e.Name(), api.SocketFile) {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestServeSeesTheHubChange loads, grants and revokes while a server runs.
func TestServeSeesTheHubChange(t *testing.T) {
	hub := newTestHub(t)
	s := serve(t, hub)
	steward := grant(t, hub, "steward")
	file := exampleCohorts(t)[0]
	if code, _, stderr := s.both(t, "", "--permit", steward, file); code != 3 || !strings.Contains(stderr, "ingest a source first") {
		t.Errorf("before the first load: exit %d, %s", code, stderr)
	}
	for _, seed := range []uint64{1, 2} {
		dir, truth := population(t, seed)
		mustRun(t, "ingest", hub, "omop", dir)
		code, stdout, stderr := s.both(t, "", "--permit", steward, file, "--json")
		var got struct {
			Persons  int64
			Snapshot string
		}
		if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
			t.Fatalf("exit %d, %v: %s", code, err, stderr)
		}
		if got.Persons != truth.Cohorts[0].Persons || got.Snapshot != hubStatus(t, hub).Snapshot {
			t.Errorf("population %d: %+v, truth %d", seed, got, truth.Cohorts[0].Persons)
		}
		if left := leftovers(t, hub); len(left) != 1 {
			t.Errorf("the server has %v, want its socket alone", left)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	aggregates := grant(t, hub, "aggregates")
	if code, _, stderr := s.both(t, string(text), "--permit", aggregates, "-"); code != 0 {
		t.Errorf("a new permit: exit %d, %s", code, stderr)
	}
	mustRun(t, "permit", "revoke", hub, aggregates)
	if code, stdout, stderr := s.both(t, "", "--permit", aggregates, file); code != 4 || stdout != "" || !strings.Contains(stderr, "was revoked") {
		t.Errorf("a revoked permit: exit %d, %s%s", code, stdout, stderr)
	}
	if code, _, _ := s.both(t, "", "--permit", steward, file); code != 0 {
		t.Errorf("the other permit: exit %d", code)
	}
	if out := mustRun(t, "fsck", hub); !strings.HasPrefix(out, "OK") {
		t.Errorf("fsck while serving: %s", out)
	}
}

// TestServeOnce runs servers as processes: a second one is refused, a killed
// one is replaced, an interrupted one cleans up.
func TestServeOnce(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	count := []string{"cohort", "count", hub, "--permit", grant(t, hub, "aggregates"), exampleCohorts(t)[1]}
	alone := mustRun(t, count...)

	first := process(t, "serve", hub)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Process.Kill() })
	waitForServer(t, hub)
	if out := mustRun(t, count...); out != alone {
		t.Errorf("served:\n%s", out)
	}
	second, err := process(t, "serve", hub).CombinedOutput()
	if code, _, stderr := galienRun(t, "", "serve", hub); code != 6 || !strings.Contains(stderr, "another galien serve answers") || err == nil || !strings.Contains(string(second), "another galien serve answers") {
		t.Errorf("a second server: exit %d, %s\n%s", code, stderr, second)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	if left := leftovers(t, hub); len(left) != 1 {
		t.Fatalf("a killed server left %v: the rest proves nothing", left)
	}
	if code, stdout, stderr := galienRun(t, "", count...); code != 0 || stdout != alone || stderr != "" {
		t.Errorf("after a kill: exit %d, %s%s", code, stdout, stderr)
	}

	third := process(t, "serve", hub)
	var log bytes.Buffer
	third.Stderr = &log
	if err := third.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = third.Process.Kill() })
	waitForServer(t, hub)
	if out := mustRun(t, count...); out != alone {
		t.Errorf("served by the next:\n%s", out)
	}
	if err := third.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := third.Wait(); err != nil || !strings.Contains(log.String(), "msg=stop questions=1 graceful=true") {
		t.Errorf("interrupted: %v\n%s", err, log.String())
	}
	if left := leftovers(t, hub); len(left) != 0 {
		t.Errorf("an interrupted server left %v", left)
	}
	for _, args := range [][]string{{"serve"}, {"serve", hub, "--at-once", "0"}, {"serve", hub, "--at-once", "-1"}} {
		if code, _, stderr := galienRun(t, "", args...); code != 2 {
			t.Errorf("galien %s: exit %d, %s", args, code, stderr)
		}
	}
	if code, _, _ := galienRun(t, "", "serve", t.TempDir()); code != 3 {
		t.Errorf("no hub: exit %d", code)
	}
}

// TestServeSeveral asks from several sides at once.
func TestServeSeveral(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	steward, files := grant(t, hub, "steward"), exampleCohorts(t)
	var alone []string
	for _, f := range files {
		alone = append(alone, mustRun(t, "cohort", "count", hub, "--permit", steward, f))
	}
	s := serve(t, hub, "--at-once", "2", "--threads", "1", "--memory", "256MiB")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"cohort", "count", hub, "--permit", steward, files[i%3]}, strings.NewReader(""), &out, &errs)
			if code != 0 || out.String() != alone[i%3] {
				t.Errorf("%s: exit %d\n%s%s", files[i%3], code, out.String(), errs.String())
			}
		})
	}
	wg.Wait()
	if n := s.questions(t); n != 12 {
		t.Errorf("the server was asked %d questions", n)
	}

	// Clients that go away at any moment harm nobody.
	interrupted := 0
	for i := range 15 {
		ctx, cancel := context.WithCancel(t.Context())
		if i == 0 {
			cancel() // one goes away in any case, however fast the machine is
		}
		timer := time.AfterFunc(time.Duration(i*5)*time.Millisecond, cancel)
		var out, errs bytes.Buffer
		code := run(ctx, []string{"cohort", "count", hub, "--permit", steward, files[i%3]}, strings.NewReader(""), &out, &errs)
		timer.Stop()
		cancel()
		switch {
		case code == 130 && out.Len() == 0 && errs.String() == "galien: interrupted\n":
			interrupted++
		case code != 0 || out.String() != alone[i%3]:
			t.Errorf("interrupted after %d ms: exit %d\n%s%s", i*5, code, out.String(), errs.String())
		}
	}
	if interrupted == 0 {
		t.Error("no question was interrupted: the rest proves nothing")
	}
	for i, f := range files {
		if out := mustRun(t, "cohort", "count", hub, "--permit", steward, f); out != alone[i] {
			t.Errorf("afterwards:\n%s", out)
		}
	}
	s.stop()
	log := s.log.text()
	if answered, cancelled := strings.Count(log, "outcome=answered"), strings.Count(log, "outcome=cancelled"); answered == 0 || answered+cancelled != strings.Count(log, "msg=question") {
		t.Errorf("%d answered, %d cancelled:\n%s", answered, cancelled, log)
	}
}

// post asks a server as any program can.
func post(t *testing.T, hub, body string) (int, map[string]any) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(hub, api.SocketFile))
	}}}
	reply, err := c.Post("http://hub/v1/cohort/count", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(reply.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, v
}

// TestServeToOthers asks without the command: the inclusion counts are those of
// cohort run, and only under a permit that lets rows out.
func TestServeToOthers(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	steward, aggregates, researcher := grant(t, hub, "steward"), grant(t, hub, "aggregates"), grant(t, hub, "researcher")
	files := exampleCohorts(t)
	text, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	serve(t, hub)

	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, "cohort", "run", hub, "--permit", steward, files[1], "--out", out)
	status, a := post(t, hub, fmt.Sprintf(`{"permit":%q,"definition":%s}`, steward, text))
	if status != http.StatusOK || a["permit"] != steward || a["snapshot"] == "" || !strings.HasPrefix(fmt.Sprint(a["engine"]), "columnar ") {
		t.Fatalf("status %d, %v", status, a)
	}
	want := readCSV(t, filepath.Join(out, "inclusion.csv"))[1:]
	got, _ := a["inclusion"].([]any)
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("inclusion %v, want %v", got, want)
	}
	for i, row := range want {
		m, _ := got[i].(map[string]any)
		for j, key := range []string{"mode_id", "inclusion_rule_mask", "person_count"} {
			n, _ := m[key].(float64)
			if strconv.FormatFloat(n, 'f', 0, 64) != row[j+1] {
				t.Errorf("inclusion %d: %s is %v, want %s", i, key, m[key], row[j+1])
			}
		}
	}
	status, b := post(t, hub, fmt.Sprintf(`{"permit":%q,"definition":%s}`, aggregates, text))
	if _, there := b["inclusion"]; status != http.StatusOK || there {
		t.Errorf("status %d, %v", status, b)
	}
	lab, err := os.ReadFile(files[2])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body   string
		status int
		kind   string
	}{
		{fmt.Sprintf(`{"permit":%q,"definition":%s}`, researcher, lab), 403, "denied"},
		{fmt.Sprintf(`{"permit":"nobody-00000000","definition":%s}`, text), 404, "not found"},
		{fmt.Sprintf(`{"permit":%q,"definition":{}}`, steward), 400, "invalid"},
		{fmt.Sprintf(`{"permit":%q,"definition":"<"}`, steward), 400, "invalid"},
		{fmt.Sprintf(`{"definition":%s}`, text), 400, "invalid"},
		{`<`, 400, "invalid"},
	} {
		if status, v := post(t, hub, c.body); status != c.status || v["kind"] != c.kind || v["message"] == "" {
			t.Errorf("%.60s: status %d, %v", c.body, status, v)
		}
	}
}

// TestServedCanary pushes known words through a server, in questions that are
// answered, denied and wrong, and searches its log and the hub.
func TestServedCanary(t *testing.T) {
	const word = "ZZCANARI"
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	steward, researcher := grant(t, hub, "steward"), grant(t, hub, "researcher")
	s := serve(t, hub)
	outside := filepath.Join(t.TempDir(), word)
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, example := range exampleCohorts(t) {
		b, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]any
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		rules, _ := d["InclusionRules"].([]any)
		for _, r := range rules {
			r.(map[string]any)["name"] = word
		}
		sets, _ := d["ConceptSets"].([]any)
		for _, c := range sets {
			c.(map[string]any)["name"] = word
		}
		if b, err = json.Marshal(d); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(outside, fmt.Sprintf("%d-%s.json", i, word))
		writeFile(t, file, b)
		for _, permit := range []string{steward, researcher, "nobody-00000000", word} {
			_, stdout, _ := galienRun(t, "", "cohort", "count", hub, "--permit", permit, file)
			shown += strings.Count(stdout, word)
		}
	}
	if shown == 0 {
		t.Error("the word is in no answer: the search proves nothing")
	}
	for _, body := range []string{word, `"` + word + `"`, `{"` + word + `":1}`, fmt.Sprintf(`{"permit":%q,"file":%q,"definition":{%q:1}}`, steward, word, word), fmt.Sprintf(`{"permit":%q,"file":%q,"definition":%q}`, steward, word, word)} {
		if status, v := post(t, hub, body); status != http.StatusBadRequest {
			t.Errorf("%s: status %d, %v", body, status, v)
		}
	}
	if n := s.questions(t); n != 17 {
		t.Errorf("the server was asked %d questions, want 17", n)
	}
	s.stop()
	log := s.log.text()
	if strings.Contains(log, word) || strings.Contains(log, filepath.Dir(hub)) || strings.Contains(log, steward) || strings.Contains(log, account()+" ") {
		t.Errorf("the log tells what was asked, where or by whom:\n%s", log)
	}
	for _, outcome := range []string{"answered", "denied", `"not found"`, "invalid"} {
		if !strings.Contains(log, "outcome="+outcome) {
			t.Errorf("no question ended as %s:\n%s", outcome, log)
		}
	}
	err := filepath.WalkDir(hub, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("the word is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// closing is an engine that tells when it is closed.
type closing struct {
	*oracle.Engine
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return c.Engine.Close()
}

// The engine of an earlier snapshot is closed when its last question ends, and
// not before.
func TestKeptEngine(t *testing.T) {
	var shut []string
	k := &keptEngine{open: func(s *lake.Snapshot) (servedEngine, error) {
		if s.ID == "broken" {
			return nil, fs.ErrNotExist
		}
		return closing{oracle.New(s), func() { shut = append(shut, s.ID) }}, nil
	}}
	use := func(id string) (servedEngine, func()) {
		t.Helper()
		e, leave, err := k.use(&lake.Snapshot{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return e, leave
	}
	want := func(ids ...string) {
		t.Helper()
		if !slices.Equal(shut, ids) {
			t.Errorf("closed %v, want %v", shut, ids)
		}
	}
	a1, leave1 := use("a")
	a2, leave2 := use("a")
	if a1 != a2 {
		t.Error("two engines for one snapshot")
	}
	leave1()
	want()
	_, leaveB := use("b")
	want()
	leave2()
	want("a")
	leaveB()
	want("a")
	if _, leaveB = use("b"); len(shut) != 1 {
		t.Error("the current engine was closed between questions")
	}
	leaveB()
	if _, _, err := k.use(&lake.Snapshot{ID: "broken"}); err == nil {
		t.Error("an engine that cannot be opened")
	}
	want("a", "b")
	_, leaveC := use("c")
	k.close()
	want("a", "b")
	leaveC()
	want("a", "b", "c")
	k.close()
	want("a", "b", "c")
}
