package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien/refdata"
)

// readTable reads a CSV file of a command as rows by column.
func readTable(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = rec[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TestVaultLink links the hospital of the reference data to its claims through
// the binary: the tables are right and for their owner alone, an undone link
// does not come back, and no identity is in any output, nor in clear in any file
// of the hub.
func TestVaultLink(t *testing.T) {
	data := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input")
	hub, dir := newTestHub(t), t.TempDir()
	var said strings.Builder
	runs := 0
	link := func(more ...string) (string, []map[string]string) {
		t.Helper()
		runs++
		out := filepath.Join(dir, "links"+string(rune('0'+runs))+".csv")
		args := append([]string{"vault", "link", hub, "--source", filepath.Join(data, "hospital"), "--with", filepath.Join(data, "snds"), "--out", out}, more...)
		stdout := mustRun(t, args...)
		said.WriteString(stdout)
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the links are not for their owner alone: %v, %v", info, err)
		}
		return stdout, readTable(t, out)
	}
	third := []string{"--third-party", "invented:snds-truth"}

	stdout, rows := link(third...)
	if !strings.Contains(stdout, "of 200 persons of hospital linked to claims") || !strings.Contains(stdout, "Estimated precision 1.0000") {
		t.Errorf("the report says:\n%s", stdout)
	}
	persons := map[string]string{}
	for _, r := range rows {
		if r["nadl"] == "" || r["person_source_value"] == "" || !strings.HasPrefix(r["reasons"], "sex: same") || r["path"] != "number" {
			t.Fatalf("a line lacks its stay, person, path or reasons")
		}
		persons[r["source_id"]] = r["person_source_value"]
	}
	if len(rows) != 287 {
		t.Errorf("%d lines, want one for each of 287 stays", len(rows))
	}

	victim := rows[0]
	mustRun(t, "vault", "decide", hub, victim["link"], "undo", "--why", "two persons")
	_, rows = link(third...)
	for _, r := range rows {
		if r["source_id"] == victim["source_id"] && r["person_source_value"] == victim["person_source_value"] {
			t.Error("an undone link came back")
		}
	}
	mustRun(t, "vault", "decide", hub, victim["link"], "restore", "--why", "one after all")
	_, rows = link(third...)
	back := false
	for _, r := range rows {
		back = back || r["source_id"] == victim["source_id"] && r["person_source_value"] == victim["person_source_value"] && r["link"] == victim["link"]
	}
	if !back {
		t.Error("a restored link did not come back under its number")
	}

	review := filepath.Join(dir, "review.csv")
	stdout, rows = link("--without-numbers", "--source-name", "nameless", "--review", review, "--model", "--json")
	var report struct {
		Likeness  int     `json:"links_by_likeness"`
		Review    int     `json:"pairs_to_review"`
		Precision float64 `json:"estimated_precision"`
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Likeness < 180 || report.Precision < 0.999 {
		t.Errorf("%v: %+v", err, report)
	}
	for _, r := range rows {
		if persons[r["source_id"]] != r["person_source_value"] {
			t.Error("a person is another one by likeness than by number")
		}
	}
	if waiting := readTable(t, review); len(waiting) != report.Review {
		t.Errorf("%d lines to review, the report says %d", len(waiting), report.Review)
	}

	all := filepath.Join(dir, "all.csv")
	said.WriteString(mustRun(t, "vault", "links", hub, "--out", all))
	said.WriteString(mustRun(t, "vault", "links", hub, "--json"))
	if entries := readTable(t, all); len(entries) < 380 {
		t.Errorf("the ledger has %d links", len(entries))
	}
	said.WriteString(mustRun(t, "audit", "show", hub))

	err := filepath.WalkDir(hub, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		said.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for source, person := range persons {
		if strings.Contains(said.String(), source) || strings.Contains(said.String(), person) {
			t.Fatal("an identity is in clear outside the tables asked for")
		}
	}
}

// TestVaultLinkRefuses lists requests that leave nothing behind.
func TestVaultLinkRefuses(t *testing.T) {
	hub, dir := newTestHub(t), t.TempDir()
	a, b := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")
	writeFile(t, a, []byte("ID;NOM;DATE_NAISSANCE\n1;A;2000-01-01\n"))
	writeFile(t, b, []byte("ID;NOM;DATE_NAISSANCE\n1;A;2000-01-01\n"))
	out := filepath.Join(dir, "out.csv")
	base := []string{"vault", "link", hub, "--source", a, "--with", b}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"no output":           {base, 2},
		"output in the hub":   {append(base, "--out", filepath.Join(hub, "lake", "links.csv")), 2},
		"output exists":       {append(base, "--out", a), 5},
		"same names":          {append(base, "--out", out, "--with-name", "hospital"), 2},
		"unknown third party": {append(base, "--out", out, "--third-party", "foin"), 2},
		"no such source":      {append(base, "--out", out, "--source", filepath.Join(dir, "absent")), 3},
		"precision of 1":      {append(base, "--out", out, "--precision", "1"), 2},
		"no such link":        {[]string{"vault", "decide", hub, "7", "undo", "--why", "x"}, 3},
		"no decision":         {[]string{"vault", "decide", hub, "7", "forget", "--why", "x"}, 2},
		"no number":           {[]string{"vault", "decide", hub, "x", "undo", "--why", "x"}, 2},
		"no reason":           {[]string{"vault", "decide", hub, "7", "undo"}, 2},
	} {
		if code, _, stderr := galienRun(t, "", c.args...); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, stderr)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused request left a table")
	}
}
