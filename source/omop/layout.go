package omop

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"galien"
	"galien/cdm"
)

// separators are those that a header may have, the likeliest first.
var separators = []byte{',', '\t', ';', '|'}

// layout binds the fields of a file to the columns of a table.
type layout struct {
	table   cdm.Table
	delim   byte
	header  []byte
	columns []int // by field: index in table.Columns, or -1
	// essential marks, by column, those without which a row says nothing.
	essential []bool
	person    int // column of person_id, or -1
	key       int // column of the primary key, or -1
	unknown   []string
	old53     bool // a column has a name of version 5.3
}

// essentialColumns are those without which a row of t says nothing: its key,
// its person, what happened and when. Other columns that the model requires
// may be null: real deliveries leave them so, and every reader of the lake can
// do without them.
func essentialColumns(t cdm.Table) map[string]bool {
	e := map[string]bool{}
	add := func(names ...string) {
		for _, n := range names {
			if c, ok := t.Column(n); ok && c.Required && !c.LakeOnly {
				e[n] = true
			}
		}
	}
	switch t.Name {
	case "cdm_source", "metadata":
		// Statements about the delivery; the key of metadata is new in 5.4.
		return e
	case "person":
		add("gender_concept_id", "year_of_birth")
	case "observation_period":
		add("observation_period_end_date")
	case "fact_relationship":
		add("domain_concept_id_1", "fact_id_1", "domain_concept_id_2", "fact_id_2", "relationship_concept_id")
	case "location_history":
		add("location_id", "domain_id", "entity_id")
	case "concept_relationship":
		add("concept_id_1", "concept_id_2", "relationship_id")
	case "concept_ancestor":
		add("ancestor_concept_id", "descendant_concept_id")
	case "concept_synonym":
		add("concept_id", "concept_synonym_name")
	case "cost":
		add("cost_event_id", "cost_domain_id")
	case "drug_strength":
		add("drug_concept_id", "ingredient_concept_id")
	case "note_nlp":
		add("note_id")
	}
	add(t.PrimaryKey(), "person_id", t.ConceptColumn(), t.DateColumn())
	if t.Name == "note_nlp" {
		delete(e, t.DateColumn())
	}
	return e
}

var plainColumn = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// bind reads the header line of a file of table t, cut at the separator that
// shows the most columns of the table.
func bind(t cdm.Table, file string, header []byte) (*layout, error) {
	var best *layout
	known := 0
	for _, delim := range separators {
		c := recordsOf(header)
		c.separate(delim)
		rec, err := c.next()
		if err != nil || rec.bad != "" {
			continue
		}
		names := make([]string, len(rec.fields))
		for i, f := range rec.fields {
			name := string(f)
			if delim == '\t' {
				name = strings.Trim(name, `"`)
			}
			names[i] = strings.ToLower(strings.TrimSpace(name))
		}
		l, n, err := bindNames(t, file, names)
		if err != nil && n > known {
			return nil, err
		}
		if n > known {
			best, known = l, n
			best.delim = delim
		}
	}
	if best == nil {
		return nil, galien.Errorf(galien.Invalid, "read %s: line 1 names no column of the table %s, cut at a comma, tab, semicolon or bar (%s): give the file a header line and one of these separators",
			file, t.Name, guessSeparator(header))
	}
	best.header = bytes.Clone(header)
	for name := range essentialColumns(t) {
		if !best.has(name) {
			return nil, galien.Errorf(galien.Invalid, "read %s: the column %s is missing, without which a row of %s says nothing: export it too, or take the file away", file, name, t.Name)
		}
	}
	return best, nil
}

// guessSeparator says what the separator looks like, or that none is seen.
func guessSeparator(header []byte) string {
	counts := map[byte]int{}
	for _, b := range header {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '"' || b >= 0x80 {
			continue
		}
		counts[b]++
	}
	best := byte(0)
	for b, n := range counts {
		if n > counts[best] || n == counts[best] && b < best {
			best = b
		}
	}
	switch {
	case best == 0:
		return "no separator is seen"
	case best < 0x21 || best > 0x7e:
		return fmt.Sprintf("the separator looks like the character 0x%02x", best)
	}
	return fmt.Sprintf("the separator looks like %q", rune(best))
}

// bindNames binds lower-case column names, and returns how many are known.
func bindNames(t cdm.Table, file string, names []string) (*layout, int, error) {
	l := &layout{table: t, delim: ',', columns: make([]int, len(names)), person: -1, key: -1}
	index := map[string]int{}
	for i, c := range t.Columns {
		if c.LakeOnly {
			continue // a file that has it, as CDM 6.0 does, is not asked
		}
		index[c.Name] = i
		if c.Name == "person_id" {
			l.person = i
		}
		if c.PrimaryKey {
			l.key = i
		}
	}
	known := 0
	taken := map[int]bool{}
	for i, name := range names {
		old := name
		if _, ok := index[name]; !ok {
			if renamed, ok := cdm.Rename53(t.Name, name); ok {
				name = renamed
				l.old53 = true
			}
		}
		at, ok := index[name]
		if !ok {
			l.columns[i] = -1
			if !plainColumn.MatchString(old) {
				old = fmt.Sprintf("(field %d)", i+1)
			}
			l.unknown = append(l.unknown, old)
			continue
		}
		known++
		if taken[at] {
			return nil, known, galien.Errorf(galien.Invalid, "read %s: the header names the column %s twice; keep one", file, name)
		}
		taken[at] = true
		l.columns[i] = at
	}
	l.essential = make([]bool, len(t.Columns))
	for name := range essentialColumns(t) {
		l.essential[index[name]] = true
	}
	return l, known, nil
}

// has reports whether the file has a column.
func (l *layout) has(name string) bool {
	for _, at := range l.columns {
		if at >= 0 && l.table.Columns[at].Name == name {
			return true
		}
	}
	return false
}
