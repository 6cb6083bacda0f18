package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A definition is told without a hub, in the language and form asked for, from
// a file or from standard input.
func TestCohortDescribe(t *testing.T) {
	file := filepath.Join("..", "..", "synth", "cohorts", "2-bleeding-after-nsaid.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	english := mustRun(t, "cohort", "describe", file)
	for _, want := range []string{
		"Cohort definition\n\n1. Concept sets\n",
		"     - Concepts 1124300 (Diclofenac), 1118084 (Celecoxib), with their descendants.\n",
		"     - At least 1 diagnosis of “Gastrointestinal bleeding” starting from the index date to 30 days after it.\n",
	} {
		if !strings.Contains(english, want) {
			t.Errorf("no %q in\n%s", want, english)
		}
	}
	code, french, stderr := galienRun(t, string(text), "cohort", "describe", "-", "--lang", "fr", "--format", "markdown")
	if want := "\n## 2. Événements d'entrée\n\nL'événement d'entrée est la première exposition médicamenteuse à «\u00a0Anti-inflammatory drugs\u00a0» dans l'histoire de la personne.\n"; code != 0 || !strings.Contains(french, want) {
		t.Errorf("exit %d, %s: no %q in\n%s", code, stderr, want, french)
	}
	for _, args := range [][]string{{file, "--lang", "de"}, {file, "--format", "html"}, {filepath.Join("..", "..", "go.mod")}, {}} {
		if code, stdout, _ := galienRun(t, "", append([]string{"cohort", "describe"}, args...)...); code != 2 || stdout != "" {
			t.Errorf("%v: exit %d, printed %q", args, code, stdout)
		}
	}
	if code, _, _ := galienRun(t, "", "cohort", "describe", "no-such-file.json"); code == 0 {
		t.Error("a file that is not there is told")
	}
}

// The README shows what the command prints, no-break spaces apart.
func TestReadmeDescribes(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(readme), "## A definition in plain sentences")
	section, _, ok2 := strings.Cut(section, "\n## ")
	_, shown, ok3 := strings.Cut(section, "    $ galien cohort describe --lang fr ")
	file, shown, _ := strings.Cut(shown, "\n")
	if !ok || !ok2 || !ok3 {
		t.Fatal("README.md does not show the command")
	}
	printed := strings.ReplaceAll(mustRun(t, "cohort", "describe", "--lang", "fr", filepath.Join("..", "..", file)), "\u00a0", " ")
	for line := range strings.Lines(shown) {
		line = strings.TrimRight(strings.TrimPrefix(line, "    "), "\n")
		if line != "" && line != "..." && !strings.Contains(printed, "\n"+line+"\n") {
			t.Errorf("README.md shows what is not printed: %s", line)
		}
	}
}
