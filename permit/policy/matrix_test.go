package policy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
)

// row is one line of the tables of docs/authorisation.md. What it allows is worked
// out here from its words, and not from the policies.
type row struct {
	action     string
	permit     bool // an action about a permit
	roles      []string
	process    string
	stewards   bool // a steward too, under a steward's permit
	who        string
	states     []string
	levels     []string
	not        []string
	ungoverned string
}

var codes = regexp.MustCompile("`([^`]+)`")

// authorisation reads the tables of actions.
func authorisation(t *testing.T) []row {
	t.Helper()
	b, err := os.ReadFile("../../docs/authorisation.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	columns := 0
	for _, line := range strings.Split(string(b), "\n") {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "/"), "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		switch {
		case cells[0] == "action":
			columns = len(cells)
		case columns == 0 || strings.HasPrefix(cells[0], "---"):
		case len(cells) != columns:
			t.Fatalf("a line of another number of columns: %s", line)
		default:
			r := row{action: codes.FindStringSubmatch(cells[0])[1], ungoverned: cells[columns-1]}
			for _, role := range list(cells[1]) {
				role, process, _ := strings.Cut(role, " (")
				r.process = strings.TrimSuffix(process, ")")
				if role == `steward\*` {
					r.stewards = true
				} else {
					r.roles = append(r.roles, role)
				}
			}
			if columns == 7 {
				r.permit, r.who, r.states, r.levels, r.not = true, cells[2], list(cells[3]), list(cells[4]), list(cells[5])
			}
			rows = append(rows, r)
		}
	}
	if len(rows) < 50 {
		t.Fatalf("%d rows read", len(rows))
	}
	return rows
}

func list(s string) []string {
	var all []string
	for _, item := range strings.Split(s, ", ") {
		if item != "" {
			all = append(all, item)
		}
	}
	return all
}

// prohibited are the purposes for which nothing is allowed, as the regulation
// lists them; written apart from the policies.
var prohibited = []string{"advertising", "insurance", "individual-decision", "employment", "credit", "harmful-product"}

var asks = []string{"cohort count", "cohort run", "table", "release", "extract", "export", "airlock submit"}

// allows says whether the row allows what is asked, by its words.
func (r row) allows(q Question) bool {
	if p := q.Permit; r.permit {
		asked := slices.Contains(asks, r.action)
		switch {
		case slices.Contains(prohibited, p.PurposeKind), q.SourceIDs && !p.SourceIDs:
			return false
		case asked && (p.State != "active" || !slices.Contains(p.People, q.Account) && !slices.Contains(p.People, "*")):
			return false
		case r.levels[0] != "all" && !slices.Contains(r.levels, p.Level):
			return false
		case !q.Governed:
			return r.ungoverned == "yes"
		case asked && p.Ungoverned:
			return false
		case r.process != "" && r.process != p.Process:
			return false
		case r.action == "permit decide" && p.Opinion == "unfavourable":
			return false
		case r.action == "permit draft" && slices.Contains(p.People, "*"):
			return false
		case r.states[0] == "new" && p.State != "" && !(p.Ungoverned && p.State != "revoked"):
			return false
		case r.states[0] != "all" && r.states[0] != "new" && !slices.Contains(r.states, p.State):
			return false
		}
		people, applicant := slices.Contains(p.People, q.Account), p.Applicant == q.Account
		switch r.who {
		case "people":
			if !asked && !people {
				return false
			}
		case "others":
			if people || applicant {
				return false
			}
		case "applicant":
			if !applicant {
				return false
			}
		}
		done := map[string]string{"complete": p.CompletedBy, "opinion": p.OpinionBy, "decide": p.DecidedBy}
		for _, step := range r.not {
			if done[step] == q.Account {
				return false
			}
		}
	} else if !q.Governed {
		return r.ungoverned == "yes" || r.ungoverned == "of a security officer" && q.Role.Role == "security-officer"
	}
	for _, role := range q.Roles {
		if slices.Contains(r.roles, role) || slices.Contains(r.roles, "any") || r.stewards && role == "steward" && q.Permit.PurposeKind == "steward" {
			return true
		}
	}
	return false
}

// action is the name of the action of a line, which may be a route.
func action(name string) string {
	if name == "GET /v1/health" {
		return "health"
	}
	return name
}

