package cdm

import (
	"sort"
	"strings"
	"testing"
)

// The counts are those of the published specification (37 tables of the CDM
// and vocabulary schemas, 421 fields in them) and of the three extensions.
func TestTablesAreThoseOfTheSpecification(t *testing.T) {
	ts := Tables()
	if len(ts) != 37+1 {
		t.Errorf("%d tables, want 38", len(ts))
	}
	columns := 0
	vocabulary := 0
	for _, tb := range ts {
		columns += len(tb.Columns)
		if tb.Vocabulary {
			vocabulary++
		}
	}
	if want := 421 + 1 + 7 + 2; columns != want {
		t.Errorf("%d columns, want %d", columns, want)
	}
	if vocabulary != 10 {
		t.Errorf("%d vocabulary tables, want 10", vocabulary)
	}
	if !sort.SliceIsSorted(ts, func(i, j int) bool { return ts[i].Name < ts[j].Name }) {
		t.Error("tables are not sorted by name")
	}
	for _, name := range []string{"cohort", "cohort_definition", "PERSON", ""} {
		if _, ok := Lookup(name); ok {
			t.Errorf("Lookup(%q) finds a table", name)
		}
	}
}

func TestTablesAreCopies(t *testing.T) {
	Tables()[0] = Table{Name: "zzz"}
	if Tables()[0].Name != "care_site" {
		t.Error("a caller changed the model")
	}
}

// Every rule that holds for all tables, whatever the specification says.
func TestModelHoldsTogether(t *testing.T) {
	for _, tb := range Tables() {
		seen := map[string]bool{}
		keys := 0
		for _, c := range tb.Columns {
			at := tb.Name + "." + c.Name
			if c.Name != strings.ToLower(c.Name) || strings.ContainsAny(c.Name, `"' `) || c.Name == "" {
				t.Errorf("%s: not a plain lower-case name", at)
			}
			if seen[c.Name] {
				t.Errorf("%s: twice", at)
			}
			seen[c.Name] = true
			if c.Type.String() == "unknown" {
				t.Errorf("%s: no type", at)
			}
			if c.References != "" {
				if _, ok := Lookup(c.References); !ok {
					t.Errorf("%s: references %s, which does not exist", at, c.References)
				}
			}
			if strings.HasSuffix(c.Name, "_concept_id") && c.Type != Integer {
				t.Errorf("%s: a concept that is no integer", at)
			}
			if c.PrimaryKey {
				keys++
				if !c.Required {
					t.Errorf("%s: a key that may be null", at)
				}
			}
			if c.Identity && (c.Required || c.PrimaryKey || c.Type != Text) {
				t.Errorf("%s: an identity that the lake cannot leave null", at)
			}
		}
		if keys > 1 {
			t.Errorf("%s: %d primary keys", tb.Name, keys)
		}
		if tb.HasPerson() {
			if c, _ := tb.Column("person_id"); c.Type != Integer || !c.Required {
				t.Errorf("%s: person_id is optional or no integer", tb.Name)
			}
		}
	}
}

func TestEventColumnsExist(t *testing.T) {
	for name := range events {
		if _, ok := Lookup(name); !ok {
			t.Errorf("events names %s, which is no table", name)
		}
	}
	check := func(tb Table, column string, want Type) {
		t.Helper()
		if column == "" {
			return
		}
		if c, ok := tb.Column(column); !ok || c.Type != want {
			t.Errorf("%s.%s: absent, or no %s", tb.Name, column, want)
		}
	}
	for _, tb := range Tables() {
		check(tb, tb.ConceptColumn(), Integer)
		check(tb, tb.SourceConceptColumn(), Integer)
		check(tb, tb.DateColumn(), Date)
		check(tb, tb.EndDateColumn(), Date)
		if tb.ConceptColumn() != "" {
			if !tb.HasPerson() || tb.DateColumn() == "" {
				t.Errorf("%s: events without a person or a date", tb.Name)
			}
			// The concept of an event is named by the table's own prefix, and
			// its source concept beside it.
			prefix := strings.TrimSuffix(tb.ConceptColumn(), "concept_id")
			_, has := tb.Column(prefix + "source_concept_id")
			if has != (tb.SourceConceptColumn() != "") {
				t.Errorf("%s: source concept column %q", tb.Name, tb.SourceConceptColumn())
			}
		}
		// A table of persons is dated, except person itself.
		if tb.HasPerson() && tb.Name != "person" && tb.DateColumn() == "" {
			t.Errorf("%s: no date column", tb.Name)
		}
	}
}

