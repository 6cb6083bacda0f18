package describe_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/cohort/describe"
	"galien/engine/enginetest"
)

// Nothing is left unsaid: whatever one changes in a definition so that it asks
// another question, the text changes, in both languages. What may change in
// silence is in silences, with the reason.
func TestNothingIsLeftUnsaid(t *testing.T) {
	m := &mutator{t: t, reached: map[string]int{}}
	eachDefinition(t, "generated", func(id int, expression []byte) {
		if id%48 == 0 {
			m.definition(fmt.Sprintf("generated %d", id), read(t, expression))
		}
	})
	eachDefinition(t, "library", func(id int, expression []byte) {
		if id%100 == 0 && len(expression) < 100_000 {
			m.definition(fmt.Sprintf("library %d", id), read(t, expression))
		}
	})
}

// The same on definitions made at random, which need no reference data and reach
// every field of the model.
func TestNothingIsLeftUnsaidAtRandom(t *testing.T) {
	m := &mutator{t: t, reached: map[string]int{}}
	for seed := range uint64(60) {
		m.definition(fmt.Sprintf("seed %d", seed), enginetest.RandomDefinition(seed))
	}
	m.checkReached()
}

func read(t *testing.T, expression []byte) *cohort.Definition {
	t.Helper()
	def, err := circe.Read(bytes.NewReader(expression))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// place is a struct on the way to a changed field.
type place struct {
	value reflect.Value
	field string
}

// silences are the changes that no answer can depend on, by the field that
// changes: each says why, or "" where the change must be told. The struct of the
// field is given as it was and as it is, and the structs around it.
var silences = map[string]func(was, is any, around []place) string{
	"Group.Type": func(was, is any, _ []place) string {
		a, b := was.(cohort.Group), is.(cohort.Group)
		one := len(a.Correlated)+len(a.Demographics)+len(a.Groups) == 1
		if a.Empty() {
			return "an empty group holds whatever its type"
		}
		if one && a.Type <= cohort.AnyOf && b.Type <= cohort.AnyOf {
			return "of one condition, all and any are the same"
		}
		return ""
	},
	"Group.Count": func(was, _ any, _ []place) string {
		if g := was.(cohort.Group); g.Empty() || g.Type == cohort.AllOf || g.Type == cohort.AnyOf {
			return "ALL, ANY and an empty group have no count"
		}
		return ""
	},
	"Group.Groups": func(was, _ any, _ []place) string {
		if g := was.(cohort.Group); len(g.Correlated)+len(g.Demographics) == 0 && len(g.Groups) == 1 && g.Groups[0].Empty() && g.Type <= cohort.AnyOf {
			return "a group of an empty group holds as an empty one does"
		}
		return ""
	},
	"Bound.Days": func(was, _ any, _ []place) string {
		if was.(cohort.Bound).Open {
			return "an open bound has no days"
		}
		return ""
	},
	"Bound.Before": func(was, _ any, around []place) string {
		if !was.(cohort.Bound).Open {
			return "the sign of the days says it"
		}
		if correlated(around).IgnoreObservationPeriod {
			return "without the observation period there is no bound on either side"
		}
		return ""
	},
	"NumberFilter.Extent": func(was, _ any, _ []place) string { return oneBound(was.(cohort.NumberFilter).Op) },
	"DateFilter.Extent":   func(was, _ any, _ []place) string { return oneBound(was.(cohort.DateFilter).Op) },
	"Definition.QualifiedLimit": func(was, _ any, _ []place) string {
		if was.(cohort.Definition).Additional == nil {
			return "it applies with additional criteria only"
		}
		return ""
	},
	"Criterion.Nested": func(was, is any, _ []place) string {
		none := func(c any) bool { g := c.(cohort.Criterion).Nested; return g == nil || g.Empty() }
		if none(was) && none(is) {
			return "an empty nested group is as good as none"
		}
		return ""
	},
	"DateAdjustment.StartWithEnd": fixedAdjustment,
	"DateAdjustment.EndWithEnd":   fixedAdjustment,
	"Window.IndexEnd": func(was, _ any, _ []place) string {
		if w := was.(cohort.Window); w.Start.Open && w.End.Open {
			return "nothing is measured from the index event"
		}
		return ""
	},
	"Window.EventEnd": func(was, _ any, around []place) string {
		return unbounded(was.(cohort.Window), around)
	},
	"Correlated.EndWindow": func(was, is any, around []place) string {
		for _, c := range []cohort.Correlated{was.(cohort.Correlated), is.(cohort.Correlated)} {
			if w := c.EndWindow; w != nil && !(c.IgnoreObservationPeriod && w.Start.Open && w.End.Open) {
				return ""
			}
		}
		return "a window without bounds asks for nothing"
	},
	"Correlated.Occurrence": func(was, is any, _ []place) string {
		a, b := was.(cohort.Correlated), is.(cohort.Correlated)
		if a.Count == 0 && a.Occurrence != cohort.NoLessThan && b.Occurrence != cohort.NoLessThan {
			return "exactly none and at most none are the same"
		}
		return ""
	},
}

func oneBound(op cohort.Comparison) string {
	if op != cohort.Between && op != cohort.NotBetween {
		return "only a range has a second bound"
	}
	return ""
}

func fixedAdjustment(_, _ any, around []place) string {
	for _, p := range around {
		if c, ok := p.value.Interface().(cohort.Criterion); ok && p.field == "Adjust" && c.Domain.FixedAdjust {
			return "the domain fixes which dates are moved"
		}
	}
	return ""
}

func correlated(around []place) cohort.Correlated {
	for i := len(around) - 1; i >= 0; i-- {
		if c, ok := around[i].value.Interface().(cohort.Correlated); ok {
			return c
		}
	}
	return cohort.Correlated{}
}

func unbounded(w cohort.Window, around []place) string {
	if w.Start.Open && w.End.Open && correlated(around).IgnoreObservationPeriod {
		return "a window without bounds tests no date"
	}
	return ""
}

// mutator changes one field after another and looks whether the text follows.
type mutator struct {
	t       *testing.T
	name    string
	def     *cohort.Definition
	hash    string
	text    map[describe.Language]string
	reached map[string]int // by type and field
}

func tell(def *cohort.Definition, lang describe.Language) string {
	return describe.Definition(def, lang, describe.Names{}).Text()
}

func (m *mutator) definition(name string, def *cohort.Definition) {
	m.name, m.def, m.hash = name, def, def.Hash()
	m.text = map[describe.Language]string{}
	for _, lang := range []describe.Language{describe.English, describe.French} {
		m.text[lang] = tell(def, lang)
	}
	m.structure(reflect.ValueOf(def).Elem(), nil, func() {})
	if def.Hash() != m.hash {
		m.t.Fatalf("%s: the definition was not restored", name)
	}
}

// structure changes every field of a struct that can be set; commit puts the
// struct where it belongs when it is a copy.
func (m *mutator) structure(v reflect.Value, around []place, commit func()) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "Name" || name == "Description" {
			continue // names are no part of the question
		}
		was := v.Interface()
		field := v.Type().Name() + "." + name
		m.field(v.Field(i), append(slices.Clone(around), place{v, name}), func() {
			commit()
			m.check(field, was, v.Interface(), around)
		})
	}
}

