package pmsi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"galien"
)

// FuzzFile gives any content: it is refused as Invalid, or every line of it is in
// the quarantine with a reason or in the tables, whose rows have all their columns
// and nothing that would end one.
func FuzzFile(f *testing.F) {
	f.Add([]byte(unit(f, "RSS", "122", nil) + "\r\n" + who(f, "V016", nil)))
	f.Add([]byte("\xef\xbb\xbf" + anonymous(f, "229", nil) + "\n" + link(f, nil) + "\n\n" + hashed(f, "V012", nil) + "\x1a"))
	f.Add([]byte(anonymous(f, "218", fields{"NRUPDP": "99"})))
	f.Add([]byte(unit(f, "RUM", "022", fields{"NUM": "\t\xff\"'"})))
	f.Add([]byte("\n \n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.txt")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := find([]string{path})
		if err == nil {
			err = d.check(t.Context(), func(int64) {})
		}
		if err != nil {
			if galien.KindOf(err) != galien.Invalid {
				t.Fatalf("a file is refused with %v", err)
			}
			return
		}
		c := &cutter{map[string]rows{}, map[Odd]int64{}}
		for _, s := range scratch {
			c.tables[s.name] = &checked{t, s.name, strings.Count(s.columns, ",") + 1}
		}
		bad := newRejected()
		if err := d.read(t.Context(), c, bad, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range bad.files[0] {
			if !p.Code.Known() {
				t.Fatal("a line is refused without a reason")
			}
		}
		located, err := bad.locate(t.Context(), d)
		if err != nil || len(located) != len(bad.files[0]) {
			t.Fatalf("%d of %d lines are found again (%v)", len(located), len(bad.files[0]), err)
		}
	})
}

// checked takes the rows of a table and looks at each.
type checked struct {
	t       *testing.T
	table   string
	columns int
}

func (c *checked) Row(values ...any) error {
	if len(values) != c.columns {
		c.t.Fatalf("a row of %s has %d columns, want %d", c.table, len(values), c.columns)
	}
	for _, v := range values {
		switch x := v.(type) {
		case nil, int64, bool, galien.Date:
		case string:
			if x == "" || !utf8.ValidString(x) || strings.ContainsFunc(x, func(r rune) bool { return r < ' ' }) {
				c.t.Fatalf("a text of %s is empty, not UTF-8, or holds what ends a line", c.table)
			}
		default:
			c.t.Fatalf("a value of %s is a %T", c.table, v)
		}
	}
	return nil
}

func (c *checked) Close() error { return nil }
