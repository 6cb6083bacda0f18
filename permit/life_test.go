package permit

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/audit"
	"galien/permit/policy"
)

// office is a governed hub with an account in each role; sonia and sam are both
// stewards, olga and oscar access officers.
type office struct{ *desk }

var inOffice = []struct{ account, role string }{
	{"anne", policy.SecurityOfficer}, {"marie", policy.Researcher}, {"jean", policy.Researcher}, {"emma", policy.Ethics},
	{"olga", policy.AccessOfficer}, {"oscar", policy.AccessOfficer}, {"sonia", policy.Steward}, {"sam", policy.Steward}, {"alain", policy.Auditor},
}

func newOffice(t *testing.T, now time.Time) office {
	t.Helper()
	d := newDesk(t, "anne")
	d.now = now
	for _, a := range inOffice {
		if number, err := d.gate.Appoint(t.Context(), a.account, a.role); err != nil || number != 0 {
			t.Fatal(number, err)
		}
	}
	return office{d}
}

// as returns the gate of another account.
func (o office) as(account string) *Gate {
	return NewGate(o.store, o.log, account, func() time.Time { return o.now })
}

func (o office) draft(t *testing.T, text, process, amends string) string {
	t.Helper()
	id, err := o.as("marie").Draft(t.Context(), []byte(text), process, amends)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var aDocument = strings.Repeat("0a", 32)

// actOf is a step with a document where it needs one.
func actOf(step string) Act {
	a := Act{Step: step}
	if Documented(step) {
		a.Reference, a.SHA256 = step+".pdf", aDocument
	}
	if step == StepOpinion {
		a.Outcome = Favourable
	}
	return a
}

func (o office) take(t *testing.T, account, id string, a Act) {
	t.Helper()
	if err := o.as(account).Take(t.Context(), id, a); err != nil {
		t.Fatalf("%s, %s: %v", account, a.Step, err)
	}
}

// byWhom is who takes each step in these tests.
var byWhom = map[string]string{
	StepComplete: "olga", StepOpinion: "emma", StepDecide: "olga", StepRefuse: "olga", StepAgree: "sonia", StepActivate: "sonia",
	StepWithdraw: "marie", StepRevoke: "anne", StepClose: "marie", StepPurge: "sam",
}

// paths lead to each state that is not told by the day.
var paths = map[State][]string{
	Draft: {}, Complete: {StepComplete}, InEthics: {StepComplete, StepOpinion}, Decided: {StepComplete, StepOpinion, StepDecide},
	Agreed:    {StepComplete, StepOpinion, StepDecide, StepAgree},
	Active:    {StepComplete, StepOpinion, StepDecide, StepAgree, StepActivate},
	Refused:   {StepComplete, StepRefuse},
	Withdrawn: {StepWithdraw},
	Revoked:   {StepComplete, StepOpinion, StepDecide, StepAgree, StepActivate, StepRevoke},
	Closed:    {StepComplete, StepOpinion, StepDecide, StepAgree, StepActivate, StepClose},
	Purged:    {StepComplete, StepOpinion, StepDecide, StepAgree, StepActivate, StepClose, StepPurge},
}

// named gives the narrow permit another name, and with it another id.
func named(name string) string { return strings.Replace(narrow, "name: narrow", "name: "+name, 1) }

// TestLife takes a permit through its life, each step by whom it is due to and, in
// front of it, by everybody else, who is refused and written down.
func TestLife(t *testing.T) {
	o := newOffice(t, testDay)
	ctx := t.Context()
	for _, a := range inOffice {
		if a.role == policy.Researcher {
			continue
		}
		if _, err := o.as(a.account).Draft(ctx, []byte(narrow), ProcessFR, ""); galien.KindOf(err) != galien.Denied {
			t.Errorf("%s drafts: %v", a.account, err)
		}
	}
	id := o.draft(t, named("life"), ProcessFR, "")
	// marie applied and jean is named: neither may do anything but what is theirs.
	may := map[string][]string{
		StepComplete: {"olga", "oscar"}, StepOpinion: {"emma"}, StepDecide: {"olga", "oscar"}, StepAgree: {"sonia", "sam"}, StepActivate: {"sonia", "sam"},
		StepClose: {"marie", "olga", "oscar"}, StepPurge: {"sonia", "sam"},
	}
	for _, step := range append(append([]string{}, paths[Purged]...), "") {
		if _, err := o.as("jean").Allow(ctx, id, request(CountCohort, nil)); (err == nil) != (step == StepClose) {
			t.Errorf("before %q a question is answered: %v", step, err)
		}
		if step == "" {
			break
		}
		for _, a := range inOffice {
			if strings.Contains(strings.Join(may[step], " "), a.account) {
				continue
			}
			_, before := o.last(t)
			if err := o.as(a.account).Take(ctx, id, actOf(step)); galien.KindOf(err) != galien.Denied {
				t.Errorf("%s, %s: %v", step, a.account, err)
			}
			if e, n := o.last(t); n != before+1 || e.Outcome != "denied" || e.Actor != a.account || e.Action != "permit "+step || e.Permit != id {
				t.Errorf("%s, %s: entry %+v", step, a.account, e)
			}
		}
		if Documented(step) {
			a := actOf(step)
			a.SHA256 = ""
			if err := o.as(may[step][0]).Take(ctx, id, a); galien.KindOf(err) != galien.Invalid {
				t.Errorf("%s without a document: %v", step, err)
			}
		}
		o.now = o.now.Add(24 * time.Hour)
		o.take(t, may[step][len(may[step])-1], id, actOf(step))
		if e, _ := o.last(t); e.Action != "permit "+step || e.Outcome != "recorded" || e.Permit != id || e.Actor != may[step][len(may[step])-1] {
			t.Errorf("%s: entry %+v", step, e)
		}
	}
	p, err := o.store.Get(ctx, id)
	if err != nil || p.State(o.now) != Purged || p.Applicant() != "marie" || p.GrantedBy != "sam" || p.Ungoverned() || len(p.Steps) != 8 {
		t.Errorf("%+v, %v", p, err)
	}
	for i, s := range p.Steps {
		if want := galien.DateOf(testDay) + galien.Date(i); s.Day != want {
			t.Errorf("step %d is of %s, want %s", i, s.Day, want)
		}
	}
	if err := o.store.Announced(ctx, o.log, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
}

// TestTwoPersonsOnOnePermit: an account that holds every role does one part only.
func TestTwoPersonsOnOnePermit(t *testing.T) {
	o := newOffice(t, testDay)
	for _, role := range []string{policy.Researcher, policy.Ethics, policy.AccessOfficer, policy.Steward, policy.Auditor} {
		if _, err := o.gate.Appoint(t.Context(), "zoe", role); err != nil {
			t.Fatal(err)
		}
	}
	zoe := o.as("zoe")
	denied := func(id, step string) {
		t.Helper()
		if err := zoe.Take(t.Context(), id, actOf(step)); galien.KindOf(err) != galien.Denied {
			t.Errorf("%s: %v", step, err)
		}
	}
	id := o.draft(t, named("one"), ProcessFR, "")
	o.take(t, "zoe", id, actOf(StepComplete))
	denied(id, StepOpinion)
	o.take(t, "emma", id, actOf(StepOpinion))
	o.take(t, "zoe", id, actOf(StepDecide))
	denied(id, StepAgree)
	o.take(t, "sam", id, actOf(StepAgree))

	id = o.draft(t, named("two"), ProcessFR, "")
	o.take(t, "olga", id, actOf(StepComplete))
	o.take(t, "zoe", id, actOf(StepOpinion))
	denied(id, StepDecide)
	denied(id, StepRefuse)
	o.take(t, "olga", id, actOf(StepDecide))
	denied(id, StepAgree)

	own, err := zoe.Draft(t.Context(), []byte(named("own")), ProcessFR, "")
	if err != nil {
		t.Fatal(err)
	}
	denied(own, StepComplete)
	person := o.draft(t, strings.Replace(named("person"), "[marie, jean]", "[marie, zoe]", 1), ProcessFR, "")
	denied(person, StepComplete)
	if _, err := o.as("marie").Draft(t.Context(), []byte(strings.Replace(named("all"), "[marie, jean]", `["*"]`, 1)), ProcessFR, ""); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "names the persons") {
		t.Errorf("a permit for everyone: %v", err)
	}
}

// TestStatesAndEdges asks under a permit in every state, by everybody, one second
// on either side of its first and its last day, in a zone whose clocks change on
// both: only its people are answered, only when it is active, only on its days.
func TestStatesAndEdges(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	// Clocks go forward on 29 March 2026 and back on 25 October.
	text := strings.NewReplacer("starts: 2026-01-01", "starts: 2026-03-29", "expires: 2026-12-31", "expires: 2026-10-25").Replace(narrow)
	edges := []struct {
		at     time.Time
		inside bool
		want   State
	}{
		{time.Date(2026, 3, 28, 22, 59, 59, 0, time.UTC), false, NotYet}, // 23:59:59 in Paris, UTC+1
		{time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), true, Active},
		{time.Date(2026, 10, 25, 22, 59, 59, 0, time.UTC), true, Active}, // 23:59:59 in Paris, UTC+1 again
		{time.Date(2026, 10, 25, 23, 0, 0, 0, time.UTC), false, Expired},
	}
	o := newOffice(t, time.Date(2026, 3, 1, 12, 0, 0, 0, paris))
	permits := map[State]string{}
	n := 0
	for state, path := range paths {
		n++
		id := o.draft(t, strings.Replace(text, "name: narrow", fmt.Sprint("name: p", n), 1), ProcessFR, "")
		for _, step := range path {
			o.take(t, byWhom[step], id, actOf(step))
		}
		permits[state] = id
	}
	amended := permits[Active]
	again := o.draft(t, strings.Replace(text, "name: narrow", "name: again", 1), ProcessFR, amended)
	for _, step := range paths[Active] {
		o.take(t, byWhom[step], again, actOf(step))
	}
	permits[Amended], permits[Active] = amended, again
	for _, edge := range edges {
		o.now = edge.at.In(paris)
		for state, id := range permits {
			p, err := o.store.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			want := state
			if state == Active {
				want = edge.want
			}
			if got := p.State(o.now); got != want {
				t.Errorf("%s at %s is %s, want %s", state, o.now, got, want)
			}
			for _, account := range []string{"marie", "jean", "emma", "olga", "sonia", "anne", "alain", "nobody"} {
				named := account == "marie" || account == "jean"
				_, err := o.as(account).Allow(t.Context(), id, request(CountCohort, nil))
				if allowed := named && state == Active && edge.inside; (err == nil) != allowed {
					t.Errorf("%s under a permit %s at %s: %v", account, state, o.now, err)
				}
			}
		}
	}
}

