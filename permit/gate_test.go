package permit

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/audit"
)

var testDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is a hub's permit desk: a store, a log, and a gate whose clock the test
// turns.
type desk struct {
	store *Store
	log   *audit.Log
	gate  *Gate
	now   time.Time
	dir   string
}

func newDesk(t *testing.T, actor string) *desk {
	t.Helper()
	dir := deskDir(t)
	store, err := CreateStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log, err := audit.Create(filepath.Join(dir, "audit"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: store, log: log, now: testDay, dir: dir}
	d.gate = NewGate(store, log, actor, func() time.Time { return d.now })
	return d
}

// deskDir is a folder in memory where the system has one, since every entry is
// synced to the disk.
func deskDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "galien-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (d *desk) grant(t *testing.T, text string) string {
	t.Helper()
	id, err := d.gate.Grant(context.Background(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// last returns the last entry of the log, and how many there are.
func (d *desk) last(t *testing.T) (e audit.Entry, n int64) {
	t.Helper()
	err := d.log.Entries(context.Background(), func(index int64, entry audit.Entry) error {
		e, n = entry, index+1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, n
}

func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", "permits", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// narrow is a row-level permit for two accounts on two tables.
const narrow = `
name: narrow
purpose: A test.
purpose_kind: research
people: [marie, jean]
level: rows
tables:
  person: []
  drug_exposure: [drug_concept_id]
window: {start: 2010-01-01, end: 2019-12-31}
concepts: {deny: [{concept: 7, descendants: true}]}
dates: month
starts: 2026-01-01
expires: 2026-12-31
`

func request(a Action, reads map[string][]string) Request {
	return Request{Action: a, Snapshot: "snap", Subject: "subject", Reads: reads}
}

func TestExamplesAreInForceForEveryone(t *testing.T) {
	for _, year := range []int{2024, 2026, 2035} {
		for name, actions := range map[string][]Action{
			"steward":    {CountCohort, RunCohort, Tabulate, Extract, Release},
			"researcher": {CountCohort, RunCohort, Tabulate, Extract, Release},
			"aggregates": {CountCohort, RunCohort, Tabulate, Release},
		} {
			d := newDesk(t, "some-account")
			d.now = time.Date(year, 6, 15, 8, 0, 0, 0, time.UTC)
			id := d.grant(t, example(t, name))
			for _, a := range actions {
				if _, err := d.gate.Allow(context.Background(), id, request(a, map[string][]string{
					"condition_occurrence": {"condition_concept_id", "condition_start_date", "person_id"}})); err != nil {
					t.Errorf("%s in %d, %s: %v", name, year, a, err)
				}
			}
		}
	}
}

func TestZeroPermittedIsRefused(t *testing.T) {
	var zero Permitted
	for a := range levels {
		if err := zero.Check(a); galien.KindOf(err) != galien.Denied {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := zero.Check(""); galien.KindOf(err) != galien.Denied {
		t.Errorf("no action: %v", err)
	}
	d := newDesk(t, "marie")
	if err := d.gate.Deliver(context.Background(), zero, nil); galien.KindOf(err) != galien.Denied {
		t.Errorf("deliver: %v", err)
	}
	if zero.PermitID() != "" || zero.Level() != "" || zero.Snapshot() != "" || len(zero.Terms().People) != 0 || zero.SourceIDs() {
		t.Error("the zero value says something")
	}
}

func TestAllowed(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	r := request(Extract, map[string][]string{
		"person":        {"person_id", "gender_concept_id", "year_of_birth"}, // come with the table
		"drug_exposure": {"drug_concept_id", "person_id", "drug_exposure_id"},
		"concept":       {"concept_id"}, // open to all
	})
	r.Details = map[string]string{"file": "x.json"}
	p, err := d.gate.Allow(context.Background(), id, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(CountCohort, Extract); err != nil {
		t.Error(err)
	}
	for _, a := range []Action{CountCohort, RunCohort, Tabulate, Release} {
		if err := p.Check(a); galien.KindOf(err) != galien.Denied {
			t.Errorf("permission to extract serves to %s: %v", a, err)
		}
	}
	if err := p.Check(); galien.KindOf(err) != galien.Denied {
		t.Errorf("no action named: %v", err)
	}
	if p.PermitID() != id || p.Level() != LevelRows || p.Snapshot() != "snap" || p.Subject() != "subject" || p.Action() != Extract || p.AuditIndex() != 1 {
		t.Errorf("permitted: %s %s %s %s %s %d", p.PermitID(), p.Level(), p.Snapshot(), p.Subject(), p.Action(), p.AuditIndex())
	}
	s := p.Scope()
	want := map[string]string{"person": "person_id gender_concept_id year_of_birth", "drug_exposure": "drug_exposure_id person_id drug_concept_id"}
	if len(s.Tables) != len(want) {
		t.Errorf("tables %v", s.Tables)
	}
	for table, columns := range want {
		if got := strings.Join(s.Tables[table], " "); got != columns {
			t.Errorf("%s: columns %s, want %s", table, got, columns)
		}
	}
	if s.Window.Start.String() != "2010-01-01" || s.Window.End.String() != "2019-12-31" || s.Dates != "month" || len(s.Deny) != 1 || s.Deny[0] != (Concept{7, true}) {
		t.Errorf("scope %+v", s)
	}

	// What the caller does with copies changes nothing.
	s.Tables["drug_exposure"][0], s.Window.End, s.Deny[0].ID = "quantity", 0, 8
	p.Terms().Tables["death"] = nil
	if again := p.Scope(); again.Tables["drug_exposure"][0] != "drug_exposure_id" || again.Window.End == 0 || again.Deny[0].ID != 7 || len(again.Tables) != 2 {
		t.Error("a permission was widened through a copy of its scope")
	}

	e, n := d.last(t)
	if n != 2 || e.Outcome != "allowed" || e.Actor != "marie" || e.Action != "extract" || e.Permit != id || e.Snapshot != "snap" ||
		e.Subject != "subject" || e.Details["tables"] != "concept drug_exposure person" || e.Details["file"] != "x.json" || !e.Time.Equal(testDay) {
		t.Errorf("entry %+v", e)
	}
}

func TestStewardSeesEverything(t *testing.T) {
	d := newDesk(t, "anyone")
	r := request(Extract, map[string][]string{"measurement": {"value_as_number"}})
	r.SourceIDs = true
	p, err := d.gate.Allow(context.Background(), d.grant(t, example(t, "steward")), r)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Scope(); s.Tables != nil || s.Window != nil || s.Deny != nil || s.Allow != nil || s.Dates != DatesExact || !p.SourceIDs() {
		t.Errorf("scope %+v", s)
	}
	e, _ := d.last(t)
	if e.Details["source_ids"] != "yes" {
		t.Errorf("the entry does not say that source ids were asked for: %v", e.Details)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what, actor string
		text        string
		change      func(*desk, *Request)
		want        string
	}{
		{"another account", "paul", narrow, nil, "for other accounts than yours"},
		{"one table, several columns", "marie", narrow, func(_ *desk, r *Request) {
			r.Reads = map[string][]string{"death": {"death_date", "person_id", "death_date"}}
		}, "does not allow death (death_date, person_id): ask for an amendment or change the definition"},
		{"everything missing is named", "marie", narrow, func(_ *desk, r *Request) {
			r.Reads = map[string][]string{"visit_occurrence": nil, "drug_exposure": {"quantity", "drug_concept_id", "days_supply"}, "person": {"race_concept_id"}}
		}, "does not allow drug_exposure (days_supply, quantity), person (race_concept_id), visit_occurrence: ask"},
		{"too early", "marie", narrow, func(d *desk, _ *Request) { d.now = time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC) }, "starts on 2026-01-01"},
		{"too late", "marie", narrow, func(d *desk, _ *Request) { d.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }, "expired on 2026-12-31"},
		{"source ids", "marie", narrow, func(_ *desk, r *Request) { r.SourceIDs = true }, "does not allow source person ids"},
		{"rows under aggregates", "marie", "", func(_ *desk, r *Request) { r.Action = Extract }, `is of level aggregates; "extract" needs level rows`},
		{"table under cohort", "marie", strings.NewReplacer("level: rows", "level: cohort", "dates: month", "").Replace(narrow),
			func(_ *desk, r *Request) { r.Action = Tabulate }, `is of level cohort; "table" needs level aggregates or rows`},
		{"release under cohort", "marie", strings.NewReplacer("level: rows", "level: cohort", "dates: month", "").Replace(narrow),
			func(_ *desk, r *Request) { r.Action = Release }, `needs level aggregates or rows`},
	} {
		t.Run(c.what, func(t *testing.T) {
			d := newDesk(t, c.actor)
			text := c.text
			if text == "" {
				text = example(t, "aggregates")
			}
			d.now = time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) // before any question
			id := d.grant(t, text)
			d.now = testDay
			r := request(CountCohort, map[string][]string{"drug_exposure": {"drug_concept_id"}})
			if c.change != nil {
				c.change(d, &r)
			}
			p, err := d.gate.Allow(context.Background(), id, r)
			if galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), id) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if p.Check(r.Action) == nil {
				t.Error("a refused request is permitted")
			}
			e, n := d.last(t)
			if n != 2 || e.Outcome != "denied" || e.Permit != id || e.Details["reason"] != err.Error() {
				t.Errorf("entry %+v", e)
			}
		})
	}
}

func TestFirstAndLastDay(t *testing.T) {
	d := newDesk(t, "jean")
	d.now = time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	id := d.grant(t, narrow)
	paris := time.FixedZone("Paris", 3600)
	for _, c := range []struct {
		now  time.Time
		want State
	}{
		// In the order of time; the day is the one of the clock's own zone.
		{time.Date(2026, 1, 1, 0, 30, 0, 0, paris), Active},
		{time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC), NotYet},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Active},
		{time.Date(2027, 1, 1, 0, 30, 0, 0, paris), Expired},
		{time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), Active},
		{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Expired},
	} {
		p, err := d.store.Get(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.State(c.now); got != c.want {
			t.Errorf("%s: %s, want %s", c.now, got, c.want)
		}
		d.now = c.now
		_, err = d.gate.Allow(context.Background(), id, request(CountCohort, nil))
		if (err == nil) != (c.want == Active) {
			t.Errorf("%s: %v, want %s", c.now, err, c.want)
		}
	}
}

func TestUnknownPermit(t *testing.T) {
	d := newDesk(t, "marie")
	for _, id := range []string{"narrow-00000000", "", "Jeanne Dupont 2 51 07 75 056 012", "../../etc"} {
		_, err := d.gate.Allow(context.Background(), id, request(CountCohort, nil))
		if galien.KindOf(err) != galien.NotFound {
			t.Errorf("%q: %v", id, err)
		}
		e, _ := d.last(t)
		if e.Outcome != "denied" {
			t.Errorf("%q: entry %+v", id, e)
		}
		if e.Permit != "" && e.Permit != "narrow-00000000" {
			t.Errorf("a mistaken id was copied into the log: %+v", e)
		}
	}
	raw, err := os.ReadFile(filepath.Join(d.dir, "audit", "entries.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "Dupont") {
		t.Error("pasted text reached the log")
	}
}

func TestRevokedAtOnceAndAtDelivery(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	before, err := d.gate.Allow(ctx, id, request(Extract, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.gate.Deliver(ctx, before, map[string]string{"rows": "12"}); err != nil {
		t.Fatal(err)
	}
	e, _ := d.last(t)
	if e.Outcome != "delivered" || e.Details["rows"] != "12" || e.Details["allowed_by_entry"] != "1" || e.Permit != id || e.Subject != "subject" || e.Snapshot != "snap" {
		t.Errorf("entry %+v", e)
	}
	running, err := d.gate.Allow(ctx, id, request(Extract, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.gate.Revoke(ctx, id); err != nil {
		t.Fatal(err)
	}
	if e, _ := d.last(t); e.Action != "permit revoke" || e.Permit != id || e.Outcome != "revoked" {
		t.Errorf("entry %+v", e)
	}
	if _, err := d.gate.Allow(ctx, id, request(Extract, nil)); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "was revoked on 2026-03-01") {
		t.Errorf("next call: %v", err)
	}
	if err := d.gate.Deliver(ctx, running, nil); galien.KindOf(err) != galien.Denied {
		t.Errorf("delivery of a running question: %v", err)
	}
	if e, _ := d.last(t); e.Outcome != "withdrawn" || e.Details["allowed_by_entry"] != "3" || e.Details["reason"] == "" {
		t.Errorf("entry %+v", e)
	}
	if _, err := d.gate.Grant(ctx, []byte(narrow)); galien.KindOf(err) != galien.Conflict {
		t.Errorf("granted again: %v", err)
	}
	if p, err := d.store.Get(ctx, id); err != nil || p.State(d.now) != Revoked || p.RevokedBy != "marie" || !p.RevokedAt.Equal(testDay) {
		t.Errorf("%+v, %v", p, err)
	}
	if err := d.gate.Revoke(ctx, "narrow-00000000"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("revoke an unknown permit: %v", err)
	}
}

func TestExpiredAtDelivery(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	p, err := d.gate.Allow(context.Background(), id, request(CountCohort, nil))
	if err != nil {
		t.Fatal(err)
	}
	d.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := d.gate.Deliver(context.Background(), p, nil); galien.KindOf(err) != galien.Denied {
		t.Fatalf("delivered after expiry: %v", err)
	}
}

// TestNoLogNoAnswer makes the log impossible to write, at the question and at
// the delivery.
func TestNoLogNoAnswer(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	p, err := d.gate.Allow(ctx, id, request(CountCohort, nil))
	if err != nil {
		t.Fatal(err)
	}
	entries := filepath.Join(d.dir, "audit", "entries.ndjson")
	if err := os.Rename(entries, entries+".away"); err != nil {
		t.Fatal(err)
	}
	if q, err := d.gate.Allow(ctx, id, request(CountCohort, nil)); err == nil || q.Check(CountCohort) == nil {
		t.Errorf("permitted without an entry: %v", err)
	}
	if _, err := d.gate.Allow(ctx, id, request(Extract, map[string][]string{"death": nil})); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("a refusal that is not written down: %v", err)
	}
	if err := d.gate.Deliver(ctx, p, nil); err == nil {
		t.Error("delivered without an entry")
	}
	if _, err := d.gate.Grant(ctx, []byte(strings.Replace(narrow, "narrow", "other", 1))); err == nil {
		t.Error("granted without an entry")
	}
	if all, err := d.store.List(ctx); err != nil || len(all) != 1 {
		t.Errorf("permits %v, %v", all, err)
	}
}

func TestRequestMustBeTraceable(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	for what, r := range map[string]Request{
		"no snapshot":    {Action: CountCohort, Subject: "x"},
		"no subject":     {Action: CountCohort, Snapshot: "x"},
		"unknown action": request("look", nil),
		"unknown table":  request(CountCohort, map[string][]string{"patients": nil}),
		"unknown column": request(CountCohort, map[string][]string{"person": {"name"}}),
	} {
		if p, err := d.gate.Allow(context.Background(), id, r); err == nil || p.Check(r.Action) == nil {
			t.Errorf("%s: allowed", what)
		}
	}
}

// TestMain lets this test binary stand in for a process that asks and answers.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PERMIT_TEST_DIR"); dir != "" {
		act := func() error { return answerFor(dir, os.Getenv("PERMIT_TEST_ID"), os.Getenv("PERMIT_TEST_RUN")) }
		if os.Getenv("PERMIT_TEST_DRAFT") != "" {
			act = func() error { return draftFor(dir, os.Getenv("PERMIT_TEST_RUN")) }
		}
		if err := act(); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// answerFor asks and answers without pause, one question and then three
// together, printing each answer.
func answerFor(dir, id, run string) error {
	store, err := OpenStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		return err
	}
	log, err := audit.Open(filepath.Join(dir, "audit"))
	if err != nil {
		return err
	}
	gate := NewGate(store, log, "marie", func() time.Time { return testDay })
	for i := 0; ; i++ {
		r := request(CountCohort, nil)
		r.Subject = run + "/" + strconv.Itoa(i)
		p, err := gate.Allow(context.Background(), id, r)
		if err != nil {
			return err
		}
		if err := gate.Deliver(context.Background(), p, nil); err != nil {
			return err
		}
		fmt.Println("answer", r.Subject)
		several := []Request{r, r, r}
		for j := range several {
			several[j].Subject += fmt.Sprint(" part ", j)
		}
		decisions, err := gate.AllowAll(context.Background(), id, several)
		if err != nil {
			return err
		}
		if err := gate.DeliverAll(context.Background(), []Permitted{decisions[0].Permitted, decisions[1].Permitted, decisions[2].Permitted}, nil); err != nil {
			return err
		}
		for _, r := range several {
			fmt.Println("answer", r.Subject)
		}
	}
}

// killsWanted is how many processes a test kills.
func killsWanted() int {
	if s := os.Getenv("GALIEN_CRASH"); s != "" {
		kills, _ := strconv.Atoi(s)
		return kills
	}
	return 5
}

// killed runs this binary as another process, kills it at an instant after its
// first answer, and calls yield with each answer that came out.
func killed(t *testing.T, k int, env []string, yield func(answer string)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		answer, ok := strings.CutPrefix(lines.Text(), "answer ")
		if !ok {
			t.Fatalf("child: %s", lines.Text())
		}
		yield(answer)
		if kill == nil {
			kill = time.AfterFunc(time.Duration(k*3_919%10_000)*time.Microsecond, func() { cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait() // killed
}

// TestKillBetweenEntryAndAnswer kills a process that answers without pause: no
// answer ever came out whose question and delivery are not in the log.
func TestKillBetweenEntryAndAnswer(t *testing.T) {
	kills := killsWanted()
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	var answers []string
	for k := range kills {
		killed(t, k, []string{"PERMIT_TEST_DIR=" + d.dir, "PERMIT_TEST_ID=" + id, "PERMIT_TEST_RUN=" + strconv.Itoa(k)}, func(subject string) {
			answers = append(answers, subject)
		})
	}
	if len(answers) < kills {
		t.Fatalf("%d answers in %d runs", len(answers), kills)
	}
	if _, err := d.log.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	written, _ := d.alone(t)
	for _, subject := range answers {
		if written["allowed "+subject].Action == "" || written["delivered "+subject].Action == "" {
			t.Errorf("answer %s came out and is not in the log", subject)
		}
	}
}
