package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
)

// Case is one example: tables, a definition, and the periods it gives. All of
// them together are the manual (docs/cohorts.md).
type Case struct {
	Section string
	Name    string
	// Says is the rule that the case shows, in a sentence or two.
	Says string
	// Tables are written "table: columns" and then a row a line; - is null.
	// Columns may be short: id, person, concept, source, start, end, visit.
	Tables string
	// Definition is Circe JSON. Concept sets and an observation window without
	// required days are added where it has none.
	Definition string
	// Rows are the expected periods, one "person start end" a line.
	Rows string
	// Steps, when not empty, are the expected steps of the attrition that
	// matter, one "step = events/persons" a line.
	Steps string
	// Inclusion, when not empty, are the expected results of the rules, one
	// "mode mask count" a line.
	Inclusion string
}

// The vocabulary of the cases.
var caseConcepts = []struct {
	id      int64
	name    string
	invalid bool
	parent  int64
	mapsTo  int64
}{
	{10, "diabetes", false, 0, 0},
	{11, "type 1 diabetes", false, 10, 0},
	{12, "type 2 diabetes", false, 10, 0},
	{13, "diabetes, withdrawn concept", true, 10, 0},
	{20, "metformin", false, 0, 0},
	{21, "insulin", false, 0, 0},
	{22, "metformin of a national drug list", false, 0, 20},
	{30, "glycated haemoglobin", false, 0, 0},
	{40, "hospital stay", false, 0, 0},
	{50, "foot examination", false, 0, 0},
	{60, "percent", false, 0, 0},
	{8507, "male", false, 0, 0},
	{8532, "female", false, 0, 0},
}

// The concept sets that the cases use unless they state their own.
const caseSets = `[
 {"id":0,"name":"diabetes","expression":{"items":[{"concept":{"CONCEPT_ID":10},"includeDescendants":true}]}},
 {"id":1,"name":"metformin","expression":{"items":[{"concept":{"CONCEPT_ID":20},"includeDescendants":true}]}},
 {"id":2,"name":"insulin","expression":{"items":[{"concept":{"CONCEPT_ID":21}}]}},
 {"id":3,"name":"glycated haemoglobin","expression":{"items":[{"concept":{"CONCEPT_ID":30}}]}},
 {"id":4,"name":"hospital stay","expression":{"items":[{"concept":{"CONCEPT_ID":40}}]}},
 {"id":5,"name":"foot examination","expression":{"items":[{"concept":{"CONCEPT_ID":50}}]}}]`

// Cases runs every example on an engine.
func Cases(t *testing.T, open Open) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			def, err := c.definition()
			if err != nil {
				t.Fatal(err)
			}
			tables, err := c.tables()
			if err != nil {
				t.Fatal(err)
			}
			rows, summary, err := opened(t, open, tables)(t.Context(), def)
			if err != nil {
				t.Fatal(err)
			}
			want, err := c.rows()
			if err != nil {
				t.Fatal(err)
			}
			sortRows(rows)
			if !slices.Equal(rows, want) {
				t.Errorf("%s\nwant %s\ngot  %s", c.Says, rowsText(want), rowsText(rows))
			}
			got := map[string]string{}
			for _, s := range summary.Attrition {
				got[s.Name] = fmt.Sprintf("%d/%d", s.Events, s.Persons)
			}
			for _, line := range lines(c.Steps) {
				name, counts, _ := strings.Cut(line, " = ")
				if got[name] != counts {
					t.Errorf("step %q: want %s, got %s", name, counts, got[name])
				}
			}
			if c.Inclusion != "" {
				var masks []string
				for _, m := range summary.Inclusion {
					masks = append(masks, fmt.Sprintf("%d %d %d", m.Mode, m.Mask, m.Persons))
				}
				if !slices.Equal(masks, lines(c.Inclusion)) {
					t.Errorf("inclusion: want %v, got %v", lines(c.Inclusion), masks)
				}
			}
		})
	}
}

