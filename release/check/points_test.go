package check_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien/release/check"
)

// example is one group of outputs of testdata: the base group with something
// changed.
type example struct {
	id, want, what string
	rule           check.Rule
	version        int
	parts          []part
}

type part struct{ name, text string }

// examples reads a file of examples: "== ID check words" begins one, directives
// may follow, and "-- name --" begins each of its files. A path under a name
// that ends in .xlsx, .docx or .zip is a part of that archive.
func examples(t testing.TB, file string) []example {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, line := range strings.SplitAfter(string(b), "\n") {
		trimmed := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "== "):
			f := strings.SplitN(strings.TrimPrefix(trimmed, "== "), " ", 3)
			if len(f) != 3 {
				t.Fatalf("%s: %q", file, trimmed)
			}
			all = append(all, example{id: f[0], want: f[1], what: f[2], rule: check.Rule{Threshold: 11}, version: 1})
		case len(all) == 0:
		case strings.HasPrefix(line, "-- ") && strings.HasSuffix(trimmed, " --"):
			e := &all[len(all)-1]
			e.parts = append(e.parts, part{name: strings.TrimSuffix(strings.TrimPrefix(trimmed, "-- "), " --")})
		case len(all[len(all)-1].parts) == 0:
			e := &all[len(all)-1]
			switch {
			case strings.HasPrefix(line, "permit rounding "):
				e.rule.Rounding, _ = strconv.Atoi(strings.TrimPrefix(trimmed, "permit rounding "))
			case strings.HasPrefix(line, "version "):
				e.version, _ = strconv.Atoi(strings.TrimPrefix(trimmed, "version "))
			case strings.TrimSpace(line) != "":
				t.Fatalf("%s: %s: %q", file, e.id, trimmed)
			}
		default:
			p := all[len(all)-1].parts
			p[len(p)-1].text += line
		}
	}
	return all
}

// base reads the group that every example begins with.
func base(t testing.TB) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/base.txt")
	if err != nil {
		t.Fatal(err)
	}
	m, name := map[string]string{}, ""
	for _, line := range strings.SplitAfter(string(b), "\n") {
		if strings.HasPrefix(line, "-- ") {
			name = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "-- "), " --")
			continue
		}
		m[name] += line
	}
	delete(m, "")
	return m
}

// group makes the files and the manifest of an example.
func (e example) group(t testing.TB) (manifest []byte, files []check.File) {
	t.Helper()
	m := base(t)
	archives := map[string][]part{}
	var without, with []string
	for _, p := range e.parts {
		switch archive, inside, ok := cutArchive(p.name); {
		case p.name == "without":
			without = strings.Fields(p.text)
		case p.name == "with":
			with = strings.Split(strings.TrimSpace(p.text), "\n")
		case ok:
			archives[archive] = append(archives[archive], part{inside, p.text})
		case p.text == "":
			delete(m, p.name)
		default:
			m[p.name] = p.text
		}
	}
	if !strings.Contains(m["outputs"], "file: table.csv") && !e.has("table.csv") {
		delete(m, "table.csv")
	}
	var head []string
	for _, line := range strings.Split(strings.TrimSpace(m["header"]), "\n") {
		key, _, _ := strings.Cut(line, ":")
		replaced := slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(w, key+":") })
		if !slices.Contains(without, key) && !replaced {
			head = append(head, line)
		}
	}
	manifest = []byte(strings.Join(append(head, with...), "\n") + "\noutputs:\n" + m["outputs"])
	delete(m, "header")
	delete(m, "outputs")
	for name, text := range m {
		files = append(files, check.File{Name: name, Bytes: fileBytes(t, name, text)})
	}
	for name, parts := range archives {
		files = append(files, check.File{Name: name, Bytes: archive(t, name, parts)})
	}
	slices.SortFunc(files, func(a, b check.File) int { return strings.Compare(a.Name, b.Name) })
	return manifest, files
}

func (e example) has(name string) bool {
	return slices.ContainsFunc(e.parts, func(p part) bool { return p.name == name })
}

