package enginetest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write docs/cohorts.md from the cases")

// The manual is what the cases say.
func TestManual(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "cohorts.md")
	want, err := Manual()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/cohorts.md is not what the cases say: run go test ./engine/enginetest -run TestManual -update")
	}
}

// No two cases share a name, and each is complete.
func TestCasesAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.Name] || c.Name == "" || c.Section == "" || c.Says == "" || len(lines(c.Tables)) == 0 {
			t.Errorf("case %q is not whole, or there are two", c.Name)
		}
		names[c.Name] = true
		if _, err := c.definition(); err != nil {
			t.Errorf("case %q: %v", c.Name, err)
		}
		if _, err := c.rows(); err != nil {
			t.Errorf("case %q: %v", c.Name, err)
		}
	}
	if len(cases) < 40 {
		t.Errorf("%d cases", len(cases))
	}
}
