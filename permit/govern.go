package permit

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"galien"
	"galien/audit"
	"galien/permit/policy"
)

// clockTolerance is how far the clock may be behind the newest entry of the log:
// what the clocks of a machine are set back by in ordinary life.
const clockTolerance = 2 * time.Minute

// clockAccepted is the action of the entry that accepts an earlier time; what may
// not is refused under the name of its command.
const clockAccepted = "clock accepted"

// standing is what the gate decides by: the instant, the roles, and whether the
// clock can be believed.
type standing struct {
	now   time.Time
	at    time.Time // of entries: never before the newest one by more than the tolerance
	roles Roles
	clock error
}

// standing reads the clock, the roles and the end of the log. When they cannot be
// read nothing is decided.
func (g *Gate) standing(ctx context.Context) (standing, error) {
	s := standing{now: g.now()}
	s.at = s.now
	var err error
	if s.roles, err = g.store.Roles(ctx); err != nil {
		return standing{}, err
	}
	newest, err := g.log.Newest(ctx, clockAccepted)
	if err != nil {
		return standing{}, err
	}
	if s.now.Before(newest.Add(-clockTolerance)) {
		s.at = newest
		s.clock = galien.Errorf(galien.Conflict, "the clock says %s and the newest entry of the audit log is of %s: set the clock right; if that entry was written by a clock that ran ahead, galien permit clock accepts the earlier time",
			s.now.Format(time.DateTime), newest.In(s.now.Location()).Format(time.DateTime))
	}
	return s, nil
}

// entry begins an entry of the log.
func (g *Gate) entry(s standing, action, outcome string) audit.Entry {
	e := audit.Entry{Time: s.at, Actor: g.actor, Action: action, Outcome: outcome, Details: map[string]string{}}
	if s.clock != nil {
		e.Details["clock"] = stamp(s.now)
	}
	return e
}

// question is what the policies are asked about an action of the gate's account.
func (g *Gate) question(s standing, action string, p *policy.Permit) policy.Question {
	return policy.Question{Account: g.actor, Roles: s.roles.Of(g.actor), Action: action, Permit: p, Governed: s.roles.Governed, Officers: s.roles.Officers()}
}

// ask puts a question to the policies; what they deny is an error.
func ask(q policy.Question) error {
	v := policy.Decide(q)
	if v.Allowed {
		return nil
	}
	if q.Permit == nil {
		return galien.Errorf(galien.Denied, "you may not %s: %s", q.Action, v.Remedy)
	}
	where := q.Permit.State
	if where == "" {
		where = "not drafted"
	}
	return galien.Errorf(galien.Denied, "you may not %s under permit %s (%s): %s", q.Action, q.Permit.ID, where, v.Remedy)
}

// Authorise decides whether the account may do an action that no other method of
// the gate decides on: one about the hub, or about the permit that is named. What
// is refused is written down. reads is set for what changes nothing and shows no
// person's data, which a clock that went back does not stop.
func (g *Gate) Authorise(ctx context.Context, action, permitID string, reads bool) error {
	var s standing
	var err error
	if reads {
		s.now = g.now()
		s.at = s.now
		s.roles, err = g.store.Roles(ctx)
	} else {
		s, err = g.standing(ctx)
	}
	if err != nil {
		return err
	}
	refusal := s.clock
	if refusal == nil {
		var seen *policy.Permit
		if permitID != "" {
			p, err := g.store.Get(ctx, permitID)
			if galien.KindOf(err) == galien.NotFound {
				return nil // the action itself says so
			}
			if err != nil {
				return err
			}
			seen = p.seen(s.now)
		}
		refusal = ask(g.question(s, action, seen))
	}
	if refusal == nil {
		return nil
	}
	return g.refused(ctx, s, action, permitID, refusal)
}

// refused writes a refusal down and returns it.
func (g *Gate) refused(ctx context.Context, s standing, action, permitID string, refusal error) error {
	e := g.entry(s, action, outcomeDenied)
	if idPattern.MatchString(permitID) {
		e.Permit = permitID
	}
	e.Details["reason"] = refusal.Error()
	if _, err := g.log.Append(ctx, e); err != nil {
		return fmt.Errorf("%w (and the refusal could not be written down: %w)", refusal, err)
	}
	return refusal
}

// Act is one step of a permit's life, as its author tells it.
type Act struct {
	// Step is one of the Step constants, but for StepGrant, StepDraft and StepAmend.
	Step string
	// Day is the day of the act; zero is today.
	Day galien.Date
	// Outcome is the opinion, for StepOpinion.
	Outcome string
	// Reference and SHA256 name the document, for the steps that rest on one.
	Reference, SHA256 string
}

