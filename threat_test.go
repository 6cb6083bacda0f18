package galien_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestThreatModel looks for every test that docs/threat-model.md names, in the
// package that it names with it.
func TestThreatModel(t *testing.T) {
	page, err := os.ReadFile("docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w*)`").FindAllString(string(page), -1)
	whole := regexp.MustCompile("`(Test\\w+)` \\(`([\\w/.-]+)`\\)").FindAllStringSubmatch(string(page), -1)
	// One of them, in the first paragraph, is the word Test that shows the form.
	if len(named) != len(whole)+1 {
		t.Errorf("%d tests are named and %d with their package: write `Test` (`package`)", len(named)-1, len(whole))
	}
	if len(whole) < 50 {
		t.Errorf("only %d tests are named", len(whole))
	}
	for _, m := range whole {
		files, err := filepath.Glob(filepath.Join(m[2], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		defined := regexp.MustCompile(`(?m)^func ` + m[1] + `\(`)
		found := false
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || defined.Match(text)
		}
		if !found {
			t.Errorf("docs/threat-model.md names %s in %s, which does not exist.\n\tName the test that shows it now, or say that nothing does.", m[1], m[2])
		}
	}
}
