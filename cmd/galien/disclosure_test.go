package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDisclosureCheck clears declared outputs from the command line: what may
// leave goes to standard output, why the rest may not to standard error.
func TestDisclosureCheck(t *testing.T) {
	table := `{"kind": "table", "title": "Cases", "dimensions": [{"name": "sex", "categories": ["f", "m", "unknown"], "additive": true}],
		"cells": [{"keys": ["f"], "persons": 4711}, {"keys": ["m"], "persons": 4242}, {"keys": ["unknown"], "persons": 7}]}`
	file := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := galienRun(t, "", "disclosure", "check", file)
	if code != 0 || !strings.Contains(stdout, "4711") || strings.Contains(stdout, "4242") || strings.Contains(stdout, ": 7") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	for _, want := range []string{"unknown: fewer persons than the threshold", "m: another row could be computed", "table: 2 published, 2 withheld (threshold 11)"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in\n%s", want, stderr)
		}
	}
	// Under a threshold of 5 nothing is withheld.
	if code, stdout, _ := galienRun(t, table, "disclosure", "check", "-", "--threshold", "5"); code != 0 || !strings.Contains(stdout, "4242") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	few := `{"kind": "correlation", "title": "t", "pairs": [{"a": "x", "b": "y", "persons": 9, "r": 0.5}]}`
	code, stdout, stderr = galienRun(t, few, "disclosure", "check", "-")
	if code != 3 || stdout != "" || !strings.Contains(stderr, "x, y: too few persons") {
		t.Errorf("nothing may leave: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := galienRun(t, `{"kind": "rows", "title": "t"}`, "disclosure", "check", "-"); code != 2 || !strings.Contains(stderr, "regression") {
		t.Errorf("unknown kind: exit %d\n%s", code, stderr)
	}
}