// TestLongQueryCrossesExpiry: asked on the last second, delivered a second later.
func TestLongQueryCrossesExpiry(t *testing.T) {
	o := newOffice(t, testDay)
	id := o.draft(t, narrow, ProcessFR, "")
	for _, step := range paths[Active] {
		o.take(t, byWhom[step], id, actOf(step))
	}
	o.now = time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	marie := o.as("marie")
	p, err := marie.Allow(t.Context(), id, request(CountCohort, nil))
	if err != nil {
		t.Fatal(err)
	}
	all, err := marie.AllowAll(t.Context(), id, []Request{request(CountCohort, nil), request(CountCohort, nil)})
	if err != nil || all[0].Refusal != nil {
		t.Fatal(err, all)
	}
	o.now = o.now.Add(time.Second)
	if err := marie.Deliver(t.Context(), p, nil); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "expired on 2026-12-31") {
		t.Errorf("delivered: %v", err)
	}
	if err := marie.DeliverAll(t.Context(), []Permitted{all[0].Permitted, all[1].Permitted}, nil); galien.KindOf(err) != galien.Denied {
		t.Errorf("delivered together: %v", err)
	}
	if e, _ := o.last(t); e.Outcome != "withdrawn" {
		t.Errorf("entry %+v", e)
	}
}

