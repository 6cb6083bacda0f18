package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien/release/airlock"
)

const airlockManifest = `title: First doses of 2021 by sex
description: How many of the persons observed during 2021 had a first dose, for the yearly report.
population: Persons observed on every day of 2021 in the claims of the hub.
cohort: [3f9a1c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6]
recipient: Yearly report of the regional health agency
persons: 970
rounding: 5
outputs:
  - file: doses.csv
    title: Persons with a first dose, by sex
    description: Number of the persons observed who had a first dose in 2021, by sex.
    kind: table
    made_by: analysis.R
    variables:
      - {name: sex, role: dimension, label: administrative sex of the person}
      - {name: n, role: count, label: persons with a first dose, unit: persons}
  - {file: analysis.R, title: The analysis in R, kind: code}
`

// reviewAs gives a verdict as another account of the machine would.
func reviewAs(t *testing.T, dir, actor, group string) {
	t.Helper()
	h, err := openHub(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	h.actor = actor
	a, err := h.airlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Review(context.Background(), group, airlock.Judgement{Verdict: airlock.Accept, Reason: "read"}); err != nil {
		t.Fatal(err)
	}
}

func TestAirlock(t *testing.T) {
	hub := newTestHub(t)
	permit := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("aggregates")))
	dir := t.TempDir()
	for name, text := range map[string]string{"outputs.yaml": airlockManifest, "doses.csv": "sex,n\nfemale,412\nmale,560\n", "analysis.R": "x <- 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The checks, without a hub and then in it, refuse a count that is not rounded.
	for _, args := range [][]string{{"airlock", "check", dir}, {"airlock", "submit", hub, "--permit", permit, dir}} {
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 4 || !strings.Contains(stdout, "count-unrounded") || !strings.Contains(stdout, "row 2, column 2 (n)") || strings.Contains(stdout+stderr, "412") {
			t.Errorf("galien %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
	code, stdout, _ := galienRun(t, "", "airlock", "check", dir, "--lang", "fr")
	if code != 4 || !strings.Contains(stdout, "refusé") || !strings.Contains(stdout, "Un effectif n'est pas un multiple") {
		t.Errorf("in French: exit %d\n%s", code, stdout)
	}
	group := strings.Fields(mustRun(t, "airlock", "list", hub))[7]
	if err := os.WriteFile(filepath.Join(dir, "doses.csv"), []byte("sex,n\nfemale,410\nmale,560\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "outputs.yaml"), []byte("changes: The counts are rounded now.\n"+airlockManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "airlock", "submit", hub, "--permit", permit, "--group", group, dir); !strings.Contains(out, group+" version 2: 6 files") || !strings.Contains(out, "Of 2 numbers of persons or events the ledger judged 0 before; 2 it has not") {
		t.Errorf("second version: %s", out)
	}
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"airlock", "review", hub, group, "--accept", "--reason", "mine"}, 4}, // the author
		{[]string{"airlock", "review", hub, group, "--accept", "--refuse", "--reason", "x"}, 2},
		{[]string{"airlock", "review", hub, group, "--accept", "--reason", "x", "--file", "doses.csv"}, 2},
		{[]string{"airlock", "review", hub, "none-00000000", "--accept", "--reason", "x"}, 3},
		{[]string{"airlock", "release", hub, group, "--out", out}, 4},
		{[]string{"airlock", "release", hub, group, "--out", filepath.Join(hub, "out")}, 2},
		{[]string{"airlock", "show", hub, group, "--file", "other"}, 3},
		{[]string{"airlock", "show", hub, "../../vault"}, 3},
		{[]string{"airlock", "register", hub, "--out", filepath.Join(t.TempDir(), "register.pdf")}, 2},
	} {
		if code, stdout, stderr := galienRun(t, "", c.args...); code != c.code {
			t.Errorf("galien %s: exit %d, want %d\n%s%s", strings.Join(c.args, " "), code, c.code, stdout, stderr)
		}
	}
	reviewAs(t, hub, "paul", group)
	reviewAs(t, hub, "anne", group)
	if shown := mustRun(t, "airlock", "show", hub, group); !strings.Contains(shown, "accepted") || !strings.Contains(shown, "-female,412") || !strings.Contains(shown, "+female,410") || !strings.Contains(shown, "accept by paul") {
		t.Errorf("show: %s", shown)
	}
	if b := mustRun(t, "airlock", "show", hub, group, "--file", "doses.csv"); b != "sex,n\nfemale,410\nmale,560\n" {
		t.Errorf("a file: %q", b)
	}
	mustRun(t, "airlock", "release", hub, group, "--out", out)
	if b, err := os.ReadFile(filepath.Join(out, "doses.csv")); err != nil || string(b) != "sex,n\nfemale,410\nmale,560\n" {
		t.Errorf("released %q, %v", b, err)
	}
	page, err := os.ReadFile(filepath.Join(out, "scorecard", "scorecard.fr.html"))
	if err != nil || !strings.Contains(string(page), "Un groupe de sorties") {
		t.Errorf("the scorecard that left: %q, %v", page, err)
	}
	if list := strings.Fields(mustRun(t, "ledger", "list", hub)); list[len(list)-1] != "2" || !strings.Contains(strings.Join(list, " "), "airlock release "+permit) {
		t.Errorf("ledger: %q", list)
	}
	if shown := mustRun(t, "ledger", "show", hub, "0"); !strings.Contains(shown, "group "+group+" version 2: 2 numbers, of which 0 were judged before and 2 are not; 0 files") {
		t.Errorf("record: %s", shown)
	}
	for _, name := range []string{"register.html", "register.json"} {
		path := filepath.Join(t.TempDir(), name)
		mustRun(t, "airlock", "register", hub, "--out", path)
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), "First doses of 2021 by sex") || strings.Contains(string(b), "paul") {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
	if list := mustRun(t, "airlock", "register", hub); !strings.Contains(list, "reviewed") {
		t.Errorf("register: %s", list)
	}
	mustRun(t, "fsck", hub)
}
