package permit

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/audit"
	"galien/cdm"
)

// Action is one kind of question.
type Action string

// The actions that a permit can allow.
const (
	// CountCohort counts a cohort; every level allows it.
	CountCohort Action = "cohort count"
	// RunCohort builds a cohort; every level allows it, and only rows shows
	// persons.
	RunCohort Action = "cohort run"
	// Tabulate computes a table of counts and rates; aggregates or rows.
	Tabulate Action = "table"
	// Extract writes the rows of a cohort's persons; rows only.
	Extract Action = "extract"
	// Release takes a table out of the hub; aggregates or rows.
	Release Action = "release"
)

// levels says which levels allow an action.
var levels = map[Action][]Level{
	CountCohort: {LevelCohort, LevelAggregates, LevelRows},
	RunCohort:   {LevelCohort, LevelAggregates, LevelRows},
	Tabulate:    {LevelAggregates, LevelRows},
	Extract:     {LevelRows},
	Release:     {LevelAggregates, LevelRows},
}

// Outcomes of audit entries.
const (
	outcomeAllowed   = "allowed"
	outcomeDenied    = "denied"
	outcomeDelivered = "delivered"
	outcomeWithdrawn = "withdrawn"
)

// Request is one question put to the gate.
type Request struct {
	Action   Action
	Snapshot string // the lake snapshot's id
	Subject  string // canonical hash of the definitions and options
	// Reads are the tables and columns that the plan touches. Vocabulary
	// tables need no permission.
	Reads map[string][]string
	// SourceIDs asks for the sources' own person ids.
	SourceIDs bool
	// Details go into the audit entry: file names and options, nothing of a
	// person.
	Details map[string]string
}

// Gate decides on requests. It is safe for several goroutines.
type Gate struct {
	store *Store
	log   *audit.Log
	actor string
	now   func() time.Time
}

// NewGate returns the gate of one account, the actor. The clock now decides
// which day it is, in its own time zone.
func NewGate(store *Store, log *audit.Log, actor string, now func() time.Time) *Gate {
	return &Gate{store: store, log: log, actor: actor, now: now}
}

// Permitted is the right to do one action once, on one snapshot, within one
// permit's terms. Only the gate makes one (Allow, AllowAll); the zero value
// permits nothing.
type Permitted struct{ g *grant }

type grant struct {
	permit  Permit
	request Request
	scope   Scope
	asOf    int64 // changes of the ledger of oppositions that are heeded
	index   int64
}

// Check fails with Denied on the zero value, and when the permitted action is
// none of those given. Whoever answers calls it first.
func (p Permitted) Check(actions ...Action) error {
	if p.g == nil {
		return galien.Errorf(galien.Denied, "not permitted: the question did not pass the gate")
	}
	if !slices.Contains(actions, p.g.request.Action) {
		return galien.Errorf(galien.Denied, "not permitted: permission was given for %q only", p.g.request.Action)
	}
	return nil
}

// read returns the grant, or an empty one for the zero value.
func (p Permitted) read() *grant {
	if p.g == nil {
		return &grant{}
	}
	return p.g
}

// PermitID returns the permit's id.
func (p Permitted) PermitID() string { return p.read().permit.ID }

// Action returns the one action that is permitted.
func (p Permitted) Action() Action { return p.read().request.Action }

// Level returns the permit's level.
func (p Permitted) Level() Level { return p.read().permit.Terms.Level }

// Snapshot returns the id of the one snapshot that may be read.
func (p Permitted) Snapshot() string { return p.read().request.Snapshot }

// Subject returns the hash of the one question that may be answered.
func (p Permitted) Subject() string { return p.read().request.Subject }

// SourceIDs reports whether the sources' own person ids were asked for and
// granted.
func (p Permitted) SourceIDs() bool { return p.read().request.SourceIDs }

// Terms returns a copy of the permit's terms.
func (p Permitted) Terms() Terms { return p.read().permit.Terms.clone() }

// Scope returns a copy of the part of the lake that may be read.
func (p Permitted) Scope() Scope {
	s := p.read().scope
	s.Tables = cloneTables(s.Tables)
	s.Deny, s.Allow = slices.Clone(s.Deny), slices.Clone(s.Allow)
	s.Opposed, s.Areas = slices.Clone(s.Opposed), slices.Clone(s.Areas)
	if s.Window != nil {
		w := *s.Window
		s.Window = &w
	}
	return s
}

// OppositionsAsOf returns how many changes of the ledger of oppositions the
// scope heeds: the same number is the same ledger.
func (p Permitted) OppositionsAsOf() int64 { return p.read().asOf }

// AuditIndex returns the index of the audit entry that records the permission.
func (p Permitted) AuditIndex() int64 { return p.read().index }

