package permit

import (
	"slices"
	"time"

	"galien"
	"galien/permit/policy"
)

// State is where a permit stands in its life.
type State string

// The states of a permit. One that was granted in an ungoverned hub knows Active,
// NotYet, Expired and Revoked alone.
const (
	Draft     State = "draft"     // applied for
	Complete  State = "complete"  // the file is complete
	InEthics  State = "ethics"    // the committee gave its opinion
	Decided   State = "decision"  // permitted, not yet agreed on
	Agreed    State = "agreement" // the data use agreement is signed
	Active    State = "active"
	NotYet    State = "not yet"
	Expired   State = "expired"
	Refused   State = "refused"
	Withdrawn State = "withdrawn"
	Revoked   State = "revoked"
	Amended   State = "amended" // another permit took its place
	Closed    State = "closed"
	Purged    State = "purged" // what was handed out is destroyed
)

// Step is one act in the life of a permit.
type Step struct {
	// Name is what was done: one of the Step constants.
	Name string `json:"step"`
	// Day is the day of the act, which may be before it was recorded.
	Day galien.Date `json:"day"`
	// Outcome is the opinion that a committee gave.
	Outcome string `json:"outcome,omitempty"`
	// Reference names the document that the act rests on, and SHA256 is its hash.
	Reference string `json:"reference,omitempty"`
	SHA256    string `json:"sha256,omitempty"`
	// RecordedAt and RecordedBy say when it was written down here, and by which
	// account; AuditEntry is the entry of the audit log that announced it, or
	// negative where that is not known.
	RecordedAt time.Time `json:"recorded_at"`
	RecordedBy string    `json:"recorded_by"`
	AuditEntry int64     `json:"audit_entry"`
}

// The steps of a life. StepGrant is what `galien permit grant` does in an
// ungoverned hub, and StepAmend what another permit's activation does to the one
// that it amends.
const (
	StepGrant    = "grant"
	StepDraft    = "draft"
	StepComplete = "complete"
	StepOpinion  = "opinion"
	StepExtend   = "extend"
	StepDecide   = "decide"
	StepRefuse   = "refuse"
	StepAgree    = "agree"
	StepActivate = "activate"
	StepAmend    = "amend"
	StepWithdraw = "withdraw"
	StepRevoke   = "revoke"
	StepClose    = "close"
	StepPurge    = "purge"
)

// leadsTo is the state after each step; StepExtend changes none.
var leadsTo = map[string]State{
	StepGrant: Active, StepDraft: Draft, StepComplete: Complete, StepOpinion: InEthics, StepDecide: Decided, StepRefuse: Refused,
	StepAgree: Agreed, StepActivate: Active, StepAmend: Amended, StepWithdraw: Withdrawn, StepRevoke: Revoked, StepClose: Closed, StepPurge: Purged,
}

// documented are the steps that rest on a document.
var documented = []string{StepComplete, StepOpinion, StepExtend, StepDecide, StepRefuse, StepAgree, StepPurge}

// Documented reports whether a step rests on a document.
func Documented(step string) bool { return slices.Contains(documented, step) }

// The opinions of a committee. A tacit one is that of a committee that let its
// time pass, where the law says so.
const (
	Favourable   = "favourable"
	Reserved     = "reserved"
	Unfavourable = "unfavourable"
	Tacit        = "tacit"
)

// Opinions are the opinions that a committee can give.
func Opinions() []string { return []string{Favourable, Reserved, Unfavourable, Tacit} }

// The processes by which a permit is decided on.
const (
	ProcessFR   = "fr"   // France: CESREES, then CNIL
	ProcessEHDS = "ehds" // Regulation (EU) 2025/327: a health data access body
)

// Processes are the processes that a permit can be decided on by.
func Processes() []string { return []string{ProcessFR, ProcessEHDS} }

// Permit is a permit and its life.
type Permit struct {
	ID    string
	Terms Terms
	Text  string // the YAML file as granted or drafted
	// Amends is the permit that this one takes the place of, and Process how it is
	// decided on; both are empty when it was granted in an ungoverned hub.
	Amends, Process string
	// Steps are its life, oldest first.
	Steps []Step
	// GrantedAt and GrantedBy say when it was granted, or made active, and by whom;
	// zero until then. RevokedAt and RevokedBy are zero while it is not revoked.
	GrantedAt time.Time
	GrantedBy string
	RevokedAt time.Time
	RevokedBy string

	head string // checksum of the last step, and of those before it
}

// last returns the last step of one of these names since the permit was drafted;
// false when there is none.
func (p Permit) last(names ...string) (Step, bool) {
	for _, s := range slices.Backward(p.Steps) {
		if slices.Contains(names, s.Name) {
			return s, true
		}
		if s.Name == StepDraft {
			break
		}
	}
	return Step{}, false
}

// by returns who did a step; "" when nobody did.
func (p Permit) by(name string) string {
	s, _ := p.last(name)
	return s.RecordedBy
}

// Applicant returns the account that applied for the permit; "" for one that was
// granted in an ungoverned hub.
func (p Permit) Applicant() string { return p.by(StepDraft) }

// Ungoverned reports whether the permit was granted in an ungoverned hub, by
// nobody's decision, and not applied for since.
func (p Permit) Ungoverned() bool { return p.Applicant() == "" }

// Opinion returns the committee's opinion; "" while there is none.
func (p Permit) Opinion() string {
	s, _ := p.last(StepOpinion)
	return s.Outcome
}

// stage returns the state that the last step led to, whatever the day.
func (p Permit) stage() State {
	for _, s := range slices.Backward(p.Steps) {
		if state, ok := leadsTo[s.Name]; ok {
			return state
		}
	}
	return ""
}

// State returns where the permit stands at an instant. Its first and last day
// are days of the instant's own time zone.
func (p Permit) State(now time.Time) State {
	state := p.stage()
	if state != Active {
		return state
	}
	switch today := galien.DateOf(now); {
	case today < p.Terms.Starts:
		return NotYet
	case today > p.Terms.Expires:
		return Expired
	}
	return Active
}

// seen is the permit as the policies see it.
func (p Permit) seen(now time.Time) *policy.Permit {
	return &policy.Permit{
		ID: p.ID, Applicant: p.Applicant(), People: p.Terms.People, State: string(p.State(now)), Ungoverned: len(p.Steps) > 0 && p.Ungoverned(),
		Process: p.Process, Level: string(p.Terms.Level), PurposeKind: p.Terms.PurposeKind, SourceIDs: p.Terms.SourceIDs, Opinion: p.Opinion(),
		CompletedBy: p.by(StepComplete), OpinionBy: p.by(StepOpinion), DecidedBy: p.by(StepDecide), AgreedBy: p.by(StepAgree),
	}
}
