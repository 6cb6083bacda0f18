package airlock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"galien"
	"galien/attack"
	"galien/audit"
	"galien/ledger"
	"galien/permit"
	"galien/release"
	"galien/release/airlock"
	"galien/release/check"
)

const permitText = `
name: study
purpose: Follow what vaccines do, by sex and age.
purpose_kind: research
people: [marie, jules]
level: aggregates
tables: "*"
starts: 2024-01-01
expires: 2026-12-31
`

// hub is the part of a hub that the airlock needs.
type hub struct {
	t     *testing.T
	dir   string
	log   *audit.Log
	store *permit.Store
	// ledger is that of everything released.
	ledger *ledger.Ledger
	id     string
	now    time.Time
}

// scorecard attacks a group as the command does, and writes one page.
func scorecard(permitID string, threshold int, attacked string, tables []check.Table, unread []string) ([]release.File, bool, error) {
	var all []attack.OutputTable
	for _, t := range tables {
		o := attack.OutputTable{On: t.File, ReleasedTable: attack.ReleasedTable{Dimensions: t.Dimensions, Additive: t.Additive, Threshold: threshold, Slack: t.Slack()}}
		for _, r := range t.Rows {
			o.Rows = append(o.Rows, attack.ReleasedRow{Keys: r.Keys, Withheld: r.Hidden, Persons: r.Number})
		}
		all = append(all, o)
	}
	r, err := attack.OnGroup(all, unread, threshold, rand.New(rand.NewPCG(1, 0)))
	if err != nil {
		return nil, false, err
	}
	r.Attacked, r.Permit = attacked, permitID
	b, err := r.JSON()
	return []release.File{{Name: "scorecard.json", Content: b}}, r.Leaks(), err
}

