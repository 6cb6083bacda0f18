// Package permit decides who may ask what of the hub, and writes every
// decision down before it is acted on.
//
// It owns the terms of a permit (a YAML file, docs/formats/permit.md), the
// store of granted permits and of oppositions (HUB/meta.db) and the Gate, the
// only place where a Permitted is made. An engine, an extract or a release runs
// only on a Permitted, so nothing reads a person's data without a permit in
// force and an audit entry on the disk.
//
// It refuses terms it does not know in full: an unknown key, table, column or
// purpose is an error and never ignored. It runs no query and filters no row;
// whoever answers keeps to the Scope.
//
//	gate := permit.NewGate(store, log, "marie", time.Now)
//	p, err := gate.Allow(ctx, id, permit.Request{
//		Action: permit.CountCohort, Snapshot: snap.ID, Subject: hash,
//		Reads: map[string][]string{"condition_occurrence": {"condition_concept_id"}},
//	})
//	if err != nil {
//		return err // denied, and written down as denied
//	}
//	answer := ask(p) // starts with p.Check(permit.CountCohort)
//	if err := gate.Deliver(ctx, p, nil); err != nil {
//		return err // revoked meanwhile: the answer is not handed over
//	}
package permit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"galien"
	"galien/cdm"
)

// Level is how much leaves the engine under a permit.
type Level string

const (
	// LevelCohort lets cohorts be counted, with small numbers withheld.
	LevelCohort Level = "cohort"
	// LevelAggregates lets tables be computed and released too.
	LevelAggregates Level = "aggregates"
	// LevelRows lets rows of single persons out of the engine.
	LevelRows Level = "rows"
)

// How exactly an answer with rows shows dates.
const (
	DatesExact = "exact" // as recorded
	DatesMonth = "month" // the first day of the month
	DatesYear  = "year"  // the first day of the year
)

// DefaultThreshold is the smallest number of persons that may be shown when
// the terms state none.
const DefaultThreshold = 11

// DefaultAreaPersons is the least number of persons of an area that rows name when
// the terms state none: the CNIL asks as many inhabitants of a geographic code of the
// PMSI (docs/formats/permit.md).
const DefaultAreaPersons = 1000

// Concept names one concept of the vocabulary, with all its descendants if
// so said.
type Concept struct {
	ID          galien.ConceptID `json:"concept"`
	Descendants bool             `json:"descendants"`
}

// Terms are what a permit allows, as written in its file. They come from
// Parse, which validates them.
type Terms struct {
	// Name starts the permit's id.
	Name string `json:"name"`
	// Purpose is why, in words; it is kept and shown, and decides nothing.
	Purpose string `json:"purpose"`
	// PurposeKind is why, from the closed list of PurposeKinds.
	PurposeKind string `json:"purpose_kind"`
	// People are the operating system accounts that may use the permit; "*"
	// is every account that can open the hub.
	People []string `json:"people"`
	Level  Level    `json:"level"`
	// Tables are the granted tables and their columns, without the columns
	// that come with every table (see Scope). A nil list of columns is every
	// column; a nil map is every table.
	Tables map[string][]string `json:"tables"`
	// Deny are concepts whose rows are hidden from every question, and Allow,
	// when not empty, the only ones whose rows are seen.
	Deny  []Concept `json:"deny,omitempty"`
	Allow []Concept `json:"allow,omitempty"`
	// Window, when set, hides what happened on other days.
	Window *galien.Period `json:"window,omitempty"`
	// Areas, when not empty, are the departments whose residents alone are there.
	Areas []string `json:"areas,omitempty"`
	// AreaPersons is the least number of persons of the hub who must live in an area
	// for rows to name it; 0 stands for DefaultAreaPersons (see LeastArea).
	AreaPersons int `json:"area_persons,omitempty"`
	// Dates is how answers with rows show dates: DatesExact, DatesMonth or
	// DatesYear; empty at levels that let no rows out.
	Dates string `json:"dates,omitempty"`
	// SourceIDs lets the sources' own person ids out: the data steward's.
	SourceIDs bool `json:"source_ids"`
	// Threshold is the smallest number of persons that an output may show.
	Threshold int `json:"threshold"`
	// Rounding is the base that numbers of persons and events are rounded to where
	// they leave or may leave; 0 rounds nothing.
	Rounding int `json:"rounding,omitempty"`
	// Starts and Expires are the first and the last day of the permit.
	Starts  galien.Date `json:"starts"`
	Expires galien.Date `json:"expires"`
}

