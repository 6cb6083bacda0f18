package permit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"galien"
	"galien/cdm"
)

// PurposeKinds lists what a permit can be for.
func PurposeKinds() []string {
	return []string{"research", "public-health", "quality", "management", "steward"}
}

// prohibited are purposes for which no permit can be granted, by kind.
var prohibited = map[string]string{
	"advertising":         "promoting products or services to people or to professionals",
	"insurance":           "excluding people from insurance or changing their premiums",
	"individual-decision": "deciding about a single person to their detriment",
	"employment":          "deciding about a person's work",
	"credit":              "deciding about a person's loans",
	"harmful-product":     "developing products that harm people or society",
}

// The bounds of an output threshold: under the lower one a number tells about
// single persons.
const minThreshold, maxThreshold = 3, 10000

// maxRounding is the largest base that numbers are rounded to.
const maxRounding = 1000

// maxAreaPersons is the most that a permit can ask of an area.
const maxAreaPersons = 10_000_000

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// placesOfCare are the tables without a person that definitions may need, so
// that a permit can grant them.
var placesOfCare = []string{"care_site", "location", "location_history", "provider"}

// Parse reads and validates the terms of a permit from YAML. It fails with
// Invalid, naming the line, the key and the remedy, on anything it does not
// know or that contradicts itself.
func Parse(text []byte) (Terms, error) {
	root, err := parseYAML(text)
	if err != nil {
		return Terms{}, err
	}
	keys, err := root.mapping("name", "purpose", "purpose_kind", "people", "level", "tables",
		"concepts", "window", "areas", "dates", "source_ids", "output", "starts", "expires")
	if err != nil {
		return Terms{}, err
	}
	if err := keys.require("name", "purpose", "purpose_kind", "people", "level", "tables", "starts", "expires"); err != nil {
		return Terms{}, err
	}
	t := Terms{Threshold: DefaultThreshold}
	for _, read := range []struct {
		key string
		fn  func(value) error
	}{
		{"name", t.readName},
		{"purpose", t.readPurpose},
		{"purpose_kind", t.readPurposeKind},
		{"people", t.readPeople},
		{"level", t.readLevel},
		{"tables", t.readTables},
		{"concepts", t.readConcepts},
		{"window", t.readWindow},
		{"areas", t.readAreas},
		{"dates", t.readDates},
		{"source_ids", t.readSourceIDs},
		{"output", t.readOutput},
		{"starts", func(v value) (err error) { t.Starts, err = v.date(); return err }},
		{"expires", func(v value) (err error) { t.Expires, err = v.date(); return err }},
	} {
		if v, ok := keys[read.key]; ok {
			if err := read.fn(v); err != nil {
				return Terms{}, err
			}
		}
	}
	return t, t.agree(keys)
}

// agree checks what one key says against another.
func (t *Terms) agree(keys mapping) error {
	if t.Expires < t.Starts {
		return keys["expires"].errorf("is before starts (%s): write the last day of the permit", t.Starts)
	}
	_, hasDates := keys["dates"]
	switch {
	case t.Level == LevelRows && !hasDates:
		return keys["level"].errorf("rows needs the key dates as well: exact, month or year, how rows show dates")
	case t.Level != LevelRows && hasDates:
		return keys["dates"].errorf("has no meaning at level %s, which lets no row out: remove it", t.Level)
	case t.SourceIDs && t.Level != LevelRows:
		return keys["source_ids"].errorf("needs level: rows: remove it, or change the level")
	case t.SourceIDs && t.PurposeKind != "steward":
		return keys["source_ids"].errorf("is for the data steward's own permit: remove it, or write purpose_kind: steward")
	}
	return nil
}

func (t *Terms) readName(v value) (err error) {
	if t.Name, err = v.text(); err != nil {
		return err
	}
	if len(t.Name) > 40 || !namePattern.MatchString(t.Name) {
		return v.errorf("must be 1 to 40 lower-case letters, digits and single hyphens, starting with a letter: it becomes part of the permit's id")
	}
	return nil
}

func (t *Terms) readPurpose(v value) (err error) {
	if t.Purpose, err = v.text(); err != nil {
		return err
	}
	t.Purpose = strings.TrimSpace(t.Purpose)
	if t.Purpose == "" {
		return v.errorf("is empty: say in a sentence what the data are used for")
	}
	if utf8.RuneCountInString(t.Purpose) > 2000 {
		return v.errorf("is over 2,000 characters: say it shorter")
	}
	return nil
}

