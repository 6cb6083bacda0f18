package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"galien/refdata"
)

func TestGeneratedTablesAreCurrent(t *testing.T) {
	dir := refdata.Dir(t, "omop-cdm-spec")
	want, err := generate(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "tables_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("cdm/tables_gen.go differs from the specification: run go generate ./cdm")
	}
}

func TestGenerateRefusesWhatIsNoSpecification(t *testing.T) {
	if _, err := generate(t.TempDir()); err == nil {
		t.Error("an empty folder gave tables")
	}
}
