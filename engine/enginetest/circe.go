package enginetest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/refdata"
)

// The two sets of definitions that Circe itself has answered on the reference
// data: the published phenotype library, and definitions generated to cover
// the whole model.
const (
	Library   = "library"
	Generated = "generated"
)

// Answer is a definition with Circe's answer to it.
type Answer struct {
	ID        int
	JSON      []byte
	Rows      []cohort.Row
	Inclusion []cohort.MaskCount
	// Tied are the persons whose rows depend on ties that Circe leaves open, and
	// InclusionTied says that the inclusion results do.
	Tied          map[galien.PersonID]bool
	InclusionTied bool
}

// CirceTables returns the tables of the reference data. The test is skipped
// where the data is absent.
func CirceTables(t testing.TB) Tables {
	t.Helper()
	tables := Tables{}
	for _, table := range cdm.Tables() {
		name := filepath.Join(refdata.Dir(t, "circe-oracle"), "data", table.Name+".csv.gz")
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			continue
		}
		tables[table.Name] = readTable(t, name, table)
	}
	return tables
}

// readTable reads one table, typed by the CDM; an empty field is null.
func readTable(t testing.TB, name string, table cdm.Table) []map[string]any {
	t.Helper()
	var rows []map[string]any
	eachRecord(t, name, func(line map[string]string) {
		r := map[string]any{}
		for column, text := range line {
			c, ok := table.Column(column)
			if !ok || text == "" || c.Type == cdm.Datetime {
				continue
			}
			v, err := parseValue(text, c.Type)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, column, err)
			}
			r[column] = v
		}
		rows = append(rows, r)
	})
	return rows
}

func parseValue(text string, t cdm.Type) (any, error) {
	switch t {
	case cdm.Integer:
		return strconv.ParseInt(text, 10, 64)
	case cdm.Float:
		return strconv.ParseFloat(text, 64)
	case cdm.Date:
		return galien.ParseDate(text)
	}
	return text, nil
}

// eachRecord calls visit with the records of a gzipped CSV file.
func eachRecord(t testing.TB, name string, visit func(map[string]string)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		line := map[string]string{}
		for i, column := range header {
			line[column] = record[i]
		}
		visit(line)
	}
}

// eachLine calls visit with the lines of a gzipped file of JSON lines.
func eachLine(t testing.TB, name string, visit func([]byte)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		visit(s.Bytes())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// CirceAnswers returns the definitions of a set with Circe's answers, by id.
func CirceAnswers(t testing.TB, set string) []Answer {
	t.Helper()
	dir := refdata.Dir(t, "circe-oracle")
	expected := func(kind string) string { return filepath.Join(dir, "expected", set+"."+kind+".csv.gz") }
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var answers []Answer
	eachLine(t, filepath.Join(dir, "expressions", set+".ndjson.gz"), func(line []byte) {
		var d struct {
			ID         int
			Expression json.RawMessage
		}
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, Answer{ID: d.ID, JSON: d.Expression, Tied: map[galien.PersonID]bool{}})
	})
	byID := map[int64]*Answer{}
	for i := range answers {
		byID[int64(answers[i].ID)] = &answers[i]
	}
	eachRecord(t, expected("cohort"), func(r map[string]string) {
		a := byID[number(r["cohort_definition_id"])]
		a.Rows = append(a.Rows, cohort.Row{Person: galien.PersonID(number(r["subject_id"])),
			Start: galien.MustDate(r["cohort_start_date"]), End: galien.MustDate(r["cohort_end_date"])})
	})
	eachRecord(t, expected("inclusion"), func(r map[string]string) {
		a := byID[number(r["cohort_definition_id"])]
		a.Inclusion = append(a.Inclusion, cohort.MaskCount{Mode: int(number(r["mode_id"])),
			Mask: number(r["inclusion_rule_mask"]), Persons: number(r["person_count"])})
	})
	eachRecord(t, expected("ties"), func(r map[string]string) {
		byID[number(r["cohort_id"])].Tied[galien.PersonID(number(r["subject_id"]))] = true
	})
	eachRecord(t, expected("index"), func(r map[string]string) {
		byID[number(r["cohort_id"])].InclusionTied = r["tie_sensitive_inclusion"] == "1"
	})
	for _, a := range answers {
		sortRows(a.Rows)
		sortMasks(a.Inclusion)
	}
	return answers
}

func sortMasks(list []cohort.MaskCount) {
	sort.Slice(list, func(i, j int) bool {
		x, y := list[i], list[j]
		return x.Mode < y.Mode || x.Mode == y.Mode && x.Mask < y.Mask
	})
}

