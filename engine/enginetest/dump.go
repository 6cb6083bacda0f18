package enginetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"galien/cohort"
)

// Describe writes a definition with all that it says and nothing that it
// leaves out, for a person who looks into a counter-example.
func Describe(def *cohort.Definition) string {
	var b strings.Builder
	describe(&b, reflect.ValueOf(*def), "")
	return b.String()
}

func describe(b *strings.Builder, v reflect.Value, indent string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if d, ok := v.Interface().(*cohort.Domain); ok {
			fmt.Fprint(b, d.Name)
			return
		}
		if v.IsNil() {
			fmt.Fprint(b, "none")
			return
		}
		describe(b, v.Elem(), indent)
	case reflect.Struct:
		fmt.Fprint(b, v.Type().Name(), "{")
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				continue
			}
			fmt.Fprintf(b, "\n%s  %s: ", indent, v.Type().Field(i).Name)
			describe(b, v.Field(i), indent+"  ")
		}
		fmt.Fprint(b, "}")
	case reflect.Slice:
		fmt.Fprint(b, "[")
		for i := range v.Len() {
			fmt.Fprintf(b, "\n%s  ", indent)
			describe(b, v.Index(i), indent+"  ")
		}
		fmt.Fprint(b, "]")
	default:
		fmt.Fprint(b, v.Interface())
	}
}

// describeTables writes the tables as rows of column=value, the vocabulary left
// out.
func describeTables(t Tables) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if strings.HasPrefix(name, "concept") {
			continue
		}
		for _, r := range t[name] {
			fmt.Fprint(&b, name, ":")
			for _, column := range slices.Sorted(maps.Keys(r)) {
				fmt.Fprintf(&b, " %s=%v", column, r[column])
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}
