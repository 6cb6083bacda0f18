// Package refdata finds the reference data that tests compare against: real
// inputs and the answers of other programs, kept outside this repository.
//
// The folder is named by GALIEN_TESTDATA, by default ../shared/data beside the
// checkout. A test that needs it calls Dir, which skips the test with one line
// when the data is absent, and fails it when CI=true.
//
//	dir := refdata.Dir(t, "omop-gibleed")
//	f, err := os.Open(filepath.Join(dir, "PERSON.csv.gz"))
package refdata

import (
	"os"
	"path/filepath"
	"runtime"
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
