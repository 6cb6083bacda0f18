package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"galien/api"
	"galien/audit"
	"galien/permit"
	"galien/permit/policy"
)

// TestEveryCommandHasAnAction: each command of the binary and each route of the
// server is in the table of acts, in the policies and in docs/authorisation.md, and
// nothing else is.
func TestEveryCommandHasAnAction(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "authorisation.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		documented[m[1]] = true
	}
	for _, role := range policy.Roles() {
		delete(documented, role)
	}
	open := page[strings.Index(page, "open to all:"):]
	open = open[:strings.Index(open, "\n\n")]

	commands := map[string]bool{}
	ran := false
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if len(c.Commands()) > 0 || c.Name() == "help" || c.Hidden {
			return
		}
		path := commandWords(c)
		commands[path] = true
		a, known := acts[path]
		switch {
		case !known:
			t.Errorf("galien %s is not in the table of acts (authorise.go), so nobody may run it.\n\tGive it a line there, a policy in permit/policy/policies.cedar and a line in docs/authorisation.md.", path)
		case a.decided == byNobody:
			if !strings.Contains(open, "`"+path+"`") || documented[path] {
				t.Errorf("docs/authorisation.md does not say that galien %s is open to all", path)
			}
		case !documented[path]:
			t.Errorf("galien %s has no line in docs/authorisation.md", path)
		}
		if known && a.decided != byNobody {
			if !strings.Contains(policy.Text(), fmt.Sprintf("Action::%q", path)) {
				t.Errorf("no policy names galien %s", path)
			}
		}
		if strings.Contains(c.Use, "--permit") && a.decided == hereToo && !a.permit {
			t.Errorf("galien %s is about a permit, which the policies are not shown", path)
		}
	}
	walk(newRoot(&ran))
	for path := range acts {
		if !commands[path] {
			t.Errorf("the table of acts has %q, which is no command", path)
		}
	}
	routes := map[string]bool{}
	for _, r := range api.Routes {
		route := r.Method + " " + r.Path
		routes[route] = true
		action, known := routeActions[route]
		if !known {
			t.Errorf("the route %s is not in the table of routes (authorise.go), so nobody may ask it", route)
		}
		if !strings.Contains(page, "`"+route+"`") {
			t.Errorf("docs/authorisation.md does not say who may ask %s", route)
		}
		if !strings.Contains(policy.Text(), fmt.Sprintf("Action::%q", action)) {
			t.Errorf("no policy names the action %q of %s", action, route)
		}
	}
	for route := range routeActions {
		if !routes[route] {
			t.Errorf("the table of routes has %q, which is none", route)
		}
	}
	for name := range documented {
		if !commands[name] && !routes[name] {
			t.Errorf("docs/authorisation.md has a line for %q, which is no command and no route", name)
		}
	}
}