func (t *Terms) readPurposeKind(v value) (err error) {
	if t.PurposeKind, err = v.text(); err != nil {
		return err
	}
	if why, ok := prohibited[t.PurposeKind]; ok {
		return v.errorf("%s is a prohibited purpose (%s): no permit can be granted for it", t.PurposeKind, why)
	}
	return v.oneOf(t.PurposeKind, PurposeKinds())
}

func (t *Terms) readPeople(v value) error {
	items, err := v.list()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return v.errorf(`is empty: list the accounts that may use the permit, or ["*"] for every account that can open the hub`)
	}
	for _, item := range items {
		account, err := item.text()
		if err != nil {
			return err
		}
		if account == "" || strings.TrimSpace(account) != account {
			return item.errorf("is not an account name: remove the blanks around it")
		}
		if slices.Contains(t.People, account) {
			return item.errorf("names an account twice: remove one")
		}
		t.People = append(t.People, account)
	}
	if len(t.People) > 1 && slices.Contains(t.People, "*") {
		return v.errorf(`holds "*", which is everyone, beside single accounts: keep one or the other`)
	}
	return nil
}

func (t *Terms) readLevel(v value) error {
	s, err := v.text()
	if err != nil {
		return err
	}
	t.Level = Level(s)
	return v.oneOf(s, []string{string(LevelCohort), string(LevelAggregates), string(LevelRows)})
}

func (t *Terms) readTables(v value) error {
	if v.isText() {
		s, err := v.text()
		if err != nil {
			return err
		}
		if s != "*" {
			return v.errorf(`must be "*" (every table) or a mapping of table names to columns`)
		}
		return nil
	}
	tables, err := v.mapping()
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return v.errorf(`is empty: name the tables, or write "*" for every table`)
	}
	t.Tables = map[string][]string{}
	for _, name := range tables.inOrder() {
		item := tables[name]
		table, err := grantable(item, name)
		if err != nil {
			return err
		}
		if t.Tables[name], err = readColumns(item, table); err != nil {
			return err
		}
	}
	return nil
}

// grantable returns the table that a permit names.
func grantable(v value, name string) (cdm.Table, error) {
	table, ok := cdm.Lookup(name)
	if !ok {
		var names []string
		for _, t := range cdm.Tables() {
			names = append(names, t.Name)
		}
		return cdm.Table{}, v.errorf("is not a table of OMOP CDM 5.4%s", nearest(name, names))
	}
	if table.Vocabulary {
		return cdm.Table{}, v.errorf("is a vocabulary table, which holds no person and is open to every permit: remove it")
	}
	if !table.HasPerson() && !slices.Contains(placesOfCare, name) {
		return cdm.Table{}, v.errorf("has no person_id, so that its rows cannot be kept to the permitted persons: remove it")
	}
	return table, nil
}

// readColumns returns the named columns, or nil for "*".
func readColumns(v value, table cdm.Table) ([]string, error) {
	if v.isText() {
		s, err := v.text()
		if err != nil {
			return nil, err
		}
		if s != "*" {
			return nil, v.errorf(`must be "*" (every column) or a list of columns`)
		}
		return nil, nil
	}
	items, err := v.list()
	if err != nil {
		return nil, err
	}
	columns := []string{}
	for _, item := range items {
		name, err := item.text()
		if err != nil {
			return nil, err
		}
		column, ok := table.Column(name)
		switch {
		case !ok:
			var names []string
			for _, c := range table.Columns {
				names = append(names, c.Name)
			}
			return nil, item.errorf("%q is not a column of %s in OMOP CDM 5.4%s", name, table.Name, nearest(name, names))
		case column.Identity:
			return nil, item.errorf("%s identifies people and is never in the lake: remove it", name)
		case slices.Contains(columns, name):
			return nil, item.errorf("%s is named twice: remove one", name)
		}
		columns = append(columns, name)
	}
	return columns, nil
}

func (t *Terms) readConcepts(v value) error {
	keys, err := v.mapping("deny", "allow")
	if err != nil {
		return err
	}
	if d, ok := keys["deny"]; ok {
		if t.Deny, err = readConceptList(d); err != nil {
			return err
		}
	}
	if a, ok := keys["allow"]; ok {
		if t.Allow, err = readConceptList(a); err != nil {
			return err
		}
		if len(t.Allow) == 0 {
			return a.errorf("is empty, which would hide every row: list concepts, or remove the key")
		}
	}
	return nil
}

