package cohort

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"

	"galien"
)

// Columns is the set of columns a plan reads, per table, sorted.
type Columns map[string][]string

// add puts columns of a table into the set.
func (c Columns) add(table string, columns ...string) {
	for _, name := range columns {
		if name == "" || slices.Contains(c[table], name) {
			continue
		}
		c[table] = append(c[table], name)
		sort.Strings(c[table])
	}
	if _, ok := c[table]; !ok {
		c[table] = nil
	}
}

// Reads returns every table and column of person data that evaluating the
// definition touches: what a permit must grant. Vocabulary tables, which hold
// no person, are left out.
func (d *Definition) Reads() Columns {
	c := Columns{}
	c.add("person", "person_id")
	c.add("observation_period", "person_id", "observation_period_start_date", "observation_period_end_date")
	for _, k := range d.Criteria() {
		k.reads(c)
	}
	d.walkGroups(func(g Group) {
		for _, m := range g.Correlated {
			if m.Distinct != nil {
				m.Criterion.readsCounted(c, *m.Distinct)
			}
		}
		for _, m := range g.Demographics {
			for _, f := range m.Filters {
				readOperand(c, Domain{Table: "person"}, OperandOf(f))
			}
		}
	})
	if e, ok := d.Exit.(DrugEra); ok {
		c.add("drug_exposure", "person_id", "drug_concept_id", "drug_source_concept_id", "drug_exposure_start_date")
		if e.DaysForce == nil {
			c.add("drug_exposure", "drug_exposure_end_date", "days_supply")
		}
	}
	return c
}

// Criteria returns every criterion of the definition, nested ones included, in
// the order of reading.
func (d *Definition) Criteria() []Criterion {
	var all []Criterion
	var criterion func(Criterion)
	var group func(Group)
	group = func(g Group) {
		for _, c := range g.Correlated {
			criterion(c.Criterion)
		}
		for _, s := range g.Groups {
			group(s)
		}
	}
	criterion = func(c Criterion) {
		all = append(all, c)
		if c.Nested != nil {
			group(*c.Nested)
		}
	}
	for _, c := range d.Entry {
		criterion(c)
	}
	if d.Additional != nil {
		group(*d.Additional)
	}
	for _, r := range d.Rules {
		group(r.Group)
	}
	for _, c := range d.Censoring {
		criterion(c)
	}
	return all
}

// walkGroups visits every group, nested ones included.
func (d *Definition) walkGroups(visit func(Group)) {
	var walk func(Group)
	walk = func(g Group) {
		visit(g)
		for _, s := range g.Groups {
			walk(s)
		}
	}
	if d.Additional != nil {
		walk(*d.Additional)
	}
	for _, r := range d.Rules {
		walk(r.Group)
	}
	for _, c := range d.Criteria() {
		if c.Nested != nil {
			walk(*c.Nested)
		}
	}
}

func (k Criterion) reads(c Columns) {
	d := k.Domain
	c.add(d.Table, d.ID, d.Person, d.Start, d.End, d.Visit)
	if d.Ends == DaysSupply {
		c.add(d.Table, "days_supply")
	}
	if d.Table == "location_history" {
		c.add(d.Table, "location_id", "domain_id")
		c.add("location", "location_id")
		if k.Codeset != nil {
			c.add("location", d.Concept)
		}
	} else if k.Codeset != nil {
		c.add(d.Table, d.Concept)
	}
	if k.SourceCodeset != nil {
		c.add(d.Table, d.SourceConcept)
	}
	for _, f := range k.Filters {
		if _, ok := f.(AbnormalFilter); ok {
			c.add(d.Table, "value_as_number", "range_low", "range_high", "value_as_concept_id")
			continue
		}
		readOperand(c, *d, OperandOf(f))
	}
}