// Verdict counts how an engine did against Circe.
type Verdict struct {
	Agree, Differ, Refused int
	// Tied counts, among those that agree, definitions whose answer Circe leaves
	// open; they agree with the documented choice.
	Tied int
}

// Circe judges an engine, already opened on CirceTables, by Circe's answers to a
// set: rows and inclusion results must be the same. It takes every seventh
// definition from a start that changes from day to day (printed), or all of
// them where GALIEN_CIRCE is "all".
func Circe(t *testing.T, set string, run Run) Verdict {
	t.Helper()
	answers := CirceAnswers(t, set)
	step, offset := 7, 0
	if os.Getenv("GALIEN_CIRCE") == "all" {
		step = 1
	} else {
		seed := uint64(time.Now().Unix() / 86400)
		offset = rand.New(rand.NewPCG(seed, 0)).IntN(step)
	}
	var v Verdict
	began := time.Now()
	for i := offset; i < len(answers); i += step {
		a := answers[i]
		def, err := circe.Read(bytes.NewReader(a.JSON))
		if err != nil {
			v.Refused++
			t.Errorf("%s %d: refused: %v", set, a.ID, err)
			continue
		}
		rows, summary, err := run(t.Context(), def)
		if galien.KindOf(err) == galien.Invalid && err != nil {
			v.Refused++
			t.Errorf("%s %d: refused: %v", set, a.ID, err)
			continue
		}
		if err != nil {
			t.Fatalf("%s %d: %v", set, a.ID, err)
		}
		if d := a.judge(rows, summary); d != "" {
			v.Differ++
			if v.Differ <= 20 {
				t.Errorf("%s %d: %s", set, a.ID, d)
			}
			continue
		}
		v.Agree++
		if len(a.Tied) > 0 || a.InclusionTied {
			v.Tied++
		}
	}
	t.Logf("every %dth definition from %d", step, offset)
	v.report(t, set, began)
	return v
}

// report logs how an engine did, and adds the line to the table that `make
// circe` shows, in the file that GALIEN_CIRCE_TABLE names. The engine is the
// package whose tests these are.
func (v Verdict) report(t *testing.T, set string, began time.Time) {
	t.Helper()
	engine := strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
	line := fmt.Sprintf("%-10s %-10s %12d %7d %7d %7d %8d %8s", engine, set, v.Agree+v.Differ+v.Refused, v.Agree, v.Tied, v.Differ, v.Refused,
		time.Since(began).Round(100*time.Millisecond))
	t.Logf("engine, set, definitions, agree (tied among them), differ, refused, time: %s", line)
	name := os.Getenv("GALIEN_CIRCE_TABLE")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Errorf("GALIEN_CIRCE_TABLE: %v", err)
	}
}

// CirceRejects has the definitions read that Circe itself cannot run; each must
// be refused, with a path, before an engine sees it.
func CirceRejects(t *testing.T) {
	t.Helper()
	var v Verdict
	began := time.Now()
	eachLine(t, filepath.Join(refdata.Dir(t, "circe-oracle"), "expressions", "rejects.ndjson.gz"), func(line []byte) {
		var d struct {
			ID         int
			Expression json.RawMessage
		}
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		if _, err := circe.Read(bytes.NewReader(d.Expression)); galien.KindOf(err) == galien.Invalid && err != nil {
			v.Refused++
			return
		}
		v.Differ++
		t.Errorf("rejects %d: read, though Circe cannot run it", d.ID)
	})
	v.report(t, "rejects", began)
}

// judge describes how an answer differs from Circe's.
func (a Answer) judge(rows []cohort.Row, summary cohort.Summary) string {
	var list []string
	sortRows(rows)
	if !slices.Equal(rows, a.Rows) {
		missing, extra := apart(a.Rows, rows), apart(rows, a.Rows)
		list = append(list, fmt.Sprintf("%d rows, got %d; missing %s; extra %s", len(a.Rows), len(rows), rowsText(missing), rowsText(extra)))
	}
	if !slices.Equal(a.Inclusion, summary.Inclusion) {
		list = append(list, fmt.Sprintf("inclusion %v, got %v", a.Inclusion, summary.Inclusion))
	}
	return strings.Join(list, "\n")
}

// apart returns the rows of a that b lacks, counting repeats.
func apart(a, b []cohort.Row) []cohort.Row {
	left := map[cohort.Row]int{}
	for _, r := range b {
		left[r]++
	}
	var list []cohort.Row
	for _, r := range a {
		if left[r] > 0 {
			left[r]--
			continue
		}
		list = append(list, r)
	}
	return list
}
