package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flawed is a definition with one finding of each level: nobody can be under 0
// (error), a set is not used (warning), periods last a day (hint).
const flawed = `{"ConceptSets":[{"id":4,"name":"unused\u001b[31m","expression":{"items":[]}},{"id":5,"expression":{"items":[{"concept":{"CONCEPT_ID":1}}]}}],
"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{"CodesetId":5,"Age":{"Value":0,"Op":"lt"}}}],"ObservationWindow":{},"PrimaryCriteriaLimit":{"Type":"First"}},
"EndStrategy":{"DateOffset":{"Offset":0}}}`

// sound is the same without its error.
var sound = strings.Replace(flawed, `"Op":"lt"`, `"Op":"lte"`, 1)

func TestCohortCheck(t *testing.T) {
	code, stdout, stderr := galienRun(t, flawed, "cohort", "check", "-")
	if code != 2 || !strings.Contains(stderr, "the review found errors (1)") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"error (impossible-value): PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age\n  No value meets this test",
		"warning (unused-set): ConceptSets[0]\n  Concept set 4 (unused [31m) is not used.",
		"hint (one-day-periods): EndStrategy.DateOffset.Offset\n",
		"Errors: 1, warnings: 1, hints: 1.\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	code, stdout, stderr = galienRun(t, sound, "cohort", "check", "-", "--lang", "fr")
	if code != 0 || !strings.Contains(stdout, "avertissement (unused-set): ConceptSets[0]\n  Le jeu de concepts 4") ||
		!strings.Contains(stdout, "Erreurs : 0, avertissements : 1, conseils : 1.") {
		t.Errorf("exit %d: %s\n%s", code, stderr, stdout)
	}
}

func TestCohortCheckJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "7.json")
	if err := os.WriteFile(file, []byte(`{"name":"x","expression":`+flawed+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := galienRun(t, "", "cohort", "check", file, "--json", "--lang", "fr")
	var answer struct {
		File, Hash              string
		Errors, Warnings, Hints int
		Findings                []struct{ Level, Rule, Path, Problem, Remedy string }
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatal(err)
	}
	if code != 2 || answer.File != "7.json" || len(answer.Hash) != 64 || answer.Errors != 1 || answer.Warnings != 1 || answer.Hints != 1 || len(answer.Findings) != 3 {
		t.Fatalf("exit %d: %+v", code, answer)
	}
	if f := answer.Findings[0]; f.Level != "error" || f.Rule != "impossible-value" || f.Path != "expression.PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age" ||
		!strings.HasPrefix(f.Problem, "Aucune valeur") || !strings.HasPrefix(f.Remedy, "Corrigez") {
		t.Errorf("%+v", f)
	}
}

// What cannot be read is refused as everywhere, with its path.
func TestCohortCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		stdin, want string
		args        []string
	}{
		{strings.Replace(flawed, `"Age"`, `"Aged"`, 1), "ConditionOccurrence.Aged: not a part", []string{"-"}},
		{flawed, "--lang en or --lang fr", []string{"-", "--lang", "de"}},
	} {
		code, stdout, stderr := galienRun(t, c.stdin, append([]string{"cohort", "check"}, c.args...)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
	if code, _, _ := galienRun(t, "", "cohort", "check", filepath.Join(t.TempDir(), "none.json")); code != 3 {
		t.Errorf("exit %d", code)
	}
}

// The examples are sound.
func TestCohortCheckExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "cohorts", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if got := mustRun(t, "cohort", "check", f); got != "Errors: 0, warnings: 0, hints: 0.\n" {
			t.Errorf("%s: %s", f, got)
		}
	}
}
