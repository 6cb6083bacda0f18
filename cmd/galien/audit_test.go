package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/audit"
)

// verifier builds cmd/galien-verify.
func verifier(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "galien-verify")
	cmd := exec.Command("go", "build", "-o", bin, "galien/cmd/galien-verify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the verifier: %v\n%s", err, out)
	}
	return bin
}

// TestProveUses puts every kind of question, has the log witnessed, and asks for
// some persons what was done with their data: the verifier, which shares no code
// with the hub, finds them where the answers themselves say that they are.
func TestProveUses(t *testing.T) {
	hub, steward, dir := strikingHub(t)
	aggregates := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("aggregates")))
	away := t.TempDir() // what is not in the hub
	file := func(name string) string { return filepath.Join(away, name) }
	copyFile := func(from, to string) {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, to, b)
	}
	copyFile(filepath.Join(hub, auditDir, "key.pub"), file("log.pub"))
	copyFile(filepath.Join(hub, auditDir, "checkpoint"), file("kept"))

	// A witness comes by, with files alone.
	mustRun(t, "audit", "witness", "key", "example.org/dpo", "--out", file("w.key"))
	if out := mustRun(t, "audit", "verify", hub); !strings.Contains(out, "No witness watches this log") {
		t.Errorf("verify: %s", out)
	}
	mustRun(t, "audit", "witness", "add", hub, file("w.key.pub"))

	one := filepath.Join(dir, "1.json")
	out := func(name string) string { return file(name) }
	mustRun(t, "cohort", "run", hub, "--permit", steward, one, "--out", out("run"))
	mustRun(t, "cohort", "count", hub, "--permit", aggregates, one)
	mustRun(t, "table", hub, "--permit", aggregates, "--cohort", one, "--by", "sex")
	mustRun(t, "release", hub, "--permit", aggregates, "--cohort", one, "--by", "sex", "--out", out("release"))
	visit := func(n string, first bool) {
		t.Helper()
		mustRun(t, "audit", "checkpoint", hub, "--witness", "example.org/dpo", "--out", file("request"+n))
		args := []string{"audit", "cosign", "--key", file("w.key"), "--state", file("state"), file("request" + n), "--out", file("signed" + n)}
		if first {
			args = append(args, "--log", file("log.pub"))
		}
		mustRun(t, args...)
		mustRun(t, "audit", "add-cosignature", hub, file("signed"+n))
	}
	visit("1", true)
	mustRun(t, "extract", hub, "--permit", steward, "--cohort", one, "--format", "csv", "--out", out("extract"))
	visit("2", false)
	if out := mustRun(t, "audit", "verify", hub, "--from", file("signed1")); !strings.Contains(out, "Witness example.org/dpo saw") || !strings.Contains(out, "The quorum of 1 witnesses has seen the first") ||
		!strings.Contains(out, "It grew from the earlier checkpoint") {
		t.Errorf("verify: %s", out)
	}
	if out := mustRun(t, "status", hub); !strings.Contains(out, "Witness example.org/dpo saw") || !strings.Contains(out, "less than an hour ago") {
		t.Errorf("status: %s", out)
	}
	// One person opposes, and is in no answer that comes after.
	const opposed = 7
	number := numberOf(t, hub, opposed)
	if code, _, errs := galienRun(t, number+"\n", "opposition", "add", hub, "--source", "omop"); code != 0 {
		t.Fatal(errs)
	}
	mustRun(t, "export", hub, "--permit", steward, "--out", out("export"))
	mustRun(t, "cohort", "count", hub, "--permit", steward, one)

	// Who is in the cohort is in cohort.csv, by the lake's own keys.
	members := map[int]bool{}
	for _, r := range readCSV(t, filepath.Join(out("run"), "cohort.csv"))[1:] {
		key, err := strconv.Atoi(r[1])
		if err != nil {
			t.Fatal(err)
		}
		members[key] = true
	}
	if len(members) < 20 || len(members) > 480 {
		t.Fatalf("%d persons in the cohort: too few or too many to test anything", len(members))
	}
	check := verifier(t)
	lineOf := regexp.MustCompile(`(?m)^(\d+)\t\S+\t"[^"]*"\t"([^"]*)"\t"[^"]*"\t"([^"]*)"\tread: (yes|no)[^\t]*\tin the answer: (yes|no)[^\t]*\twitnessed: (true|false)$`)
	for _, person := range []int{1, 2, 3, 250, 499, 500, 501, opposed} {
		bundle := file(fmt.Sprint("uses", person))
		_ = os.RemoveAll(bundle)
		mustRun(t, "audit", "prove", hub, "--person", fmt.Sprint(person), "--from", file("kept"), "--out", bundle)
		told, err := exec.Command(check, "-log", file("log.pub"), "-witness", file("w.key.pub"), "-from", file("kept"), filepath.Join(bundle, "uses.json")).CombinedOutput()
		if err != nil {
			t.Fatalf("person %d: %v\n%s", person, err, told)
		}
		var got []string
		for _, m := range lineOf.FindAllStringSubmatch(string(told), -1) {
			got = append(got, strings.Join(m[2:], " "))
		}
		yes := map[bool]string{true: "yes", false: "no"}
		there, later := yes[person <= 500], yes[person <= 500 && person != opposed]
		in, lateIn := yes[members[person]], yes[members[person] && person != opposed]
		want := []string{
			"cohort run delivered " + there + " " + in + " true", "cohort count delivered " + there + " " + in + " true", "table delivered " + there + " " + there + " true",
			"release delivered " + there + " " + there + " true", "extract delivered " + there + " " + in + " true",
			"extract delivered " + later + " " + later + " false", "cohort count delivered " + later + " " + lateIn + " false",
		}
		if !slices.Equal(got, want) {
			t.Errorf("person %d: the verifier says\n%s\nwant\n%s\n%s", person, strings.Join(got, "\n"), strings.Join(want, "\n"), told)
		}
		if person == opposed {
			english, french := readText(t, bundle, "uses.txt"), readText(t, bundle, "usages.txt")
			if n := strings.Count(english, "under the permit"); n != 5 || !strings.Contains(english, "Purpose: Follow the use of vaccines") || !strings.Contains(english, "a list of persons") {
				t.Errorf("%d uses are told:\n%s", n, english)
			}
			if n := strings.Count(french, "sous le permis"); n != 5 || !strings.Contains(french, "Finalité : ") || !strings.Contains(french, "un tableau de nombres, sorti de l'entrepôt") {
				t.Errorf("%d uses are told in French:\n%s", n, french)
			}
		}
	}
	// By the source's number: the same person, the same secret.
	if code, _, errs := galienRun(t, number+"\n", "audit", "prove", hub, "--source", "omop", "--out", file("by number")); code != 0 {
		t.Fatal(errs)
	}
	if secretOf(t, file("by number")) != secretOf(t, file(fmt.Sprint("uses", opposed))) || secretOf(t, file("by number")) == secretOf(t, file("uses1")) {
		t.Error("the number and the key give other persons")
	}
	if code, _, errs := galienRun(t, number+"\n"+numberOf(t, hub, 8)+"\n", "audit", "prove", hub, "--source", "omop", "--out", file("two")); code != 2 || !strings.Contains(errs, "one person") {
		t.Errorf("two numbers: exit %d, %s", code, errs)
	}
	if code, _, errs := galienRun(t, "987654321\n", "audit", "prove", hub, "--source", "omop", "--out", file("none")); code != 3 || strings.Contains(errs, "987654321") {
		t.Errorf("an unknown number: exit %d, %s", code, errs)
	}
	// The log says that it was asked, and of nobody.
	show := mustRun(t, "audit", "show", hub)
	if !strings.Contains(show, "audit prove") || strings.Contains(show, "secret") {
		t.Errorf("the log:\n%s", show)
	}
	mustRun(t, "audit", "verify", hub)
	mustRun(t, "fsck", hub)
}