func newHub(t *testing.T, text string) *hub {
	t.Helper()
	h := &hub{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	var err error
	if h.log, err = audit.Create(filepath.Join(h.dir, "audit"), random(1)); err != nil {
		t.Fatal(err)
	}
	if h.store, err = permit.CreateStore(filepath.Join(h.dir, "meta.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.store.Close() })
	if h.ledger, err = ledger.Open(filepath.Join(h.dir, "ledger")); err != nil {
		t.Fatal(err)
	}
	gate := permit.NewGate(h.store, h.log, "steward", func() time.Time { return h.now })
	if h.id, err = gate.Grant(context.Background(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	return h
}

// random is a source of bytes that a seed fixes.
func random(seed uint64) io.Reader {
	return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
}

func (h *hub) clock() time.Time { return h.now }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

var seeds uint64

// as returns the airlock as one account sees it.
func (h *hub) as(actor string) *airlock.Airlock {
	seeds++
	return airlock.Open(filepath.Join(h.dir, "airlock"), airlock.Options{Log: h.log, Permit: h.store.Get, Ledger: h.ledger, Scorecard: scorecard, Actor: actor,
		Now: func() time.Time { return h.now }, Random: random(seeds), Galien: "test"})
}

const manifestText = `title: First doses of 2021 by sex
description: How many of the persons observed during 2021 had a first dose of a vaccine.
population: Persons observed on every day of 2021 in the claims of the hub.
cohort: [3f9a1c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6]
recipient: Yearly report of the regional health agency
persons: 970
rounding: 5
outputs:
  - file: tables/doses.csv
    title: Persons with a first dose, by sex
    description: Number of the persons observed who had a first dose in 2021, by sex.
    kind: table
    made_by: analysis.R
    variables:
      - {name: sex, role: dimension, label: administrative sex of the person}
      - {name: n, role: count, label: persons with a first dose, unit: persons}
  - {file: analysis.R, title: The analysis in R, kind: code, stays: true}
`

// outputs writes a folder of outputs in which the checks find nothing.
func outputs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, check.ManifestFile, manifestText)
	write(t, dir, "tables/doses.csv", "sex,n\nfemale,410\nmale,560\n")
	write(t, dir, "analysis.R", "doses <- read.csv(\"cohort.csv\")\n")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *hub) submit(actor, dir, group string) airlock.Version {
	h.t.Helper()
	v, err := h.as(actor).Submit(context.Background(), dir, h.id, group)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *hub) review(actor, group string, verdict airlock.Verdict, want airlock.State) {
	h.t.Helper()
	state, err := h.as(actor).Review(context.Background(), group, airlock.Judgement{Verdict: verdict, Reason: "I read every file; " + actor})
	if err != nil || state != want {
		h.t.Fatalf("%s: %v, %v; want %v", actor, state, err, want)
	}
}

func wantKind(t *testing.T, what string, err error, kind galien.Kind) {
	t.Helper()
	if err == nil || galien.KindOf(err) != kind {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// actions are the entries of the log, as "actor action outcome".
func (h *hub) actions() []string {
	h.t.Helper()
	var out []string
	err := h.log.Entries(context.Background(), func(_ int64, e audit.Entry) error {
		out = append(out, e.Actor+" "+e.Action+" "+e.Outcome)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJourney(t *testing.T) {
	ctx := context.Background()
	h := newHub(t, permitText)
	dir := outputs(t)
	v := h.submit("marie", dir, "")
	if v.Refused() || v.Version != 1 || len(v.Files) != 4 {
		t.Fatalf("%+v", v)
	}
	out := filepath.Join(t.TempDir(), "out")
	_, err := h.as("steward").Release(ctx, v.Group, out)
	wantKind(t, "a release before any review", err, galien.Denied)
	h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
	_, err = h.as("steward").Release(ctx, v.Group, out)
	wantKind(t, "a release after one review", err, galien.Denied)
	// The folder may change after the submission: what leaves is what was read.
	write(t, dir, "tables/doses.csv", "sex,n\nfemale,1\nmale,2\n")
	h.review("anne", v.Group, airlock.Accept, airlock.Accepted)
	e, err := h.as("steward").Release(ctx, v.Group, out)
	if err != nil {
		t.Fatal(err)
	}
	// The code stays, as the manifest says.
	want := map[string]string{"outputs.yaml": manifestText, "tables/doses.csv": "sex,n\nfemale,410\nmale,560\n"}
	if got := tree(t, out); len(got) != len(want)+1 || got["scorecard/scorecard.json"] == "" || got["outputs.yaml"] != want["outputs.yaml"] || got["tables/doses.csv"] != want["tables/doses.csv"] {
		t.Errorf("released %v", got)
	}
	if e.Number != 1 || e.Group != v.Group || len(e.Files) != 3 || e.Purpose != "Follow what vaccines do, by sex and age." || e.Date.String() != "2026-03-01" {
		t.Errorf("register %+v", e)
	}
	wantLog := []string{"steward permit grant granted", "marie airlock submit submitted", "steward airlock release denied", "paul airlock review reviewed",
		"steward airlock release denied", "anne airlock review reviewed", "steward airlock release delivered"}
	if got := h.actions(); !slices.Equal(got, wantLog) {
		t.Errorf("log %q", got)
	}
	groups, files, err := h.as("steward").Check(ctx)
	if err != nil || groups != 1 || files != 4 {
		t.Errorf("check: %d groups, %d files, %v", groups, files, err)
	}
	// Once more, elsewhere: the same bytes, and no line more in the register.
	again, err := h.as("steward").Release(ctx, v.Group, filepath.Join(t.TempDir(), "again"))
	if err != nil || again.Number != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	all, err := h.as("anyone").Register()
	if err != nil || len(all) != 1 {
		t.Fatalf("register: %v, %v", all, err)
	}
	page, err := airlock.Page(all)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := airlock.JSON(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(page), string(machine)} {
		for _, person := range []string{"marie", "jules", "paul", "anne", "steward"} {
			if strings.Contains(text, person) {
				t.Errorf("the register names %s", person)
			}
		}
		for _, wanted := range []string{"First doses of 2021 by sex", h.id, e.Files[1].SHA256, "2026-03-01"} {
			if !strings.Contains(text, wanted) {
				t.Errorf("the register lacks %s", wanted)
			}
		}
	}
	for _, wanted := range []string{`lang="fr"`, `lang="en"`, "recherche", "Registre public", "<caption"} {
		if !strings.Contains(string(page), wanted) {
			t.Errorf("the page lacks %s", wanted)
		}
	}
	if strings.Contains(string(page), "<script") || strings.Contains(string(page), "http://") || strings.Contains(string(page), "https://") {
		t.Error("the page holds a script or fetches something")
	}
}

func TestReviewersAreBlindAndOthers(t *testing.T) {
	ctx := context.Background()
	h := newHub(t, permitText)
	v := h.submit("marie", outputs(t), "")
	judge := func(actor string) error {
		_, err := h.as(actor).Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "fine"})
		return err
	}
	wantKind(t, "the author", judge("marie"), galien.Denied)
	wantKind(t, "a person of the permit", judge("jules"), galien.Denied)
	h.review("paul", v.Group, airlock.Refuse, airlock.WaitingSecond)
	wantKind(t, "the same account twice", judge("paul"), galien.Denied)
	for actor, seen := range map[string]int{"paul": 1, "anne": 0, "marie": 0, "steward": 0} {
		s, err := h.as(actor).Status(ctx, v.Group, 0)
		if err != nil || len(s.Reviews) != seen || s.In != 1 || s.State != airlock.WaitingSecond {
			t.Errorf("%s sees %d of %d reviews (%v), %v", actor, len(s.Reviews), s.In, s.State, err)
		}
	}
	// Nothing in the log tells the verdict before the second is in.
	err := h.log.Entries(ctx, func(_ int64, e audit.Entry) error {
		if text := fmt.Sprint(e); e.Action == airlock.ActionReview && (strings.Contains(text, "refuse") || strings.Contains(text, "accept") || strings.Contains(text, "I read")) {
			t.Errorf("the log tells a verdict: %v", text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.review("anne", v.Group, airlock.Accept, airlock.Disputed)
	s, err := h.as("marie").Status(ctx, v.Group, 0)
	if err != nil || len(s.Reviews) != 2 || s.State != airlock.Disputed {
		t.Errorf("after two: %+v, %v", s, err)
	}
	wantKind(t, "a third verdict of the first", judge("anne"), galien.Denied)
	h.review("camille", v.Group, airlock.Accept, airlock.Accepted)
	wantKind(t, "a fourth", judge("denis"), galien.Conflict)
	if _, err := h.as("steward").Release(ctx, v.Group, filepath.Join(t.TempDir(), "out")); err != nil {
		t.Errorf("two of three accepted: %v", err)
	}
}

// TestVerdicts lists what two and three verdicts come to.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		verdicts string
		want     airlock.State
	}{{"aa", airlock.Accepted}, {"rr", airlock.Refused}, {"ar", airlock.Disputed}, {"ra", airlock.Disputed}, {"ara", airlock.Accepted}, {"arr", airlock.Refused}, {"raa", airlock.Accepted}, {"rar", airlock.Refused}} {
		h := newHub(t, permitText)
		v := h.submit("marie", outputs(t), "")
		var state airlock.State
		for i, r := range c.verdicts {
			j := airlock.Judgement{Verdict: airlock.Accept, Reason: "read"}
			if r == 'r' {
				j.Verdict = airlock.Refuse
			}
			var err error
			if state, err = h.as(fmt.Sprint("reviewer", i)).Review(context.Background(), v.Group, j); err != nil {
				t.Fatal(err)
			}
		}
		if state != c.want {
			t.Errorf("%s: %s, want %s", c.verdicts, state, c.want)
		}
		_, err := h.as("steward").Release(context.Background(), v.Group, filepath.Join(t.TempDir(), "out"))
		if (err == nil) != (c.want == airlock.Accepted) {
			t.Errorf("%s: release: %v", c.verdicts, err)
		}
	}
}

func TestVersions(t *testing.T) {
	ctx := context.Background()
	h := newHub(t, permitText)
	dir := outputs(t)
	v := h.submit("marie", dir, "")
	h.review("paul", v.Group, airlock.Refuse, airlock.WaitingSecond)
	h.review("anne", v.Group, airlock.Refuse, airlock.Refused)
	// Another version without a word on what changed is refused by the checks.
	write(t, dir, "tables/doses.csv", "sex,n\nfemale,415\nmale,560\n")
	second, err := h.as("jules").Submit(ctx, dir, h.id, v.Group)
	if err != nil || !second.Refused() || second.Version != 2 || second.Previous != v.SHA256 {
		t.Fatalf("%+v, %v", second, err)
	}
	_, err = h.as("paul").Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "fine"})
	wantKind(t, "a review of what the checks refuse", err, galien.Conflict)
	write(t, dir, check.ManifestFile, "changes: The count of women was mended.\n"+manifestText)
	write(t, dir, "analysis.R", "")
	third := h.submit("marie", dir, v.Group)
	if third.Refused() || third.Version != 3 {
		t.Fatalf("%+v", third)
	}
	s, err := h.as("paul").Status(ctx, v.Group, 2)
	if err != nil || s.State != airlock.Superseded || len(s.Differences) != 1 || !slices.Equal(s.Differences[0].Lines, []string{"-female,410", "+female,415"}) {
		t.Errorf("version 2: %v %+v, %v", s.State, s.Differences, err)
	}
	if log := h.actions(); log[len(log)-1] != "paul airlock show delivered" {
		t.Errorf("lines of files were shown, and the log ends with %q", log[len(log)-1])
	}
	// Authors of any version are barred, reviewers of an earlier one are not.
	_, err = h.as("jules").Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "fine"})
	wantKind(t, "the author of an earlier version", err, galien.Denied)
	h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
	h.review("anne", v.Group, airlock.Accept, airlock.Accepted)
	// A fourth version ends the verdicts on the third.
	write(t, dir, "analysis.R", "x <- 1\n")
	h.submit("marie", dir, v.Group)
	_, err = h.as("steward").Release(ctx, v.Group, filepath.Join(t.TempDir(), "out"))
	wantKind(t, "the verdicts of an earlier version", err, galien.Denied)
	_, err = h.as("marie").Submit(ctx, dir, h.id, "no-such-group-00000000")
	wantKind(t, "another version of nothing", err, galien.NotFound)
}

func TestPermit(t *testing.T) {
	ctx := context.Background()
	h := newHub(t, permitText)
	dir := outputs(t)
	_, err := h.as("paul").Submit(ctx, dir, h.id, "")
	wantKind(t, "an account that the permit does not name", err, galien.Denied)
	_, err = h.as("marie").Submit(ctx, dir, "study-00000000", "")
	wantKind(t, "no such permit", err, galien.NotFound)
	v := h.submit("marie", dir, "")
	h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
	h.review("anne", v.Group, airlock.Accept, airlock.Accepted)
	out := filepath.Join(t.TempDir(), "out")
	// The last second of the permit's last day, and the first after it.
	h.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = h.as("steward").Release(ctx, v.Group, out)
	wantKind(t, "a release after the permit", err, galien.Denied)
	_, err = h.as("marie").Submit(ctx, dir, h.id, "")
	wantKind(t, "a submission after the permit", err, galien.Denied)
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was released: %v", err)
	}
	h.now = h.now.Add(-time.Second)
	if _, err := h.as("steward").Release(ctx, v.Group, out); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	counts := newHub(t, strings.Replace(permitText, "level: aggregates", "level: cohort", 1))
	_, err = counts.as("marie").Submit(ctx, dir, counts.id, "")
	wantKind(t, "a permit for counts alone", err, galien.Denied)
}

func TestAuthoriseDecides(t *testing.T) {
	h := newHub(t, permitText)
	var asked []string
	no := func(_ context.Context, action, id string) error {
		asked = append(asked, action+" "+id)
		return galien.Errorf(galien.Denied, "no")
	}
	v := h.submit("marie", outputs(t), "")
	a := airlock.Open(filepath.Join(h.dir, "airlock"), airlock.Options{Log: h.log, Permit: h.store.Get, Authorise: no, Actor: "marie", Now: func() time.Time { return h.now }, Random: random(9)})
	ctx := context.Background()
	_, err := a.Submit(ctx, outputs(t), h.id, "")
	wantKind(t, "submit", err, galien.Denied)
	_, err = a.Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "x"})
	wantKind(t, "review", err, galien.Denied)
	_, err = a.Release(ctx, v.Group, filepath.Join(t.TempDir(), "out"))
	wantKind(t, "release", err, galien.Denied)
	_, err = a.Status(ctx, v.Group, 0)
	wantKind(t, "show", err, galien.Denied)
	_, err = a.Look(ctx, v.Group, 0, "analysis.R")
	wantKind(t, "look", err, galien.Denied)
	want := []string{"airlock submit " + h.id, "airlock review " + h.id, "airlock release " + h.id, "airlock show " + h.id, "airlock show " + h.id}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}

// TestTampering changes one thing at a time after two reviewers accepted, and
// nothing leaves.
func TestTampering(t *testing.T) {
	ctx := context.Background()
	for name, damage := range map[string]func(h *hub, v airlock.Version) error{
		"a byte of a file": func(h *hub, v airlock.Version) error {
			return flip(filepath.Join(h.dir, "airlock", "files", v.Files[len(v.Files)-1].SHA256))
		},
		"a file is gone": func(h *hub, v airlock.Version) error {
			return os.Remove(filepath.Join(h.dir, "airlock", "files", v.Files[0].SHA256))
		},
		"the submission names other bytes": func(h *hub, v airlock.Version) error {
			other := []byte("sex,n\nfemale,1\n")
			if err := os.WriteFile(filepath.Join(h.dir, "airlock", "files", "0f"), other, 0o600); err != nil {
				return err
			}
			return replace(filepath.Join(h.group(v), "submission.json"), v.Files[0].SHA256, strings.Repeat("0", 64))
		},
		"the findings are gone": func(h *hub, v airlock.Version) error {
			return replace(filepath.Join(h.group(v), "submission.json"), `"threshold": 11`, `"threshold": 12`)
		},
		"another author": func(h *hub, v airlock.Version) error {
			return replace(filepath.Join(h.group(v), "submission.json"), `"author": "marie"`, `"author": "marc"`)
		},
		"a verdict is turned": func(h *hub, v airlock.Version) error {
			return replace(filepath.Join(h.group(v), "review-1.json"), `"reason": "I read`, `"reason": "we read`)
		},
		"a reviewer is another": func(h *hub, v airlock.Version) error {
			return replace(filepath.Join(h.group(v), "review-2.json"), `"reviewer": "anne"`, `"reviewer": "zoe"`)
		},
		"one review twice": func(h *hub, v airlock.Version) error {
			b, err := os.ReadFile(filepath.Join(h.group(v), "review-1.json"))
			if err != nil {
				return err
			}
			path := filepath.Join(h.group(v), "review-2.json")
			return errors.Join(os.Remove(path), os.WriteFile(path, b, 0o600))
		},
		"a field more": func(h *hub, v airlock.Version) error {
			return replace(filepath.Join(h.group(v), "review-2.json"), `"format": 1`, `"more": 1, "format": 1`)
		},
	} {
		h := newHub(t, permitText)
		v := h.submit("marie", outputs(t), "")
		h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
		h.review("anne", v.Group, airlock.Accept, airlock.Accepted)
		if err := damage(h, v); err != nil {
			t.Fatal(name, err)
		}
		out := filepath.Join(t.TempDir(), "out")
		_, err := h.as("steward").Release(ctx, v.Group, out)
		wantKind(t, name, err, galien.Corrupt)
		_, _, err = h.as("steward").Check(ctx)
		wantKind(t, name+", checked", err, galien.Corrupt)
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was released", name)
		}
		if all, err := h.as("steward").Register(); err != nil || len(all) != 0 {
			t.Errorf("%s: in the register: %v, %v", name, all, err)
		}
	}
}

