package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien/vault"
)

// TestBlindExchange gives a hospital the pseudonyms of its patients by files: they
// are those of the vault, however each side writes a number, the vault's side sees
// none, and an answer that was altered, or is to other numbers, is refused.
func TestBlindExchange(t *testing.T) {
	hub := newTestHub(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(code int, stdin string, args ...string) string {
		t.Helper()
		got, stdout, stderr := galienRun(t, stdin, args...)
		if got != code {
			t.Fatalf("galien %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, stderr)
		}
		return stdout + stderr
	}
	key := strings.TrimSpace(run(0, "", "vault", "public-key", hub))
	numbers := "2 55 08 14 168 025\n184052A004003\n"
	run(0, numbers, "vault", "blind", "--key", key, "--keep", at("kept"), "--out", at("request"))
	run(0, "", "vault", "evaluate", hub, "--in", at("request"), "--out", at("answer"))
	run(0, "2550814168025\n184052a004003\n", "vault", "unblind", "--keep", at("kept"), "--in", at("answer"), "--out", at("pseudonyms"))
	b, err := os.ReadFile(at("pseudonyms"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	v, err := vault.Open(filepath.Join(hub, vaultDir))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for i, nir := range []string{"2550814168025", "184052A004003"} {
		want, err := v.Element(t.Context(), vault.NIR, "", vault.Seal(nir))
		if err != nil || len(got) != 2 || got[i] != want.String() {
			t.Errorf("pseudonym %d is not the vault's own (%v)", i, err)
		}
	}
	for _, name := range []string{"kept", "request", "answer"} {
		b, err := os.ReadFile(at(name))
		info, _ := os.Stat(at(name))
		if err != nil || strings.Contains(string(b), "2550814168025") || info.Mode().Perm() != 0o600 {
			t.Errorf("the file %s has a number in it, or others may read it (%v)", name, err)
		}
	}
	// The other order of the numbers, one more, and an altered answer.
	refused := at("none")
	for _, stdin := range []string{"184052A004003\n2550814168025\n", numbers + "2550814168025\n"} {
		run(2, stdin, "vault", "unblind", "--keep", at("kept"), "--in", at("answer"), "--out", refused)
	}
	var a blindAnswer
	if b, err = os.ReadFile(at("answer")); err != nil || json.Unmarshal(b, &a) != nil {
		t.Fatal(err)
	}
	a.Elements[0], a.Elements[1] = a.Elements[1], a.Elements[0]
	if err := writeNewJSON(at("altered"), a); err != nil {
		t.Fatal(err)
	}
	run(2, numbers, "vault", "unblind", "--keep", at("kept"), "--in", at("altered"), "--out", refused)
	// After a rotation the old key is not answered for.
	run(0, "", "vault", "rotate", hub)
	if s := run(5, "", "vault", "evaluate", hub, "--in", at("request"), "--out", refused); !strings.Contains(s, "version 2 hold") {
		t.Errorf("after a rotation: %s", s)
	}
	if s := run(2, numbers, "vault", "blind", "--key", "x", "--keep", refused, "--out", refused); !strings.Contains(s, "public-key") {
		t.Errorf("what is no key: %s", s)
	}
	if log := run(0, "", "audit", "show", hub); !strings.Contains(log, "vault evaluate") {
		t.Error("the log has no evaluation")
	}
}