var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check fails when what an act says is not complete, or not possible.
func (a Act) check(p Permit, now time.Time) error {
	today := galien.DateOf(now)
	invalid := func(format string, args ...any) error {
		return galien.Errorf(galien.Invalid, "permit "+a.Step+": "+format, args...)
	}
	switch {
	case Documented(a.Step) && (!sha256Pattern.MatchString(a.SHA256) || strings.TrimSpace(a.Reference) == ""):
		return invalid("name the document that it rests on, and its SHA-256")
	case !Documented(a.Step) && (a.SHA256 != "" || a.Reference != ""):
		return invalid("it rests on no document")
	case len(a.Reference) > 200:
		return invalid("the reference is over 200 bytes: name the document shorter")
	case a.Step == StepOpinion && !slices.Contains(Opinions(), a.Outcome):
		return invalid("%q is no opinion; use %s", a.Outcome, strings.Join(Opinions(), ", "))
	case a.Step != StepOpinion && a.Outcome != "":
		return invalid("it has no opinion")
	case a.Day > today:
		return invalid("%s is yet to come: write the day of the act", a.Day)
	}
	if len(p.Steps) > 0 && a.Step != StepRevoke {
		if before := p.Steps[len(p.Steps)-1]; a.Day < before.Day {
			return invalid("%s is before the last step (%s, %s): write the day of the act", a.Day, before.Name, before.Day)
		}
	}
	switch a.Step {
	case StepOpinion:
		d, ok := p.Due(now)
		if a.Outcome == Tacit && (!ok || p.Process != ProcessFR || d.Late(a.Day) <= 0) {
			return invalid("an opinion is tacit only where the law says so and after its time (%s): record the opinion that was given", d.On)
		}
	case StepExtend:
		return p.extendable(now, a.Day)
	case StepActivate:
		if today > p.Terms.Expires {
			return galien.Errorf(galien.Conflict, "permit activate: its last day was %s: apply for other dates", p.Terms.Expires)
		}
	}
	return nil
}

// Draft applies for the permit whose terms are read: the first step of its life.
// amends names the permit whose place it is to take, or is empty. It returns the
// permit's id.
func (g *Gate) Draft(ctx context.Context, text []byte, process, amends string) (string, error) {
	const action = "permit draft"
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	if !slices.Contains(Processes(), process) {
		return "", galien.Errorf(galien.Invalid, "permit draft: %q is no process; use %s", process, strings.Join(Processes(), " or "))
	}
	s, err := g.standing(ctx)
	if err != nil {
		return "", err
	}
	id := t.ID()
	p, err := g.store.Get(ctx, id)
	if galien.KindOf(err) == galien.NotFound {
		p, err = Permit{ID: id, Terms: t, Text: string(text)}, nil
	}
	if err != nil {
		return "", err
	}
	refusal := s.clock
	if refusal == nil && len(p.Steps) > 0 && !p.Ungoverned() {
		refusal = galien.Errorf(galien.Conflict, "permit %s was applied for already and is %s: change the terms (its dates, its name) to apply anew", id, p.State(s.now))
	}
	if refusal == nil {
		refusal = ask(g.question(s, action, p.seen(s.now)))
	}
	if refusal == nil && amends != "" {
		refusal = g.amendable(ctx, amends, s.now)
	}
	if refusal != nil {
		return "", g.refused(ctx, s, action, id, refusal)
	}
	p.Text, p.Process, p.Amends = string(text), process, amends
	e := g.entry(s, action, "recorded")
	e.Permit, e.Subject = id, t.hash()
	maps.Copy(e.Details, map[string]string{"process": process, "level": string(t.Level), "purpose_kind": t.PurposeKind, "expires": t.Expires.String()})
	if amends != "" {
		e.Details["amends"] = amends
	}
	index, err := g.log.Append(ctx, e)
	if err != nil {
		return "", fmt.Errorf("nothing is recorded that cannot be written down: %w", err)
	}
	step := Step{Name: StepDraft, Day: galien.DateOf(s.now), RecordedAt: s.now, RecordedBy: g.actor, AuditEntry: index}
	if err := g.store.draft(ctx, p, step); err != nil {
		return "", g.undone(ctx, e, err)
	}
	return id, nil
}

// amendable fails unless a permit can be amended.
func (g *Gate) amendable(ctx context.Context, id string, now time.Time) error {
	old, err := g.store.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("the permit to amend: %w", err)
	}
	if state := old.State(now); old.stage() != Active {
		return galien.Errorf(galien.Conflict, "permit %s is %s: only a permit that was made active can be amended", id, state)
	}
	return nil
}

