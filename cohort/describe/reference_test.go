package describe_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"galien/cohort"
	"galien/cohort/describe"
	"galien/engine/enginetest"
	"galien/refdata"
)

// eachDefinition calls visit with every line of a file of the Circe reference.
func eachDefinition(t *testing.T, name string, visit func(id int, expression []byte)) {
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
			Expression json.RawMessage
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		visit(line.ID, line.Expression)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// Every reference definition can be told, and well formed, in both languages.
func TestTellsEveryReferenceDefinition(t *testing.T) {
	for _, set := range []string{"library", "generated", "fixtures"} {
		told := 0
		eachDefinition(t, set, func(id int, expression []byte) {
			checkText(t, fmt.Sprintf("%s %d", set, id), read(t, expression))
			told++
		})
		if told < 38 {
			t.Errorf("%s: %d definitions", set, told)
		}
	}
}

func TestTellsRandomDefinitions(t *testing.T) {
	for seed := range uint64(400) {
		checkText(t, fmt.Sprintf("seed %d", seed), enginetest.RandomDefinition(seed))
	}
}

var (
	english = regexp.MustCompile(`(?i)\b(the|of|and|or|is|are|at|least|most|days?|years?|before|after|with|without|for|which|no|none|any|each|only|kept|from|to|in|its|that|their|when|one|a person)\b`)
	french  = regexp.MustCompile(`(?i)\b(le|la|les|du|des|et|ou|est|sont|jours?|ans|avant|après|avec|sans|pour|aucune?|chaque|dans|qui|une)\b`)
	quoted  = regexp.MustCompile(`“[^”]*”|«[^»]*»`)
	// malformed finds what no sentence may hold: a verb of Printf gone wrong, two
	// spaces, a space before a comma or a full stop, two signs, or, in French, a
	// sign that could begin a line.
	malformed       = regexp.MustCompile(`%!|[^ ]  +[^ ]| [,.)]|\( |[.,:]\.|,,|: \.| de le | à le `)
	malformedFrench = regexp.MustCompile(` [:;?!»]|« |[^\x{a0}][:;»]`)
)

// checkText checks the form of a definition's text in both languages.
func checkText(t *testing.T, name string, def *cohort.Definition) {
	t.Helper()
	for i, s := range def.ConceptSets {
		def.ConceptSets[i].Name = fmt.Sprintf("N%d", i)
		def.ConceptSets[i].Items = s.Items[:min(len(s.Items), 20)] // long lists are lists of alike
	}
	for i := range def.Rules {
		def.Rules[i].Name, def.Rules[i].Description = "R", "D"
	}
	for lang, foreign := range map[describe.Language]*regexp.Regexp{describe.English: french, describe.French: english} {
		text := tell(def, lang)
		if len(strings.Split(text, "\n")) < 8 {
			t.Errorf("%s (%s): only\n%s", name, lang, text)
		}
		for _, line := range strings.Split(text, "\n") {
			line = strings.TrimLeft(line, " -")
			own := quoted.ReplaceAllString(line, "“N”")
			if found := foreign.FindString(own); found != "" {
				t.Errorf("%s (%s): %q in\n%s", name, lang, found, line)
			}
			if found := malformed.FindString(own); found != "" {
				t.Errorf("%s (%s): %q in\n%s", name, lang, found, line)
			}
			if found := malformedFrench.FindString(line); lang == describe.French && found != "" && !strings.Contains(line, "%") {
				t.Errorf("%s (%s): %q in\n%s", name, lang, found, line)
			}
		}
	}
}
