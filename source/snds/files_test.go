package snds

import (
	"bufio"
	"io"
	"os"
	"testing"

	"galien/cdm"
)

// plainText returns the text of an input file.
func plainText(t testing.TB, in *input) string {
	t.Helper()
	f, err := os.Open(in.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := in.text(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// textColumns returns the text columns of an OMOP table.
func textColumns(table string) (names []string) {
	t, _ := cdm.Lookup(table)
	for _, c := range t.Columns {
		if c.Type == cdm.Text {
			names = append(names, c.Name)
		}
	}
	return names
}
