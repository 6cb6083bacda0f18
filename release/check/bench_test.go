package check_test

import (
	"fmt"
	"strings"
	"testing"

	"galien/release/check"
)

// BenchmarkGroup looks at a group of 20 tables of 500 rows.
func BenchmarkGroup(b *testing.B) {
	text, _ := example{version: 1}.group(b)
	m, err := check.ParseManifest(text)
	if err != nil {
		b.Fatal(err)
	}
	base := m.Outputs[0]
	m.Outputs = m.Outputs[1:]
	var files []check.File
	for i := range 20 {
		var rows strings.Builder
		rows.WriteString("sex,n,population,percent\n")
		for j := range 500 {
			fmt.Fprintf(&rows, "area %d %d,%d,1000,%d.0\n", i, j, 400+5*(j%9), 40+j%9/2)
		}
		o := base
		o.File = fmt.Sprintf("table%d.csv", i)
		m.Outputs = append(m.Outputs, o)
		files = append(files, check.File{Name: o.File, Bytes: []byte(rows.String())})
	}
	for b.Loop() {
		check.Group(m, files, check.Rule{}, 1)
	}
}