// roleSets are no role, each alone and all together; and, in full, every pair.
func roleSets(full bool) [][]string {
	sets := [][]string{nil, Roles()}
	for i, a := range Roles() {
		sets = append(sets, []string{a})
		if !full {
			continue
		}
		for _, b := range Roles()[i+1:] {
			sets = append(sets, []string{a, b})
		}
	}
	return sets
}

// TestMatrix compares the policies with the tables of docs/authorisation.md, which
// do not know them: role x action x relation to the permit x state, with the other
// things that a policy looks at changed one at a time, in both kinds of hub. Of the
// changed ones those of an active permit are asked and a 97th of the rest; with
// GALIEN_MATRIX=full all are, and every pair of roles. Each policy must decide some case alone: without it the
// answer is another.
func TestMatrix(t *testing.T) {
	full := os.Getenv("GALIEN_MATRIX") == "full"
	rows := authorisation(t)
	byAction := map[string][]row{}
	for _, r := range rows {
		byAction[r.action] = append(byAction[r.action], r)
	}
	const me = "me"
	cases, allowed, changed := 0, 0, 0
	without, tries := map[string]*cedar.PolicySet{}, map[string]int{}
	for id := range policies.All() {
		set := cedar.NewPolicySet()
		for other, p := range policies.All() {
			if other != id {
				set.Add(other, p)
			}
		}
		without[string(id)] = set
	}
	check := func(q Question, what string) {
		want := false
		for _, r := range byAction[what] {
			want = want || r.allows(q)
		}
		got := Decide(q)
		if got.Allowed != want {
			t.Errorf("%s: %+v, permit %+v: the policies say %t (%v), the table %t", what, q, q.Permit, got.Allowed, got.By, want)
		}
		if cases++; want {
			allowed++
		}
		if len(got.By) == 1 && without[got.By[0]] != nil && tries[got.By[0]] < 3000 {
			tries[got.By[0]]++
			if decide(without[got.By[0]], q).Allowed != got.Allowed {
				delete(without, got.By[0])
			}
		}
	}
	// vary asks one of the cases in which something is changed.
	vary := func(q Question, what string) {
		if changed++; full || q.Permit.State == "active" && len(q.Roles) < 2 || changed%97 == 0 {
			check(q, what)
		}
	}
	// Who one is to the permit.
	relations := []Permit{
		{Applicant: "x", People: []string{"y"}},
		{Applicant: me, People: []string{"y"}},
		{Applicant: "x", People: []string{"y", me}},
		{Applicant: me, People: []string{me}},
		{Applicant: "x", People: []string{"*"}},
		{Applicant: "x", People: []string{"y"}, CompletedBy: me},
		{Applicant: "x", People: []string{"y"}, OpinionBy: me},
		{Applicant: "x", People: []string{"y"}, DecidedBy: me},
		{Applicant: "x", People: []string{"y"}, AgreedBy: me},
		{People: []string{me}, Ungoverned: true},
		{People: []string{"*"}, Ungoverned: true},
	}
	states := []string{"", "draft", "complete", "ethics", "decision", "agreement", "active", "not yet", "expired", "refused", "withdrawn", "revoked", "amended", "closed", "purged"}
	purposes := append([]string{"research", "steward"}, prohibited...)
	for what := range byAction {
		if t.Failed() {
			break
		}
		for _, governed := range []bool{true, false} {
			for _, roles := range roleSets(full) {
				q := Question{Account: me, Roles: roles, Action: action(what), Governed: governed, Officers: 1}
				if !byAction[what][0].permit {
					for _, role := range append(Roles(), "") {
						q.Role = RoleChange{Account: "z", Role: role, Proposer: "x", ProposerInOffice: true}
						check(q, what)
					}
					continue
				}
				for _, relation := range relations {
					for _, state := range states {
						p := relation
						p.ID, p.State, p.Level, p.PurposeKind, p.Process, p.Opinion = "p", state, "rows", "research", "fr", "favourable"
						q.Permit = &p
						check(q, what)
						for _, level := range []string{"cohort", "aggregates"} {
							p.Level = level
							vary(q, what)
						}
						p.Level = "rows"
						for _, purpose := range purposes[1:] {
							p.PurposeKind = purpose
							vary(q, what)
						}
						p.PurposeKind, p.Process = "research", "ehds"
						vary(q, what)
						p.Process, p.Opinion = "fr", "unfavourable"
						vary(q, what)
						p.Opinion = "reserved"
						q.SourceIDs = true
						vary(q, what)
						p.SourceIDs = true
						vary(q, what)
						q.SourceIDs = false
					}
				}
			}
		}
	}
	for _, c := range twoPersons {
		if v := Decide(c.question()); len(v.By) == 1 && without[v.By[0]] != nil && decide(without[v.By[0]], c.question()).Allowed != v.Allowed {
			delete(without, v.By[0])
		}
	}
	delete(without, "granted by decision") // it says why; nothing permits what it forbids
	for id := range without {
		t.Errorf("without the policy %q every answer is the same: it says nothing, or no case asks it", id)
	}
	if allowed == 0 || allowed == cases {
		t.Fatalf("%d of %d cases allowed: the test proves nothing", allowed, cases)
	}
	t.Logf("%d cases, %d allowed", cases, allowed)
}