// field changes a value in all the ways of its type, and calls changed each
// time; the value is restored.
func (m *mutator) field(v reflect.Value, around []place, changed func()) {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	try := func(x any) {
		v.Set(reflect.ValueOf(x).Convert(v.Type()))
		if !reflect.DeepEqual(v.Interface(), old.Interface()) {
			changed()
		}
		v.Set(old)
	}
	switch value := v.Interface().(type) {
	case *cohort.Domain:
		for _, d := range cohort.Domains() {
			try(d)
		}
		return
	case cohort.Operand:
		for _, a := range m.attributes(around) {
			try(a.Operand)
		}
		return
	case cohort.CountColumn:
		for _, c := range []cohort.CountColumn{cohort.CountStartDate, cohort.CountEndDate, cohort.CountVisit, cohort.CountDomainConcept,
			"DURATION", "QUANTITY", "DAYS_SUPPLY", "REFILLS", "ERA_OCCURRENCES", "GAP_DAYS", "UNIT", "VALUE_AS_NUMBER", "RANGE_LOW", "RANGE_HIGH"} {
			try(c)
		}
		return
	case cohort.Exit: // and its own fields, below
		for _, e := range []cohort.Exit{cohort.DateOffset{}, cohort.DateOffset{FromEnd: true, Days: 3}, cohort.DrugEra{Codeset: 1}} {
			try(e)
		}
	case string:
		for _, s := range []string{value + "%", "%" + value, value + "x", "_"} {
			try(s)
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		try(!v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		for _, d := range []int64{1, -1} {
			v.SetInt(old.Int() + d)
			changed()
			v.Set(old)
		}
	case reflect.Uint8:
		most := map[string]uint64{"Limit": 2, "GroupType": 3, "Occurrence": 2, "Comparison": 7}[v.Type().Name()]
		for n := range most + 1 {
			if n != old.Uint() {
				v.SetUint(n)
				changed()
				v.Set(old)
			}
		}
	case reflect.Struct:
		m.structure(v, around, func() {})
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			changed()
			v.Set(old)
			return
		}
		v.SetZero()
		changed()
		v.Set(old)
		if v.Elem().Kind() == reflect.Struct {
			m.structure(v.Elem(), around, func() {})
		} else {
			m.field(v.Elem(), around, changed)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if old.Len() > 40 && i%20 != 0 {
				continue // long lists are lists of alike
			}
			v.Set(reflect.AppendSlice(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), old.Slice(0, i)), old.Slice(i+1, old.Len())))
			changed()
			v.Set(old)
			m.element(v.Index(i), around, changed)
		}
	case reflect.Interface:
		if !v.IsNil() {
			m.element(v, around, changed)
		}
	}
}

