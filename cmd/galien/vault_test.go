package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVaultCommands rotates the keys of a hub with data, loses the vault and
// brings it back: the same content changes nothing, the hub is sound, and every
// step is in the audit log.
func TestVaultCommands(t *testing.T) {
	hub := newTestHub(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "PERSON.csv"), []byte("person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n"+
		"101,8507,1950,0,0\n102,8532,1951,0,0\nx,8532,1951,0,0\n"))
	ok := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("galien %s: exit %d\n%s%s, want %q", strings.Join(args, " "), code, stdout, stderr, want)
		}
	}
	fails := func(want int, says string, args ...string) {
		t.Helper()
		code, _, stderr := galienRun(t, "", args...)
		if code != want || !strings.Contains(stderr, says) {
			t.Errorf("galien %s: exit %d, want %d\n%s, want %q", strings.Join(args, " "), code, want, stderr, says)
		}
	}
	ok("2 persons", "ingest", hub, "omop", dir)
	ok("Keys of version 1; 2 persons, 0 identity values, 1 quarantined rows", "vault", "status", hub)
	copied := filepath.Join(t.TempDir(), "vault.copy")
	ok("copied", "vault", "backup", hub, copied)
	ok("Keys of version 2 hold: 4 rows taken over, 2 of persons", "vault", "rotate", hub)
	ok(`"key_version": 2`, "vault", "status", hub, "--json")
	ok("Nothing changed", "ingest", hub, "omop", dir)
	ok("OK", "fsck", hub)
	fails(5, "move it away", "vault", "restore", hub, copied)
	if err := os.Remove(filepath.Join(hub, vaultDir, "vault.db")); err != nil {
		t.Fatal(err)
	}
	fails(3, "missing", "vault", "status", hub)
	ok("restored", "vault", "restore", hub, copied)
	ok("Nothing changed", "ingest", hub, "omop", dir)
	ok("OK", "fsck", hub)
	// Without its key file the vault is closed, and questions that need no
	// identity go on.
	key := filepath.Join(hub, "vault.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	fails(4, "sealed", "vault", "status", hub)
	fails(4, "sealed", "ingest", hub, "omop", dir)
	ok("2", "status", hub)
	_, log, _ := galienRun(t, "", "audit", "show", hub, "--json")
	for _, action := range []string{"vault status", "vault backup", "vault rotate", "vault restore"} {
		if !strings.Contains(log, `"`+action+`"`) {
			t.Errorf("the audit log has no %s", action)
		}
	}
}