// readsCounted adds what a distinct count of column reads besides the dates and
// the visit, which every criterion reads.
func (k Criterion) readsCounted(c Columns, column CountColumn) {
	o, err := k.CountOperandOf(column)
	switch {
	case err != nil || o.Length || o.Constant:
	case column == CountStartDate, column == CountEndDate, column == CountVisit:
	case k.Domain.Table == "location_history":
		c.add("location", "location_id", o.Column)
	default:
		c.add(k.Domain.Table, o.Column)
	}
}

func readOperand(c Columns, d Domain, o Operand) {
	switch o.Of {
	case OwnColumn:
		c.add(d.Table, o.Column)
	case Ratio:
		c.add(d.Table, o.Column, o.Over)
	case AgeAtStart, AgeAtEnd:
		c.add("person", "person_id", "year_of_birth")
	case Gender:
		c.add("person", "person_id", "gender_concept_id")
	case Race:
		c.add("person", "person_id", "race_concept_id")
	case Ethnicity:
		c.add("person", "person_id", "ethnicity_concept_id")
	case LinkedVisit:
		c.add("visit_occurrence", "person_id", "visit_occurrence_id", "visit_concept_id")
	case Specialty:
		c.add(d.Table, "provider_id")
		c.add("provider", "provider_id", "specialty_concept_id")
	case PlaceOfCare:
		c.add(d.Table, "care_site_id")
		c.add("care_site", "care_site_id", "place_of_service_concept_id")
	}
}

// Hash returns the SHA-256 of the definition's canonical form, in hex: names,
// descriptions and the order of lines in a concept set, of a criterion's filters
// and of a list of concepts do not count, everything that can change the answer
// does.
func (d *Definition) Hash() string {
	b, err := json.Marshal(canonical(reflect.ValueOf(*d)))
	if err != nil {
		panic(fmt.Sprintf("cohort: canonical form: %v", err)) // plain maps and strings always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonical turns a model value into plain maps and lists, with the type named
// where a field is an interface.
func canonical(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if d, ok := v.Interface().(*Domain); ok {
			return d.Name
		}
		return canonical(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return []any{v.Elem().Type().Name(), canonical(v.Elem())}
	case reflect.Struct:
		m := map[string]any{}
		attrs := DemographicAttributes
		if c, ok := v.Interface().(Criterion); ok && c.Domain != nil {
			attrs = c.Domain.Attributes
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if filters, ok := v.Field(i).Interface().([]Filter); ok {
				m[f.Name] = canonical(reflect.ValueOf(inOrder(filters, attrs)))
				continue
			}
			if (f.Name == "Name" || f.Name == "Description") && f.Type.Kind() == reflect.String {
				continue
			}
			m[f.Name] = canonical(v.Field(i))
		}
		return m
	case reflect.Slice:
		if concepts, ok := v.Interface().([]galien.ConceptID); ok {
			concepts = slices.Clone(concepts)
			slices.Sort(concepts)
			v = reflect.ValueOf(slices.Compact(concepts))
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = canonical(v.Index(i))
		}
		if v.Type().Elem() == reflect.TypeFor[ConceptItem]() || v.Type().Elem() == reflect.TypeFor[ConceptSet]() {
			// Each line is encoded once: sets hold thousands of them.
			for i := range list {
				list[i] = json.RawMessage(encoded(list[i]))
			}
			slices.SortFunc(list, func(a, b any) int { return bytes.Compare(a.(json.RawMessage), b.(json.RawMessage)) })
		}
		return list
	default:
		return fmt.Sprint(v.Interface())
	}
}

// inOrder returns filters in the order of the attributes they test.
func inOrder(filters []Filter, attrs []Attribute) []Filter {
	filters = slices.Clone(filters)
	place := func(f Filter) int {
		return slices.IndexFunc(attrs, func(a Attribute) bool { return a.Tests(f) })
	}
	slices.SortStableFunc(filters, func(a, b Filter) int { return place(a) - place(b) })
	return filters
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cohort: canonical form: %v", err))
	}
	return b
}
