package circe_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/refdata"
)

// eachDefinition calls visit with every line of a file of the Circe reference.
func eachDefinition(t *testing.T, name string, visit func(id int, expression []byte, why string)) {
	t.Helper()
	f, err := os.Open(filepath.Join(refdata.Dir(t, "circe-oracle"), "expressions", name+".ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var line struct {
			ID         int
			Why        string
			Expression json.RawMessage
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		visit(line.ID, line.Expression, line.Why)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

func TestReadsEveryPublishedDefinition(t *testing.T) {
	for _, set := range []string{"library", "generated", "fixtures"} {
		eachDefinition(t, set, func(id int, expression []byte, _ string) {
			def, err := circe.Read(bytes.NewReader(expression))
			if err != nil {
				t.Errorf("%s %d: %v", set, id, err)
				return
			}
			if again, err := circe.Read(bytes.NewReader(expression)); err != nil || again.Hash() != def.Hash() {
				t.Errorf("%s %d: read twice, two hashes (%v)", set, id, err)
			}
		})
	}
}

// Whatever Circe cannot run is refused by name.
func TestRefusesWhatCirceCannotRun(t *testing.T) {
	eachDefinition(t, "rejects", func(id int, expression []byte, why string) {
		_, err := circe.Read(bytes.NewReader(expression))
		if err == nil {
			t.Errorf("%d (%s) is read", id, why)
		} else if galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), ": ") {
			t.Errorf("%d (%s): %v", id, why, err)
		}
	})
}

// Every published definition comes back as it was: the file with each key and
// value in its place, and the model through the writer's own words.
func TestWritesEveryPublishedDefinition(t *testing.T) {
	for _, set := range []string{"library", "generated", "fixtures"} {
		eachDefinition(t, set, func(id int, expression []byte, _ string) {
			doc, err := circe.Parse(bytes.NewReader(expression))
			if err != nil {
				t.Errorf("%s %d: %v", set, id, err)
				return
			}
			if got := written(t, doc); !reflect.DeepEqual(tokens(t, []byte(got)), tokens(t, expression)) {
				t.Errorf("%s %d: the file changed", set, id)
			}
			var b bytes.Buffer
			if err := circe.Write(&b, doc.Definition); err != nil {
				t.Errorf("%s %d: %v", set, id, err)
				return
			}
			again, err := circe.Read(&b)
			if err != nil || again.Hash() != doc.Definition.Hash() || !sameModel(again, doc.Definition) {
				t.Errorf("%s %d: the model changed (%v)", set, id, err)
			}
		})
	}
}

// sameModel compares two models as they are, apart from the order of filters.
func sameModel(a, b *cohort.Definition) bool {
	for _, d := range []*cohort.Definition{a, b} {
		for _, group := range groups(d) {
			for _, m := range group.Demographics {
				slices.SortFunc(m.Filters, func(x, y cohort.Filter) int {
					return strings.Compare(fmt.Sprintf("%T%v", x, x), fmt.Sprintf("%T%v", y, y))
				})
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

func groups(d *cohort.Definition) []*cohort.Group {
	var all []*cohort.Group
	var walk func(g *cohort.Group)
	walk = func(g *cohort.Group) {
		if g == nil {
			return
		}
		all = append(all, g)
		for i := range g.Groups {
			walk(&g.Groups[i])
		}
		for _, c := range g.Correlated {
			walk(c.Criterion.Nested)
		}
	}
	walk(d.Additional)
	for i := range d.Rules {
		walk(&d.Rules[i].Group)
	}
	for _, c := range append(slices.Clone(d.Entry), d.Censoring...) {
		walk(c.Nested)
	}
	return all
}
