package enginetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
)

// A part of the model is something that one change of a definition shows to
// matter: a field of a node ("Correlated.RestrictVisit"), the difference between
// two values of an enumeration ("DateFilter.Op Less/Equal"), an attribute of a
// domain by the kind of filter that tests it ("Specimen NumberFilter quantity"),
// a column of a distinct count ("DrugEra counts GAP_DAYS"), or what a criterion
// of a domain may carry ("Death.SourceCodeset").
//
// Parts lists them all, and eachChange makes the changes: the only two places
// that go through the model. Both do so by reflection, so that what the model
// gains is a part at once, and then a failing test until the generator, the
// oracle and every other engine know it.

// enumerations are the values of each enumeration of the model, and their
// names; TestEnumerationsAreTheModels holds them against its source.
var enumerations = map[reflect.Type][]string{
	reflect.TypeFor[cohort.Limit]():      {"All", "First", "Last"},
	reflect.TypeFor[cohort.GroupType]():  {"AllOf", "AnyOf", "AtLeast", "AtMost"},
	reflect.TypeFor[cohort.Occurrence](): {"Exactly", "NoMoreThan", "NoLessThan"},
	reflect.TypeFor[cohort.Comparison](): {"Less", "LessOrEqual", "Equal", "NotEqual", "Greater", "GreaterOrEqual", "Between", "NotBetween"},
}

// kinds are the values that each interface of the model may hold.
var kinds = map[reflect.Type][]any{
	reflect.TypeFor[cohort.Filter](): {cohort.DateFilter{}, cohort.NumberFilter{}, cohort.ConceptFilter{}, cohort.CodesetFilter{}, cohort.TextFilter{}, cohort.AbnormalFilter{}},
	reflect.TypeFor[cohort.Exit]():   {cohort.DateOffset{}, cohort.DrugEra{}},
}

// restated are the filters that no file says: a definition that is restated for a
// hub's vocabularies has them (package vocab), and the tests of that ask every
// engine.
var restated = []any{cohort.BelowFilter{}}

// words are the fields that are for people: no answer depends on them.
var words = []string{"Rule.Name", "Rule.Description", "ConceptSet.Name"}

// kindOfFilter is the filter that tests an attribute of a kind.
var kindOfFilter = map[cohort.AttributeKind]string{
	cohort.DateRange: "DateFilter", cohort.IntegerRange: "NumberFilter", cohort.DecimalRange: "NumberFilter", cohort.ConceptList: "ConceptFilter",
	cohort.CodesetSelection: "CodesetFilter", cohort.CodesetNumber: "CodesetFilter", cohort.Text: "TextFilter", cohort.AbnormalFlag: "AbnormalFilter",
}

