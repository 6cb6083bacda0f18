// Package policy says who may do what in a hub: policies in the Cedar language,
// and what they are asked.
//
// It owns policies.cedar, which is compiled into the binary. What no policy
// permits is denied, and so is whatever cannot be evaluated. It reads nothing and
// keeps nothing: roles, the permit and where it stands come with each question.
// docs/authorisation.md is the same as a table.
//
//	v := policy.Decide(policy.Question{
//		Account: "marie", Roles: []string{policy.Researcher}, Governed: true,
//		Action: "cohort count", Permit: &policy.Permit{ID: id, People: []string{"marie"}, State: "active", ...},
//	})
//	if !v.Allowed {
//		return galien.Errorf(galien.Denied, "%s", v.Remedy)
//	}
package policy

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// The roles that an account can be appointed to.
const (
	Researcher      = "researcher"       // applies for permits, and asks under them
	Ethics          = "ethics"           // gives the committee's opinion
	AccessOfficer   = "access-officer"   // finds files complete, decides, revokes
	Steward         = "steward"          // keeps the data, signs agreements, makes data available
	SecurityOfficer = "security-officer" // appoints, keeps the keys
	Auditor         = "auditor"          // reads the evidence
)

// Roles are all roles, in the order of the pages.
func Roles() []string {
	return []string{Researcher, Ethics, AccessOfficer, Steward, SecurityOfficer, Auditor}
}

// Permit is what the policies know of a permit.
type Permit struct {
	ID          string
	Applicant   string   // "" when granted in an ungoverned hub
	People      []string // accounts, or "*"
	State       string   // "" before it is drafted
	Ungoverned  bool     // granted in an ungoverned hub, by nobody's decision
	Process     string
	Level       string
	PurposeKind string
	SourceIDs   bool // the terms let the sources' own person ids out
	Opinion     string
	// Who did which part; "" while nobody did.
	CompletedBy, OpinionBy, DecidedBy, AgreedBy string
}

// Question is one action that somebody is about to do.
type Question struct {
	Account string
	Roles   []string
	Action  string
	// Permit is what the action is about; nil when it is about the hub.
	Permit *Permit
	// Governed is set once somebody was appointed to a role.
	Governed bool
	// SourceIDs is set when the sources' own person ids are asked for.
	SourceIDs bool
	// Role says more of an action on roles.
	Role RoleChange
	// Officers is how many accounts are security officers.
	Officers int
}

// RoleChange is what an action on roles is about.
type RoleChange struct {
	Account, Role string
	Ends          bool
	// Proposer is who proposed what is to be confirmed.
	Proposer         string
	ProposerInOffice bool
}

// Verdict is the answer to a question.
type Verdict struct {
	Allowed bool
	// By are the names of the policies that decided, sorted; none when nothing
	// permits.
	By []string
	// Remedy says to people what to do about a denial.
	Remedy string
}

//go:embed policies.cedar
var text []byte

// Text returns the policies as they stand in the binary.
func Text() string { return string(text) }

// policies are parsed once. A policy without a name, and two of one name, are
// faults of the build.
var policies = mustParse(text)

func mustParse(text []byte) *cedar.PolicySet {
	list, err := cedar.NewPolicyListFromBytes("policies.cedar", text)
	if err != nil {
		panic("policy: " + err.Error())
	}
	set := cedar.NewPolicySet()
	for _, p := range list {
		id := cedar.PolicyID(p.Annotations()["id"])
		if id == "" || !set.Add(id, p) {
			panic("policy: a policy has no name of its own")
		}
	}
	return set
}

// Decide answers a question: deny by default, and deny whatever the policies
// cannot evaluate.
func Decide(q Question) Verdict { return decide(policies, q) }

func decide(policies *cedar.PolicySet, q Question) Verdict {
	account := cedar.NewEntityUID("Account", cedar.String(q.Account))
	roles := make([]cedar.EntityUID, len(q.Roles))
	for i, r := range q.Roles {
		roles[i] = cedar.NewEntityUID("Role", cedar.String(r))
	}
	resource, attributes := cedar.NewEntityUID("Hub", "hub"), cedar.RecordMap{}
	if p := q.Permit; p != nil {
		resource = cedar.NewEntityUID("Permit", cedar.String(p.ID))
		people := make([]cedar.Value, len(p.People))
		for i, name := range p.People {
			people[i] = cedar.String(name)
		}
		attributes = cedar.RecordMap{
			"applicant": cedar.String(p.Applicant), "people": cedar.NewSet(people...), "state": cedar.String(p.State),
			"ungoverned": cedar.Boolean(p.Ungoverned), "process": cedar.String(p.Process), "level": cedar.String(p.Level),
			"purposeKind": cedar.String(p.PurposeKind), "sourceIds": cedar.Boolean(p.SourceIDs), "opinion": cedar.String(p.Opinion),
			"completedBy": cedar.String(p.CompletedBy), "opinionBy": cedar.String(p.OpinionBy),
			"decidedBy": cedar.String(p.DecidedBy), "agreedBy": cedar.String(p.AgreedBy),
		}
	}
	entities := cedar.EntityMap{
		account:  {UID: account, Parents: cedar.NewEntityUIDSet(roles...), Attributes: cedar.NewRecord(cedar.RecordMap{"name": cedar.String(q.Account)})},
		resource: {UID: resource, Attributes: cedar.NewRecord(attributes)},
	}
	decision, diagnostic := cedar.Authorize(policies, entities, cedar.Request{
		Principal: account, Action: cedar.NewEntityUID("Action", cedar.String(q.Action)), Resource: resource,
		Context: cedar.NewRecord(cedar.RecordMap{
			"governed": cedar.Boolean(q.Governed), "sourceIds": cedar.Boolean(q.SourceIDs), "officers": cedar.Long(q.Officers),
			"account": cedar.String(q.Role.Account), "role": cedar.String(q.Role.Role), "ends": cedar.Boolean(q.Role.Ends),
			"proposer": cedar.String(q.Role.Proposer), "proposerInOffice": cedar.Boolean(q.Role.ProposerInOffice),
		}),
	})
	v := Verdict{Allowed: bool(decision) && len(diagnostic.Errors) == 0}
	for _, r := range diagnostic.Reasons {
		v.By = append(v.By, string(r.PolicyID))
	}
	slices.Sort(v.By)
	if !v.Allowed {
		v.Remedy = remedy(v.By)
	}
	return v
}

// remedy joins what the policies that forbid say to people.
func remedy(by []string) string {
	var all []string
	for _, id := range by {
		if p := policies.Get(cedar.PolicyID(id)); p != nil && p.Effect() == cedar.Forbid {
			if r := string(p.Annotations()["remedy"]); r != "" {
				all = append(all, r)
			}
		}
	}
	if len(all) == 0 {
		return "no role of yours allows this now: galien role list says who may, docs/authorisation.md what each role may"
	}
	return strings.Join(all, "; ")
}