// ID returns the permit's id: its name and eight hexadecimal digits of the hash
// of its terms. The same terms have the same id, whatever their layout.
func (t Terms) ID() string { return t.Name + "-" + t.hash()[:8] }

// hash returns the SHA-256 of the canonical terms, in hexadecimal.
func (t Terms) hash() string {
	t = t.clone()
	slices.Sort(t.People)
	slices.Sort(t.Areas)
	for _, columns := range t.Tables {
		slices.Sort(columns)
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic("permit: terms cannot be written as JSON: " + err.Error()) // no field can fail
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// clone returns a copy that shares nothing with t.
func (t Terms) clone() Terms {
	t.People, t.Areas = slices.Clone(t.People), slices.Clone(t.Areas)
	t.Deny, t.Allow = slices.Clone(t.Deny), slices.Clone(t.Allow)
	t.Tables = cloneTables(t.Tables)
	if t.Window != nil {
		w := *t.Window
		t.Window = &w
	}
	return t
}

func cloneTables(m map[string][]string) map[string][]string {
	m = maps.Clone(m)
	for name, columns := range m {
		m[name] = slices.Clone(columns)
	}
	return m
}

// LeastArea is the least number of persons of the hub who must live in an area for
// rows to name it; 1 is no limit.
func (t Terms) LeastArea() int {
	if t.AreaPersons == 0 {
		return DefaultAreaPersons
	}
	return t.AreaPersons
}

// admits reports whether the terms name the account.
func (t Terms) admits(account string) bool {
	return slices.Contains(t.People, "*") || slices.Contains(t.People, account)
}

// Scope is the part of the lake that a permit opens.
type Scope struct {
	// Tables are the granted tables, each with its granted columns in the
	// order of the specification; nil is every table and column. The columns
	// that come with a table are in it: its person_id and primary key, and for
	// person also gender_concept_id and year_of_birth, for observation_period
	// every column.
	//
	// Tables of people's places of care (care_site, location,
	// location_history, provider) can be granted to definitions; they have no
	// person_id and are no part of an extract.
	Tables map[string][]string
	// Window, when set, is the only span of days whose events are seen.
	Window *galien.Period
	// Deny and Allow are the hidden concepts and, when not empty, the only
	// visible ones.
	Deny, Allow []Concept
	// Areas, when not empty, are the departments (location.state) whose residents
	// alone are there; whose home is not known is not.
	Areas []string
	// Dates is how an answer with rows shows dates.
	Dates string
	// Opposed are the persons who are not there for this permit, ascending:
	// no row of theirs is seen.
	Opposed []galien.PersonID
}

// Opposes reports whether a person is not there for this permit.
func (s Scope) Opposes(p galien.PersonID) bool {
	_, found := slices.BinarySearch(s.Opposed, p)
	return found
}

// Day returns a day as the permit's dates show it: itself, or the first day of
// its month or year.
func (s Scope) Day(d galien.Date) galien.Date {
	switch s.Dates {
	case DatesMonth:
		year, month, _ := d.Civil()
		d, _ = galien.NewDate(year, month, 1)
	case DatesYear:
		d, _ = galien.NewDate(d.Year(), 1, 1)
	}
	return d
}

// scope works out the scope of the terms.
func (t Terms) scope() Scope {
	t = t.clone()
	s := Scope{Window: t.Window, Deny: t.Deny, Allow: t.Allow, Areas: t.Areas, Dates: t.Dates}
	if t.Tables == nil {
		return s
	}
	s.Tables = make(map[string][]string, len(t.Tables))
	for name, granted := range t.Tables {
		table, _ := cdm.Lookup(name)
		columns := []string{}
		for _, c := range table.Columns {
			if granted == nil || slices.Contains(granted, c.Name) || comesWith(table, c) {
				columns = append(columns, c.Name)
			}
		}
		s.Tables[name] = columns
	}
	return s
}

// comesWith reports whether a column is granted whenever its table is.
func comesWith(t cdm.Table, c cdm.Column) bool {
	switch {
	case c.Name == "person_id" || c.Name == t.PrimaryKey():
		return true
	case t.Name == "person":
		return c.Name == "gender_concept_id" || c.Name == "year_of_birth"
	case t.Name == "observation_period":
		return true
	}
	return false
}
