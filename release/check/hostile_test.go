package check_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"galien/release/check"
)

// lookAt looks at one file that the manifest calls a table.
func lookAt(t *testing.T, name string, b []byte) []check.Finding {
	t.Helper()
	text, _ := example{version: 1}.group(t)
	m, err := check.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Outputs[0].File = name
	return check.Group(m, []check.File{{Name: name, Bytes: b}}, check.Rule{}, 1)
}

// bomb is a workbook whose sheet unpacks to n times a text.
func bomb(t *testing.T, text string, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range []struct{ name, text string }{
		{"[Content_Types].xml", "<Types/>"}, {"xl/workbook.xml", "<workbook/>"},
	} {
		f, err := w.Create(p.name)
		if err == nil {
			_, err = io.WriteString(f, p.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	chunk := strings.Repeat(text, 1<<16)
	for range n / (1 << 16) {
		if _, err := io.WriteString(f, chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostile looks at files that are made to be too much for whoever reads them.
func TestHostile(t *testing.T) {
	for _, c := range []struct {
		what, name string
		bytes      []byte
		want       string
	}{
		{"an archive that unpacks to 80 MiB", "x.xlsx", bomb(t, " ", 80<<20), "file-size"},
		{"a sheet of a million elements", "x.xlsx", bomb(t, "<c/>", 1<<20), "file-size"},
		{"a file of 11 MiB", "x.csv", bytes.Repeat([]byte("a,b\n"), 11<<18), "file-size"},
		{"three hundred thousand columns", "x.csv", []byte(strings.Repeat("a,", 300_000) + "a\n"), "file-size"},
		{"a cell of 40,000 characters", "x.csv", []byte("a,b\n" + strings.Repeat("x", 40_000) + ",1\n"), "file-size"},
		{"a page nested 100,000 deep", "x.html", []byte("<!DOCTYPE html><title>x</title>" + strings.Repeat("<div>", 100_000)), "file-read"},
		{"a drawing nested 100,000 deep", "x.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg">` + strings.Repeat("<g>", 100_000)), "file-read"},
		{"JSON nested 100,000 deep", "x.json", []byte(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), "file-read"},
		{"JSON of 1,000 tables", "x.json", []byte("[" + strings.Repeat(`{"a":{"b":1}},`, 1000) + `{"a":1}]`), "file-size"},
		{"JSON of 200 single numbers", "x.json", []byte("[" + strings.Repeat("41,", 200) + "41]"), "person-rows"},
		{"an entity in a drawing", "x.svg", []byte(`<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>`), "active-markup"},
		{"a table in Latin-1", "x.csv", []byte("sexe,n\nf\xe9minin,410\n"), "file-text"},
		{"a table half in Latin-1", "x.csv", []byte("sexe,n\nféminin,410\nf\xe9minin,420\n"), "file-text"},
		{"a table in UTF-16", "x.csv", []byte("\xff\xfes\x00e\x00x\x00,\x00n\x00"), "file-type"},
		{"text that runs backwards", "x.csv", []byte("sex,n\n\u202efemale,410\n"), "file-text"},
		{"an open quote", "x.csv", []byte("sex,n\n\"female,410\n"), "file-read"},
		{"an empty file", "x.csv", nil, "file-read"},
		{"a picture that claims 40,000 by 40,000", "x.png", hugePNG(t), "file-size"},
		{"bytes after the end of a picture", "x.png", append(fileBytes(t, "x.png", "png"), "sex,n"...), "metadata"},
		{"a thumbnail in the header of a picture", "x.jpg", inJPEG(t, 2, "\xff\xe0\x00\x14JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01abc\x00"), "metadata"},
		{"a table in the header of a picture", "x.jpg", inJPEG(t, 2, "\xff\xe0\x00\x10sex,n\nfemale,7"), "metadata"},
		{"a comment behind a scan", "x.jpg", inJPEG(t, -2, "\xff\xfe\x00\x10sex,n\nfemale,7"), "metadata"},
		{"bytes after the end of another picture", "x.jpg", append(fileBytes(t, "x.jpg", "jpeg"), "sex,n"...), "metadata"},
	} {
		if findings := lookAt(t, c.name, c.bytes); !has(findings, c.want) || !check.Refused(findings) && c.want != "rows-many" {
			t.Errorf("%s: want %s, got %+v", c.what, c.want, findings)
		}
	}
}

// inJPEG is a picture with something put in at a place, or so far from its end.
func inJPEG(t *testing.T, at int, text string) []byte {
	t.Helper()
	b := fileBytes(t, "x.jpg", "jpeg")
	if at < 0 {
		at += len(b)
	}
	return slices.Insert(b, at, []byte(text)...)
}

// TestHeaderOfPicture lets the header pass that most programs write.
func TestHeaderOfPicture(t *testing.T) {
	b := inJPEG(t, 2, "\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
	if findings := lookAt(t, "x.jpg", b); has(findings, "metadata") || has(findings, "file-read") {
		t.Errorf("%+v", findings)
	}
}

// hugePNG is a small picture whose header says that it is huge.
func hugePNG(t *testing.T) []byte {
	t.Helper()
	b := fileBytes(t, "x.png", "png")
	header := b[16:24]
	copy(header, []byte{0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40})
	return recheck(b, 8)
}

// TestHostileManifest reads manifests that are made to be too much.
func TestHostileManifest(t *testing.T) {
	for what, text := range map[string]string{
		"an alias":              "title: &a x\ndescription: *a\n",
		"a merge":               "a: &a {b: 1}\ntitle: {<<: *a}\n",
		"a tag":                 "title: !!binary aGVsbG8=\n",
		"an unknown key":        "tilte: x\n",
		"a path outside":        "outputs: [{file: ../x.csv}]\n",
		"a path from the root":  "outputs: [{file: /etc/passwd}]\n",
		"a path of Windows":     "outputs: [{file: 'a\\b.csv'}]\n",
		"a file twice":          "outputs: [{file: a.csv}, {file: a.csv}]\n",
		"an unknown kind":       "outputs: [{file: a.csv, kind: rows}]\n",
		"an unknown role":       "outputs: [{file: a.csv, variables: [{name: a, role: secret}]}]\n",
		"a rounding of 1":       "rounding: 1\n",
		"a rounding that isn't": "rounding: five\n",
		"no YAML":               "a: [",
		"a key twice":           "title: a\ntitle: b\n",
		"a list":                "- a\n",
		"too large":             "title: " + strings.Repeat("x", 300<<10) + "\n",
		"nested deeply":         "title: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n",
	} {
		if _, err := check.ParseManifest([]byte(text)); err == nil {
			t.Errorf("%s: read", what)
		} else if len(fmt.Sprint(err)) > 400 {
			t.Errorf("%s: an error of %d characters", what, len(fmt.Sprint(err)))
		}
	}
}