// gateOf returns the gate of another account of a hub.
func gateOf(t *testing.T, hub, account string) *permit.Gate {
	t.Helper()
	store, err := permit.OpenStore(filepath.Join(hub, metaFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log, err := audit.Open(filepath.Join(hub, auditDir))
	if err != nil {
		t.Fatal(err)
	}
	return permit.NewGate(store, log, account, time.Now)
}

// TestGovernedHub appoints people from the command line, takes a permit through
// its life, and has questions answered and refused under it.
func TestGovernedHub(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	me := account()
	cohort := exampleCohorts(t)[0]
	ungoverned := grant(t, hub, "aggregates")
	if out := mustRun(t, "permit", "show", hub, ungoverned); !strings.Contains(out, "in an ungoverned hub") {
		t.Errorf("show:\n%s", out)
	}
	if out := mustRun(t, "status", hub); !strings.Contains(out, "The hub is ungoverned") || !strings.Contains(out, "1 granted in an ungoverned hub") {
		t.Errorf("status:\n%s", out)
	}
	if out := mustRun(t, "role", "list", hub); !strings.Contains(out, "ungoverned") {
		t.Errorf("role list:\n%s", out)
	}
	mustRun(t, "cohort", "count", hub, "--permit", ungoverned, cohort)
	denied := func(words string, args ...string) {
		t.Helper()
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 4 || stdout != "" || !strings.Contains(stderr, words) {
			t.Errorf("galien %s: exit %d, %q, want %q\n%s", strings.Join(args, " "), code, stderr, words, stdout)
		}
	}
	denied("first appointment", "role", "appoint", hub, me, "researcher")
	mustRun(t, "role", "appoint", hub, me, "security-officer")
	for _, a := range [][2]string{{me, "researcher"}, {"olga", "access-officer"}, {"emma", "ethics"}, {"sonia", "steward"}} {
		mustRun(t, "role", "appoint", hub, a[0], a[1])
	}

	// Every command that is decided on here and that no role of mine allows.
	for path, a := range acts {
		v := policy.Decide(policy.Question{Account: me, Roles: []string{"security-officer", "researcher"}, Action: path, Governed: true, Officers: 1})
		if a.decided != hereToo || a.permit || v.Allowed {
			continue
		}
		args := commandLine(t, path, hub)
		denied("no role of yours", args...)
		if e := lastEntry(t, hub); e.Action != path || e.Outcome != "denied" || e.Actor != me {
			t.Errorf("galien %s: entry %+v", path, e)
		}
	}
	denied("before the hub was governed", "cohort", "count", hub, "--permit", ungoverned, cohort)
	denied("permit draft", "permit", "grant", hub, examplePermit("researcher"))

	// The permit, for me.
	text, err := os.ReadFile(examplePermit("aggregates"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "permit.yaml")
	mine := regexp.MustCompile(`(?m)^people: .*$`).ReplaceAll(text, []byte("people: ["+me+"]"))
	mine = regexp.MustCompile(`(?m)^name: .*$`).ReplaceAll(mine, []byte("name: mine"))
	if err := os.WriteFile(file, mine, 0o600); err != nil {
		t.Fatal(err)
	}
	denied("names the persons", "permit", "draft", hub, examplePermit("aggregates"))
	id := strings.TrimSpace(mustRun(t, "permit", "draft", hub, file))
	document := filepath.Join(t.TempDir(), "decision.pdf")
	if err := os.WriteFile(document, []byte("%PDF"), 0o600); err != nil {
		t.Fatal(err)
	}
	denied("you applied for this permit", "permit", "decide", hub, id, "--document", document)
	sum := strings.Repeat("0b", 32)
	for _, s := range []struct {
		account string
		act     permit.Act
	}{
		{"olga", permit.Act{Step: permit.StepComplete, Reference: "file.zip", SHA256: sum}},
		{"emma", permit.Act{Step: permit.StepOpinion, Outcome: permit.Favourable, Reference: "avis.pdf", SHA256: sum}},
	} {
		denied("is not in force", "cohort", "count", hub, "--permit", id, cohort)
		if err := gateOf(t, hub, s.account).Take(t.Context(), id, s.act); err != nil {
			t.Fatal(err)
		}
	}
	if out := mustRun(t, "permit", "list", hub); !strings.Contains(out, "decision due on ") {
		t.Errorf("list:\n%s", out)
	}
	var v permitView
	if err := json.Unmarshal([]byte(mustRun(t, "permit", "show", hub, id, "--json")), &v); err != nil || v.State != permit.InEthics || v.Due == nil || *v.Late >= 0 || len(v.Steps) != 3 || v.Ungoverned {
		t.Errorf("%+v, %v", v, err)
	}
	if out := mustRun(t, "permit", "show", hub, id); !strings.Contains(out, "loi n° 78-17") || !strings.Contains(out, "avis.pdf, SHA-256 "+sum) {
		t.Errorf("show:\n%s", out)
	}
	for _, s := range []struct {
		account string
		act     permit.Act
	}{
		{"olga", permit.Act{Step: permit.StepDecide, Reference: "decision.pdf", SHA256: sum}},
		{"sonia", permit.Act{Step: permit.StepAgree, Reference: "agreement.pdf", SHA256: sum}},
		{"sonia", permit.Act{Step: permit.StepActivate}},
	} {
		if err := gateOf(t, hub, s.account).Take(t.Context(), id, s.act); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "cohort", "count", hub, "--permit", id, cohort, "--engine", "columnar")
	if out := mustRun(t, "fsck", hub); !strings.HasPrefix(out, "OK") {
		t.Errorf("fsck:\n%s", out)
	}
	if out := mustRun(t, "permit", "close", hub, id); !strings.Contains(out, "closed") {
		t.Errorf("close: %s", out)
	}
	denied("is not in force", "cohort", "count", hub, "--permit", id, cohort)

	// Two officers: what one proposes another confirms.
	mustRun(t, "role", "appoint", hub, "anne", "security-officer")
	out := mustRun(t, "role", "appoint", hub, "alain", "auditor")
	number := regexp.MustCompile(`number (\d+)`).FindStringSubmatch(out)
	if number == nil {
		t.Fatalf("appoint: %s", out)
	}
	denied("another security officer", "role", "confirm", hub, number[1])
	if out := mustRun(t, "role", "list", hub); !strings.Contains(out, "appoint alain auditor") {
		t.Errorf("role list:\n%s", out)
	}
	if out := mustRun(t, "role", "end", hub, me, "security-officer"); !strings.Contains(out, "no longer") {
		t.Errorf("end: %s", out)
	}
	denied("no role of yours", "role", "appoint", hub, "paul", "steward")
}

// commandLine returns a command line of a hub that Cobra lets through: every flag
// that is required, and as many arguments as it takes.
func commandLine(t *testing.T, path, hub string) []string {
	t.Helper()
	ran := false
	c, _, err := newRoot(&ran).Find(strings.Fields(path))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{hub}
	for c.Args != nil && c.Args(c, args) != nil {
		if args = append(args, "1"); len(args) > 5 {
			t.Fatalf("galien %s takes no number of arguments", path)
		}
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		for _, name := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(err.Error(), -1) {
			args = append(args, "--"+name[1], "1")
		}
	}
	if path == "audit prove" { // one of two
		args = append(args, "--person", "1")
	}
	return append(strings.Fields(path), args...)
}

func lastEntry(t *testing.T, hub string) audit.Entry {
	t.Helper()
	log, err := audit.Open(filepath.Join(hub, auditDir))
	if err != nil {
		t.Fatal(err)
	}
	var last audit.Entry
	if err := log.Entries(t.Context(), func(_ int64, e audit.Entry) error { last = e; return nil }); err != nil {
		t.Fatal(err)
	}
	return last
}

// TestGovernedServer: the server asks for each route who may ask it.
func TestGovernedServer(t *testing.T) {
	hub := newTestHub(t)
	serve(t, hub)
	if _, err := api.NewClient(hub, version()).Health(t.Context()); err != nil {
		t.Fatalf("an ungoverned hub: %v", err)
	}
	if _, err := gateOf(t, hub, "anne").Appoint(t.Context(), "anne", policy.SecurityOfficer); err != nil {
		t.Fatal(err)
	}
	if _, err := api.NewClient(hub, version()).Health(t.Context()); exitCode(err) != 4 {
		t.Errorf("health, by an account without a role: %v", err)
	}
	if _, err := api.NewClient(hub, version()).Count(t.Context(), api.CountQuestion{Permit: "p-00000000", File: "x", Definition: []byte("{}")}); err == nil {
		t.Error("a question by an account without a role is answered")
	}
}

// TestZone: the days of a hub are those of its zone, and not of the environment.
func TestZone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	if code, _, stderr := galienRun(t, "", "init", dir, "--zone", "Europe/Nowhere"); code != 2 || !strings.Contains(stderr, "time zone") {
		t.Errorf("a zone that there is not: exit %d, %s", code, stderr)
	}
	if code, _, _ := galienRun(t, "", "init", dir, "--zone", "Local"); code != 2 {
		t.Errorf("the environment's zone by name: exit %d", code)
	}
	mustRun(t, "init", dir, "--zone", "Pacific/Kiritimati")
	h, err := openHub(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if _, offset := h.now().Zone(); offset != 14*3600 {
		t.Errorf("the hub's clock is %d s from UTC", offset)
	}
}
