package circe_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
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
