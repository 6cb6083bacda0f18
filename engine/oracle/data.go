package oracle

import (
	"fmt"
	"math"
	"sort"
	"time"

	"galien"
	"galien/cdm"
)

// Data is an OMOP CDM held in memory: the rows of its tables, those of persons
// grouped by person. It does not change once built.
type Data struct {
	tables map[string][]row
	// persons are in ascending order of id.
	persons []*person
	// linked holds the rows that others refer to (PROVIDER, CARE_SITE,
	// LOCATION), by table and key.
	linked map[string]map[int64]row
	vocabulary
}

// keys are the key columns of the tables in Data.linked.
var keys = map[string]string{"provider": "provider_id", "care_site": "care_site_id", "location": "location_id"}

// row is one row of a table.
type row struct {
	columns map[string]int // shared by the rows of a table
	values  []any
}

// person is everything known of one person.
type person struct {
	id galien.PersonID
	// row is the person's row of PERSON; its values are nil when there is none.
	row row
	// periods are the observation periods, ordered by start and end.
	periods []galien.Period
	// tables holds the person's rows, by table.
	tables map[string][]row
}

// NewData builds the data from tables given as table -> rows -> column ->
// value. A value is nil, an int, int64, float64, string (ISO 8601 for a date)
// or galien.Date, and must suit the column's type in the CDM. An absent column
// is null, an absent table empty. Unknown tables and columns are refused.
func NewData(tables map[string][]map[string]any) (*Data, error) {
	built := map[string][]row{}
	for name, rows := range tables {
		table, ok := cdm.Lookup(name)
		if !ok {
			return nil, galien.Errorf(galien.Invalid, "table %q is not one of the CDM", name)
		}
		columns := map[string]int{}
		for i, c := range table.Columns {
			columns[c.Name] = i
		}
		for n, fields := range rows {
			r := row{columns, make([]any, len(table.Columns))}
			for column, value := range fields {
				i, ok := columns[column]
				if !ok {
					return nil, galien.Errorf(galien.Invalid, "table %s has no column %q in the CDM", name, column)
				}
				v, err := valueOf(value, table.Columns[i].Type)
				if err != nil {
					return nil, galien.Errorf(galien.Invalid, "%s row %d, %s: %w", name, n+1, column, err)
				}
				r.values[i] = v
			}
			built[name] = append(built[name], r)
		}
	}
	return assemble(built), nil
}

// valueOf converts a value to the type its column has in a lake.
func valueOf(value any, t cdm.Type) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case int:
		return valueOf(int64(v), t)
	case int64:
		switch t {
		case cdm.Integer:
			return v, nil
		case cdm.Float:
			return float64(v), nil
		}
	case float64:
		switch {
		case t == cdm.Float:
			return v, nil
		case t == cdm.Integer && v == math.Trunc(v):
			return int64(v), nil
		}
	case string:
		switch t {
		case cdm.Text:
			return v, nil
		case cdm.Date:
			return galien.ParseDate(v)
		}
	case galien.Date:
		if t == cdm.Date {
			return v, nil
		}
	case time.Time:
		if t == cdm.Datetime {
			return v, nil
		}
	}
	return nil, fmt.Errorf("a %T does not suit a column of type %s", value, t)
}

// assemble groups rows by person and reads the vocabulary.
func assemble(tables map[string][]row) *Data {
	d := &Data{tables: tables, linked: map[string]map[int64]row{}, vocabulary: newVocabulary(tables)}
	for name, key := range keys {
		d.linked[name] = map[int64]row{}
		for _, r := range tables[name] {
			if id, ok := r.integer(key); ok {
				d.linked[name][id] = r
			}
		}
	}
	byID := map[galien.PersonID]*person{}
	the := func(id int64) *person {
		p := byID[galien.PersonID(id)]
		if p == nil {
			p = &person{id: galien.PersonID(id), tables: map[string][]row{}}
			byID[p.id] = p
			d.persons = append(d.persons, p)
		}
		return p
	}
	for name, rows := range tables {
		for _, r := range rows {
			id, ok := ownerOf(name, r)
			if !ok {
				continue
			}
			p := the(id)
			if name == "person" {
				p.row = r
			}
			p.tables[name] = append(p.tables[name], r)
		}
	}
	sort.Slice(d.persons, func(i, j int) bool { return d.persons[i].id < d.persons[j].id })
	for _, p := range d.persons {
		for _, r := range p.tables["observation_period"] {
			start, hasStart := r.date("observation_period_start_date")
			end, hasEnd := r.date("observation_period_end_date")
			if hasStart && hasEnd {
				p.periods = append(p.periods, galien.Period{Start: start, End: end})
			}
		}
		sort.Slice(p.periods, func(i, j int) bool { return periodBefore(p.periods[i], p.periods[j]) })
	}
	return d
}

// ownerOf returns the person of a row, and false for a row of no person.
func ownerOf(table string, r row) (int64, bool) {
	if table == "location_history" {
		if domain, _ := r.text("domain_id"); domain != "PERSON" {
			return 0, false
		}
		return r.integer("entity_id")
	}
	return r.integer("person_id")
}

func periodBefore(a, b galien.Period) bool {
	if a.Start != b.Start {
		return a.Start < b.Start
	}
	return a.End < b.End
}

// value returns the value of a column; nil when it is null or absent.
func (r row) value(column string) any {
	i, ok := r.columns[column]
	if !ok {
		return nil
	}
	return r.values[i]
}

func (r row) integer(column string) (int64, bool) {
	v, ok := r.value(column).(int64)
	return v, ok
}

func (r row) date(column string) (galien.Date, bool) {
	v, ok := r.value(column).(galien.Date)
	return v, ok
}

func (r row) text(column string) (string, bool) {
	v, ok := r.value(column).(string)
	return v, ok
}

// number returns an integer or floating-point column as a number.
func (r row) number(column string) (float64, bool) {
	switch v := r.value(column).(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// concept returns a concept column; a criterion without such a column ("")
// has none.
func (r row) concept(column string) (galien.ConceptID, bool) {
	v, ok := r.integer(column)
	return galien.ConceptID(v), ok
}
