package pmsi

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien/refdata"
	"galien/source"
)

// made is a line made from a table, with the value that each field got.
type made struct {
	line   string
	values map[string][]string // by group and field, in the order of the line
}

// make writes a line of a format with own values. count says how many times
// the nth group is there in each part that counts it.
func makeLine(f *Format, count func(group string) int) made {
	m := made{values: map[string][]string{}}
	instances := make([]int, len(f.Groups)) // how many parts of each group
	var b strings.Builder
	for n, g := range f.Groups {
		instances[n] = 1
		if n > 0 {
			instances[n] = instances[g.parent] * count(g.Name)
		}
		for i := range instances[n] {
			for k, c := range g.Fields {
				value := ""
				switch {
				case n == 0 && c.Start == f.at && f.mark != "":
					value = f.mark
				case len(c.counts) > 0:
					value = fmt.Sprintf("%0*d", c.Length, count(f.Groups[c.counts[0]].Name))
				case c.kind == whole || c.kind == amount:
					value = strconv.Itoa((k + i) % 10)
				case c.kind == day:
					value = fmt.Sprintf("%02d%02d2019", 1+(k+i)%28, 1+k%12)
				case c.kind == text:
					value = strings.Repeat(string(rune('A'+(k+i)%26)), max(1, c.Length-k%3))
				}
				if len(value) > c.Length {
					value = value[:c.Length]
				}
				name := g.Name + "." + c.Name
				m.values[name] = append(m.values[name], value)
				fmt.Fprintf(&b, "%-*s", c.Length, value)
			}
		}
	}
	m.line = b.String()
	return m
}

// TestEveryVersion makes a line of every version and reads back every field.
func TestEveryVersion(t *testing.T) {
	versions := map[string]int{}
	for _, f := range Formats() {
		versions[f.Kind]++
		for _, times := range []int{0, 1, 2} {
			m := makeLine(f, func(string) int { return times })
			got, problem := Detect(m.line)
			if problem != nil || got != f {
				t.Errorf("%s: detected as %v (%v)", f, got, problem)
				continue
			}
			rec, problem := f.Parse(m.line)
			if problem != nil {
				t.Errorf("%s: %v", f, problem)
				continue
			}
			if list := rec.Check(); len(list) > 0 {
				t.Errorf("%s: %v", f, list[0])
			}
			for _, g := range f.Groups {
				parts := rec.Of(g.Name)
				for _, c := range g.Fields {
					want := m.values[g.Name+"."+c.Name]
					var values []string
					for _, p := range parts {
						values = append(values, p.Text(c.Name))
					}
					if !slices.Equal(values, want) {
						t.Errorf("%s: %s.%s is %q, want %q", f, g.Name, c.Name, values, want)
					}
				}
			}
			for cutAt := 1; cutAt < len(m.line); cutAt += 7 {
				if cutAt >= f.shortest && cutAt <= f.Groups[0].Length {
					continue // only fillers are missing
				}
				if _, problem := f.Parse(m.line[:cutAt]); problem == nil {
					t.Errorf("%s: %d characters of %d are taken for the whole line", f, cutAt, len(m.line))
				}
			}
			if _, problem := f.Parse(m.line + "  "); problem != nil {
				t.Errorf("%s: blanks at the end: %v", f, problem)
			}
			if _, problem := f.Parse(m.line + "x"); problem == nil || problem.Code != source.WrongLength {
				t.Errorf("%s: a sign too much: %v", f, problem)
			}
		}
	}
	want := map[string]int{"RUM": 7, "RSS": 8, "RSA": 12, "VID-HOSP": 6, "ANO-HOSP": 5, "TRA": 1}
	if fmt.Sprint(versions) != fmt.Sprint(want) {
		t.Errorf("versions %v, want %v", versions, want)
	}
}