func (h *hub) group(v airlock.Version) string {
	return filepath.Join(h.dir, "airlock", "groups", v.Group, fmt.Sprint(v.Version))
}

func flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[0] ^= 1
	return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, b, 0o600))
}

func replace(path, old, new string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(b), old) {
		return fmt.Errorf("%s lacks %s", path, old)
	}
	return errors.Join(os.Remove(path), os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o600))
}

// TestForgedReview writes a review that the log never announced.
func TestForgedReview(t *testing.T) {
	h := newHub(t, permitText)
	v := h.submit("marie", outputs(t), "")
	h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
	b, err := os.ReadFile(filepath.Join(h.group(v), "review-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(b), `"reviewer": "paul"`, `"reviewer": "anne"`, 1)
	if err := os.WriteFile(filepath.Join(h.group(v), "review-2.json"), []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = h.as("steward").Release(context.Background(), v.Group, filepath.Join(t.TempDir(), "out"))
	wantKind(t, "a forged review", err, galien.Corrupt)
	_, _, err = h.as("steward").Check(context.Background())
	wantKind(t, "a check of a forged review", err, galien.Corrupt)
}

// TestRegisterIsWhole takes a line of the register away, and writes one of
// something that was never released.
func TestRegisterIsWhole(t *testing.T) {
	ctx := context.Background()
	for name, damage := range map[string]func(h *hub, line func(n int) string) error{
		"a line is gone": func(h *hub, line func(n int) string) error { return os.Remove(line(1)) },
		"a line is of another file": func(h *hub, line func(n int) string) error {
			return replace(line(2), `"name": "outputs.yaml"`, `"name": "results.yaml"`)
		},
		"a line is of what nobody released": func(h *hub, line func(n int) string) error {
			v := h.submit("marie", outputs(t), "")
			b, err := os.ReadFile(line(2))
			if err != nil {
				return err
			}
			var e airlock.Entry
			if err := json.Unmarshal(b, &e); err != nil {
				return err
			}
			e.Number, e.Group = 3, v.Group
			if b, err = json.Marshal(e); err != nil {
				return err
			}
			return os.WriteFile(line(3), b, 0o600)
		},
	} {
		h := newHub(t, permitText)
		for range 2 {
			v := h.submit("marie", outputs(t), "")
			h.review("paul", v.Group, airlock.Accept, airlock.WaitingSecond)
			h.review("anne", v.Group, airlock.Accept, airlock.Accepted)
			if _, err := h.as("steward").Release(ctx, v.Group, filepath.Join(t.TempDir(), "out")); err != nil {
				t.Fatal(name, err)
			}
		}
		if _, _, err := h.as("steward").Check(ctx); err != nil {
			t.Fatal(name, err)
		}
		if err := damage(h, func(n int) string { return filepath.Join(h.dir, "airlock", "register", fmt.Sprintf("%06d.json", n)) }); err != nil {
			t.Fatal(name, err)
		}
		_, _, err := h.as("steward").Check(ctx)
		wantKind(t, name, err, galien.Corrupt)
	}
}

var errKilled = errors.New("killed")

// TestKilled stops every command at every step, as a kill would, and begins
// again: what is there is whole, and was announced.
func TestKilled(t *testing.T) {
	ctx := context.Background()
	for stop := 1; ; stop++ {
		h := newHub(t, permitText)
		dir := outputs(t)
		steps := 0
		killed := false
		attempt := func(actor string, f func(a *airlock.Airlock) error) {
			t.Helper()
			for range 2 {
				a := h.as(actor)
				a.OnStep(func(string) {
					if steps++; steps == stop {
						panic(errKilled)
					}
				})
				err := func() (err error) {
					defer func() {
						if r := recover(); r != nil {
							killed, err = true, errKilled
						}
					}()
					return f(a)
				}()
				if err == nil {
					break
				}
				if !errors.Is(err, errKilled) {
					t.Fatalf("stopped at step %d: %v", stop, err)
				}
				if _, _, err := a.Check(ctx); err != nil {
					t.Fatalf("stopped at step %d, and then: %v", stop, err)
				}
			}
		}
		var v airlock.Version
		attempt("marie", func(a *airlock.Airlock) (err error) {
			v, err = a.Submit(ctx, dir, h.id, "")
			return err
		})
		for _, actor := range []string{"paul", "anne"} {
			attempt(actor, func(a *airlock.Airlock) error {
				_, err := a.Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "read"})
				return err
			})
		}
		out := filepath.Join(t.TempDir(), "out")
		attempt("steward", func(a *airlock.Airlock) error {
			_, err := a.Release(ctx, v.Group, out)
			return err
		})
		if got := tree(t, out); len(got) != 3 {
			t.Errorf("stopped at step %d: released %v", stop, got)
		}
		a := h.as("steward")
		all, err := a.Register()
		if groups, _, err2 := a.Check(ctx); err != nil || err2 != nil || groups != 1 || len(all) != 1 {
			t.Errorf("stopped at step %d: %d groups, %d lines of the register; %v, %v", stop, groups, len(all), err, err2)
		}
		if left, _ := filepath.Glob(filepath.Join(h.dir, "airlock", "*", "*", "*", ".new-*")); len(left) > 0 {
			t.Errorf("stopped at step %d: left %v", stop, left)
		}
		if !killed {
			if stop < 8 {
				t.Errorf("there are only %d steps", stop)
			}
			return
		}
	}
}

// TestTwoAtOnce submits many groups and versions at once.
func TestTwoAtOnce(t *testing.T) {
	h := newHub(t, permitText)
	dir := outputs(t)
	write(t, dir, check.ManifestFile, "changes: Nothing but the time.\n"+manifestText)
	first := h.submit("marie", dir, "")
	var wg sync.WaitGroup
	airlocks := make([]*airlock.Airlock, 8)
	for i := range airlocks {
		airlocks[i] = h.as("marie")
	}
	for i, a := range airlocks {
		wg.Go(func() {
			group := ""
			if i%2 == 0 {
				group = first.Group
			}
			if _, err := a.Submit(context.Background(), dir, h.id, group); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	groups, err := h.as("marie").Groups()
	if err != nil || len(groups) != 5 {
		t.Errorf("%d groups, %v", len(groups), err)
	}
	for _, g := range groups {
		if want := map[bool]int{true: 5, false: 1}[g.Group == first.Group]; g.Version != want {
			t.Errorf("%s has %d versions, want %d", g.Group, g.Version, want)
		}
	}
	// Two reviews of one account at once: one is in.
	ok := make([]bool, 4)
	for i := range ok {
		a := h.as("paul")
		wg.Go(func() {
			_, err := a.Review(context.Background(), first.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "read"})
			ok[i] = err == nil
		})
	}
	wg.Wait()
	if in := len(slices.DeleteFunc(ok, func(b bool) bool { return !b })); in != 1 {
		t.Errorf("%d reviews of one account are in", in)
	}
}