func cutArchive(name string) (archive, inside string, ok bool) {
	for _, end := range []string{".xlsx/", ".docx/", ".zip/"} {
		if before, after, found := strings.Cut(name, end); found {
			return before + strings.TrimSuffix(end, "/"), after, true
		}
	}
	return "", "", false
}

// fileBytes makes a file from its text: "hex ..." is bytes, "png" and "jpeg"
// small pictures, "png KIND text" one with a chunk more; a line "@repeat N ..."
// stands for N lines.
func fileBytes(t testing.TB, name, text string) []byte {
	t.Helper()
	switch f := strings.SplitN(strings.TrimSpace(text), " ", 3); {
	case strings.Contains(text, "\n@repeat "):
		var b strings.Builder
		for _, line := range strings.SplitAfter(text, "\n") {
			f := strings.SplitN(line, " ", 3)
			if f[0] != "@repeat" {
				b.WriteString(line)
				continue
			}
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				b.WriteString(strings.Replace(f[2], "%d", strconv.Itoa(i), 1))
			}
		}
		return []byte(b.String())
	case f[0] == "jpeg":
		var b bytes.Buffer
		if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	case f[0] == "hex":
		b, err := hex.DecodeString(f[1])
		if err != nil {
			t.Fatal(err)
		}
		return b
	case f[0] == "png":
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
			t.Fatal(err)
		}
		out := b.Bytes()
		if len(f) == 3 {
			body := append([]byte(f[1]), strings.ReplaceAll(f[2], `\0`, "\x00")...)
			chunk := append([]byte{0, 0, 0, byte(len(body) - 4)}, body...)
			chunk = recheck(append(chunk, 0, 0, 0, 0), 0)
			out = slices.Insert(out, len(out)-12, chunk...) // before IEND
		}
		return out
	}
	return []byte(text)
}

// recheck mends the checksum of the chunk that begins at a place.
func recheck(b []byte, at int) []byte {
	n := int(binary.BigEndian.Uint32(b[at:]))
	binary.BigEndian.PutUint32(b[at+8+n:], crc32.ChecksumIEEE(b[at+4:at+8+n]))
	return b
}

