package omop

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"galien"
	"galien/cdm"
	"galien/source"
)

// The concepts that say "person" in fact_relationship: the domain's and the
// table's.
const (
	personDomain = 56
	personTable  = 1147314
)

// persons knows the persons of PERSON by the source's own id.
type persons map[int64]galien.PersonID

// exchange gives the lake's key of a person of the source, or the reason why it
// has none.
type exchange func(id int64) (galien.PersonID, source.Code)

// lookup is the exchange by the persons of PERSON.
func (p persons) lookup(id int64) (galien.PersonID, source.Code) {
	key, ok := p[id]
	if !ok {
		return 0, source.UnknownPerson
	}
	return key, ""
}

// identity is a value of an identity column.
type identity struct {
	column string
	value  string
}

// rows turns the records of one table into rows of the lake. It is used from
// one goroutine.
type rows struct {
	*layout
	plausible []bool // by column: dates are of a person's life
	exchange  exchange

	row        []any
	identities []identity
	rowKey     string // the primary key as the source writes it
	unknown    int64  // the person, after unknown_person
}

func newRows(l *layout, exchange exchange) *rows {
	r := &rows{layout: l, exchange: exchange, row: make([]any, len(l.table.Columns)), plausible: make([]bool, len(l.table.Columns))}
	for i := range r.plausible {
		r.plausible[i] = !l.table.Vocabulary && l.table.Name != "cdm_source"
	}
	return r
}

// convert reads a record into row. A code other than "" says why it cannot be
// kept, and field in which column.
func (r *rows) convert(rec record) (field string, code source.Code) {
	if rec.bad != "" {
		return "", rec.bad
	}
	if len(rec.fields) != len(r.columns) {
		return "", source.WrongFieldCount
	}
	for i := range r.row {
		r.row[i] = nil
	}
	r.identities = r.identities[:0]
	r.rowKey = ""
	for i, f := range rec.fields {
		at := r.columns[i]
		if at < 0 {
			continue
		}
		c := &r.table.Columns[at]
		if c.Type == cdm.Text && !utf8.Valid(f) {
			return c.Name, source.NotUTF8
		}
		v, code := value(c.Type, f, r.plausible[at])
		if code != "" {
			return c.Name, code
		}
		if at == r.key {
			r.rowKey = string(bytes.TrimSpace(f))
		}
		if c.Identity {
			if v != nil {
				r.identities = append(r.identities, identity{c.Name, v.(string)})
			}
			continue
		}
		r.row[at] = v
	}
	for at, essential := range r.essential {
		if essential && r.row[at] == nil {
			return r.table.Columns[at].Name, source.RequiredMissing
		}
	}
	return r.special()
}

// special applies the rules of single tables and exchanges the persons.
func (r *rows) special() (field string, code source.Code) {
	switch r.table.Name {
	case "person":
		at := r.index("year_of_birth")
		if y := r.row[at].(int64); y < firstYear || y > lastYear {
			return "year_of_birth", source.ImplausibleDate
		}
	case "fact_relationship":
		for _, n := range []string{"1", "2"} {
			if d, _ := r.row[r.index("domain_concept_id_"+n)].(int64); d == personDomain || d == personTable {
				if code := r.exchangeAt(r.index("fact_id_" + n)); code != "" {
					return "fact_id_" + n, code
				}
			}
		}
	case "location_history":
		if d, _ := r.row[r.index("domain_id")].(string); isPersonDomain(d) {
			if code := r.exchangeAt(r.index("entity_id")); code != "" {
				return "entity_id", code
			}
		}
	}
	if r.person >= 0 {
		if code := r.exchangeAt(r.person); code != "" {
			return "person_id", code
		}
	}
	return "", ""
}

func isPersonDomain(s string) bool {
	return len(s) == 6 && bytes.EqualFold([]byte(s), []byte("person")) ||
		s == strconv.Itoa(personTable) || s == strconv.Itoa(personDomain)
}

// exchangeAt exchanges the person in one column.
func (r *rows) exchangeAt(at int) source.Code {
	id := r.row[at].(int64)
	key, code := r.exchange(id)
	if code != "" {
		r.unknown = id
		return code
	}
	r.row[at] = int64(key)
	return ""
}

func (r *rows) index(column string) int {
	for i := range r.table.Columns {
		if r.table.Columns[i].Name == column {
			return i
		}
	}
	return -1
}