// lines returns the lines of a text that are not blank, trimmed.
func lines(text string) []string {
	var list []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// definition reads the case's JSON, completed.
func (c Case) definition() (*cohort.Definition, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal([]byte(c.Definition), &parts); err != nil {
		return nil, err
	}
	if parts["ConceptSets"] == nil {
		parts["ConceptSets"] = json.RawMessage(caseSets)
	}
	var primary map[string]json.RawMessage
	if err := json.Unmarshal(parts["PrimaryCriteria"], &primary); err != nil {
		return nil, err
	}
	if primary["ObservationWindow"] == nil {
		primary["ObservationWindow"] = json.RawMessage(`{"PriorDays":0,"PostDays":0}`)
	}
	var err error
	if parts["PrimaryCriteria"], err = json.Marshal(primary); err != nil {
		return nil, err
	}
	whole, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	return circe.Read(strings.NewReader(string(whole)))
}

// shown is a table as the case states it, with full column names.
type shown struct {
	name    string
	columns []string
	rows    [][]string
}

func (c Case) shown() ([]shown, error) {
	var list []shown
	for _, line := range lines(c.Tables) {
		name, columns, isHeader := strings.Cut(line, ":")
		if isHeader {
			table, ok := cdm.Lookup(name)
			if !ok {
				return nil, fmt.Errorf("no table %q", name)
			}
			s := shown{name: name}
			for _, short := range strings.Fields(columns) {
				s.columns = append(s.columns, fullName(table, short))
			}
			list = append(list, s)
			continue
		}
		last := &list[len(list)-1]
		row := strings.Fields(line)
		if len(row) != len(last.columns) {
			return nil, fmt.Errorf("%s: %q has %d values for %d columns", last.name, line, len(row), len(last.columns))
		}
		last.rows = append(last.rows, row)
	}
	return list, nil
}

func fullName(t cdm.Table, short string) string {
	switch short {
	case "id":
		return t.PrimaryKey()
	case "person":
		return "person_id"
	case "concept":
		return t.ConceptColumn()
	case "source":
		return t.SourceConceptColumn()
	case "start":
		return t.DateColumn()
	case "end":
		return t.EndDateColumn()
	case "visit":
		return "visit_occurrence_id"
	}
	return short
}

// tables returns the case's tables, with the vocabulary of the cases, and the
// persons and observation periods that go without saying.
func (c Case) tables() (Tables, error) {
	t := caseVocabulary()
	list, err := c.shown()
	if err != nil {
		return nil, err
	}
	persons := map[int64]bool{}
	for _, s := range list {
		table, _ := cdm.Lookup(s.name)
		for _, values := range s.rows {
			r := map[string]any{}
			for i, text := range values {
				column, ok := table.Column(s.columns[i])
				if !ok {
					return nil, fmt.Errorf("%s has no column %q", s.name, s.columns[i])
				}
				if text == "-" {
					continue
				}
				if r[column.Name], err = parseValue(text, column.Type); err != nil {
					return nil, fmt.Errorf("%s.%s: %w", s.name, column.Name, err)
				}
			}
			if p := personOf(r); p != 0 {
				persons[p] = true
			}
			t[s.name] = append(t[s.name], complete(r, table))
		}
	}
	for p := range persons {
		is := func(r map[string]any) bool { return personOf(r) == p }
		if !slices.ContainsFunc(t["person"], is) {
			person, _ := cdm.Lookup("person")
			t["person"] = append(t["person"], complete(map[string]any{"person_id": p, "gender_concept_id": int64(8532), "year_of_birth": int64(1970)}, person))
		}
		if !slices.ContainsFunc(t["observation_period"], is) {
			t["observation_period"] = append(t["observation_period"], map[string]any{"observation_period_id": 9000 + p, "person_id": p,
				"observation_period_start_date": galien.MustDate("2020-01-01"), "observation_period_end_date": galien.MustDate("2020-12-31"),
				"period_type_concept_id": int64(0)})
		}
	}
	return t, nil
}

// complete sets what a row must have and the case does not care about to 0.
func complete(r map[string]any, t cdm.Table) map[string]any {
	for _, c := range t.Columns {
		if _, stated := r[c.Name]; !stated && c.Required && c.Type == cdm.Integer && !c.PrimaryKey {
			r[c.Name] = int64(0)
		}
	}
	return r
}

func caseVocabulary() Tables {
	t := Tables{}
	from, to := galien.MustDate("1970-01-01"), galien.MustDate("2099-12-31")
	for _, c := range caseConcepts {
		r := map[string]any{"concept_id": c.id, "concept_name": c.name, "domain_id": "example", "vocabulary_id": "example", "concept_class_id": "example",
			"concept_code": strconv.FormatInt(c.id, 10), "valid_start_date": from, "valid_end_date": to}
		if c.invalid {
			r["invalid_reason"] = "D"
		}
		t["concept"] = append(t["concept"], r)
		for _, ancestor := range []int64{c.id, c.parent} {
			if ancestor != 0 {
				t["concept_ancestor"] = append(t["concept_ancestor"], map[string]any{"ancestor_concept_id": ancestor, "descendant_concept_id": c.id,
					"min_levels_of_separation": int64(0), "max_levels_of_separation": int64(0)})
			}
		}
		if c.mapsTo != 0 {
			t["concept_relationship"] = append(t["concept_relationship"], map[string]any{"concept_id_1": c.id, "concept_id_2": c.mapsTo,
				"relationship_id": "Maps to", "valid_start_date": from, "valid_end_date": to})
		}
	}
	return t
}

func (c Case) rows() ([]cohort.Row, error) {
	var rows []cohort.Row
	for _, line := range lines(c.Rows) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("%q is not person, start, end", line)
		}
		person, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return nil, err
		}
		start, err := galien.ParseDate(f[1])
		if err != nil {
			return nil, err
		}
		end, err := galien.ParseDate(f[2])
		if err != nil {
			return nil, err
		}
		rows = append(rows, cohort.Row{Person: galien.PersonID(person), Start: start, End: end})
	}
	sortRows(rows)
	return rows, nil
}