// archive zips the parts; a workbook gets those that it must have.
func archive(t testing.TB, name string, parts []part) []byte {
	t.Helper()
	if strings.HasSuffix(name, ".xlsx") {
		for _, p := range []part{
			{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
			{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>`},
			{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="doses" sheetId="1" r:id="rId1"/></sheets></workbook>`},
			{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`},
		} {
			if !slices.ContainsFunc(parts, func(q part) bool { return q.name == p.name }) {
				parts = append(parts, p)
			}
		}
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := w.Create(p.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(p.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// look runs the checks on an example. A manifest that cannot be read is a
// failure of the example: none is meant to be one.
func (e example) look(t testing.TB) []check.Finding {
	t.Helper()
	text, files := e.group(t)
	m, err := check.ParseManifest(text)
	if err != nil {
		t.Fatalf("%s: %v\n%s", e.id, err, text)
	}
	return check.Group(m, files, e.rule, e.version)
}

func has(findings []check.Finding, id string) bool {
	return slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Check == id })
}

// pointFiles are the reasons for which a well-run airlock sends outputs back,
// with the points that each weighs.
var pointFiles = []struct {
	file   string
	points int
}{{"unrounded", 30}, {"context", 25}, {"redacted", 20}, {"datafree", 10}, {"filetype", 10}}

// TestPoints counts the points that the machine catches: an example is caught
// when the check that its first line names finds something in it. What is left
// to people's eyes is not caught.
func TestPoints(t *testing.T) {
	caught, all := 0, 0
	for _, f := range pointFiles {
		list := examples(t, filepath.Join("testdata", "points", f.file+".txt"))
		if len(list) != f.points {
			t.Errorf("%s: %d examples for %d points", f.file, len(list), f.points)
		}
		here := 0
		for _, e := range list {
			all++
			findings := e.look(t)
			switch {
			case e.want == "eyes":
				if check.Refused(findings) {
					t.Errorf("%s is said to need eyes, and the machine refuses it: %+v", e.id, findings)
				}
			case has(findings, e.want):
				here++
			default:
				t.Errorf("%s (%s): want %s, got %+v", e.id, e.what, e.want, findings)
			}
		}
		caught += here
		t.Logf("%-10s %d of %d", f.file, here, f.points)
	}
	t.Logf("caught by machine: %d of %d points", caught, all)
	if caught < 70 || all != 95 {
		t.Errorf("%d of %d points are caught; 70 of 95 are wanted", caught, all)
	}
}

// TestClean looks at groups in which there is nothing to find.
func TestClean(t *testing.T) {
	list := append([]example{{id: "base", version: 1}}, examples(t, "testdata/clean.txt")...)
	for _, e := range list {
		for _, f := range e.look(t) {
			if e.want != f.Check {
				t.Errorf("%s (%s): %+v", e.id, e.what, f)
			}
		}
	}
}

// TestEveryCheckHasAnExample holds the catalogue to its examples: each check
// finds something in one of them, and nothing is found that is not listed.
func TestEveryCheckHasAnExample(t *testing.T) {
	seen := map[string]bool{}
	list := examples(t, "testdata/more.txt")
	for _, e := range list {
		if findings := e.look(t); !has(findings, e.want) {
			t.Errorf("%s (%s): want %s, got %+v", e.id, e.what, e.want, findings)
		}
	}
	for _, f := range pointFiles {
		list = append(list, examples(t, filepath.Join("testdata", "points", f.file+".txt"))...)
	}
	for _, e := range list {
		seen[e.want] = true
	}
	page, err := os.ReadFile("../../docs/airlock.md")
	if err != nil {
		t.Fatal(err)
	}
	_, guidance, _ := strings.Cut(string(page), "| key | guidance |\n")
	guidance, _, _ = strings.Cut(guidance, "\n\n")
	for _, c := range check.Catalogue {
		// What is looked for beyond the group has its examples in TestAgainst, and in
		// the tests of the airlock.
		beyond := strings.HasPrefix(c.ID, "released-") || c.ID == "scorecard-leaks"
		if !seen[c.ID] && !beyond {
			t.Errorf("no example is for the check %s", c.ID)
		}
		if c.EN == "" || c.FR == "" || !strings.Contains(guidance, "\n| "+c.Source+" | ") || c.Severity != check.Refuse && c.Severity != check.Look {
			t.Errorf("the check %s is not described: %+v", c.ID, c)
		}
	}
}

// TestPage holds docs/airlock.md to the catalogue and to the points.
func TestPage(t *testing.T) {
	var b strings.Builder
	for _, f := range pointFiles {
		for _, e := range examples(t, filepath.Join("testdata", "points", f.file+".txt")) {
			want := "`" + e.want + "`"
			if e.want == "eyes" {
				want = "people"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", e.id, e.what, want)
		}
	}
	var c strings.Builder
	for _, k := range check.Catalogue {
		fmt.Fprintf(&c, "| `%s` | %s | %s | %s |\n", k.ID, k.Severity, strings.ReplaceAll(k.EN, "|", `\|`), k.Source)
	}
	page, err := os.ReadFile("../../docs/airlock.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{b.String(), c.String()} {
		for _, line := range strings.SplitAfter(want, "\n") {
			if !strings.Contains(string(page), line) {
				t.Errorf("docs/airlock.md lacks the line\n%s", line)
			}
		}
	}
	// The manifest of the page is one that works.
	_, after, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ := strings.Cut(after, "```")
	m, err := check.ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	files := []check.File{{Name: "doses.csv", Bytes: []byte(base(t)["table.csv"])}, {Name: "analysis.R", Bytes: []byte("x <- 1\n")}}
	if findings := check.Group(m, files, check.Rule{}, 1); len(findings) > 0 {
		t.Errorf("the manifest of docs/airlock.md: %+v", findings)
	}
}
