package permit

import (
	"strings"
	"testing"

	"galien"
)

const full = `# a comment
name: full-1
purpose: |
  Two lines
  of purpose.
purpose_kind: steward
people:
  - marie
  - jean
level: rows
tables:
  person: "*"
  care_site: [place_of_service_concept_id]
  drug_exposure: [drug_exposure_start_date, drug_concept_id]
concepts:
  deny:
    - concept: 432586
      descendants: true
    - {concept: 7}
  allow: [{concept: 1118084, descendants: false}]
window: {start: 2010-01-01, end: 2010-01-01}
dates: year
source_ids: true
output:
  threshold: 5
starts: 2024-02-29
expires: 2024-02-29
areas: {departments: ["35", 2A]}
`

// A base for rounding stands beside the threshold or alone, and is part of the terms.
func TestRounding(t *testing.T) {
	read := func(output string) Terms {
		t.Helper()
		got, err := Parse([]byte(strings.Replace(full, "threshold: 5", output, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	exact, both, alone := read("threshold: 11"), read("threshold: 11\n  rounding: 5"), read("rounding: 5")
	if exact.Rounding != 0 || both.Rounding != 5 || both.Threshold != 11 || alone.Threshold != 11 || both.ID() != alone.ID() || exact.ID() == both.ID() {
		t.Errorf("%+v\n%+v\n%+v", exact, both, alone)
	}
}

// The least number of persons of an area is 1,000 where it is not said, and saying
// so is the same permit.
func TestLeastArea(t *testing.T) {
	read := func(areas string) Terms {
		t.Helper()
		got, err := Parse([]byte(strings.Replace(full, `areas: {departments: ["35", 2A]}`, areas, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	none, said, other, free := read(""), read("areas: {least_persons: 1000}"), read("areas: {least_persons: 5000}"), read(`areas: {least_persons: 1, departments: ["35"]}`)
	if none.LeastArea() != 1000 || said.LeastArea() != 1000 || other.LeastArea() != 5000 || free.LeastArea() != 1 || len(free.Areas) != 1 {
		t.Errorf("%d, %d, %d, %d of %v", none.LeastArea(), said.LeastArea(), other.LeastArea(), free.LeastArea(), free.Areas)
	}
	if none.ID() != said.ID() || none.ID() == other.ID() {
		t.Errorf("ids %s, %s, %s", none.ID(), said.ID(), other.ID())
	}
}

func TestParseFull(t *testing.T) {
	got, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "full-1" || got.Purpose != "Two lines\nof purpose." || got.PurposeKind != "steward" || strings.Join(got.People, " ") != "marie jean" ||
		got.Level != LevelRows || got.Dates != DatesYear || !got.SourceIDs || got.Threshold != 5 ||
		got.Starts != galien.MustDate("2024-02-29") || got.Expires != got.Starts {
		t.Errorf("%+v", got)
	}
	if len(got.Tables) != 3 || got.Tables["person"] != nil || strings.Join(got.Tables["drug_exposure"], " ") != "drug_exposure_start_date drug_concept_id" {
		t.Errorf("tables %v", got.Tables)
	}
	if len(got.Deny) != 2 || got.Deny[0] != (Concept{432586, true}) || got.Deny[1] != (Concept{7, false}) || len(got.Allow) != 1 || got.Allow[0] != (Concept{1118084, false}) {
		t.Errorf("concepts %v %v", got.Deny, got.Allow)
	}
	if strings.Join(got.Areas, " ") != "35 2A" || strings.Join(got.scope().Areas, " ") != "35 2A" {
		t.Errorf("areas %v", got.Areas)
	}
	if got.Window.Start != galien.MustDate("2010-01-01") || got.Window.End != got.Window.Start {
		t.Errorf("window %v", got.Window)
	}
}

const least = `name: a
purpose: b
purpose_kind: research
people: ["*"]
level: cohort
tables: "*"
starts: 2024-01-01
expires: 2024-12-31
`

func TestParseLeast(t *testing.T) {
	got, err := Parse([]byte(least))
	if err != nil {
		t.Fatal(err)
	}
	if got.Threshold != 11 || got.Tables != nil || got.Window != nil || got.SourceIDs || got.Deny != nil || got.Allow != nil || got.Dates != "" {
		t.Errorf("defaults %+v", got)
	}
	if s := got.scope(); s.Tables != nil {
		t.Errorf("scope %+v", s)
	}
}

// TestParseRefusals changes one thing of a good permit at a time. Each error
// names the line, the key, and what to do.
func TestParseRefusals(t *testing.T) {
	for _, c := range []struct{ what, from, to, want string }{
		{"unknown key", "people:", "persons:", "line 7: persons is not a key of a permit"},
		{"unknown key, close", "purpose_kind:", "purpose-kind:", "did you mean purpose_kind?"},
		{"unknown nested key", "end:", "ende:", "line 21: window.ende is not a key"},
		{"unknown key in output", "threshold: 5", "minimum: 5", "line 25: output.minimum is not a key"},
		{"unknown key in a concept", "concept: 432586", "concept: 432586\n      mapped: true", "line 18: concepts.deny[1].mapped is not a key"},
		{"key twice", "level: rows", "level: rows\nlevel: rows", "line 11: "},
		{"no name", "name: full-1\n", "", "the key name is missing"},
		{"no purpose", "purpose: |\n  Two lines\n  of purpose.\n", "", "the key purpose is missing"},
		{"no expiry", "expires: 2024-02-29\n", "", "the key expires is missing"},
		{"no end of window", ", end: 2010-01-01", "", "the key window.end is missing"},
		{"no concept", "{concept: 7}", "{descendants: true}", "the key concepts.deny[2].concept is missing"},
		{"empty purpose", "purpose: |\n  Two lines\n  of purpose.", `purpose: "  "`, "line 3: purpose is empty"},
		{"null purpose", "purpose: |\n  Two lines\n  of purpose.", "purpose:", "purpose must be text, not nothing"},
		{"bad name", "full-1", "Full_1", "line 2: name must be"},
		{"name with a path", "full-1", "../a", "line 2: name must be"},
		{"prohibited purpose", "kind: steward", "kind: advertising", "line 6: purpose_kind advertising is a prohibited purpose"},
		{"prohibited purpose 2", "kind: steward", "kind: insurance", "is a prohibited purpose"},
		{"unknown purpose", "kind: steward", "kind: fun", "purpose_kind must be one of: research, public-health"},
		{"nobody", "people:\n  - marie\n  - jean", "people: []", "line 7: people is empty"},
		{"one not in a list", "people:\n  - marie\n  - jean", "people: marie", "people must be a list"},
		{"everyone and marie", "- jean", `- "*"`, `people holds "*"`},
		{"twice marie", "- jean", "- marie", "line 9: people[2] names an account twice"},
		{"bare star", "- marie", "- *marie", "line"},
		{"number for a person", "- marie", "- 7", "line 8: people[1] must be text, not a number"},
		{"unknown level", "level: rows", "level: row", "level must be one of: cohort, aggregates, rows"},
		{"unknown table", "drug_exposure:", "drug_exposures:", "line 14: tables.drug_exposures is not a table of OMOP CDM 5.4; did you mean drug_exposure?"},
		{"vocabulary table", "drug_exposure:", "drug_strength:", "is a vocabulary table"},
		{"table without persons", "drug_exposure:", "fact_relationship:", "tables.fact_relationship has no person_id"},
		{"results table", "drug_exposure:", "cohort:", "is not a table"},
		{"unknown column", "drug_concept_id]", "drug_concept]", `line 14: tables.drug_exposure[2] "drug_concept" is not a column of drug_exposure in OMOP CDM 5.4; did you mean drug_concept_id?`},
		{"old column name", "[drug_exposure_start_date, drug_concept_id]", "[admitting_source_concept_id]", "is not a column"},
		{"column twice", "drug_concept_id]", "drug_exposure_start_date]", "is named twice"},
		{"identity column", `person: "*"`, "person: [person_source_value]", "line 12: tables.person[1] person_source_value identifies people"},
		{"word for columns", `person: "*"`, "person: all", `tables.person must be "*" (every column) or a list`},
		{"no columns at all", `person: "*"`, "person:", "tables.person must be a list"},
		{"concept 0", "{concept: 7}", "{concept: 0}", "must be a concept_id of 1 or more"},
		{"concept as text", "{concept: 7}", "{concept: seven}", "must be a whole number"},
		{"concept too large", "{concept: 7}", "{concept: 9223372036854775808}", "must be a whole number"},
		{"concept twice", "{concept: 7}", "{concept: 432586}", "concept 432586 is named twice"},
		{"yes", "descendants: true", "descendants: yes", "must be true or false"},
		{"empty allow", "[{concept: 1118084, descendants: false}]", "[]", "concepts.allow is empty"},
		{"window ends first", "end: 2010-01-01}", "end: 2009-12-31}", "line 21: window.end is before window.start (2010-01-01)"},
		{"no such day", "starts: 2024-02-29", "starts: 2023-02-29", "line 26: starts must be a date"},
		{"other date form", "starts: 2024-02-29", "starts: 29/02/2024", "starts must be a date of the form YYYY-MM-DD"},
		{"year", "starts: 2024-02-29", "starts: 2024", "starts must be a date of the form YYYY-MM-DD"},
		{"expires first", "expires: 2024-02-29", "expires: 2024-02-28", "line 27: expires is before starts (2024-02-29)"},
		{"unknown dates", "dates: year", "dates: day", "dates must be one of: exact, month, year"},
		{"no dates", "dates: year\n", "", "level rows needs the key dates"},
		{"dates without rows", "level: rows", "level: cohort", "dates has no meaning at level cohort"},
		{"source ids without rows", "level: rows", "level: aggregates", "line"},
		{"source ids for research", "kind: steward", "kind: research", "line 23: source_ids is for the data steward's own permit"},
		{"low threshold", "threshold: 5", "threshold: 2", "line 25: output.threshold must be from 3"},
		{"negative threshold", "threshold: 5", "threshold: -11", "output.threshold must be from 3"},
		{"threshold 5.5", "threshold: 5", "threshold: 5.5", "output.threshold must be a whole number"},
		{"threshold as text", "threshold: 5", `threshold: "5"`, "output.threshold must be a whole number"},
		{"rounded to nothing", "threshold: 5", "rounding: 1", "line 25: output.rounding must be from 2 to 1000"},
		{"rounded to a word", "threshold: 5", "rounding: exact", "output.rounding must be a whole number"},
		{"no department", `["35", 2A]`, "[]", "line 28: areas.departments is empty"},
		{"no list of departments", `areas: {departments: ["35", 2A]}`, "areas: {}", "the key departments is missing"},
		{"an area of nobody", `areas: {departments: ["35", 2A]}`, "areas: {least_persons: 0}", "line 28: areas.least_persons must be from 1, which is no limit"},
		{"an area of half a person", `areas: {departments: ["35", 2A]}`, "areas: {least_persons: 10.5}", "areas.least_persons must be a whole number"},
		{"department as number", `"35"`, "35", "areas.departments[1] must be text, not a number"},
		{"department twice", "2A", `"35"`, "areas.departments[2] names a department twice"},
		{"department with a quote", "2A", `"2A' OR 1"`, "is no code of a department"},
		{"anchor", "level: rows", "level: &l rows", "level must be text, not an alias, anchor or tag"},
		{"tag", "level: rows", "level: !!str rows", "level must be text, not an alias, anchor or tag"},
		{"merge key", "level: rows", "level: rows\n<<: {a: b}", "line"},
		{"not YAML", "level: rows", "level: [rows", "line"},
		{"tab", "level: rows", "\tlevel: rows", "line"},
		{"two documents", "level: rows", "level: rows\n---\na: b", "2 YAML documents"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if strings.Count(full, c.from) < 1 {
				t.Fatalf("%q is not in the permit", c.from)
			}
			_, err := Parse([]byte(strings.Replace(full, c.from, c.to, 1)))
			if galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(strings.NewReplacer("level: rows", "level: aggregates", "dates: year\n", "").Replace(full))); err == nil || !strings.Contains(err.Error(), "source_ids needs level: rows") {
		t.Errorf("source ids without rows: %v", err)
	}
	for what, text := range map[string]string{"empty": "", "comment": "# nothing\n", "list": "- a\n", "text": "a", "number": "7", "null": "~"} {
		if _, err := Parse([]byte(text)); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Parse([]byte(least + strings.Repeat("#", maxText))); galien.KindOf(err) != galien.Invalid {
		t.Errorf("huge: %v", err)
	}
}

// TestID: layout does not matter, every term does.
func TestID(t *testing.T) {
	id := func(text string) string {
		terms, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return terms.ID()
	}
	first := id(full)
	if !idPattern.MatchString(first) || !strings.HasPrefix(first, "full-1-") {
		t.Errorf("id %s", first)
	}
	for _, c := range [][2]string{
		{"# a comment", "# another"},
		{"[drug_exposure_start_date, drug_concept_id]", "[drug_concept_id, drug_exposure_start_date]"},
		{"- marie\n  - jean", "- jean\n  - marie"},
		{"{concept: 7}", "{concept: 7, descendants: false}"},
	} {
		if got := id(strings.Replace(full, c[0], c[1], 1)); got != first {
			t.Errorf("%s: id %s, want %s", c[1], got, first)
		}
	}
	seen := map[string]string{first: "unchanged"}
	for _, c := range [][2]string{
		{"full-1", "full-2"}, {"Two lines", "Three lines"}, {"- jean", "- paul"},
		{`person: "*"`, "person: []"}, {", drug_concept_id]", "]"}, {"{concept: 7}", "{concept: 8}"}, {"descendants: false", "descendants: true"},
		{"start: 2010", "start: 2009"}, {"dates: year", "dates: month"}, {"source_ids: true", "source_ids: false"},
		{"threshold: 5", "threshold: 6"}, {"expires: 2024-02-29", "expires: 2024-03-01"},
	} {
		got := id(strings.Replace(full, c[0], c[1], 1))
		if was, ok := seen[got]; ok {
			t.Errorf("%s has the id of %s", c[1], was)
		}
		seen[got] = c[1]
	}
	// "*" and a list of nothing are not the same.
	if id(strings.Replace(full, `person: "*"`, "person: []", 1)) == first {
		t.Error("every column and no column have one id")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add(least)
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := Parse([]byte(text))
		if err != nil {
			if galien.KindOf(err) != galien.Invalid {
				t.Errorf("kind %v: %v", galien.KindOf(err), err)
			}
			return
		}
		if !idPattern.MatchString(terms.ID()) || terms.Purpose == "" || len(terms.People) == 0 || terms.Expires < terms.Starts || terms.Threshold < minThreshold {
			t.Errorf("accepted %+v", terms)
		}
		if terms.SourceIDs && terms.Level != LevelRows {
			t.Errorf("source ids at level %s", terms.Level)
		}
	})
}
