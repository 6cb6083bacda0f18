package attack

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"galien"
)

// Rows reads the tables of an extract, in columns of OMOP CDM 5.4; dates are
// YYYY-MM-DD and a null is the empty text.
type Rows interface {
	// Columns returns the columns of a table, and false for one that is not
	// there.
	Columns(table string) ([]string, bool)
	// Read calls yield with the values of columns of each row; the slice is
	// reused.
	Read(table string, columns []string, yield func(row []string) error) error
}

// attribute is what may be known of a person from one column of a table.
type attribute struct {
	name, table, column string
	numeric             bool
	take                take
}

// take says which of a person's rows is meant.
type take uint8

const (
	sole  take = iota // the last one read
	first             // the least date
	last              // the greatest date
)

// attributes are all that persons may be told apart by, in the order in which
// they are shown. Those of usual are taken unless others are asked for: what a
// neighbour, a colleague or a newspaper knows.
var attributes = []attribute{
	{"sex", "person", "gender_concept_id", false, sole},
	{"year_of_birth", "person", "year_of_birth", true, sole},
	{"month_of_birth", "person", "month_of_birth", false, sole},
	{"day_of_birth", "person", "day_of_birth", false, sole},
	{"area", "person", "location_id", false, sole},
	{"care_site", "person", "care_site_id", false, sole},
	{"race", "person", "race_concept_id", false, sole},
	{"ethnicity", "person", "ethnicity_concept_id", false, sole},
	{"death_date", "death", "death_date", true, first},
	{"index_date", "cohort", "cohort_start_date", true, first},
	{"first_visit", "visit_occurrence", "visit_start_date", true, first},
	{"last_visit", "visit_occurrence", "visit_start_date", true, last},
	{"first_condition", "condition_occurrence", "condition_start_date", true, first},
	{"first_drug", "drug_exposure", "drug_exposure_start_date", true, first},
	{"first_procedure", "procedure_occurrence", "procedure_date", true, first},
	{"first_measurement", "measurement", "measurement_date", true, first},
	{"observed_from", "observation_period", "observation_period_start_date", true, first},
	{"observed_to", "observation_period", "observation_period_end_date", true, last},
}

var usual = []string{"sex", "year_of_birth", "month_of_birth", "day_of_birth", "area", "death_date", "index_date", "first_visit"}

// Known returns the names of the attributes that may be supposed known.
func Known() []string {
	var all []string
	for _, a := range attributes {
		all = append(all, a.name)
	}
	return all
}

// secretTables are where secrets are looked for: "condition 123" is whether a
// person has a row of that concept.
var secretTables = []struct{ word, table, column string }{
	{"condition", "condition_occurrence", "condition_concept_id"},
	{"drug", "drug_exposure", "drug_concept_id"},
	{"procedure", "procedure_occurrence", "procedure_concept_id"},
	{"measurement", "measurement", "measurement_concept_id"},
}

// secretsOfEach is how many secrets are chosen in each table when none is asked for.
const secretsOfEach = 2

// Has and HasNot are the values of a secret.
const (
	Has    = "yes"
	HasNot = "no"
)

// People is a table of persons made from an extract.
type People struct {
	Table Table
	// Known are the columns supposed known, Secrets those to be guessed.
	Known, Secrets []int
	// Ids are the persons' ids in the extract, by row, ascending.
	Ids []string
}

// Persons makes one row of each person of an extract: what may be known of them,
// and secrets. known names attributes, or is nil for the usual ones; secrets are
// written "condition 123", or are nil for those concepts that divide the
// persons most evenly. An attribute that the extract does not hold, or that is
// the same for all, is left out. only, when not nil, are the persons who are
// taken. It fails with Invalid for a name that is no
// attribute or secret, and NotFound when the extract holds no person.
func Persons(from Rows, known, secrets []string, only map[string]bool) (People, error) {
	if known == nil {
		known = usual
	}
	for _, name := range known {
		if !slices.Contains(Known(), name) {
			return People{}, galien.Errorf(galien.Invalid, "%q is no attribute of persons; known are %s", name, strings.Join(Known(), ", "))
		}
	}
	values := map[string][]string{} // by person, then attribute
	add := func(person string) {
		if values[person] == nil && (only == nil || only[person]) {
			values[strings.Clone(person)] = make([]string, len(attributes))
		}
	}
	for _, source := range []struct{ table, id string }{{"cohort", "subject_id"}, {"person", "person_id"}} {
		if columns, ok := from.Columns(source.table); ok && slices.Contains(columns, source.id) {
			if err := from.Read(source.table, []string{source.id}, func(row []string) error { add(row[0]); return nil }); err != nil {
				return People{}, err
			}
		}
	}
	if len(values) == 0 {
		return People{}, galien.Errorf(galien.NotFound, "the extract holds no person: it has neither cohort nor person, or no row in them")
	}
	held := map[int]bool{}
	for i, a := range attributes {
		columns, ok := from.Columns(a.table)
		id := "person_id"
		if a.table == "cohort" {
			id = "subject_id"
		}
		if !ok || !slices.Contains(columns, a.column) || !slices.Contains(columns, id) {
			continue
		}
		held[i] = true
		err := from.Read(a.table, []string{id, a.column}, func(row []string) error {
			person, ok := values[row[0]]
			if !ok || row[1] == "" {
				return nil
			}
			value := strings.Clone(row[1])
			if a.take != sole && len(value) > len("2006-01-02") {
				value = value[:len("2006-01-02")]
			}
			// Dates in this form are in the order of their texts.
			if old := person[i]; old == "" || a.take == sole || a.take == first && value < old || a.take == last && value > old {
				person[i] = value
			}
			return nil
		})
		if err != nil {
			return People{}, err
		}
	}
	carriers, names, err := findSecrets(from, values, secrets)
	if err != nil {
		return People{}, err
	}
	return arrange(values, held, known, names, carriers)
}