func TestKnownColumns(t *testing.T) {
	tests := []struct {
		table, key, concept, source, start, end string
		person, vocabulary                      bool
	}{
		{"person", "person_id", "", "", "", "", true, false},
		{"death", "person_id", "", "", "death_date", "", true, false},
		{"drug_exposure", "drug_exposure_id", "drug_concept_id", "drug_source_concept_id", "drug_exposure_start_date", "drug_exposure_end_date", true, false},
		{"measurement", "measurement_id", "measurement_concept_id", "measurement_source_concept_id", "measurement_date", "", true, false},
		{"procedure_occurrence", "procedure_occurrence_id", "procedure_concept_id", "procedure_source_concept_id", "procedure_date", "procedure_end_date", true, false},
		{"cost", "cost_id", "", "", "incurred_date", "", true, false},
		{"dose_era", "dose_era_id", "drug_concept_id", "", "dose_era_start_date", "dose_era_end_date", true, false},
		{"fact_relationship", "", "", "", "", "", false, false},
		{"location_history", "location_history_id", "", "", "start_date", "end_date", false, false},
		{"concept", "concept_id", "", "", "", "", false, true},
		{"concept_ancestor", "", "", "", "", "", false, true},
	}
	for _, tt := range tests {
		tb, ok := Lookup(tt.table)
		if !ok {
			t.Errorf("%s: absent", tt.table)
			continue
		}
		got := []string{tb.PrimaryKey(), tb.ConceptColumn(), tb.SourceConceptColumn(), tb.DateColumn(), tb.EndDateColumn()}
		want := []string{tt.key, tt.concept, tt.source, tt.start, tt.end}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %q, want %q", tt.table, got, want)
				break
			}
		}
		if tb.HasPerson() != tt.person || tb.Vocabulary != tt.vocabulary {
			t.Errorf("%s: person %v, vocabulary %v", tt.table, tb.HasPerson(), tb.Vocabulary)
		}
	}
}

// The specification writes types in several cases and lengths, and puts the
// reserved word offset in quotes.
func TestQuirksOfTheSpecification(t *testing.T) {
	tests := []struct {
		table, column string
		typ           Type
		required      bool
		references    string
	}{
		{"visit_occurrence", "visit_type_concept_id", Integer, true, "concept"},
		{"note_nlp", "offset", Text, false, ""},
		{"note", "note_text", Text, true, ""},
		{"drug_exposure", "quantity", Float, false, ""},
		{"procedure_occurrence", "quantity", Integer, false, ""},
		{"person", "birth_datetime", Datetime, false, ""},
		{"visit_detail", "parent_visit_detail_id", Integer, false, "visit_detail"},
		{"cost", "cost_domain_id", Text, true, "domain"},
		{"cost", "payer_plan_period_id", Integer, false, "payer_plan_period"},
		{"location", "region_concept_id", Integer, false, "concept"},
		{"location_history", "entity_id", Integer, true, ""},
	}
	for _, tt := range tests {
		tb, _ := Lookup(tt.table)
		c, ok := tb.Column(tt.column)
		if !ok || c.Type != tt.typ || c.Required != tt.required || c.References != tt.references {
			t.Errorf("%s.%s: %+v", tt.table, tt.column, c)
		}
	}
}

func TestLakeOnlyColumns(t *testing.T) {
	var got []string
	for _, tb := range Tables() {
		for _, c := range tb.Columns {
			if c.LakeOnly {
				got = append(got, tb.Name+"."+c.Name)
			}
		}
	}
	if s := strings.Join(got, " "); s != "cost.person_id cost.incurred_date" {
		t.Errorf("columns of the lake alone: %s", s)
	}
}

// Whatever a cost may be of is a row of a person, with a key and a day.
func TestPriced(t *testing.T) {
	for domain, name := range Priced() {
		tb, ok := Lookup(name)
		if !ok || !tb.HasPerson() || tb.PrimaryKey() == "" || tb.DateColumn() == "" {
			t.Errorf("a cost of the domain %s is of %s, which has no such rows", domain, name)
		}
	}
	Priced()["Drug"] = "person"
	if Priced()["Drug"] != "drug_exposure" {
		t.Error("a caller changed the model")
	}
}

func TestIdentityColumns(t *testing.T) {
	want := "location.address_1 location.address_2 location.location_source_value " +
		"payer_plan_period.family_source_value person.person_source_value " +
		"provider.dea provider.npi provider.provider_name provider.provider_source_value"
	var got []string
	for _, tb := range Tables() {
		for _, c := range tb.Columns {
			if c.Identity {
				got = append(got, tb.Name+"."+c.Name)
			}
		}
	}
	sort.Strings(got)
	if s := strings.Join(got, " "); s != want {
		t.Errorf("identity columns %s, want %s", s, want)
	}
}

func TestRename53(t *testing.T) {
	for table, columns := range renamed {
		tb, ok := Lookup(table)
		if !ok {
			t.Errorf("renames in %s, which is no table", table)
		}
		for from, to := range columns {
			if _, ok := tb.Column(from); ok {
				t.Errorf("%s.%s is renamed and exists", table, from)
			}
			if _, ok := tb.Column(to); !ok {
				t.Errorf("%s.%s is renamed to %s, which does not exist", table, from, to)
			}
		}
	}
	if to, ok := Rename53("visit_detail", "visit_detail_parent_id"); !ok || to != "parent_visit_detail_id" {
		t.Errorf("visit_detail_parent_id: %q, %v", to, ok)
	}
	if to, ok := Rename53("person", "person_id"); ok || to != "" {
		t.Errorf("person_id: %q, %v", to, ok)
	}
}
