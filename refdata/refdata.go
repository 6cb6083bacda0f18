// Package refdata finds the reference data that tests compare against: real
// inputs and the answers of other programs, kept outside this repository.
//
// The folder is named by GALIEN_TESTDATA, by default ../shared/data beside the
// checkout. A test that needs it calls Dir, which skips the test with one line
// when the data is absent, and fails it when CI=true. Rows reads a table as the
// claims, and the truth beside invented ones, are written.
//
//	dir := refdata.Dir(t, "omop-gibleed")
//	f, err := os.Open(filepath.Join(dir, "PERSON.csv.gz"))
package refdata

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Root returns the folder of all reference data, whether or not it exists.
func Root() string {
	if dir := os.Getenv("GALIEN_TESTDATA"); dir != "" {
		return dir
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return filepath.Join("..", "shared", "data")
	}
	return filepath.Join(filepath.Dir(filepath.Dir(file)), "..", "shared", "data")
}

// Dir returns one folder of the reference data. Where it is absent the test is
// skipped, or fails under CI=true, where it must be present.
func Dir(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(Root(), name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("reference data %q is absent; set GALIEN_TESTDATA to the folder that holds it", name)
		}
		t.Skipf("reference data %q is absent (set GALIEN_TESTDATA to run this test)", name)
	}
	return dir
}

// Rows reads a file of semicolon-separated values, in gzip when its name ends in
// .gz: each line by the names of the header. What stands after the last named
// column is left out.
func Rows(t testing.TB, path string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	r := csv.NewReader(from)
	r.Comma, r.FieldsPerRecord = ';', -1
	lines, err := r.ReadAll()
	if err != nil || len(lines) == 0 {
		t.Fatalf("%s: %d lines, %v", path, len(lines), err)
	}
	for i, line := range lines[1:] {
		if len(line) < len(lines[0]) {
			t.Fatalf("%s: row %d has %d values for %d columns", path, i+1, len(line), len(lines[0]))
		}
		row := map[string]string{}
		for j, name := range lines[0] {
			row[name] = line[j]
		}
		rows = append(rows, row)
	}
	return rows
}
