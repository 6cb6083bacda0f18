package outputs_test

import (
	"os"
	"regexp"
	"testing"

	"galien"
	"galien/disclosure"
	"galien/disclosure/outputs"
)

// TestFormat clears the documents of docs/formats/outputs.md and compares what
// leaves with the documents under them.
func TestFormat(t *testing.T) {
	b, err := os.ReadFile("../../docs/formats/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(blocks) != 2*len(outputs.Kinds) {
		t.Fatalf("%d documents for %d kinds", len(blocks), len(outputs.Kinds))
	}
	for i, kind := range outputs.Kinds {
		declared, want := blocks[2*i][1], blocks[2*i+1][1]
		c, d, err := outputs.Clear([]byte(declared), disclosure.Rule{Threshold: 11})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := c.Check(); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if d.Kind != kind {
			t.Errorf("%s: kind %s", kind, d.Kind)
		}
		if got := string(c.JSON()); got != want {
			t.Errorf("%s: %s\nwant %s\nfindings %+v", kind, got, want, d.Findings)
		}
		if d.Published == 0 || d.Withheld == 0 || len(d.Findings) == 0 {
			t.Errorf("%s: %d published, %d withheld, findings %+v", kind, d.Published, d.Withheld, d.Findings)
		}
		if d.Rule.Threshold != 11 {
			t.Errorf("%s: rule %+v", kind, d.Rule)
		}
		// What leaves is not a declaration: it lacks the counts, or has been
		// cleared already.
		if _, _, err := outputs.Clear(c.JSON(), disclosure.Rule{}); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("%s: cleared twice: %v", kind, err)
		}
	}
}

// TestZeroValue checks the wall between outputs and releases.
func TestZeroValue(t *testing.T) {
	if err := (outputs.Document{}).Check(); galien.KindOf(err) != galien.Denied {
		t.Errorf("zero document: %v", err)
	}
	if b := (outputs.Document{}).JSON(); b != nil {
		t.Errorf("a document that was not cleared has %s", b)
	}
}