// Parts returns the names of every part of the model.
func Parts() []string {
	var all []string
	add := func(format string, args ...any) {
		if name := fmt.Sprintf(format, args...); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	seen := map[string]bool{}
	var walk func(t reflect.Type, within string)
	var field func(name string, t reflect.Type)
	walk = func(t reflect.Type, within string) {
		switch {
		case t.Kind() == reflect.Struct:
			prefix := prefixOf(t, within)
			if seen[prefix] {
				return
			}
			seen[prefix] = true
			for i := range t.NumField() {
				if name := prefix + "." + t.Field(i).Name; !slices.Contains(words, name) {
					field(name, t.Field(i).Type)
				}
			}
		case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
			walk(t.Elem(), within)
		}
	}
	field = func(name string, t reflect.Type) {
		switch {
		case t == reflect.TypeFor[*cohort.Domain](), t == reflect.TypeFor[cohort.Operand](), t == reflect.TypeFor[[]cohort.Filter](),
			t == reflect.TypeFor[*cohort.CountColumn]():
			// By domain, below.
		case enumerations[t] != nil:
			for i, one := range enumerations[t] {
				for _, other := range enumerations[t][i+1:] {
					add("%s %s/%s", name, one, other)
				}
			}
			return
		case t.Kind() == reflect.Interface:
			for _, k := range kinds[t] {
				add("%s %s", name, reflect.TypeOf(k).Name())
			}
		case name == "Criterion.Adjust" || name == "Criterion.Codeset" || name == "Criterion.SourceCodeset" || name == "Criterion.First" ||
			name == "Criterion.UserStart" || name == "Criterion.UserEnd" || name == "Criterion.Nested":
			// By domain, below.
		case t.Kind() == reflect.Struct:
			// The parts are its own fields.
		default:
			add("%s", name)
		}
		held := t
		if t.Kind() == reflect.Slice {
			held = t.Elem()
		}
		for _, k := range kinds[held] {
			walk(reflect.TypeOf(k), "")
		}
		if t != reflect.TypeFor[*cohort.Domain]() && t != reflect.TypeFor[cohort.Operand]() {
			walk(t, name)
		}
	}
	walk(reflect.TypeFor[cohort.Definition](), "")
	for _, d := range cohort.Domains() {
		add("an entry on %s", d.Name)
		add("%s.Nested", d.Name)
		for name, has := range map[string]bool{"Codeset": d.Concept != "", "SourceCodeset": d.SourceConcept != "", "First": !d.NoFirst,
			"Adjust": !d.NoAdjust, "UserStart": d.UserPeriod, "UserEnd": d.UserPeriod} {
			if has {
				add("%s.%s", d.Name, name)
			}
		}
		for _, a := range d.Attributes {
			if a.Kind != cohort.Ignored {
				add("%s %s %s", d.Name, kindOfFilter[a.Kind], operandName(a.Operand))
			}
		}
		for _, column := range countColumns(d) {
			add("%s counts %s", d.Name, column)
		}
	}
	for _, a := range cohort.DemographicAttributes {
		add("Demographic %s %s", kindOfFilter[a.Kind], operandName(a.Operand))
	}
	slices.Sort(all)
	return all
}

// OfDomain reports whether a part is of a single domain, or one of the
// comparisons of a filter: the many that one piece of code of an engine serves.
func OfDomain(part string) bool {
	for _, d := range cohort.Domains() {
		if strings.HasPrefix(part, d.Name+" ") || strings.HasPrefix(part, d.Name+".") || part == "an entry on "+d.Name {
			return true
		}
	}
	return strings.HasPrefix(part, "DateFilter.Op ") || strings.HasPrefix(part, "NumberFilter.Op ")
}

// prefixOf is how the names of a node's fields begin: by its type, but for the
// windows and bounds of a correlated criterion, each of which counts on its own.
func prefixOf(t reflect.Type, within string) string {
	if t == reflect.TypeFor[cohort.Window]() || t == reflect.TypeFor[cohort.Bound]() {
		return within
	}
	return t.Name()
}

// countColumns are the columns that a distinct count of a domain may use.
func countColumns(d *cohort.Domain) []cohort.CountColumn {
	columns := []cohort.CountColumn{cohort.CountStartDate, cohort.CountEndDate}
	if !d.NoVisitCount {
		columns = append(columns, cohort.CountVisit)
	}
	for column := range d.CountColumns {
		columns = append(columns, column)
	}
	slices.Sort(columns)
	return columns
}

// operandNames are the kinds of operand, by value.
var operandNames = []string{"OwnColumn", "StartDate", "EndDate", "Length", "AgeAtStart", "AgeAtEnd", "Ratio", "Gender", "Race", "Ethnicity", "LinkedVisit", "Specialty", "PlaceOfCare"}

func operandName(o cohort.Operand) string {
	switch o.Of {
	case cohort.OwnColumn:
		return o.Column
	case cohort.Ratio:
		return o.Column + "/" + o.Over
	}
	return operandNames[o.Of]
}

// eachChange changes one thing of a definition after the other, and calls visit
// while it is changed with the name of the part that this concerns. The
// definition is afterwards as it was.
func eachChange(def *cohort.Definition, visit func(part string)) {
	(&changer{visit: visit}).structure(reflect.ValueOf(def).Elem(), "", func() {})
}

// changer goes through a definition. Values inside an interface are changed in
// a copy, which commit puts in its place.
type changer struct {
	visit func(part string)
	of    string // the domain of the criterion that is gone through, or Demographic
}

// try puts a value in the place of another for the time of a visit.
func (c *changer) try(v reflect.Value, changed any, part string, commit func()) {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	if changed == nil {
		v.SetZero()
	} else {
		v.Set(reflect.ValueOf(changed).Convert(v.Type()))
	}
	commit()
	c.visit(part)
	v.Set(was)
	commit()
}

func (c *changer) structure(v reflect.Value, within string, commit func()) {
	of := c.of
	defer func() { c.of = of }()
	switch x := v.Interface().(type) {
	case cohort.Criterion:
		c.of = x.Domain.Name
	case cohort.Demographic:
		c.of = "Demographic"
	}
	for i := range v.NumField() {
		name := prefixOf(v.Type(), within) + "." + v.Type().Field(i).Name
		if slices.Contains(words, name) {
			continue
		}
		if x, ok := v.Interface().(cohort.Criterion); ok {
			if v.Type().Field(i).Name == "First" && x.Domain.NoFirst {
				continue
			}
			name = c.of + "." + v.Type().Field(i).Name
		}
		if d, ok := v.Field(i).Interface().(*cohort.CountColumn); ok && d != nil {
			name = fmt.Sprintf("%s counts %s", v.Interface().(cohort.Correlated).Criterion.Domain.Name, *d)
		}
		c.field(v.Field(i), name, commit)
	}
}

// field changes a field, and what is in it.
func (c *changer) field(v reflect.Value, name string, commit func()) {
	switch x := v.Interface().(type) {
	case *cohort.Domain, cohort.Operand:
		return // the parts of a domain are those of its attributes
	case galien.Date:
		for _, days := range []int{1, -1, 9, -9} {
			c.try(v, x.AddDays(days), name, commit)
		}
		return
	case cohort.Decimal:
		for _, by := range []cohort.Decimal{10_000, -10_000, 5_000, 200_000} {
			c.try(v, x+by, name, commit)
		}
		return
	}
	if names := enumerations[v.Type()]; names != nil {
		was := int(v.Uint())
		for other := range names {
			if other != was {
				c.try(v, other, fmt.Sprintf("%s %s/%s", name, names[min(was, other)], names[max(was, other)]), commit)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		c.try(v, !v.Bool(), name, commit)
	case reflect.Int, reflect.Int64:
		for _, by := range []int64{1, -1, 3, -3} {
			c.try(v, v.Int()+by, name, commit)
		}
	case reflect.String:
		for _, text := range []string{"a", "%", "50% b"} {
			if v.String() != text {
				c.try(v, text, name, commit)
			}
		}
	case reflect.Struct:
		c.structure(v, name, commit)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		c.try(v, nil, name, commit)
		if v.Type() != reflect.TypeFor[*cohort.CountColumn]() {
			c.field(v.Elem(), name, commit)
		}
	case reflect.Slice:
		c.slice(v, name, commit)
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		c.try(v, nil, name+" "+v.Elem().Type().Name(), commit)
		c.inside(v, commit)
	default:
		panic("enginetest: no change is known for " + name)
	}
}

// slice leaves out each element, and changes it.
func (c *changer) slice(v reflect.Value, name string, commit func()) {
	for i := range v.Len() {
		part := name
		switch x := v.Index(i).Interface().(type) {
		case cohort.Criterion:
			if name == "Definition.Entry" {
				c.try(v, without1(v, i), "an entry on "+x.Domain.Name, commit)
			}
		case cohort.Filter:
			part = fmt.Sprintf("%s %s %s", c.of, reflect.TypeOf(x).Name(), operandName(cohort.OperandOf(x)))
		}
		c.try(v, without1(v, i), part, commit)
		switch at := v.Index(i); at.Kind() {
		case reflect.Interface:
			c.inside(at, commit)
		case reflect.Struct:
			c.structure(at, part, commit)
		}
	}
}

// inside goes through the value that an interface holds.
func (c *changer) inside(v reflect.Value, commit func()) {
	held := reflect.New(v.Elem().Type()).Elem()
	held.Set(v.Elem())
	c.structure(held, "", func() {
		v.Set(held)
		commit()
	})
}

// without1 is a slice without its element i.
func without1(v reflect.Value, i int) any {
	less := reflect.MakeSlice(v.Type(), 0, v.Len()-1)
	less = reflect.AppendSlice(less, v.Slice(0, i))
	return reflect.AppendSlice(less, v.Slice(i+1, v.Len())).Interface()
}
