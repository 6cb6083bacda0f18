package enginetest

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/refdata"
)

// CirceFixtures runs Circe's own whole-cohort test cases, 38 in number: rows,
// and inclusion results where a case states them.
func CirceFixtures(t *testing.T, open Open) {
	t.Helper()
	var v Verdict
	began := time.Now()
	eachLine(t, filepath.Join(refdata.Dir(t, "circe-oracle"), "expressions", "fixtures.ndjson.gz"), func(line []byte) {
		var f struct {
			Name       string
			Expression json.RawMessage
			Tables     map[string][]map[string]any
			Expected   struct {
				Cohort []struct {
					Subject int64  `json:"subject_id"`
					Start   string `json:"cohort_start_date"`
					End     string `json:"cohort_end_date"`
				}
				Inclusion []struct {
					Mode    int   `json:"mode_id"`
					Mask    int64 `json:"inclusion_rule_mask"`
					Persons int64 `json:"person_count"`
				} `json:"cohort_inclusion_result"`
			}
		}
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		}
		def, err := circe.Read(bytes.NewReader(f.Expression))
		if err != nil {
			v.Refused++
			t.Errorf("%s: %v", f.Name, err)
			return
		}
		rows, summary, err := opened(t, open, fromJSON(t, f.Tables))(t.Context(), def)
		if err != nil {
			v.Refused++
			t.Errorf("%s: %v", f.Name, err)
			return
		}
		a := Answer{Inclusion: summary.Inclusion}
		for _, r := range f.Expected.Cohort {
			a.Rows = append(a.Rows, cohort.Row{Person: galien.PersonID(r.Subject), Start: galien.MustDate(r.Start[:10]), End: galien.MustDate(r.End[:10])})
		}
		sortRows(a.Rows)
		if len(f.Expected.Inclusion) > 0 {
			a.Inclusion = nil
			for _, m := range f.Expected.Inclusion {
				a.Inclusion = append(a.Inclusion, cohort.MaskCount{Mode: m.Mode, Mask: m.Mask, Persons: m.Persons})
			}
			sortMasks(a.Inclusion)
		}
		if d := a.judge(rows, summary); d != "" {
			v.Differ++
			t.Errorf("%s: %s", f.Name, d)
			return
		}
		v.Agree++
	})
	if n := v.Agree + v.Differ + v.Refused; n != 38 {
		t.Errorf("%d cases ran, not 38", n)
	}
	v.report(t, "fixtures", began)
}

// fromJSON types the values of tables by the CDM, leaving out what it does not
// know.
func fromJSON(t *testing.T, untyped map[string][]map[string]any) Tables {
	t.Helper()
	tables := Tables{}
	for name, rows := range untyped {
		table, ok := cdm.Lookup(strings.ToLower(name))
		if !ok {
			t.Fatalf("no table %s", name)
		}
		for _, fields := range rows {
			r := map[string]any{}
			for column, value := range fields {
				c, ok := table.Column(column)
				if !ok || value == nil || c.Type == cdm.Datetime {
					continue
				}
				switch v := value.(type) {
				case float64:
					r[column] = v
					if c.Type == cdm.Integer {
						r[column] = int64(v)
					}
				case string:
					text := v
					if c.Type == cdm.Date {
						text = v[:10]
					}
					typed, err := parseValue(text, c.Type)
					if err != nil {
						t.Fatalf("%s.%s: %v", name, column, err)
					}
					r[column] = typed
				}
			}
			tables[table.Name] = append(tables[table.Name], r)
		}
	}
	return tables
}
