package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"galien/api"
	"galien/vault"
)

// asking are the command lines that read people's data, by their command; OUT
// stands for a new folder. Every command with a permit has its lines here.
var asking = map[string][][]string{
	"cohort count": {{"COHORT", "--engine", "columnar"}, {"COHORT", "--engine", "duckdb"}, {"COHORT", "--engine", "oracle"}},
	"cohort run":   {{"COHORT", "--out", "OUT"}},
	"table":        {{"--cohort", "COHORT", "--by", "sex,year"}, {"--cohort", "COHORT", "--by", "sex,year", "--engine", "duckdb"}},
	"release":      {{"--cohort", "COHORT", "--by", "sex", "--out", "OUT"}},
	"extract":      {{"--cohort", "COHORT", "--format", "csv", "--out", "OUT"}},
	"export":       {{"--out", "OUT"}},
}

// told is what a command line prints and writes, without what differs from one
// moment to another, and the rows of people in it.
type told struct {
	text string
	rows int
}

func ask(t *testing.T, hub, permitID, cohort, command string, line []string) (a told) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := append(strings.Fields(command), hub, "--permit", permitID)
	for _, word := range line {
		args = append(args, strings.NewReplacer("COHORT", cohort, "OUT", out).Replace(word))
	}
	code, stdout, stderr := galienRun(t, "", args...)
	if code != 0 && !strings.Contains(stderr, "nobody is under observation") {
		t.Fatalf("galien %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
	a.text = strings.ReplaceAll(fmt.Sprint(code, " ", stdout), out, "OUT")
	files, err := filepath.Glob(filepath.Join(out, "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		a.text += "\n" + filepath.Base(f) + "\n" + string(b)
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil || len(rows) == 0 {
			t.Fatalf("%s of galien %s: %d rows, %v", filepath.Base(f), command, len(rows), err)
		}
		if slices.Contains(rows[0], "person_id") || slices.Contains(rows[0], "subject_id") {
			a.rows += len(rows) - 1
		}
	}
	a.text = regexp.MustCompile(`[0-9.]+ s\b`).ReplaceAllString(a.text, "TIME")
	return a
}

// TestOpposition loops over every command and route that reads the lake: while
// everyone opposes, each answers as over a hub without people, by the engine of
// a server too that answered before; when they withdraw, as at first.
func TestOpposition(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	steward := grant(t, hub, "steward")
	cohort := exampleCohorts(t)[0]

	// The table of this test is whole. (The airlock reads a folder, and no lake;
	// an attack asks as cohort count and table do.)
	ran := false
	var leaf func(c *cobra.Command, path string)
	leaf = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			leaf(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
		if c.Flags().Lookup("permit") != nil && !strings.HasPrefix(path, "opposition") && path != "airlock submit" && path != "attack" && asking[path] == nil {
			t.Errorf("galien %s asks under a permit and is not tested here", path)
		}
	}
	leaf(newRoot(&ran), "")
	for _, r := range api.Routes {
		if r.Permit && r.Path != "/v1/cohort/count" {
			t.Errorf("the route %s asks under a permit and is not tested here", r.Path)
		}
	}
	served := serve(t, hub)
	asking["cohort count"] = append(asking["cohort count"], []string{"COHORT"}) // of the server

	v, err := vault.Open(filepath.Join(hub, vaultDir))
	if err != nil {
		t.Fatal(err)
	}
	names, err := v.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	var everyone []string
	for _, id := range names {
		everyone = append(everyone, id)
	}
	all := func() map[string]told {
		answers := map[string]told{}
		for command, lines := range asking {
			for i, line := range lines {
				answers[fmt.Sprint(command, " ", i)] = ask(t, hub, steward, cohort, command, line)
			}
		}
		return answers
	}
	oppose := func(action string, who []string, want string) {
		t.Helper()
		code, stdout, stderr := galienRun(t, strings.Join(who, "\n"), "opposition", action, hub, "--source", "omop")
		if code != 0 || !strings.HasPrefix(stdout, want) {
			t.Fatalf("opposition %s: exit %d, %q %s, want %q", action, code, stdout, stderr, want)
		}
	}
	before := all()
	questions := served.questions(t)
	oppose("add", everyone, fmt.Sprint(len(everyone), " of ", len(everyone)))
	oppose("add", everyone, "0 of")
	without := all()
	if served.questions(t) == questions {
		t.Error("the server was not asked")
	}
	for name, got := range without {
		if got == before[name] {
			t.Errorf("%s: the same answer although everyone opposes", name)
		}
		if got.rows > 0 || strings.HasPrefix(name, "cohort count") && !regexp.MustCompile(`\b0 persons`).MatchString(got.text) {
			t.Errorf("%s: %d rows of people although everyone opposes:\n%.600s", name, got.rows, got.text)
		}
	}
	oppose("withdraw", everyone, fmt.Sprint(len(everyone), " of ", len(everyone)))
	for name, got := range all() {
		if got != before[name] {
			t.Errorf("%s: another answer after everyone withdrew", name)
		}
	}
	log := mustRun(t, "audit", "show", hub, "--json", "--limit", "0")
	for _, action := range []string{"opposition add", "opposition withdraw"} {
		if !strings.Contains(log, `"`+action+`"`) {
			t.Errorf("the audit log has no %q", action)
		}
	}
}