func readConceptList(v value) ([]Concept, error) {
	items, err := v.list()
	if err != nil {
		return nil, err
	}
	var out []Concept
	for _, item := range items {
		keys, err := item.mapping("concept", "descendants")
		if err != nil {
			return nil, err
		}
		if err := keys.require("concept"); err != nil {
			return nil, err
		}
		id, err := keys["concept"].integer()
		if err != nil {
			return nil, err
		}
		if id < 1 {
			return nil, keys["concept"].errorf("must be a concept_id of 1 or more")
		}
		c := Concept{ID: galien.ConceptID(id)}
		if d, ok := keys["descendants"]; ok {
			if c.Descendants, err = d.boolean(); err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(out, func(o Concept) bool { return o.ID == c.ID }) {
			return nil, item.errorf("concept %d is named twice: remove one", id)
		}
		out = append(out, c)
	}
	return out, nil
}

func (t *Terms) readWindow(v value) error {
	keys, err := v.mapping("start", "end")
	if err != nil {
		return err
	}
	if err := keys.require("start", "end"); err != nil {
		return err
	}
	var w galien.Period
	if w.Start, err = keys["start"].date(); err != nil {
		return err
	}
	if w.End, err = keys["end"].date(); err != nil {
		return err
	}
	if w.End < w.Start {
		return keys["end"].errorf("is before window.start (%s): write the last day that is seen", w.Start)
	}
	t.Window = &w
	return nil
}

// areaPattern is the form of a department's code.
var areaPattern = regexp.MustCompile(`^[0-9A-Za-z-]{1,10}$`)

func (t *Terms) readAreas(v value) error {
	keys, err := v.mapping("departments", "least_persons")
	if err != nil {
		return err
	}
	if least, ok := keys["least_persons"]; ok {
		n, err := least.integer()
		if err != nil {
			return err
		}
		if n < 1 || n > maxAreaPersons {
			return least.errorf("must be from 1, which is no limit, to %d persons; the usual one is %d", maxAreaPersons, DefaultAreaPersons)
		}
		if n != DefaultAreaPersons { // said or not, it is the same term
			t.AreaPersons = int(n)
		}
		if _, both := keys["departments"]; !both {
			return nil
		}
	}
	if err := keys.require("departments"); err != nil {
		return err
	}
	items, err := keys["departments"].list()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return keys["departments"].errorf("is empty, which would hide everybody: list departments, or remove the key areas")
	}
	for _, item := range items {
		code, err := item.text()
		if err != nil {
			return err
		}
		if !areaPattern.MatchString(code) {
			return item.errorf("is no code of a department: write it as the lake's location.state has it, in quotes")
		}
		if slices.Contains(t.Areas, code) {
			return item.errorf("names a department twice: remove one")
		}
		t.Areas = append(t.Areas, code)
	}
	return nil
}

func (t *Terms) readDates(v value) (err error) {
	if t.Dates, err = v.text(); err != nil {
		return err
	}
	return v.oneOf(t.Dates, []string{DatesExact, DatesMonth, DatesYear})
}

func (t *Terms) readSourceIDs(v value) (err error) {
	t.SourceIDs, err = v.boolean()
	return err
}

func (t *Terms) readOutput(v value) error {
	keys, err := v.mapping("threshold", "rounding")
	if err != nil {
		return err
	}
	if base, ok := keys["rounding"]; ok {
		n, err := base.integer()
		if err != nil {
			return err
		}
		if n < 2 || n > maxRounding {
			return base.errorf("must be from 2 to %d, such as 5 or 10; without it numbers are exact", maxRounding)
		}
		t.Rounding = int(n)
		if _, both := keys["threshold"]; !both {
			return nil
		}
	}
	if err := keys.require("threshold"); err != nil {
		return err
	}
	n, err := keys["threshold"].integer()
	if err != nil {
		return err
	}
	if n < minThreshold || n > maxThreshold {
		return keys["threshold"].errorf("must be from %d to %d persons; the usual one is %d", minThreshold, maxThreshold, DefaultThreshold)
	}
	t.Threshold = int(n)
	return nil
}

// nearest suggests the known name closest to a mistaken one, as the end of a
// sentence, or nothing when none is close.
func nearest(name string, known []string) string {
	best, distance := "", len(name)/3+2
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance counts the insertions, deletions and replacements of bytes
// between a and b, letter case ignored.
func editDistance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