// idPattern is the form of a permit's id: only such text is copied from a
// request into the log.
var idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}-[0-9a-f]{8}$`)

// Allow decides whether the permit covers the request, and appends the decision
// to the audit log before returning it. It fails with NotFound when there is no
// such permit, with Denied saying everything that is missing, and with the
// log's error when the decision could not be written down.
func (g *Gate) Allow(ctx context.Context, permitID string, r Request) (Permitted, error) {
	if r.Snapshot == "" || r.Subject == "" {
		return Permitted{}, galien.Errorf(galien.Internal, "ask for permission: the request names no snapshot or no subject")
	}
	s, err := g.standing(ctx)
	if err != nil {
		return Permitted{}, err
	}
	p, refusal := g.store.Get(ctx, permitID)
	if refusal == nil {
		refusal = g.judge(p, r, s)
	}
	opposed, asOf, err := g.store.opposed(ctx, permitID)
	if err != nil {
		return Permitted{}, err
	}
	entry := g.decision(permitID, r, s, refusal)
	index, err := g.log.Append(ctx, entry)
	if err != nil {
		return Permitted{}, fmt.Errorf("nothing is answered that cannot be written down: %w", err)
	}
	if refusal != nil {
		return Permitted{}, refusal
	}
	return permitted(p, r, index, opposed, asOf), nil
}

// permitted makes the right that an entry records.
func permitted(p Permit, r Request, index int64, opposed []galien.PersonID, asOf int64) Permitted {
	r.Details, r.Reads = nil, nil
	s := p.Terms.scope()
	s.Opposed = opposed
	return Permitted{&grant{permit: p, request: r, scope: s, asOf: asOf, index: index}}
}

// decision is the audit entry of a request that was decided: allowed when there
// is no refusal.
func (g *Gate) decision(permitID string, r Request, s standing, refusal error) audit.Entry {
	entry := g.entry(s, string(r.Action), outcomeAllowed)
	entry.Snapshot, entry.Subject = r.Snapshot, r.Subject
	maps.Copy(entry.Details, r.Details)
	if idPattern.MatchString(permitID) {
		entry.Permit = permitID
	}
	entry.Details["tables"] = strings.Join(slices.Sorted(maps.Keys(r.Reads)), " ")
	if r.SourceIDs {
		entry.Details["source_ids"] = "yes"
	}
	if refusal != nil {
		entry.Outcome = outcomeDenied
		entry.Details["reason"] = refusal.Error()
	}
	return entry
}

// judge returns why the permit does not cover the request, or nil.
func (g *Gate) judge(p Permit, r Request, s standing) error {
	if s.clock != nil {
		return s.clock
	}
	if err := inForce(p, s.now); err != nil {
		return err
	}
	t := p.Terms
	if !t.admits(g.actor) {
		return galien.Errorf(galien.Denied, "permit %s is for other accounts than yours: ask its holder, or ask for an amendment", p.ID)
	}
	allowed, known := levels[r.Action]
	if !known {
		return galien.Errorf(galien.Internal, "ask for permission: %q is no action", r.Action)
	}
	if !slices.Contains(allowed, t.Level) {
		var names []string
		for _, l := range allowed {
			names = append(names, string(l))
		}
		return galien.Errorf(galien.Denied, "permit %s is of level %s; %q needs level %s: ask for an amendment", p.ID, t.Level, r.Action, strings.Join(names, " or "))
	}
	if r.SourceIDs && !t.SourceIDs {
		return galien.Errorf(galien.Denied, "permit %s does not allow source person ids: leave out --source-ids, or ask the data steward", p.ID)
	}
	missing, err := notGranted(t.scope(), r.Reads)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return galien.Errorf(galien.Denied, "permit %s does not allow %s: ask for an amendment or change the definition", p.ID, strings.Join(missing, ", "))
	}
	return g.policies(p, r, s)
}

// policies asks the policies about a request. They have the last word: what was
// judged above it only says better.
func (g *Gate) policies(p Permit, r Request, s standing) error {
	q := g.question(s, string(r.Action), p.seen(s.now))
	q.SourceIDs = r.SourceIDs
	return ask(q)
}

// inForce fails when the permit is not active at an instant.
func inForce(p Permit, now time.Time) error {
	switch state := p.State(now); state {
	case Active:
		return nil
	case Revoked:
		return galien.Errorf(galien.Denied, "permit %s was revoked on %s: ask for a new one", p.ID, galien.DateOf(p.RevokedAt.In(now.Location())))
	case NotYet:
		return galien.Errorf(galien.Denied, "permit %s starts on %s: wait, or ask for an amendment", p.ID, p.Terms.Starts)
	case Expired:
		return galien.Errorf(galien.Denied, "permit %s expired on %s: ask for a new one", p.ID, p.Terms.Expires)
	default:
		return galien.Errorf(galien.Denied, "permit %s is not in force (%s): galien permit show says what is due next", p.ID, state)
	}
}

// notGranted returns what is read outside the scope, as "table (column,
// column)", by table.
func notGranted(s Scope, reads map[string][]string) ([]string, error) {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(reads)) {
		table, ok := cdm.Lookup(name)
		if !ok {
			return nil, galien.Errorf(galien.Internal, "ask for permission: %q is no table", name)
		}
		if table.Vocabulary {
			continue
		}
		granted, tableGranted := s.Tables[name]
		var columns []string
		for _, c := range reads[name] {
			if _, ok := table.Column(c); !ok {
				return nil, galien.Errorf(galien.Internal, "ask for permission: %s has no column %q", name, c)
			}
			if s.Tables != nil && !slices.Contains(granted, c) && !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
		slices.Sort(columns)
		switch {
		case len(columns) > 0:
			missing = append(missing, fmt.Sprintf("%s (%s)", name, strings.Join(columns, ", ")))
		case s.Tables != nil && !tableGranted:
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// Deliver is called when the answer is ready and before it is handed over: it
// checks that the permit is still in force and that nobody opposed meanwhile, and
// appends the delivery to the audit log, with the given outcome (counts shown,
// file names). It fails with Denied when the permit was revoked or expired, and
// with Conflict after an opposition; the answer is then dropped.
func (g *Gate) Deliver(ctx context.Context, p Permitted, outcome map[string]string) error {
	if err := p.Check(p.Action()); err != nil {
		return err
	}
	s, err := g.standing(ctx)
	if err != nil {
		return err
	}
	refusal := g.stillGood(ctx, p, s)
	entry := g.delivery(p, outcome, s, refusal)
	if _, err := g.log.Append(ctx, entry); err != nil {
		return fmt.Errorf("nothing is answered that cannot be written down: %w", err)
	}
	return refusal
}

// delivery is the audit entry of an answer that is ready: withdrawn when there
// is a refusal.
func (g *Gate) delivery(p Permitted, outcome map[string]string, s standing, refusal error) audit.Entry {
	entry := g.entry(s, string(p.Action()), outcomeDelivered)
	entry.Permit, entry.Snapshot, entry.Subject = p.PermitID(), p.Snapshot(), p.Subject()
	maps.Copy(entry.Details, outcome)
	entry.Details["allowed_by_entry"] = strconv.FormatInt(p.AuditIndex(), 10)
	if refusal != nil {
		entry.Outcome = outcomeWithdrawn
		entry.Details["reason"] = refusal.Error()
	}
	return entry
}

// stillGood fails when the permit is no longer in force or the asker's role ended,
// or when a person whom the scope does not leave out may not be used any more.
func (g *Gate) stillGood(ctx context.Context, p Permitted, s standing) error {
	if s.clock != nil {
		return s.clock
	}
	current, err := g.store.Get(ctx, p.PermitID())
	if err != nil {
		return err
	}
	if err := inForce(current, s.now); err != nil {
		return err
	}
	if err := g.policies(current, p.g.request, s); err != nil {
		return err
	}
	opposed, asOf, err := g.store.opposed(ctx, p.PermitID())
	if err != nil || asOf == p.OppositionsAsOf() {
		return err
	}
	for _, person := range opposed {
		if _, heeded := slices.BinarySearch(p.g.scope.Opposed, person); !heeded {
			return galien.Errorf(galien.Conflict, "the ledger of oppositions changed while the answer was made: ask again")
		}
	}
	return nil
}

// Grant reads terms, writes the grant down in the audit log and stores it, in an
// ungoverned hub; a governed one refuses. It returns the permit's id.
func (g *Gate) Grant(ctx context.Context, text []byte) (string, error) {
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	s, err := g.standing(ctx)
	if err != nil {
		return "", err
	}
	const action = "permit " + StepGrant
	refusal := s.clock
	if refusal == nil {
		refusal = ask(g.question(s, action, Permit{ID: t.ID(), Terms: t}.seen(s.now)))
	}
	if refusal != nil {
		return "", g.refused(ctx, s, action, t.ID(), refusal)
	}
	entry := g.entry(s, action, "granted")
	entry.Permit, entry.Subject = t.ID(), t.hash()
	maps.Copy(entry.Details, map[string]string{"level": string(t.Level), "purpose_kind": t.PurposeKind, "expires": t.Expires.String()})
	index, err := g.log.Append(ctx, entry)
	if err != nil {
		return "", fmt.Errorf("nothing is granted that cannot be written down: %w", err)
	}
	id, err := g.store.grant(ctx, t, text, Step{Name: StepGrant, Day: galien.DateOf(s.now), RecordedAt: s.now, RecordedBy: g.actor, AuditEntry: index})
	if err != nil {
		return "", g.undone(ctx, entry, err)
	}
	return id, nil
}

// Revoke writes the revocation down in the audit log and ends the permit.
func (g *Gate) Revoke(ctx context.Context, id string) error {
	return g.Take(ctx, id, Act{Step: StepRevoke})
}

// undone writes down that what the entry announced did not happen.
func (g *Gate) undone(ctx context.Context, entry audit.Entry, cause error) error {
	entry.Time, entry.Outcome = g.now(), "failed"
	entry.Details = map[string]string{"reason": cause.Error()}
	if _, err := g.log.Append(ctx, entry); err != nil {
		return fmt.Errorf("%w (and the failure could not be written down: %w)", cause, err)
	}
	return cause
}
