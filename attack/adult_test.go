package attack_test

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"galien/attack"
	"galien/refdata"
)

// adult is the public Adult table: 30,162 persons, eight attributes that others
// may know, and their class of salary.
type adult struct {
	table  attack.Table
	rows   [][]string
	header []string
	known  []int // sex, age, race, marital status, education, country, work class, occupation
	salary int
}

var (
	adultOnce sync.Once
	adultRead adult
	adultErr  error
)

func readAdult(t testing.TB) adult {
	t.Helper()
	dir := refdata.Dir(t, "privacy-adult")
	adultOnce.Do(func() { adultRead, adultErr = loadAdult(filepath.Join(dir, "adult.csv.gz")) })
	if adultErr != nil {
		t.Fatal(adultErr)
	}
	return adultRead
}

func loadAdult(path string) (adult, error) {
	f, err := os.Open(path)
	if err != nil {
		return adult{}, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return adult{}, err
	}
	r := csv.NewReader(unzipped)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		return adult{}, err
	}
	a := adult{header: rows[0], rows: rows[1:]}
	var columns []attack.Column
	for _, name := range a.header {
		columns = append(columns, attack.Column{Name: name, Numeric: name == "age"})
	}
	if a.table, err = attack.NewTable(columns, a.rows); err != nil {
		return adult{}, err
	}
	a.salary = slices.Index(a.header, "salary-class")
	for i := range a.header {
		if i != a.salary {
			a.known = append(a.known, i)
		}
	}
	return a, nil
}

// everyone is the numbers of all rows of a table.
func everyone(t attack.Table) []int {
	all := make([]int, t.Len())
	for i := range all {
		all[i] = i
	}
	return all
}