// twoPersons is the table of who appoints, confirms and ends; worked out by hand.
var twoPersons = []twoPersonCase{
	{"one officer appoints another account", "role appoint", 1, RoleChange{Account: "z", Role: Steward}, true},
	{"one officer appoints themselves", "role appoint", 1, RoleChange{Account: "me", Role: Steward}, true},
	{"one of two proposes another account", "role appoint", 2, RoleChange{Account: "z", Role: Steward}, true},
	{"one of two proposes themselves", "role appoint", 2, RoleChange{Account: "me", Role: Steward}, false},
	{"what another proposed", "role confirm", 2, RoleChange{Account: "z", Role: Steward, Proposer: "x", ProposerInOffice: true}, true},
	{"what they proposed themselves", "role confirm", 2, RoleChange{Account: "z", Role: Steward, Proposer: "me", ProposerInOffice: true}, false},
	{"their own appointment", "role confirm", 2, RoleChange{Account: "me", Role: Steward, Proposer: "x", ProposerInOffice: true}, false},
	{"what somebody proposed who left", "role confirm", 2, RoleChange{Account: "z", Role: Steward, Proposer: "x"}, false},
	{"the end of another officer", "role confirm", 3, RoleChange{Account: "z", Role: SecurityOfficer, Ends: true, Proposer: "x", ProposerInOffice: true}, true},
	{"their own end", "role end", 2, RoleChange{Account: "me", Role: SecurityOfficer, Ends: true}, true},
	{"the end of the last officer", "role end", 1, RoleChange{Account: "me", Role: SecurityOfficer, Ends: true}, false},
	{"the end of a steward", "role end", 1, RoleChange{Account: "z", Role: Steward, Ends: true}, true},
}

type twoPersonCase struct {
	what, action string
	officers     int
	change       RoleChange
	want         bool
}

func (c twoPersonCase) question() Question {
	return Question{Account: "me", Roles: []string{SecurityOfficer}, Action: c.action, Governed: true, Officers: c.officers, Role: c.change}
}

func TestTwoPersons(t *testing.T) {
	for _, c := range twoPersons {
		q := c.question()
		if v := Decide(q); v.Allowed != c.want {
			t.Errorf("%s: %t (%v), want %t", c.what, v.Allowed, v.By, c.want)
		}
		q.Roles = slices.DeleteFunc(Roles(), func(r string) bool { return r == SecurityOfficer })
		if Decide(q).Allowed {
			t.Errorf("%s: allowed to every other role", c.what)
		}
	}
}

// TestDefault: an action that no policy knows, and a question about which a policy
// fails, are denied to every role, in a governed hub.
func TestDefault(t *testing.T) {
	for _, name := range []string{"", "look", "cohort  count", "permit", "Permit decide"} {
		for _, p := range []*Permit{nil, {ID: "p", Applicant: "x", People: []string{"me"}, State: "active", Level: "rows", PurposeKind: "steward"}} {
			if v := Decide(Question{Account: "me", Roles: Roles(), Action: name, Permit: p, Governed: true}); v.Allowed || v.Remedy == "" {
				t.Errorf("%q: %+v", name, v)
			}
		}
	}
	broken := mustParse([]byte(`@id("all") permit (principal, action, resource);
@id("fails") forbid (principal, action, resource) when { resource.nothing == 1 };`))
	if decide(broken, Question{Account: "me", Roles: Roles(), Action: "status", Governed: true}).Allowed {
		t.Error("allowed although a policy could not be evaluated")
	}
}