// TestPublishedTables compares the compact table with the published ones: the
// same fields in the same places, counted from the tables themselves.
func TestPublishedTables(t *testing.T) {
	dir := filepath.Join(refdata.Dir(t, "pmsi-formats"), "csv")
	names := map[string]string{"RUM": "rss", "RSS": "rss", "RSA": "rsa", "VID-HOSP": "vidhosp", "ANO-HOSP": "anohosp", "TRA": "tra"}
	for _, f := range Formats() {
		file, err := os.Open(filepath.Join(dir, names[f.Kind]+f.Version+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(file)
		r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
		rows, err := r.ReadAll()
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		rows = rows[1 : len(rows)-1] // without the header and the strategy
		fields := 0
		for _, g := range f.Groups {
			fields += len(g.Fields)
		}
		if fields != len(rows) {
			t.Errorf("%s has %d fields, and the published table %d", f, fields, len(rows))
		}
		for _, row := range rows {
			n := f.group(row[0])
			if n < 0 {
				t.Errorf("%s lacks the group %s", f, row[0])
				continue
			}
			i, ok := f.Groups[n].index[row[2]]
			if !ok {
				t.Errorf("%s lacks the field %s.%s", f, row[0], row[2])
				continue
			}
			c := f.Groups[n].Fields[i]
			if fmt.Sprint(c.Length) != row[3] {
				t.Errorf("%s: %s.%s has %d characters, and in the published table %s", f, row[0], row[2], c.Length, row[3])
			}
			if start := strings.TrimSpace(row[4]); n == 0 && start != fmt.Sprint(c.Start+1) {
				t.Errorf("%s: %s starts at %d, and in the published table at %s", f, row[2], c.Start+1, start)
			}
		}
	}
}

// TestNesting reads the diagnoses and acts of two RUMs of an RSA, which stand
// after all RUMs: first every diagnosis, then every act.
func TestNesting(t *testing.T) {
	f := format(t, "RSA", "229")
	ru := func(das, acts int) string {
		g := f.Groups[f.group("RU")]
		b := []byte(strings.Repeat(" ", g.Length))
		copy(b[g.Fields[g.index["NDA"]].Start:], fmt.Sprintf("%02d", das))
		copy(b[g.Fields[g.index["NZA"]].Start:], fmt.Sprintf("%03d", acts))
		return string(b)
	}
	za := f.Groups[f.group("ZA")].Length
	act := func(code string) string { return fmt.Sprintf("%-*s", za, "000"+code) }
	first := []byte(strings.Repeat(" ", f.Groups[0].Length))
	copy(first[9:], "229")
	copy(first[f.Groups[0].Fields[f.Groups[0].index["NBRUM"]].Start:], "02")
	line := string(first) + ru(1, 2) + ru(2, 1) + "I10   " + "E119  " + "J189  " + act("DEQP003") + act("DZQM006") + act("ZBQK002")
	rec, problem := f.Parse(line)
	if problem != nil {
		t.Fatal(problem)
	}
	got := map[int][]string{}
	for _, p := range rec.Of("DA") {
		got[under(rec, p)] = append(got[under(rec, p)], p.Text("TDA"))
	}
	for _, p := range rec.Of("ZA") {
		got[under(rec, p)] = append(got[under(rec, p)], p.Text("CCCAM"))
	}
	want := map[int][]string{0: {"I10", "DEQP003", "DZQM006"}, 1: {"E119", "J189", "ZBQK002"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("RUMs have %v, want %v", got, want)
	}
}

// under returns the number of the RUM that a part belongs to, from 0.
func under(rec Record, p Part) int {
	n := 0
	for _, q := range rec.parts[:p.parent] {
		if q.group.Name == "RU" {
			n++
		}
	}
	return n
}

func format(t testing.TB, kind, version string) *Format {
	t.Helper()
	for _, f := range Formats() {
		if f.Kind == kind && f.Version == version {
			return f
		}
	}
	t.Fatalf("no format %s %s", kind, version)
	return nil
}

// TestDetectByLength gives a VID-HOSP line whose number of social security
// holds, where others have their version, the digits of one.
func TestDetectByLength(t *testing.T) {
	for _, f := range Formats() {
		if f.Kind != "VID-HOSP" {
			continue
		}
		for _, digits := range []string{"022", "122", "229"} {
			m := makeLine(f, func(string) int { return 1 })
			line := "299990000" + digits + m.line[12:]
			if got, problem := Detect(line); problem != nil || got != f {
				t.Errorf("%s with %s inside is detected as %v (%v)", f, digits, got, problem)
			}
		}
	}
}

// TestUnknownVersions gives lines of versions that no table has.
func TestUnknownVersions(t *testing.T) {
	for kind, c := range map[string]struct{ version, mark string }{
		"VID-HOSP": {"V016", "V099"}, "RSS": {"122", "199"}, "RUM": {"022", "099"}, "RSA": {"229", "299"}, "ANO-HOSP": {"V016", "A99"},
	} {
		f := format(t, kind, c.version)
		b := []byte(makeLine(f, func(string) int { return 1 }).line)
		if kind == "RSS" {
			copy(b[24:], "022")
		}
		if kind == "RSA" {
			copy(b[22:], "122")
		}
		copy(b[f.at:], c.mark)
		if got, problem := Detect(string(b)); problem == nil {
			t.Errorf("%s: detected as %v", kind, got)
		}
		if got := kindOf(string(b)); got != kind {
			t.Errorf("%s: seems to be %q", kind, got)
		} else if got := versionOf(kind, string(b)); got != c.mark {
			t.Errorf("%s: the version is said to be %q, want %q", kind, got, c.mark)
		}
	}
}

func TestValues(t *testing.T) {
	f := format(t, "RSS", "122")
	base := makeLine(f, func(string) int { return 0 }).line
	with := func(field, value string) Part {
		b := []byte(base)
		copy(b[f.Groups[0].Fields[f.Groups[0].index[field]].Start:], value)
		rec, problem := f.Parse(string(b))
		if problem != nil {
			t.Fatal(problem)
		}
		return rec.First()
	}
	for value, want := range map[string]string{
		"28022019": "2019-02-28 true", "29022020": "2020-02-29 true", "00000000": " false", "        ": " false",
		"29022019": "rum.dsum not_date", "3 022019": "rum.dsum not_date", "01010001": "rum.dsum implausible_date", "2019-1-1": "rum.dsum not_date",
	} {
		d, ok, problem := with("DSUM", value).Date("DSUM")
		got := fmt.Sprint(d, ok)
		switch {
		case problem != nil:
			got = problem.Field + " " + string(problem.Code)
		case !ok:
			got = " false"
		}
		if got != want {
			t.Errorf("date %q is %s, want %s", value, got, want)
		}
	}
	if n, ok, problem := with("NDA", "00").Number("NDA"); n != 0 || !ok || problem != nil {
		t.Errorf("00 is %d, %v, %v", n, ok, problem)
	}
	b := []byte(base)
	copy(b[f.Groups[0].Fields[f.Groups[0].index["NDA"]].Start:], "-1")
	if _, problem := f.Parse(string(b)); problem == nil || problem.Field != "rum.nda" || problem.Code != source.NotInteger {
		t.Errorf("a counter of -1: %v", problem)
	}
}

// TestAccents gives a name with an accent in both encodings: places are counted
// in characters.
func TestAccents(t *testing.T) {
	f := format(t, "VID-HOSP", "V016")
	b := []byte(makeLine(f, func(string) int { return 1 }).line)
	copy(b[f.Groups[0].Fields[f.Groups[0].index["NMMT"]].Start:], "BENO\xceT")
	for _, line := range []string{string(b), utf8Of(string(b))} {
		rec, problem := f.Parse(line)
		if problem != nil {
			t.Fatal(problem)
		}
		if got := rec.First().Text("NMMT"); !strings.HasPrefix(got, "BENOÎT") {
			t.Error("the name is not read")
		}
		if got := rec.First().Text("NDMT"); got != "0001" {
			t.Errorf("the field after it is %q", got)
		}
	}
}

// FuzzParse gives any text: no panic, no field outside the line, and what is
// cut comes from the line.
func FuzzParse(f *testing.F) {
	for _, format := range Formats() {
		f.Add(makeLine(format, func(string) int { return 1 }).line)
	}
	f.Add("")
	f.Add("\xef\xbb\xbf\x00é")
	f.Fuzz(func(t *testing.T, line string) {
		kindOf(latin1Of(line))
		format, problem := Detect(line)
		if problem != nil {
			if format != nil || !problem.Code.Known() {
				t.Fatal("an unknown line has a format, or no reason")
			}
			return
		}
		rec, problem := format.Parse(line)
		if problem != nil {
			if !problem.Code.Known() {
				t.Fatal("a problem without a reason")
			}
			return
		}
		total := 0
		for _, p := range rec.parts {
			total += len(p.text)
			for _, c := range p.group.Fields {
				p.Text(c.Name)
			}
		}
		if rest := len(rec.text) - total; rest > 0 && strings.TrimSpace(rec.text[total:]) != "" {
			t.Fatal("characters are in no field")
		}
		rec.Check()
	})
}
