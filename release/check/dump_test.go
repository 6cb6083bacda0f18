package check_test

import (
	"path/filepath"
	"testing"
)

func TestDump(t *testing.T) {
	for _, f := range pointFiles {
		for _, e := range examples(t, filepath.Join("testdata", "points", f.file+".txt")) {
			for _, x := range e.look(t) {
				if x.Check != e.want {
					t.Logf("%s (%s) also %s %s %v", e.id, e.want, x.Check, x.File, x.Where)
				}
			}
		}
	}
}
