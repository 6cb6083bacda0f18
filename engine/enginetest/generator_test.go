package enginetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"galien/cohort"
)

// Every part of the model comes up in random definitions: what the model gains,
// the generator must learn.
func TestGeneratorCoversTheModel(t *testing.T) {
	seen, stated := map[string]bool{}, map[string]bool{"Rule.Description": true}
	for seed := range uint64(6000) {
		def := RandomDefinition(seed)
		note(stated, reflect.ValueOf(*def))
		eachChange(def, func(part string) { seen[part] = true })
	}
	var missing []string
	for field, is := range stated {
		if !is {
			missing = append(missing, field+", but for its zero value")
		}
	}
	for _, part := range Parts() {
		if !seen[part] {
			missing = append(missing, part)
		}
		delete(seen, part)
	}
	if len(missing) > 0 {
		t.Errorf("random definitions never have:\n%s", strings.Join(missing, "\n"))
	}
	if len(seen) > 0 {
		t.Errorf("Parts does not list:\n%s", strings.Join(slices.Sorted(maps.Keys(seen)), "\n"))
	}
}

// note records the fields of a definition's nodes, and whether they say
// something.
func note(stated map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if _, ok := v.Interface().(*cohort.Domain); !ok && !v.IsNil() {
			note(stated, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(stated, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			stated[name] = stated[name] || !v.Field(i).IsZero()
			note(stated, v.Field(i))
		}
	}
}

// A change is undone, also inside an interface.
func TestChangesAreUndone(t *testing.T) {
	for seed := range uint64(200) {
		def := RandomDefinition(seed)
		was, changed := Describe(def), 0
		eachChange(def, func(string) {
			if Describe(def) != was {
				changed++
			}
		})
		if Describe(def) != was {
			t.Fatalf("seed %d: the definition stays changed", seed)
		}
		if changed < 10 {
			t.Fatalf("seed %d: only %d changes", seed, changed)
		}
	}
}

// The lists of values that reflection cannot give are those of the model's
// source: constants of each enumeration, and types that implement an interface.
func TestEnumerationsAreTheModels(t *testing.T) {
	constants, implementing := modelSource(t)
	named := map[string][]string{}
	for e, names := range enumerations {
		named[e.Name()] = names
	}
	named["OperandKind"] = operandNames
	// Kinds of attribute have a filter each, but for Ignored, which is the last.
	kinds0 := constants["AttributeKind"]
	if len(kinds0) != len(kindOfFilter)+1 || kinds0[len(kinds0)-1] != "Ignored" {
		t.Errorf("the kinds of attribute are %v; kindOfFilter has %d", kinds0, len(kindOfFilter))
	}
	delete(constants, "AttributeKind")
	delete(constants, "Ending") // a property of a domain, not of a definition
	for name, values := range constants {
		if !slices.Equal(named[name], values) {
			t.Errorf("%s has the values %v, this package knows %v", name, values, named[name])
		}
	}
	for name := range named {
		if constants[name] == nil {
			t.Errorf("package cohort has no enumeration %s", name)
		}
	}
	for face, values := range kinds {
		var known []string
		if face == reflect.TypeFor[cohort.Filter]() {
			values = append(slices.Clone(values), restated...)
		}
		for _, v := range values {
			known = append(known, reflect.TypeOf(v).Name())
		}
		method := strings.ToLower(face.Name())
		slices.Sort(known)
		if !slices.Equal(known, implementing[method]) {
			t.Errorf("%s is implemented by %v, this package knows %v", face.Name(), implementing[method], known)
		}
	}
}

// modelSource reads package cohort: the names of the constants of each type
// that counts with iota, and the types that have each method without results.
func modelSource(t *testing.T) (constants, implementing map[string][]string) {
	t.Helper()
	constants, implementing = map[string][]string{}, map[string][]string{}
	files, err := filepath.Glob("../../cohort/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of package cohort: %v", err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && d.Type.Params.NumFields() == 0 && d.Type.Results.NumFields() == 0 {
					if of, ok := d.Recv.List[0].Type.(*ast.Ident); ok {
						implementing[d.Name.Name] = append(implementing[d.Name.Name], of.Name)
					}
				}
			case *ast.GenDecl:
				counted := ""
				for _, spec := range d.Specs {
					v, ok := spec.(*ast.ValueSpec)
					if !ok || d.Tok != token.CONST {
						continue
					}
					if of, ok := v.Type.(*ast.Ident); ok && len(v.Values) == 1 {
						counted = ""
						if value, ok := v.Values[0].(*ast.Ident); ok && value.Name == "iota" {
							counted = of.Name
						}
					}
					if counted != "" {
						constants[counted] = append(constants[counted], v.Names[0].Name)
					}
				}
			}
		}
	}
	for _, types := range implementing {
		slices.Sort(types)
	}
	return constants, implementing
}

// A difference is found, and made small.
func TestDifferentialFinds(t *testing.T) {
	tables := Hostile(1)
	all := &cohort.Definition{Entry: []cohort.Criterion{{Domain: domain(t, "Observation")}, {Domain: domain(t, "Measurement")}}, PriorDays: 1, EraPad: 3}
	// The engine at fault loses entries on measurements.
	open := Oracle(t)
	fails := func(def *cohort.Definition, tables Tables, _ bool) bool {
		honest, err := open(tables)
		if err != nil {
			t.Fatal(err)
		}
		wrong := *def
		wrong.Entry = nil
		for _, c := range def.Entry {
			if c.Domain.Name != "Measurement" {
				wrong.Entry = append(wrong.Entry, c)
			}
		}
		want, wantSummary, err := honest(t.Context(), def)
		if err != nil {
			t.Fatal(err)
		}
		if len(wrong.Entry) == 0 {
			return len(want) > 0
		}
		got, gotSummary, err := honest(t.Context(), &wrong)
		if err != nil {
			t.Fatal(err)
		}
		return differences(want, got, wantSummary, gotSummary) != ""
	}
	if !fails(all, tables, true) {
		t.Fatal("the fault does not show on these tables")
	}
	small, few := shrink(all, tables, fails)
	if len(small.Entry) != 1 || small.Entry[0].Domain.Name != "Measurement" || small.PriorDays != 0 || small.EraPad != 0 {
		t.Errorf("the definition stays\n%s", Describe(small))
	}
	if n := len(few["person"]) + len(few["measurement"]) + len(few["observation_period"]); n != 3 {
		t.Errorf("the tables stay with %d rows that matter, not 3:\n%s", n, describeTables(few))
	}
}

func domain(t *testing.T, name string) *cohort.Domain {
	t.Helper()
	d, ok := cohort.DomainByName(name)
	if !ok {
		t.Fatalf("no domain %s", name)
	}
	return d
}
