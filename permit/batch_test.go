package permit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"galien"
	"galien/audit"
)

// many returns n requests under narrow: every third reads a table that is not
// granted.
func many(n int) []Request {
	all := make([]Request, n)
	for i := range all {
		r := request(RunCohort, map[string][]string{"drug_exposure": {"drug_concept_id"}})
		if i%3 == 2 {
			r.Reads = map[string][]string{"death": {"death_date"}}
		}
		r.Subject = fmt.Sprint("subject ", i)
		r.Details = map[string]string{"cohort_definition_id": fmt.Sprint(i)}
		all[i] = r
	}
	return all
}

// entries returns the whole log.
func (d *desk) entries(t *testing.T) (all []audit.Entry) {
	t.Helper()
	err := d.log.Entries(context.Background(), func(_ int64, e audit.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// alone returns, by outcome and subject, the entries that the questions of the
// log would have had alone, and the index of the entry that holds each.
func (d *desk) alone(t *testing.T) (map[string]audit.Entry, map[string]int64) {
	t.Helper()
	found, at := map[string]audit.Entry{}, map[string]int64{}
	for i, e := range d.entries(t) {
		questions, err := Questions(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			key := q.Outcome + " " + q.Subject
			if _, twice := found[key]; twice {
				t.Errorf("%s is written down twice", key)
			}
			found[key], at[key] = q, int64(i)
		}
	}
	return found, at
}

// Of 150 questions 100 are allowed and 50 denied: 2 entries and 1, which say of
// each what it would say alone, and are there when the permissions are.
func TestManyQuestionsFewEntries(t *testing.T) {
	d, one := newDesk(t, "marie"), newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	one.grant(t, narrow)
	requests := many(150)
	decisions, err := d.gate.AllowAll(ctx, id, requests)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.entries(t)); n != 1+3 {
		t.Errorf("%d entries, want the grant and 3", n)
	}
	found, at := d.alone(t)
	var allowed []Permitted
	for i, r := range requests {
		p, refusal := one.gate.Allow(ctx, id, r)
		want, _ := one.last(t)
		if got := found[want.Outcome+" "+r.Subject]; !reflect.DeepEqual(got, want) {
			t.Fatalf("question %d is written down as\n%+v, alone it is\n%+v", i, got, want)
		}
		got := decisions[i]
		if (got.Refusal == nil) != (refusal == nil) || refusal != nil && got.Refusal.Error() != refusal.Error() {
			t.Fatalf("question %d: %v, alone %v", i, got.Refusal, refusal)
		}
		if refusal != nil {
			if got.Permitted.Check(RunCohort) == nil || galien.KindOf(got.Refusal) != galien.Denied {
				t.Errorf("question %d is refused and permitted", i)
			}
			continue
		}
		if err := got.Permitted.Check(RunCohort); err != nil {
			t.Fatal(err)
		}
		if got.Permitted.Subject() != r.Subject || !reflect.DeepEqual(got.Permitted.Scope(), p.Scope()) || got.Permitted.Snapshot() != "snap" {
			t.Errorf("question %d: permission for %s", i, got.Permitted.Subject())
		}
		if at["allowed "+r.Subject] != got.Permitted.AuditIndex() {
			t.Errorf("question %d: index %d, it is in entry %d", i, got.Permitted.AuditIndex(), at["allowed "+r.Subject])
		}
		allowed = append(allowed, got.Permitted)
	}
	if len(allowed) != 100 {
		t.Fatalf("%d allowed", len(allowed))
	}
	if err := d.gate.DeliverAll(ctx, allowed, map[string]string{"of all": "said once"}); err != nil {
		t.Fatal(err)
	}
	found, _ = d.alone(t)
	for _, p := range allowed {
		if e := found["delivered "+p.Subject()]; e.Details["allowed_by_entry"] != fmt.Sprint(p.AuditIndex()) || e.Permit != id || e.Details["of all"] != "said once" {
			t.Fatalf("delivery of %s: %+v", p.Subject(), e)
		}
	}
	if n := len(d.entries(t)); n != 1+3+2 {
		t.Errorf("%d entries, want 6", n)
	}
	if _, err := d.log.Verify(ctx); err != nil {
		t.Error(err)
	}
}

// A single question has the entry that Allow and Deliver write.
func TestOneOfManyIsAPlainEntry(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	decisions, err := d.gate.AllowAll(ctx, id, many(1))
	if err != nil || decisions[0].Refusal != nil {
		t.Fatal(err, decisions)
	}
	if e, _ := d.last(t); e.Subject != "subject 0" || e.Details["cohort_definition_id"] != "0" || e.Details["questions"] != "" {
		t.Errorf("%+v", e)
	}
	if err := d.gate.DeliverAll(ctx, []Permitted{decisions[0].Permitted}, nil); err != nil {
		t.Fatal(err)
	}
	if e, n := d.last(t); n != 3 || e.Subject != "subject 0" || e.Outcome != "delivered" {
		t.Errorf("%+v", e)
	}
}

// Long texts go into more entries, each within what the log takes, however they
// are escaped.
func TestLongQuestionsFit(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	requests := many(64)
	for i := range requests {
		requests[i].Reads = nil
		requests[i].Details["text"] = strings.Repeat("\x01\"\\", 10_000)
	}
	if _, err := d.gate.AllowAll(context.Background(), id, requests); err != nil {
		t.Fatal(err)
	}
	if found, _ := d.alone(t); found["allowed subject 63"].Details["text"] != requests[63].Details["text"] {
		t.Error("the text of the last question is not what it was")
	}
	if n := len(d.entries(t)); n < 1+15 || n > 1+32 {
		t.Errorf("%d entries of 64 questions with 30 kB each", n)
	}
}

// When the log cannot be written no question is permitted and none delivered.
func TestNoLogNoAnswers(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	before, err := d.gate.AllowAll(ctx, id, many(2))
	if err != nil {
		t.Fatal(err)
	}
	entries := filepath.Join(d.dir, "audit", "entries.ndjson")
	if err := os.Rename(entries, entries+".away"); err != nil {
		t.Fatal(err)
	}
	if decisions, err := d.gate.AllowAll(ctx, id, many(150)); err == nil || decisions != nil {
		t.Errorf("decided without an entry: %v", err)
	}
	if err := d.gate.DeliverAll(ctx, []Permitted{before[0].Permitted, before[1].Permitted}, nil); err == nil {
		t.Error("delivered without an entry")
	}
}

// A permit that ends meanwhile withdraws every answer, and one that never was
// denies every question.
func TestManyAfterTheEnd(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	decisions, err := d.gate.AllowAll(ctx, id, many(2))
	if err != nil {
		t.Fatal(err)
	}
	all := []Permitted{decisions[0].Permitted, decisions[1].Permitted}
	if err := d.gate.DeliverAll(ctx, append(all, Permitted{}), nil); galien.KindOf(err) != galien.Denied || len(d.entries(t)) != 2 {
		t.Errorf("a permission that the gate did not give: %v", err)
	}
	if err := d.gate.Revoke(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := d.gate.DeliverAll(ctx, all, nil); galien.KindOf(err) != galien.Denied {
		t.Errorf("delivered after the permit was revoked: %v", err)
	}
	found, _ := d.alone(t)
	for _, s := range []string{"subject 0", "subject 1"} {
		if !strings.Contains(found["withdrawn "+s].Details["reason"], "was revoked") {
			t.Errorf("%s: %+v", s, found)
		}
	}
	for name, want := range map[string]galien.Kind{id: galien.Denied, "narrow-00000000": galien.NotFound} {
		decisions, err := d.gate.AllowAll(ctx, name, many(70))
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range decisions {
			if galien.KindOf(got.Refusal) != want || got.Permitted.Check(RunCohort) == nil {
				t.Fatalf("%s: %v", name, got.Refusal)
			}
		}
	}
	if _, err := d.gate.AllowAll(ctx, id, []Request{{Action: RunCohort, Snapshot: "x"}}); galien.KindOf(err) != galien.Internal {
		t.Errorf("a request without a subject: %v", err)
	}
}

// What is not an entry of several questions is not taken for one.
func TestDamagedQuestions(t *testing.T) {
	for _, details := range []map[string]string{
		{"questions": "x"}, {"questions": "-1"}, {"questions": "2", "question 01": "{}"}, {"questions": "1", "question 01": "{"}, {"questions": "1", "other": "{}"},
	} {
		if _, err := Questions(audit.Entry{Details: details}); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%v: %v", details, err)
		}
	}
	plain := audit.Entry{Action: "permit grant", Details: map[string]string{"level": "rows"}}
	if got, err := Questions(plain); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], plain) {
		t.Errorf("%v, %v", got, err)
	}
}