// TestRoleEndsWhileAnswering: the answer of somebody who is no researcher any more
// is not handed over.
func TestRoleEndsWhileAnswering(t *testing.T) {
	o := newOffice(t, testDay)
	id := o.draft(t, narrow, ProcessFR, "")
	for _, step := range paths[Active] {
		o.take(t, byWhom[step], id, actOf(step))
	}
	p, err := o.as("jean").Allow(t.Context(), id, request(CountCohort, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.gate.EndRole(t.Context(), "jean", policy.Researcher); err != nil {
		t.Fatal(err)
	}
	if err := o.as("jean").Deliver(t.Context(), p, nil); galien.KindOf(err) != galien.Denied {
		t.Errorf("delivered: %v", err)
	}
}

// TestClockBack: a clock behind the newest entry stops every answer, changes no
// newest entry, and goes on when it is right again or accepted.
func TestClockBack(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	ask := func() error {
		_, err := d.gate.Allow(ctx, id, request(CountCohort, nil))
		return err
	}
	d.now = testDay.AddDate(1, 0, 0) // expired
	if err := ask(); galien.KindOf(err) != galien.Denied {
		t.Fatal(err)
	}
	expired := d.now
	for _, back := range []time.Duration{clockTolerance + time.Nanosecond, time.Hour, 24 * 365 * time.Hour} {
		d.now = expired.Add(-back)
		for range 2 { // the refusal itself does not bring the earlier time in
			if err := ask(); galien.KindOf(err) != galien.Conflict || !strings.Contains(err.Error(), "set the clock right") {
				t.Errorf("%s back: %v", back, err)
			}
		}
		if e, _ := d.last(t); e.Outcome != "denied" || !e.Time.Equal(expired) || e.Details["clock"] != stamp(d.now) {
			t.Errorf("entry %+v", e)
		}
		if _, err := d.gate.Grant(ctx, []byte(named("other"))); galien.KindOf(err) != galien.Conflict {
			t.Errorf("%s back, grant: %v", back, err)
		}
		if err := d.gate.Authorise(ctx, "ingest", "", false); galien.KindOf(err) != galien.Conflict {
			t.Errorf("%s back, ingest: %v", back, err)
		}
		if err := d.gate.Authorise(ctx, "status", "", true); err != nil {
			t.Errorf("%s back, status: %v", back, err)
		}
	}
	d.now = expired.Add(-clockTolerance)
	if err := ask(); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "expired") {
		t.Errorf("within the tolerance: %v", err)
	}
	// That entry moved nothing either: the newest is the latest, not the last.
	d.now = expired.Add(-clockTolerance - time.Second)
	if err := ask(); galien.KindOf(err) != galien.Conflict {
		t.Errorf("twice the tolerance in two steps: %v", err)
	}

	if err := d.gate.AcceptClock(ctx); err != nil {
		t.Fatal(err)
	}
	d.now = testDay.AddDate(0, 0, 1)
	if err := ask(); galien.KindOf(err) != galien.Conflict {
		t.Errorf("another time than the accepted one: %v", err)
	}
	if err := d.gate.AcceptClock(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("accepted: %v", err)
	}
	if err := d.gate.AcceptClock(ctx); galien.KindOf(err) != galien.Conflict {
		t.Errorf("accepted without need: %v", err)
	}

	o := newOffice(t, testDay)
	o.now = testDay.Add(-time.Hour)
	for _, a := range inOffice[1:] {
		if err := o.as(a.account).AcceptClock(ctx); galien.KindOf(err) != galien.Denied {
			t.Errorf("%s accepts a clock: %v", a.account, err)
		}
	}
	if err := o.gate.AcceptClock(ctx); err != nil {
		t.Error(err)
	}
}

// TestDeliveryAfterClockBack: between question and answer the clock goes back.
func TestDeliveryAfterClockBack(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	p, err := d.gate.Allow(t.Context(), id, request(CountCohort, nil))
	if err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(-time.Hour)
	if err := d.gate.Deliver(t.Context(), p, nil); galien.KindOf(err) != galien.Conflict {
		t.Errorf("delivered: %v", err)
	}
}

// TestGoverned: what an ungoverned hub allowed, a governed one does not.
func TestGoverned(t *testing.T) {
	d := newDesk(t, "marie")
	ctx := context.Background()
	id := d.grant(t, narrow)
	for what, err := range map[string]error{
		"draft":               func() error { _, err := d.gate.Draft(ctx, []byte(named("x")), ProcessFR, ""); return err }(),
		"decide":              d.gate.Take(ctx, id, actOf(StepDecide)),
		"close":               d.gate.Take(ctx, id, actOf(StepClose)),
		"a researcher first":  second(d.gate.Appoint(ctx, "marie", policy.Researcher)),
		"the end of somebody": second(d.gate.EndRole(ctx, "marie", policy.Researcher)),
	} {
		if galien.KindOf(err) != galien.Denied {
			t.Errorf("%s in an ungoverned hub: %v", what, err)
		}
	}
	if _, err := d.gate.Allow(ctx, id, request(CountCohort, nil)); err != nil {
		t.Fatal(err)
	}
	if p, err := d.store.Get(ctx, id); err != nil || !p.Ungoverned() {
		t.Errorf("%+v, %v", p, err)
	}
	for _, role := range []string{policy.SecurityOfficer, policy.Researcher} {
		if _, err := d.gate.Appoint(ctx, "marie", role); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.gate.Allow(ctx, id, request(CountCohort, nil)); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "before the hub was governed") {
		t.Errorf("under a permit that nobody decided on: %v", err)
	}
	if _, err := d.gate.Grant(ctx, []byte(named("y"))); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "permit draft") {
		t.Errorf("granted in a governed hub: %v", err)
	}
	// Its terms can be applied for.
	if again, err := d.gate.Draft(ctx, []byte(narrow), ProcessFR, ""); err != nil || again != id {
		t.Errorf("%s, %v", again, err)
	}
	if p, err := d.store.Get(ctx, id); err != nil || p.State(d.now) != Draft || p.Ungoverned() || !p.GrantedAt.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := d.gate.Draft(ctx, []byte(narrow), ProcessFR, ""); galien.KindOf(err) != galien.Conflict {
		t.Errorf("applied for twice: %v", err)
	}
	for _, a := range []string{"ingest", "status", "audit show", "look"} {
		if err := NewGate(d.store, d.log, "nobody", d.gate.now).Authorise(ctx, a, "", false); galien.KindOf(err) != galien.Denied {
			t.Errorf("an account without a role may %s: %v", a, err)
		}
	}
}

