package vocab_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/vocab"
	"galien/vocab/vocabtest"
)

// TestLicences: what needs a licence is refused by name, each of it, and what
// nobody knows too; what is accepted is written down with who did it.
func TestLicences(t *testing.T) {
	v := vocabtest.French()
	for i, name := range []string{"SNOMED", "CPT4", "MedDRA", "House codes"} {
		v.Concept(712_000_000+i, name, "Condition", "S", name)
	}
	dir := v.Write(t)
	p := newPlace(t)
	for _, accepted := range [][]string{nil, {"SNOMED"}, {"SNOMED", "CPT4", "House codes"}} {
		_, err := p.ingest(t, dir, accepted...)
		if galien.KindOf(err) != galien.Denied || err == nil {
			t.Fatalf("accepted %v: %v", accepted, err)
		}
		for _, name := range []string{"SNOMED (click-through licence)", "CPT4 (EULA required)", "MedDRA (EULA required)", "House codes (unknown)"} {
			bare, _, _ := strings.Cut(name, " (")
			if strings.Contains(err.Error(), name) == slices.Contains(accepted, bare) {
				t.Errorf("accepted %v: the refusal says %v", accepted, err)
			}
		}
		if strings.Contains(err.Error(), "CIM10") {
			t.Errorf("an open vocabulary is refused: %v", err)
		}
		p.empty(t)
	}
	if _, err := p.ingest(t, dir, "SNOMED", "CPT4", "MedDRA", "House codes", "GPI"); galien.KindOf(err) != galien.Invalid || err == nil {
		t.Errorf("a licence of what is not there: %v", err)
	}
	p.load(t, dir, "SNOMED", "CPT4", "MedDRA", "House codes")
	entries, err := vocab.ReadLedger(p.ledger())
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	e := entries[0]
	if e.By != "operator" || e.Time.IsZero() || e.Statement != vocab.Statement || !slices.Equal(e.Accepted, []string{"CPT4", "House codes", "MedDRA", "SNOMED"}) || len(e.Files) != 9 {
		t.Errorf("the entry is %+v", e)
	}
	if m := p.current(t).Manifest.Vocabularies; m.Delivery != e.Delivery || !slices.Equal(m.Loaded, e.Vocabularies) {
		t.Errorf("the manifest says %+v, the ledger %+v", m, e)
	}
	for _, v := range e.Vocabularies {
		if v.ID == "CIM10" && (v.Version != "CIM10 of the test" || v.Concepts != 12 || v.Licence != "open") {
			t.Errorf("of CIM10 it says %+v", v)
		}
	}
}

// TestLedgerAfterACrash: half a line is no entry and is written over; a line that
// is none, and a snapshot without its entry, are damage.
func TestLedgerAfterACrash(t *testing.T) {
	p := newPlace(t)
	p.load(t, vocabtest.French().Write(t))
	whole, err := os.ReadFile(p.ledger())
	if err != nil {
		t.Fatal(err)
	}
	write := func(b string) {
		if err := os.WriteFile(p.ledger(), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(whole) + string(whole[:len(whole)/2]))
	if e, err := vocab.ReadLedger(p.ledger()); len(e) != 1 || err != nil {
		t.Errorf("after half a line: %d entries, %v", len(e), err)
	}
	p.load(t, vocabtest.New("v6").Write(t))
	e, err := vocab.ReadLedger(p.ledger())
	if len(e) != 2 || err != nil {
		t.Errorf("after the next load: %d entries, %v", len(e), err)
	}
	if err := vocab.CheckLedger(p.ledger(), p.current(t)); err != nil {
		t.Errorf("a whole ledger: %v", err)
	}
	write(string(whole))
	if err := vocab.CheckLedger(p.ledger(), p.current(t)); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("without the last entry: %v", err)
	}
	write("no entry\n" + string(whole))
	if _, err := vocab.ReadLedger(p.ledger()); galien.KindOf(err) != galien.Corrupt || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a line that is no entry: %v", err)
	}
}

// TestPage: the page names every vocabulary that needs a licence, with its class,
// and no other.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "vocabularies.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "<!-- licences -->\n")
	table, _, ok := strings.Cut(table, "<!-- end of licences -->")
	if !ok {
		t.Fatal("the page has no table of licences")
	}
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		for _, name := range strings.Split(cells[1], ", ") {
			n++
			if got := vocab.LicenceOf(name); string(got) != cells[0] || !got.Needed() {
				t.Errorf("%s is %q, the page says %q", name, got, cells[0])
			}
		}
	}
	if n != 23 {
		t.Errorf("the page names %d vocabularies, and 23 need a licence", n)
	}
	if l := vocab.LicenceOf("RxNorm"); l.Needed() {
		t.Errorf("RxNorm is %q", l)
	}
}