// element changes an element of a list, or what an interface holds.
func (m *mutator) element(v reflect.Value, around []place, changed func()) {
	switch {
	case v.Kind() == reflect.Struct:
		m.structure(v, around, func() {})
	case v.Kind() == reflect.Interface:
		held := reflect.New(v.Elem().Type()).Elem()
		old := v.Elem()
		held.Set(old)
		m.structure(held, around, func() { v.Set(held) })
		v.Set(old)
	default:
		m.field(v, around, changed)
	}
}

// check holds the law for the change that has just been made.
func (m *mutator) check(field string, was, is any, around []place) {
	if !valid(m.def) {
		return
	}
	m.reached[field]++
	if silent, ok := silences[field]; ok && silent(was, is, around) != "" {
		return
	}
	for _, lang := range []describe.Language{describe.English, describe.French} {
		if tell(m.def, lang) == m.text[lang] && m.def.Hash() != m.hash {
			m.t.Errorf("%s: %s changes, and the text (%s) does not:\n%+v\n%+v", m.name, field, lang, was, is)
		}
	}
}

// attributes are those that a filter may have in the place of the one around.
func (m *mutator) attributes(around []place) []cohort.Attribute {
	for i := len(around) - 1; i >= 0; i-- {
		switch s := around[i].value.Interface().(type) {
		case cohort.Criterion:
			return s.Domain.Attributes
		case cohort.Demographic:
			return cohort.DemographicAttributes
		}
	}
	m.t.Fatal("a filter outside of a criterion")
	return nil
}

// checkReached fails when the definitions did not reach a field of the model.
func (m *mutator) checkReached() {
	for _, v := range []any{cohort.Definition{}, cohort.Rule{}, cohort.ConceptSet{}, cohort.ConceptItem{}, cohort.Criterion{}, cohort.DateAdjustment{},
		cohort.Group{}, cohort.Correlated{}, cohort.Window{}, cohort.Bound{}, cohort.Demographic{}, cohort.DateOffset{}, cohort.DrugEra{},
		cohort.DateFilter{}, cohort.NumberFilter{}, cohort.ConceptFilter{}, cohort.CodesetFilter{}, cohort.TextFilter{}} {
		for i := range reflect.TypeOf(v).NumField() {
			f := reflect.TypeOf(v).Field(i)
			within := f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[cohort.Operand]() // reached through its own fields
			if field := reflect.TypeOf(v).Name() + "." + f.Name; m.reached[field] == 0 && f.Name != "Name" && f.Name != "Description" && !within {
				m.t.Errorf("no definition reached %s", field)
			}
		}
	}
}

// valid reports whether circe could have read the definition.
func valid(def *cohort.Definition) bool {
	if def.Validate() != nil {
		return false
	}
	ok := true
	filters := func(list []cohort.Filter, attributes []cohort.Attribute) {
		for _, f := range list {
			ok = ok && slices.ContainsFunc(attributes, func(a cohort.Attribute) bool { return fits(f, a) })
		}
	}
	var group func(g cohort.Group)
	group = func(g cohort.Group) {
		for _, c := range g.Correlated {
			if c.Distinct != nil {
				_, err := c.Criterion.CountOperandOf(*c.Distinct)
				ok = ok && err == nil
			}
		}
		for _, d := range g.Demographics {
			filters(d.Filters, cohort.DemographicAttributes)
		}
		for _, s := range g.Groups {
			group(s)
		}
	}
	if def.Additional != nil {
		group(*def.Additional)
	}
	for _, r := range def.Rules {
		group(r.Group)
	}
	for _, c := range def.Criteria() {
		d := c.Domain
		ok = ok && d != nil
		if !ok {
			return false
		}
		ok = ok && (c.Codeset == nil || d.Concept != "") && (c.SourceCodeset == nil || d.SourceConcept != "") &&
			!(c.First && d.NoFirst) && (c.Adjust == nil || !d.NoAdjust) && (c.UserStart == nil && c.UserEnd == nil || d.UserPeriod)
		filters(c.Filters, d.Attributes)
		if c.Nested != nil {
			group(*c.Nested)
		}
	}
	return ok
}

// fits reports whether a filter can be one of the attribute.
func fits(f cohort.Filter, a cohort.Attribute) bool {
	if cohort.OperandOf(f) != a.Operand {
		return false
	}
	switch f := f.(type) {
	case cohort.DateFilter:
		return a.Kind == cohort.DateRange && f.Value >= galien.MustDate("0001-01-01")
	case cohort.NumberFilter:
		return a.Kind == cohort.DecimalRange || a.Kind == cohort.IntegerRange
	case cohort.ConceptFilter:
		return a.Kind == cohort.ConceptList && len(f.Concepts) > 0
	case cohort.CodesetFilter:
		return a.Kind == cohort.CodesetSelection || a.Kind == cohort.CodesetNumber
	case cohort.TextFilter:
		return a.Kind == cohort.Text
	}
	return a.Kind == cohort.AbnormalFlag
}