// findSecrets returns who has each secret.
func findSecrets(from Rows, values map[string][]string, asked []string) (map[string]map[string]bool, []string, error) {
	wanted := map[string]bool{}
	for _, s := range asked {
		word, concept, found := strings.Cut(s, " ")
		_, err := strconv.ParseInt(concept, 10, 64)
		if !found || err != nil || !slices.ContainsFunc(secretTables, func(t struct{ word, table, column string }) bool { return t.word == word }) {
			return nil, nil, galien.Errorf(galien.Invalid, "%q is no secret; write it as \"condition 123\", with condition, drug, procedure or measurement and a concept", s)
		}
		wanted[s] = true
	}
	carriers := map[string]map[string]bool{}
	var names []string
	for _, s := range secretTables {
		columns, ok := from.Columns(s.table)
		if !ok || !slices.Contains(columns, s.column) || !slices.Contains(columns, "person_id") {
			continue
		}
		have := map[string]map[string]bool{}
		err := from.Read(s.table, []string{"person_id", s.column}, func(row []string) error {
			name := s.word + " " + row[1]
			if values[row[0]] == nil || row[1] == "" || row[1] == "0" || asked != nil && !wanted[name] {
				return nil
			}
			if have[name] == nil {
				have[strings.Clone(name)] = map[string]bool{}
			}
			have[name][strings.Clone(row[0])] = true
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		// The most even first; of equals the first by name.
		uneven := func(name string) int { d := 2*len(have[name]) - len(values); return max(d, -d) }
		order := slices.SortedFunc(maps.Keys(have), func(a, b string) int { return cmp.Or(cmp.Compare(uneven(a), uneven(b)), cmp.Compare(a, b)) })
		order = slices.DeleteFunc(order, func(name string) bool { return asked == nil && len(have[name]) == len(values) })
		if asked == nil {
			order = order[:min(secretsOfEach, len(order))]
		}
		for _, name := range order {
			carriers[name] = have[name]
			names = append(names, name)
		}
	}
	for _, s := range asked {
		if carriers[s] == nil {
			carriers[s], names = map[string]bool{}, append(names, s) // nobody has it
		}
	}
	return carriers, names, nil
}

// arrange makes the table.
func arrange(values map[string][]string, held map[int]bool, known, secrets []string, carriers map[string]map[string]bool) (People, error) {
	p := People{Ids: slices.Sorted(maps.Keys(values))}
	var columns []Column
	var taken []int
	for i, a := range attributes {
		different := slices.ContainsFunc(p.Ids, func(id string) bool { return values[id][i] != values[p.Ids[0]][i] })
		if !held[i] || !different || !slices.Contains(known, a.name) {
			continue
		}
		p.Known = append(p.Known, len(columns))
		columns = append(columns, Column{a.name, a.numeric})
		taken = append(taken, i)
	}
	for _, name := range secrets {
		p.Secrets = append(p.Secrets, len(columns))
		columns = append(columns, Column{Name: name})
	}
	rows := make([][]string, len(p.Ids))
	for r, id := range p.Ids {
		for k, i := range taken {
			value := values[id][i]
			if attributes[i].take != sole && value != "" {
				day, err := galien.ParseDate(value)
				if err != nil {
					return People{}, galien.Errorf(galien.Invalid, "extract: %s.%s holds what is no date (YYYY-MM-DD)", attributes[i].table, attributes[i].column)
				}
				value = strconv.Itoa(int(day))
			}
			if columns[k].Numeric && value != "" {
				if _, err := strconv.ParseFloat(value, 64); err != nil {
					return People{}, galien.Errorf(galien.Invalid, "extract: %s.%s holds what is no number", attributes[i].table, attributes[i].column)
				}
			}
			rows[r] = append(rows[r], value)
		}
		for _, name := range secrets {
			value := HasNot
			if carriers[name][id] {
				value = Has
			}
			rows[r] = append(rows[r], value)
		}
	}
	var err error
	p.Table, err = NewTable(columns, rows)
	return p, err
}