func readText(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func secretOf(t *testing.T, dir string) string {
	t.Helper()
	var b audit.Bundle
	if err := json.Unmarshal([]byte(readText(t, dir, "uses.json")), &b); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", b.Secret)
}

// numberOf returns the source's number of a person.
func numberOf(t *testing.T, hub string, key galien.PersonID) string {
	t.Helper()
	h, err := openHub(hub)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	v, err := h.vault()
	if err != nil {
		t.Fatal(err)
	}
	names, err := v.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names[key]
}

// Each of the witness's commands refuses what it must, by kind.
func TestWitnessCommandsRefuse(t *testing.T) {
	hub := newTestHub(t)
	away := t.TempDir()
	file := func(name string) string { return filepath.Join(away, name) }
	mustRun(t, "audit", "witness", "key", "example.org/dpo", "--out", file("w"))
	mustRun(t, "audit", "witness", "add", hub, file("w.pub"))
	mustRun(t, "audit", "checkpoint", hub, "--out", file("request"))
	refused := func(code int, says string, args ...string) {
		t.Helper()
		got, stdout, stderr := galienRun(t, "", args...)
		if got != code || !strings.Contains(stderr, says) || stdout != "" {
			t.Errorf("galien %s: exit %d, %s%s; want %d and %q", strings.Join(args, " "), got, stdout, stderr, code, says)
		}
	}
	refused(5, "never replaced", "audit", "witness", "key", "other", "--out", file("w"))
	refused(5, "already", "audit", "witness", "add", hub, file("w.pub"))
	refused(2, "no public key of a witness", "audit", "witness", "add", hub, file("w"))
	refused(2, "cannot be had", "audit", "witness", "quorum", hub, "2")
	refused(3, "no witness of that name", "audit", "witness", "remove", hub, "nobody")
	refused(3, "no witness of that name", "audit", "checkpoint", hub, "--witness", "nobody", "--out", file("x"))
	refused(2, "cannot have grown", "audit", "checkpoint", hub, "--old", "99", "--out", file("x"))
	refused(2, "public key", "audit", "cosign", "--key", file("w"), "--state", file("s"), file("request"), "--out", file("x"))
	mustRun(t, "audit", "cosign", "--key", file("w"), "--state", file("s"), "--log", filepath.Join(hub, auditDir, "key.pub"), file("request"), "--out", file("signed"))
	mustRun(t, "permit", "grant", hub, examplePermit("steward"))
	mustRun(t, "audit", "checkpoint", hub, "--out", file("again"))
	refused(5, "--old 1", "audit", "cosign", "--key", file("w"), "--state", file("s"), file("again"), "--out", file("x"))
	mustRun(t, "audit", "add-cosignature", hub, file("signed"))
	other := newTestHub(t)
	refused(7, "not one that this hub's key signed", "audit", "add-cosignature", other, file("signed"))
	mustRun(t, "audit", "witness", "remove", hub, "example.org/dpo")
	refused(3, "none of the signatures", "audit", "add-cosignature", hub, file("signed"))
	refused(2, "cannot be read", "audit", "retain", hub, "--keep", "access=3")
	refused(2, "article 73", "audit", "retain", hub, "--keep", "access=11m")
	refused(2, "twice", "audit", "retain", hub, "--keep", "access=2y", "--keep", "access=3y")
	refused(3, "no answer of this hub has a list", "audit", "prove", hub, "--person", "1", "--out", file("none"))
	if out := mustRun(t, "audit", "retain", hub, "--keep", "access=1y", "--keep", "operations=6m"); !strings.Contains(out, "access: 0 entries") {
		t.Errorf("retain: %s", out)
	}
	mustRun(t, "audit", "verify", hub)
}

// The list of persons of an unfinished run comes back, or is missed.
func TestUnfinishedList(t *testing.T) {
	u := &unfinished{output: &output{scratch: &scratch{dir: t.TempDir()}}}
	var in, back audit.Persons
	if err := u.persons(&back); err == nil {
		t.Error("a list that is missing is read")
	}
	for _, id := range []galien.PersonID{7, 3, 3, 900000, 8} {
		in.Add(id)
		if err := u.keepPersons(&in); err != nil {
			t.Fatal(err)
		}
		if err := u.persons(&back); err != nil || !slices.Equal(back.Sorted(), in.Sorted()) {
			t.Fatalf("%v comes back as %v, %v", in.Sorted(), back.Sorted(), err)
		}
	}
	if want := []galien.PersonID{3, 7, 8, 900000}; !slices.Equal(back.Sorted(), want) {
		t.Errorf("%v, want %v", back.Sorted(), want)
	}
	writeFile(t, u.personsPath(), bytes.Repeat([]byte("9"), 10))
	if err := u.persons(&back); err == nil {
		t.Error("a damaged list is read")
	}
}