// Take does one step of a permit's life: it is decided on, written down in the
// audit log, and then takes effect.
func (g *Gate) Take(ctx context.Context, id string, a Act) error {
	action := "permit " + a.Step
	s, err := g.standing(ctx)
	if err != nil {
		return err
	}
	if _, known := leadsTo[a.Step]; !known && a.Step != StepExtend || slices.Contains([]string{StepGrant, StepDraft, StepAmend}, a.Step) {
		return galien.Errorf(galien.Internal, "take a step: %q is none", a.Step)
	}
	p, err := g.store.Get(ctx, id)
	if err != nil {
		return err
	}
	if a.Day == 0 {
		a.Day = galien.DateOf(s.now)
	}
	refusal := s.clock
	if refusal == nil {
		refusal = ask(g.question(s, action, p.seen(s.now)))
	}
	if refusal != nil {
		return g.refused(ctx, s, action, id, refusal)
	}
	if err := a.check(p, s.now); err != nil {
		return err
	}
	e := g.entry(s, action, outcomeOf(a.Step))
	e.Permit, e.Subject = id, a.SHA256
	if a.Step != StepRevoke {
		e.Details["day"] = a.Day.String()
	}
	if a.Outcome != "" {
		e.Details["opinion"] = a.Outcome
	}
	if a.Step == StepActivate && p.Amends != "" {
		e.Details["amends"] = p.Amends
	}
	index, err := g.log.Append(ctx, e)
	if err != nil {
		return fmt.Errorf("nothing is recorded that cannot be written down: %w", err)
	}
	if a.Step == StepRevoke && p.stage() == Revoked {
		return nil
	}
	step := Step{Name: a.Step, Day: a.Day, Outcome: a.Outcome, Reference: a.Reference, SHA256: a.SHA256, RecordedAt: s.now, RecordedBy: g.actor, AuditEntry: index}
	if err := g.store.take(ctx, p, step); err != nil {
		return g.undone(ctx, e, err)
	}
	return nil
}

func outcomeOf(step string) string {
	if step == StepRevoke {
		return "revoked"
	}
	return "recorded"
}

var accountPattern = regexp.MustCompile(`^[A-Za-z0-9_.@$-]{1,100}$`)

// Appoint gives an account a role. With two security officers or more it only
// proposes to, and returns the number under which another confirms; 0 when the
// account holds the role from now on.
func (g *Gate) Appoint(ctx context.Context, account, role string) (proposal int64, err error) {
	return g.changeRole(ctx, "role appoint", policy.RoleChange{Account: account, Role: role}, 0)
}

// EndRole takes a role from an account. The end of another security officer is
// proposed only, as by Appoint.
func (g *Gate) EndRole(ctx context.Context, account, role string) (proposal int64, err error) {
	return g.changeRole(ctx, "role end", policy.RoleChange{Account: account, Role: role, Ends: true}, 0)
}

// ConfirmRole does what another security officer proposed, and returns it.
func (g *Gate) ConfirmRole(ctx context.Context, number int64) (Proposal, error) {
	roles, err := g.store.Roles(ctx)
	if err != nil {
		return Proposal{}, err
	}
	p, ok := roles.proposal(number)
	if !ok {
		return Proposal{}, galien.Errorf(galien.NotFound, "role confirm: nothing waits under the number %d; galien role list shows what does", number)
	}
	_, err = g.changeRole(ctx, "role confirm", policy.RoleChange{
		Account: p.Account, Role: p.Role, Ends: p.Ends, Proposer: p.By, ProposerInOffice: roles.holds(p.By, policy.SecurityOfficer)}, number)
	return p, err
}

