package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/audit"
)

// TestMain lets this test binary stand in for the program.
func TestMain(m *testing.M) {
	if os.Getenv("VERIFY_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The verifier is one file of at most 200 lines that anyone can read in one go,
// and imports the standard library alone.
func TestSize(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || strings.Join(files, " ") != "main.go main_test.go" {
		t.Fatalf("files %q, %v", files, err)
	}
	b, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n > 200 {
		t.Errorf("%d lines, 200 at most", n)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), "main.go", b, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range parsed.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if strings.HasPrefix(path, "galien") || strings.Contains(strings.Split(path, "/")[0], ".") {
			t.Errorf("imports %s", path)
		}
	}
}

// scene is a hub's log with answers and a witness, and the files that people
// have of it.
type scene struct {
	dir   string
	log   *audit.Log
	state []byte // the witness's
	w     string // its key
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(s.file(name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

var day = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (s *scene) append(t *testing.T, outcome string, details map[string]string) {
	t.Helper()
	_, err := s.log.Append(context.Background(), audit.Entry{Time: day, Actor: "marie", Action: "cohort count", Permit: "p-00000000", Outcome: outcome, Details: details})
	if err != nil {
		t.Fatal(err)
	}
}

// answer appends an answer of the given persons among eight.
func (s *scene) answer(t *testing.T, outcome string, ids ...galien.PersonID) {
	t.Helper()
	u, err := s.log.Uses(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	details, err := u.Read("basis", false, func(p *audit.Persons) error {
		for id := galien.PersonID(1); id <= 8; id++ {
			p.Add(id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var in audit.Persons
	for _, id := range ids {
		in.Add(id)
	}
	more, err := u.Answer(rand.Reader, &in)
	if err != nil {
		t.Fatal(err)
	}
	details["persons_in_answer"] = more["persons_in_answer"]
	s.append(t, outcome, details)
}

func (s *scene) visit(t *testing.T, old int64) {
	t.Helper()
	request, err := s.log.Request(context.Background(), old)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s.file("log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	signed, state, err := audit.Cosign(s.w, s.state, string(key), request, day)
	if err != nil {
		t.Fatal(err)
	}
	s.state = state
	if _, err := s.log.AddCosignature(context.Background(), signed); err != nil {
		t.Fatal(err)
	}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{dir: t.TempDir()}
	var err error
	if s.log, err = audit.Create(s.file("log"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	copied := func(from, to string) {
		b, err := os.ReadFile(s.file(from))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, to, b)
	}
	copied("log/key.pub", "log.pub")
	var public string
	if s.w, public, err = audit.GenerateWitnessKey(rand.Reader, "example.org/w"); err != nil {
		t.Fatal(err)
	}
	s.write(t, "w.pub", []byte(public+"\n"))
	if err := s.log.SetWitnesses(context.Background(), audit.Entry{Time: day, Actor: "dpo"}, audit.Witnesses{Quorum: 1, Keys: []string{public}}); err != nil {
		t.Fatal(err)
	}
	s.append(t, "delivered", nil) // from before lists
	s.answer(t, "delivered", 2, 5)
	copied("log/checkpoint", "kept")
	s.answer(t, "delivered")
	s.visit(t, 0)
	s.answer(t, "withdrawn", 1, 2, 3, 4, 5, 6, 7, 8)
	return s
}

func (s *scene) prove(t *testing.T, person galien.PersonID) {
	t.Helper()
	kept, err := os.ReadFile(s.file("kept"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.log.Prove(context.Background(), person, kept, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "bundle", text)
}

// check runs the program.
func (s *scene) check(t *testing.T, args ...string) (out string, ok bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range args {
		if !strings.HasPrefix(args[i], "-") {
			args[i] = s.file(args[i])
		}
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "VERIFY_TEST_MAIN=1")
	b, err := cmd.Output()
	return strings.ReplaceAll(string(b), s.dir+"/", ""), err == nil
}

var all = []string{"-log", "log.pub", "-witness", "w.pub", "-from", "kept", "bundle"}

func (s *scene) checkAll(t *testing.T) (string, bool) {
	t.Helper()
	return s.check(t, append([]string(nil), all...)...)
}

func TestVerifies(t *testing.T) {
	s := newScene(t)
	for person, want := range map[galien.PersonID]string{
		2: "not recorded/not recorded/true yes, one of 8/yes, one of 2/true yes, one of 8/no, 0 others/true yes, one of 8/yes, one of 8/false",
		4: "not recorded/not recorded/true yes, one of 8/no, 2 others/true yes, one of 8/no, 0 others/true yes, one of 8/yes, one of 8/false",
		9: "not recorded/not recorded/true no, 8 others/no, 2 others/true no, 8 others/no, 0 others/true no, 8 others/no, 8 others/false",
	} {
		s.prove(t, person)
		out, ok := s.checkAll(t)
		var got []string
		for _, line := range strings.Split(out, "\n") {
			if f := strings.Split(line, "\t"); len(f) == 9 {
				got = append(got, strings.TrimPrefix(f[6], "read: ")+"/"+strings.TrimPrefix(f[7], "in the answer: ")+"/"+strings.TrimPrefix(f[8], "witnessed: "))
			}
		}
		if !ok || strings.Join(got, " ") != want || !strings.Contains(out, "VERIFIED: these 4 answers are in the log of 5 entries.") {
			t.Errorf("person %d: %v\n%s\nwant %s\n%s", person, ok, strings.Join(got, " "), want, out)
		}
	}
}

// A bundle of which any bit was changed is refused, or says the same. Without
// GALIEN_TAMPER=all it is one bit of every sixteenth byte.
func TestNothingOfABundleCanBeChanged(t *testing.T) {
	s := newScene(t)
	for _, person := range []galien.PersonID{2, 4} {
		s.prove(t, person)
		whole, err := os.ReadFile(s.file("bundle"))
		if err != nil {
			t.Fatal(err)
		}
		want, ok := s.checkAll(t)
		if !ok {
			t.Fatal(want)
		}
		every, refused, tried := 16, 0, 0
		if os.Getenv("GALIEN_TAMPER") == "all" {
			every = 1
		}
		for i := int(person); i < len(whole); i += every {
			for bit := range 8 {
				if every > 1 && bit != i/every%8 {
					continue
				}
				b := bytes.Clone(whole)
				b[i] ^= 1 << bit
				s.write(t, "bundle", b)
				out, ok := s.checkAll(t)
				tried++
				if !ok {
					refused++
				} else if out != want {
					t.Errorf("bit %d of byte %d changed (%q), and the verifier says\n%s", bit, i, b[max(0, i-20):i+1], out)
				}
			}
		}
		if refused < tried*8/10 {
			t.Errorf("only %d of %d changes are refused", refused, tried)
		}
	}
}

// Proofs of something else are refused, each by its name.
func TestRefuses(t *testing.T) {
	s := newScene(t)
	s.prove(t, 2)
	var b audit.Bundle
	text, err := os.ReadFile(s.file("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(says string, change func(*audit.Bundle), args ...string) {
		t.Helper()
		b = audit.Bundle{}
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		change(&b)
		changed, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "bundle", changed)
		if len(args) == 0 {
			args = all
		}
		if out, ok := s.check(t, append([]string(nil), args...)...); ok || !strings.Contains(out, "NOT VERIFIED: ") || !strings.Contains(out, says) {
			t.Errorf("%s: %v, %s", says, ok, out)
		}
	}
	same := func(*audit.Bundle) {}
	other := newScene(t)
	for _, name := range []string{"log.pub", "w.pub", "kept"} {
		b, err := os.ReadFile(other.file(name))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "other-"+name, b)
	}
	refused("not signed by the log's key", same, "-log", "other-log.pub", "bundle")
	refused("has not cosigned", same, "-log", "log.pub", "-witness", "other-w.pub", "bundle")
	refused("not signed by the log's key", same, "-log", "log.pub", "-from", "other-kept", "bundle")
	refused("no public key for it", same, "-log", "w.pub", "bundle")
	refused("usage", same, "bundle")
	refused("does not show that the log grew", func(b *audit.Bundle) { b.Earlier = b.Earlier[:1] })
	refused("has not cosigned", func(b *audit.Bundle) { b.Earlier = b.Earlier[1:] })
	refused("did not grow", func(b *audit.Bundle) { b.Earlier[1].Proof[0][3] ^= 1 })
	refused("entry 1 is not in the log", func(b *audit.Bundle) { b.Uses[0].Entry = b.Uses[1].Entry })
	refused("entry 2 is not in the log", func(b *audit.Bundle) { b.Uses[1].Proof[0] = b.Uses[2].Proof[0] })
	refused("entry 2 is not in the log", func(b *audit.Bundle) { b.Uses = append(b.Uses[:2:2], b.Uses[1]) })
	refused("lacks its proof", func(b *audit.Bundle) { b.Uses[1].Read = nil })
	refused("not where the bundle says", func(b *audit.Bundle) { b.Uses[1].Read = b.Uses[3].Answer })
	refused("a proof is too short", func(b *audit.Bundle) { b.Uses[1].Read.In.Proof = nil })
	refused("not where the bundle says", func(b *audit.Bundle) { b.Secret[0] ^= 1 })
	refused("others may stand between", func(b *audit.Bundle) { b.Uses[1].Answer = &audit.ListProof{} })
	// The person's own token is no neighbour to hide behind.
	refused("a neighbour is not in list", func(b *audit.Bundle) {
		own := *b.Uses[1].Answer.In
		own.Token = tokenOf(b.Secret, b.Uses[1].Entry)
		near := []audit.Place{own}
		b.Uses[1].Answer = &audit.ListProof{Between: near}
	})
	if fmt.Sprint(b.Format) != "galien/uses/1" {
		t.Error(b.Format)
	}
}

// tokenOf computes the token of the person in the answer of an entry.
func tokenOf(secret []byte, entry string) []byte {
	var e audit.Entry
	if err := json.Unmarshal([]byte(entry), &e); err != nil {
		panic(err)
	}
	nonce, _, _ := strings.Cut(e.Details["persons_in_answer"], " ")
	var raw []byte
	if _, err := fmt.Sscanf(nonce, "%x", &raw); err != nil {
		panic(err)
	}
	return sum([]byte{0}, secret, raw)
}
