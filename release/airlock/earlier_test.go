package airlock_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/attack"
	"galien/ledger"
	"galien/permit"
	"galien/release"
	"galien/release/airlock"
	"galien/release/check"
)

const (
	definition = "3f9a1c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6"
	elsewhere  = "00001c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6"
)

// exact is a folder of outputs with exact counts of women and men.
func exact(t *testing.T, cohort, population, female, male string) string {
	t.Helper()
	dir := outputs(t)
	text := strings.NewReplacer("rounding: 5", "rounding: exact", definition, cohort,
		"Persons observed on every day of 2021 in the claims of the hub.", population).Replace(manifestText)
	write(t, dir, check.ManifestFile, text)
	write(t, dir, "tables/doses.csv", "sex,n\nfemale,"+female+"\nmale,"+male+"\n")
	return dir
}

// accept has a version accepted and returns its release.
func (h *hub) accept(group string) error {
	h.t.Helper()
	h.review("paul", group, airlock.Accept, airlock.WaitingSecond)
	h.review("anne", group, airlock.Accept, airlock.Accepted)
	_, err := h.as("steward").Release(context.Background(), group, filepath.Join(h.t.TempDir(), "out"))
	return err
}

// about returns the findings on what left before, by check.
func about(v airlock.Version) []string {
	var out []string
	for _, f := range v.Findings {
		if strings.HasPrefix(f.Check, "released-") {
			out = append(out, f.Check)
		}
	}
	return out
}