// changeRole decides on an act on roles, writes it down, and does it.
func (g *Gate) changeRole(ctx context.Context, action string, change policy.RoleChange, confirms int64) (proposal int64, err error) {
	if !slices.Contains(policy.Roles(), change.Role) {
		return 0, galien.Errorf(galien.Invalid, "%s: %q is no role; use %s", action, change.Role, strings.Join(policy.Roles(), ", "))
	}
	if !accountPattern.MatchString(change.Account) {
		return 0, galien.Errorf(galien.Invalid, "%s: that is no name of an account", action)
	}
	s, err := g.standing(ctx)
	if err != nil {
		return 0, err
	}
	q := g.question(s, action, nil)
	q.Role = change
	refusal := s.clock
	if refusal == nil {
		refusal = ask(q)
	}
	if refusal != nil {
		return 0, g.refused(ctx, s, action, "", refusal)
	}
	holds := s.roles.holds(change.Account, change.Role)
	if holds != change.Ends {
		if holds {
			return 0, galien.Errorf(galien.Conflict, "%s: %s is %s already", action, change.Account, change.Role)
		}
		return 0, galien.Errorf(galien.NotFound, "%s: %s is no %s; galien role list shows who is what", action, change.Account, change.Role)
	}
	// What takes two persons is proposed first.
	twoPersons := s.roles.Officers() >= 2 && (!change.Ends || change.Role == policy.SecurityOfficer && change.Account != g.actor)
	r := RoleStep{Step: roleAppoint, Account: change.Account, Role: change.Role, Proposal: confirms, RecordedAt: s.now, RecordedBy: g.actor}
	outcome := "recorded"
	switch {
	case confirms != 0:
		r.Step = roleConfirm
	case twoPersons && change.Ends:
		r.Step, outcome = roleProposeEnd, "proposed"
	case twoPersons:
		r.Step, outcome = roleProposeAppoint, "proposed"
	case change.Ends:
		r.Step = roleEnd
	}
	e := g.entry(s, action, outcome)
	maps.Copy(e.Details, map[string]string{"account": change.Account, "role": change.Role})
	if r.AuditEntry, err = g.log.Append(ctx, e); err != nil {
		return 0, fmt.Errorf("nothing is recorded that cannot be written down: %w", err)
	}
	entry, err := g.store.changeRoles(ctx, s.roles.last, r)
	if err != nil {
		return 0, g.undone(ctx, e, err)
	}
	if outcome == "proposed" {
		return entry, nil
	}
	return 0, nil
}

// AcceptClock writes down that the time of now is the right one although newer
// entries are in the log. From then on they do not count.
func (g *Gate) AcceptClock(ctx context.Context) error {
	s, err := g.standing(ctx)
	if err != nil {
		return err
	}
	const action = "permit clock"
	if refusal := ask(g.question(s, action, nil)); refusal != nil {
		return g.refused(ctx, s, action, "", refusal)
	}
	if s.clock == nil {
		return galien.Errorf(galien.Conflict, "permit clock: the clock is not behind the newest entry of the audit log: nothing is to be accepted")
	}
	_, err = g.log.Append(ctx, audit.Entry{Time: s.now, Actor: g.actor, Action: clockAccepted, Outcome: "accepted", Details: map[string]string{"newest": stamp(s.at)}})
	return err
}

// Announced compares what the store holds with the audit log: whatever was done by
// an account is in the entry that it names. It calls found with each difference,
// in words: somebody wrote into the store, and not through the gate.
func (s *Store) Announced(ctx context.Context, log *audit.Log, found func(text string)) error {
	type act struct{ action, actor, permit, account, role, what string }
	want := map[int64][]act{}
	permits, err := s.List(ctx)
	if err != nil {
		return err
	}
	for _, p := range permits {
		for _, step := range p.Steps {
			a := act{action: "permit " + step.Name, actor: step.RecordedBy, permit: p.ID, what: fmt.Sprintf("step %q of permit %s", step.Name, p.ID)}
			if step.Name == StepAmend {
				a.action, a.permit = "permit "+StepActivate, "" // of the permit that took its place
			}
			if step.AuditEntry >= 0 {
				want[step.AuditEntry] = append(want[step.AuditEntry], a)
			}
		}
	}
	roles, err := s.roleSteps(ctx)
	if err != nil {
		return err
	}
	for _, r := range roles {
		action := "role confirm"
		if r.Step != roleConfirm {
			action = "role " + strings.TrimPrefix(r.Step, "propose ")
		}
		want[r.AuditEntry] = append(want[r.AuditEntry], act{action: action, actor: r.RecordedBy, account: r.Account, role: r.Role, what: fmt.Sprintf("act %d on roles", r.Entry)})
	}
	err = log.Entries(ctx, func(index int64, e audit.Entry) error {
		for _, a := range want[index] {
			if e.Time.IsZero() {
				break // its content was removed when its time was over
			}
			if e.Action != a.action || e.Actor != a.actor || a.permit != "" && e.Permit != a.permit ||
				e.Details["account"] != a.account || e.Details["role"] != a.role || e.Outcome == outcomeDenied {
				found(a.what + " is not what entry " + fmt.Sprint(index) + " of the audit log announced")
			}
		}
		delete(want, index)
		return nil
	})
	for _, acts := range want {
		for _, a := range acts {
			found(a.what + " is announced by no entry of the audit log")
		}
	}
	return err
}