// TestAppointments: with two security officers it takes two.
func TestAppointments(t *testing.T) {
	o := newOffice(t, testDay)
	ctx := t.Context()
	if _, err := o.gate.Appoint(ctx, "bea", policy.SecurityOfficer); err != nil {
		t.Fatal(err)
	}
	anne, bea := o.gate, o.as("bea")
	roles := func(account string) string {
		t.Helper()
		r, err := o.store.Roles(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(r.Of(account), " ")
	}
	number, err := anne.Appoint(ctx, "paul", policy.Researcher)
	if err != nil || number == 0 || roles("paul") != "" {
		t.Fatalf("%d, %v, %q", number, err, roles("paul"))
	}
	if e, _ := o.last(t); e.Action != "role appoint" || e.Outcome != "proposed" || e.Details["account"] != "paul" || e.Details["role"] != "researcher" {
		t.Errorf("entry %+v", e)
	}
	for _, account := range []string{"anne", "paul", "olga"} {
		if _, err := o.as(account).ConfirmRole(ctx, number); galien.KindOf(err) != galien.Denied {
			t.Errorf("%s confirms: %v", account, err)
		}
	}
	if p, err := bea.ConfirmRole(ctx, number); err != nil || p.Account != "paul" || roles("paul") != "researcher" {
		t.Errorf("%+v, %v, %q", p, err, roles("paul"))
	}
	if _, err := bea.ConfirmRole(ctx, number); galien.KindOf(err) != galien.NotFound {
		t.Errorf("confirmed twice: %v", err)
	}
	if _, err := anne.Appoint(ctx, "anne", policy.AccessOfficer); galien.KindOf(err) != galien.Denied {
		t.Errorf("appoints herself: %v", err)
	}
	// One alone ends another role, not that of the other officer.
	if n, err := anne.EndRole(ctx, "paul", policy.Researcher); err != nil || n != 0 || roles("paul") != "" {
		t.Errorf("%d, %v", n, err)
	}
	number, err = anne.EndRole(ctx, "bea", policy.SecurityOfficer)
	if err != nil || number == 0 || roles("bea") == "" {
		t.Errorf("the end of the other officer: %d, %v", number, err)
	}
	if _, err := anne.ConfirmRole(ctx, number); galien.KindOf(err) != galien.Denied {
		t.Errorf("confirmed by who proposed: %v", err)
	}
	// bea lays down her office; what she proposed lapses.
	number, err = bea.Appoint(ctx, "paul", policy.Steward)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := bea.EndRole(ctx, "bea", policy.SecurityOfficer); err != nil || n != 0 || roles("bea") != "" {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := anne.ConfirmRole(ctx, number); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "propose it again") {
		t.Errorf("what somebody proposed who left: %v", err)
	}
	if _, err := anne.EndRole(ctx, "anne", policy.SecurityOfficer); galien.KindOf(err) != galien.Denied {
		t.Errorf("the last officer leaves: %v", err)
	}
	if _, err := anne.Appoint(ctx, "a b", policy.Steward); galien.KindOf(err) != galien.Invalid {
		t.Error("an account of two words")
	}
	if _, err := anne.Appoint(ctx, "paul", "king"); galien.KindOf(err) != galien.Invalid {
		t.Error("a role that there is not")
	}
	if err := o.store.Announced(ctx, o.log, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
	// Somebody writes a role into the store, with a right checksum.
	r, err := o.store.Roles(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.store.changeRoles(ctx, r.last, RoleStep{Step: roleAppoint, Account: "eve", Role: policy.AccessOfficer, RecordedAt: o.now, RecordedBy: "anne", AuditEntry: 3}); err != nil {
		t.Fatal(err)
	}
	found := 0
	if err := o.store.Announced(ctx, o.log, func(string) { found++ }); err != nil || found != 1 {
		t.Errorf("%d differences, %v", found, err)
	}
}

// TestAmendment: another permit takes the place of one, which ends with it.
func TestAmendment(t *testing.T) {
	o := newOffice(t, testDay)
	old := o.draft(t, narrow, ProcessFR, "")
	if _, err := o.as("marie").Draft(t.Context(), []byte(named("b")), ProcessFR, old); galien.KindOf(err) != galien.Conflict {
		t.Errorf("amends a draft: %v", err)
	}
	if _, err := o.as("marie").Draft(t.Context(), []byte(named("b")), ProcessFR, "none-00000000"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("amends nothing: %v", err)
	}
	for _, step := range paths[Active] {
		o.take(t, byWhom[step], old, actOf(step))
	}
	amendment := o.draft(t, named("wider"), ProcessFR, old)
	for _, step := range paths[Active] {
		if _, err := o.as("marie").Allow(t.Context(), old, request(CountCohort, nil)); err != nil {
			t.Errorf("before %s of the amendment: %v", step, err)
		}
		o.take(t, byWhom[step], amendment, actOf(step))
	}
	if _, err := o.as("marie").Allow(t.Context(), old, request(CountCohort, nil)); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "amended") {
		t.Errorf("under the permit that was amended: %v", err)
	}
	if _, err := o.as("marie").Allow(t.Context(), amendment, request(CountCohort, nil)); err != nil {
		t.Error(err)
	}
	o.take(t, "sam", old, actOf(StepPurge))
}

// TestNothingWithoutItsEntry: a step that cannot be written down does not happen,
// and one that the store refuses is written down as failed.
func TestNothingWithoutItsEntry(t *testing.T) {
	o := newOffice(t, testDay)
	id := o.draft(t, narrow, ProcessFR, "")
	p, err := o.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else was quicker.
	o.take(t, "olga", id, actOf(StepComplete))
	if err := o.store.take(t.Context(), p, Step{Name: StepWithdraw, Day: galien.DateOf(o.now), RecordedAt: o.now, RecordedBy: "marie"}); galien.KindOf(err) != galien.Conflict {
		t.Errorf("two steps at once: %v", err)
	}
	away(t, o.desk, func() {
		if err := o.as("emma").Take(t.Context(), id, actOf(StepOpinion)); err == nil {
			t.Error("taken without an entry")
		}
		if _, err := o.gate.Appoint(t.Context(), "paul", policy.Steward); err == nil {
			t.Error("appointed without an entry")
		}
	})
	if p, err := o.store.Get(t.Context(), id); err != nil || p.State(o.now) != Complete {
		t.Errorf("%s, %v", p.State(o.now), err)
	}
	// A process that was killed between the entry and the store: the entry is there,
	// nothing happened, and the step is repeated.
	e := audit.Entry{Time: o.now, Actor: "emma", Action: "permit opinion", Permit: id, Subject: aDocument, Outcome: "recorded"}
	if _, err := o.log.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	o.take(t, "emma", id, actOf(StepOpinion))
	if err := o.store.Announced(t.Context(), o.log, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
}

// away makes the log impossible to write while do runs.
func away(t *testing.T, d *desk, do func()) {
	t.Helper()
	entries := filepath.Join(d.dir, "audit", "entries.ndjson")
	if err := os.Rename(entries, entries+".away"); err != nil {
		t.Fatal(err)
	}
	do()
	if err := os.Rename(entries+".away", entries); err != nil {
		t.Fatal(err)
	}
}

// draftFor drafts permits and appoints people without pause, for the process that
// is killed.
func draftFor(dir, run string) error {
	store, err := OpenStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		return err
	}
	log, err := audit.Open(filepath.Join(dir, "audit"))
	if err != nil {
		return err
	}
	now := func() time.Time { return testDay }
	for i := 0; ; i++ {
		id, err := NewGate(store, log, "marie", now).Draft(context.Background(), []byte(named(fmt.Sprintf("r%s-%d", run, i))), ProcessFR, "")
		if err != nil {
			return err
		}
		if err := NewGate(store, log, "olga", now).Take(context.Background(), id, actOf(StepComplete)); err != nil {
			return err
		}
		if _, err := NewGate(store, log, "anne", now).Appoint(context.Background(), fmt.Sprintf("p%s-%d", run, i), policy.Auditor); err != nil {
			return err
		}
		fmt.Println("answer", id)
	}
}

// TestKillBetweenEntryAndStore kills a process that acts on permits and roles
// without pause: the store is sound, nothing in it lacks its entry in the log, and
// what it said was done is there.
func TestKillBetweenEntryAndStore(t *testing.T) {
	o := newOffice(t, testDay)
	done := 0
	for k := range killsWanted() {
		killed(t, k, []string{"PERMIT_TEST_DIR=" + o.dir, "PERMIT_TEST_RUN=" + fmt.Sprint(k), "PERMIT_TEST_DRAFT=yes"}, func(id string) {
			done++
			p, err := o.store.Get(t.Context(), id)
			if err != nil || p.stage() != Complete {
				t.Errorf("%s: %s, %v", id, p.stage(), err)
			}
		})
		if _, err := o.store.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := o.store.Announced(t.Context(), o.log, func(text string) { t.Error(text) }); err != nil {
			t.Fatal(err)
		}
	}
	if done == 0 {
		t.Error("nothing was done")
	}
}

// TestEveryRowHasAChecksum changes each column of each row behind the store's
// back, and takes rows away: Check finds it.
func TestEveryRowHasAChecksum(t *testing.T) {
	o := newOffice(t, testDay)
	ctx := t.Context()
	id := o.draft(t, narrow, ProcessFR, "")
	o.take(t, "olga", id, actOf(StepComplete))
	o.take(t, "emma", id, actOf(StepOpinion))
	day := galien.DateOf(testDay)
	if err := second(o.store.Oppose(ctx, []galien.PersonID{3, 4}, Everything, ByPerson, day, o.now, "sonia")); err != nil {
		t.Fatal(err)
	}
	if err := second(o.store.Withdraw(ctx, []galien.PersonID{4}, Everything, o.now, "sonia")); err != nil {
		t.Fatal(err)
	}
	if err := o.store.Override(ctx, id, "a law", o.now, "olga"); err != nil {
		t.Fatal(err)
	}
	if err := o.store.EndOverride(ctx, id, o.now, "olga"); err != nil {
		t.Fatal(err)
	}
	if n, err := o.store.Check(ctx); n != 1 || err != nil {
		t.Fatalf("a sound store: %d, %v", n, err)
	}
	db, err := sql.Open("sqlite", filepath.Join(o.dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	altered := 0
	alter := func(what, query string) {
		t.Helper()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := o.store.Check(ctx); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v", what, err)
		}
		altered++
	}
	for _, table := range []string{"permit", "permit_step", "role_step", "opposition", "opposition_override"} {
		if _, err := db.Exec("CREATE TABLE kept AS SELECT * FROM " + table); err != nil {
			t.Fatal(err)
		}
		columns, err := texts(ctx, db, "SELECT name, type FROM pragma_table_info(?)", table)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			change := c[0] + " || 'x'"
			switch {
			case c[0] == "entry":
				continue
			case c[1] == "INTEGER":
				change = c[0] + " + 1"
			}
			alter(table+"."+c[0], fmt.Sprintf("UPDATE %s SET %s = coalesce(%s, 'x') WHERE rowid = (SELECT max(rowid) FROM %s)", table, c[0], change, table))
			if _, err := db.Exec(fmt.Sprintf("DELETE FROM %s; INSERT INTO %s SELECT * FROM kept", table, table)); err != nil {
				t.Fatal(err)
			}
		}
		if table != "opposition" && table != "opposition_override" {
			which := "(SELECT min(rowid) + 1 FROM " + table + ")"
			if table == "permit" {
				which = "(SELECT max(rowid) FROM permit)"
			}
			alter(table+" lacks a row", "DELETE FROM "+table+" WHERE rowid = "+which)
			if table == "permit_step" {
				if _, err := db.Exec("DELETE FROM permit_step; INSERT INTO permit_step SELECT * FROM kept"); err != nil {
					t.Fatal(err)
				}
				alter("the last step is missing", "DELETE FROM permit_step WHERE rowid = (SELECT max(rowid) FROM permit_step)")
			}
			if _, err := db.Exec(fmt.Sprintf("DELETE FROM %s; INSERT INTO %s SELECT * FROM kept", table, table)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Exec("DROP TABLE kept"); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := o.store.Check(ctx); n != 1 || err != nil || altered < 40 {
		t.Errorf("after %d alterations were taken back: %d permits, %v", altered, n, err)
	}
}