// TestLeftBefore submits, after 410 women and 560 men left, tables whose numbers
// are worked out by hand beside them, under a threshold of 11.
func TestLeftBefore(t *testing.T) {
	const everyone, others = "Everybody who was observed in 2021.", "Everybody who was observed and had no stroke."
	h := newHub(t, permitText)
	first := h.submit("marie", exact(t, definition, everyone, "410", "560"), "")
	if len(about(first)) > 0 {
		t.Fatalf("the first: %+v", first.Findings)
	}
	if err := h.accept(first.Group); err != nil {
		t.Fatal(err)
	}
	gate := permit.NewGate(h.store, h.log, "steward", h.clock)
	second, err := gate.Grant(t.Context(), []byte(strings.Replace(permitText, "name: study", "name: second", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, actor, permit, cohort, population, female, male string
		want                                                  string
		refused                                               bool
	}{
		{"the same user, two women more", "marie", h.id, definition, everyone, "412", "560", "released-difference", true},
		{"another user, one man fewer", "jules", h.id, definition, everyone, "410", "559", "released-difference", true},
		{"another permit", "marie", second, definition, others, "410", "559", "released-difference", true},
		{"the data were refreshed by three", "marie", h.id, definition, everyone, "413", "563", "released-difference", true},
		{"the data were refreshed by eleven", "marie", h.id, definition, everyone, "421", "571", "", false},
		{"the earlier numbers again", "jules", second, definition, others, "410", "560", "", false},
		{"a cohort beside it, under the same permit", "jules", h.id, elsewhere, others, "409", "560", "released-similar", false},
		{"a cohort beside it, of the same population", "jules", second, elsewhere, everyone, "409", "560", "released-similar", false},
		{"nothing in common", "jules", second, elsewhere, others, "409", "560", "", false},
		{"a row withheld now", "jules", second, definition, others, "withheld", "withheld", "released-withheld", false},
	} {
		h.id, c.permit = c.permit, h.id
		v := h.submit(c.actor, exact(t, c.cohort, c.population, c.female, c.male), "")
		h.id = c.permit
		if got := strings.Join(about(v), " "); got != c.want || v.Refused() != c.refused {
			t.Errorf("%s: %q, refused %v: %+v", c.name, got, v.Refused(), v.Findings)
		}
	}
}

// TestLeftMeanwhile has two groups accepted of which each alone may leave: 410 and
// 415 women of one definition are five apart.
func TestLeftMeanwhile(t *testing.T) {
	h := newHub(t, permitText)
	a := h.submit("marie", exact(t, definition, "Everybody who was observed.", "410", "560"), "")
	b := h.submit("jules", exact(t, definition, "Whoever was seen in 2021.", "415", "560"), "")
	if err := h.accept(a.Group); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	wantKind(t, "the other", h.accept(b.Group), galien.Denied)
	if all, err := h.as("steward").Register(); err != nil || len(all) != 1 {
		t.Errorf("register: %+v, %v", all, err)
	}
	if records, err := h.ledger.Records(t.Context()); err != nil || len(records) != 1 {
		t.Errorf("ledger: %+v, %v", records, err)
	}
	// The one that left leaves again: it stands in its own way by nothing.
	if _, err := h.as("steward").Release(t.Context(), a.Group, out); err != nil {
		t.Errorf("again: %v", err)
	}
	if records, err := h.ledger.Records(t.Context()); err != nil || len(records) != 1 {
		t.Errorf("ledger: %+v, %v", records, err)
	}
}

// persons is a set of keys as the ledger counts them.
func persons(t *testing.T, from, to galien.PersonID) ledger.Vector {
	t.Helper()
	var all []galien.PersonID
	for p := from; p < to; p++ {
		all = append(all, p)
	}
	var b ledger.Builder
	b.Add(all, nil)
	v, err := b.Vector()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLedgerKnows has the ledger let three numbers out, of which a group repeats
// two; its third is another, and its curve no table.
func TestLedgerKnows(t *testing.T) {
	h := newHub(t, permitText)
	verdict, err := h.ledger.Decide(t.Context(), ledger.Ask{Time: h.now, Actor: "marie", Action: "release", Permit: h.id, Definition: definition,
		Ground: ledger.Ground{Snapshot: "s1"}, Threshold: 11, Everyone: persons(t, 0, 2000), Numbers: []ledger.Number{
			{Key: ledger.Key{1}, What: "persons of female", Of: persons(t, 0, 410)}, {Key: ledger.Key{2}, What: "persons of male", Of: persons(t, 410, 970)}}})
	if err != nil || !verdict.Numbers[0].Open() || !verdict.Numbers[1].Open() {
		t.Fatalf("%+v, %v", verdict, err)
	}
	for _, c := range []struct {
		cohort, female, male string
		judged               int
	}{{definition, "410", "560", 2}, {definition, "410", "600", 1}, {elsewhere, "410", "560", 0}, {definition, "withheld", "withheld", 0}} {
		v := h.submit("marie", exact(t, c.cohort, "Everybody who was observed.", c.female, c.male), "")
		shown := 2
		if c.female == "withheld" {
			shown = 0
		}
		if v.Ledger == nil || *v.Ledger != (ledger.Reviewed{Numbers: shown, Judged: c.judged}) {
			t.Errorf("%+v: %+v", c, v.Ledger)
		}
	}
	// 410 and 560 rounded to five are what was let out; 415 is not.
	v := h.submit("marie", outputs(t), "")
	if v.Ledger == nil || v.Ledger.Judged != 2 {
		t.Errorf("rounded: %+v", v.Ledger)
	}
	if err := h.accept(v.Group); err != nil {
		t.Fatal(err)
	}
	records, err := h.ledger.Records(t.Context())
	if err != nil || len(records) != 2 {
		t.Fatalf("%+v, %v", records, err)
	}
	r := records[1]
	if r.Action != airlock.ActionRelease || r.Permit != h.id || r.Definition != definition || r.Actor != "steward" ||
		*r.Reviewed != (ledger.Reviewed{Group: v.Group, Version: 1, Numbers: 2, Judged: 2}) {
		t.Errorf("record %+v %+v", r, r.Reviewed)
	}
	register, err := h.as("anyone").Register()
	if err != nil || len(register) != 1 || register[0].Ledger == nil || register[0].Ledger.Judged != 2 {
		t.Errorf("register %+v, %v", register, err)
	}
}

// TestPermitRounds has a permit that asks for counts rounded to 10: to 5, or not at
// all, is refused; not saying it is enough.
func TestPermitRounds(t *testing.T) {
	h := newHub(t, permitText+"output: {rounding: 10}\n")
	for rounding, want := range map[string]string{"rounding: 5\n": "rounding-rule", "rounding: exact\n": "rounding-rule", "rounding: 10\n": "", "rounding: 20\n": "count-unrounded", "": ""} {
		dir := outputs(t)
		write(t, dir, check.ManifestFile, strings.Replace(manifestText, "rounding: 5\n", rounding, 1))
		v := h.submit("marie", dir, "")
		if has := slices.ContainsFunc(v.Findings, func(f check.Finding) bool { return f.Check == want }); v.Refused() != (want != "") || want != "" && !has || v.PermitRounding != 10 {
			t.Errorf("%q: %+v", rounding, v.Findings)
		}
	}
	// The ledger showed 410 of 412 under this permit: 410 is known, 412 is not.
	if _, err := h.ledger.Decide(t.Context(), ledger.Ask{Time: h.now, Permit: h.id, Definition: definition, Ground: ledger.Ground{Snapshot: "s1"}, Threshold: 11, Rounding: 10,
		Everyone: persons(t, 0, 2000), Numbers: []ledger.Number{{Key: ledger.Key{1}, What: "persons of female", Of: persons(t, 0, 412)}}}); err != nil {
		t.Fatal(err)
	}
	if v := h.submit("marie", exact(t, definition, "Everybody who was observed.", "412", "560"), ""); v.Ledger.Judged != 0 {
		t.Errorf("412: %+v", v.Ledger)
	}
	dir := outputs(t)
	write(t, dir, check.ManifestFile, strings.Replace(manifestText, "rounding: 5", "rounding: 10", 1))
	if v := h.submit("marie", dir, ""); v.Ledger.Judged != 1 {
		t.Errorf("410: %+v", v.Ledger)
	}
}

// TestTableOfTheHub compares outputs with a table that galien release let out, by
// the role of the column and whatever its name.
func TestTableOfTheHub(t *testing.T) {
	h := newHub(t, permitText)
	terms, err := h.store.Get(t.Context(), h.id)
	if err != nil {
		t.Fatal(err)
	}
	provenance, err := json.Marshal(release.Provenance{Snapshot: "s", Definition: definition, Permit: h.id, Engine: "e", Galien: "g"})
	if err != nil {
		t.Fatal(err)
	}
	files := []release.File{{Name: release.TableFile, Content: []byte("sex,persons,population\nfemale,413,900\nmale,withheld,withheld\n*,993,1900\n")},
		{Name: release.ProvenanceFile, Content: provenance}, {Name: release.DecisionFile, Content: []byte(`{"threshold": 11}`)}, {Name: "README.txt", Content: []byte("x")}}
	if _, err := h.as("marie").ReleaseTable(t.Context(), "A table", terms.Terms, h.id, files, filepath.Join(t.TempDir(), "out")); err != nil {
		t.Fatal(err)
	}
	// Nothing in the log says that the table was delivered.
	_, _, err = h.as("steward").Check(t.Context())
	wantKind(t, "a table that was not delivered", err, galien.Corrupt)
	v := h.submit("marie", exact(t, definition, "Everybody who was observed.", "410", "560"), "")
	if got := about(v); !slices.Equal(got, []string{"released-difference", "released-withheld"}) {
		t.Errorf("%q: %+v", got, v.Findings)
	}
}

// TestScorecard follows the scorecard of a group through its reviews to its
// release, and what has none.
func TestScorecard(t *testing.T) {
	ctx := t.Context()
	h := newHub(t, permitText)
	// Four rows of which two are withheld and leave 200 together.
	dir := exact(t, definition, "Everybody who was observed.", "410", "560")
	write(t, dir, "tables/doses.csv", "sex,n\nfemale,410\nmale,withheld\nother,withheld\nall,610\n")
	v := h.submit("marie", dir, "")
	page, err := h.as("paul").Look(ctx, v.Group, 1, "scorecard/scorecard.json")
	if err != nil {
		t.Fatal(err)
	}
	var r attack.Report
	if err := json.Unmarshal(page, &r); err != nil {
		t.Fatal(err)
	}
	if r.Kind != attack.Reviewed || r.Permit != h.id || len(r.Findings) != 3 || r.Findings[0].Main != (attack.Trial{Attempts: 2}) || r.Leaks() {
		t.Errorf("%+v", r)
	}
	if again := h.submit("jules", dir, ""); again.Files[3].SHA256 != v.Files[3].SHA256 || again.Files[3].Name != "scorecard/scorecard.json" {
		t.Errorf("two scorecards of the same outputs: %+v and %+v", again.Files, v.Files)
	}
	if err := h.accept(v.Group); err != nil {
		t.Fatal(err)
	}
	register, err := h.as("anyone").Register()
	if err != nil || len(register) != 1 || register[0].Files[2].Name != "scorecard/scorecard.json" || register[0].Files[2].SHA256 != v.Files[3].SHA256 || register[0].NoScorecard != "" {
		t.Errorf("register %+v, %v", register, err)
	}
	if _, _, err := h.as("steward").Check(ctx); err != nil {
		t.Error(err)
	}

	text := exact(t, definition, "Everybody who was observed.", "410", "560")
	write(t, text, check.ManifestFile, strings.ReplaceAll(strings.Replace(manifestText, "kind: table", "kind: text", 1), "tables/doses.csv", "doses.md"))
	write(t, text, "doses.md", "Doses were given to most people.\n")
	remove(t, filepath.Join(text, "tables"))
	v = h.submit("marie", text, "")
	if v.Refused() || v.NoScorecard != airlock.NoTable || len(v.Files) != 3 {
		t.Fatalf("%+v", v)
	}
	if err := h.accept(v.Group); err != nil {
		t.Fatal(err)
	}
	if register, err = h.as("anyone").Register(); err != nil || register[1].NoScorecard != airlock.NoTable {
		t.Errorf("register %+v, %v", register, err)
	}
	html, err := airlock.Page(register)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"No scorecard: no table of counts", "Pas d&#39;épreuve d&#39;attaques : aucun tableau", "judged by the ledger before: 0"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// What an attack gets back ends the version.
	leaky := airlock.Open(filepath.Join(h.dir, "airlock"), airlock.Options{Log: h.log, Permit: h.store.Get, Ledger: h.ledger, Actor: "marie", Now: h.clock, Random: random(77),
		Scorecard: func(string, int, string, []check.Table, []string) ([]release.File, bool, error) {
			return []release.File{{Name: "scorecard.json", Content: []byte("{}")}}, true, nil
		}})
	if v, err = leaky.Submit(ctx, outputs(t), h.id, ""); err != nil || !v.Refused() || v.Findings[0].Check != "scorecard-leaks" {
		t.Errorf("%+v, %v", v.Findings, err)
	}
	write(t, dir, "scorecard/mine.csv", "x\n")
	_, err = h.as("marie").Submit(ctx, dir, h.id, "")
	wantKind(t, "a folder that is kept for the airlock", err, galien.Invalid)
}
