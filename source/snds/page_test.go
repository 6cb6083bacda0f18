package snds

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/sources/snds.md from the code")

// TestPage holds docs/sources/snds.md to the code: the tables that are read,
// and the rules.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "sources", "snds.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(b)
	for name, text := range map[string]string{"tables": pageTables(), "rules": pageRules()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(want, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the %s", path, name)
		}
		want = before + begin + text + end + after
	}
	if string(b) == want {
		return
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("docs/sources/snds.md is not what the code says: run go test ./source/snds -run TestPage -update")
}

func pageTables() string {
	var names []string
	for name := range reads {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("| table | a file without these columns is refused | taken as empty where absent |\n|---|---|---|\n")
	for _, name := range names {
		keys := strings.ReplaceAll(strings.Join(reads[name].keys, " "), nineKeys, "the nine keys")
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, keys, strings.Join(reads[name].others, " "))
	}
	return b.String()
}

func pageRules() string {
	var b strings.Builder
	b.WriteString("| rule | switch | règle | in English | source |\n|---|---|---|---|---|\n")
	for _, r := range rules {
		on := "yes"
		if r.Fixed {
			on = "no"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.ID, on, r.French, r.English, r.Source)
	}
	return b.String()
}

// TestRules holds the list to its own order, and every rule that has a switch
// to a place in the SQL where it is asked for.
func TestRules(t *testing.T) {
	entries, err := sqlFiles.ReadDir("cleaning")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, e := range entries {
		b, err := sqlFiles.ReadFile("cleaning/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ruleSwitch.FindAllStringSubmatch(string(b), -1) {
			asked[m[1]] = true
		}
		if _, err := script("cleaning/"+e.Name(), nil); err != nil {
			t.Error(err)
		}
	}
	// P06 is asked for in Go, where unknown numbers are made persons.
	asked["P06"] = true
	for i, r := range rules {
		if i > 0 && rules[i-1].ID >= r.ID {
			t.Errorf("%s is out of order", r.ID)
		}
		if r.French == "" || r.English == "" || r.Source == "" {
			t.Errorf("%s lacks a sentence or a source", r.ID)
		}
		if r.Fixed == asked[r.ID] {
			t.Errorf("%s: it has a switch or none, and the SQL says otherwise", r.ID)
		}
	}
	for _, c := range []struct {
		ids  []string
		want string
	}{{nil, ""}, {[]string{"m04", " D16", "D16"}, "D16 M04"}, {[]string{"Z99"}, "error"}, {[]string{"D13"}, "error"}} {
		off, err := checkWithout(c.ids)
		got := strings.Join(off, " ")
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("without %v: %q, want %q (%v)", c.ids, got, c.want, err)
		}
	}
}
