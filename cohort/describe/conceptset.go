package describe

import (
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
)

// nameSets decides how the text refers to each concept set: by its name, and by
// its number too where the name alone would not tell it from another.
func (t *teller) nameSets() {
	name := func(s cohort.ConceptSet) string {
		if n := clean(s.Name); n != "" {
			return n
		}
		return t.say("set %d", "jeu n° %d", s.ID)
	}
	bearers := map[string]int{}
	for _, s := range t.def.ConceptSets {
		bearers[name(s)]++
	}
	t.called = map[int]string{}
	for _, s := range t.def.ConceptSets {
		t.called[s.ID] = t.quote(name(s))
		if bearers[name(s)] > 1 {
			t.called[s.ID] = t.say("%s (set %d)", "%s (jeu n° %d)", t.quote(name(s)), s.ID)
		}
	}
}

// set refers to a concept set.
func (t *teller) set(id int) string {
	t.used[id] = true
	if name, ok := t.called[id]; ok {
		return name
	}
	return t.say("“set %d” (undefined)", "« jeu n° %d » (non défini)", id)
}

// conceptSets tells every defined set, and says which are missing.
func (t *teller) conceptSets() []Block {
	var list Block
	for _, s := range t.def.ConceptSets {
		list.Items = append(list.Items, t.conceptSet(s))
	}
	var missing []int
	for id := range t.used {
		if _, defined := t.sets[id]; !defined {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	for _, id := range missing {
		list.Items = append(list.Items, Block{Text: t.say("set %d is not defined: it is empty, and nothing is in it",
			"le jeu n° %d n'est pas défini : il est vide, et rien n'en fait partie", id)})
	}
	if len(list.Items) == 0 {
		return nil
	}
	list.Text = t.say("the definition uses the following concept sets:", "la définition utilise les jeux de concepts suivants :")
	if len(list.Items) == 1 {
		list.Text = t.say("the definition uses the following concept set:", "la définition utilise le jeu de concepts suivant :")
	}
	return []Block{list}
}

func (t *teller) conceptSet(s cohort.ConceptSet) Block {
	name := t.say("set %d", "jeu n° %d", s.ID)
	if n := clean(s.Name); n != "" {
		name = t.say("%s, %s", "%s, %s", name, t.quote(n))
	}
	if !t.used[s.ID] {
		name += t.say(" (not used)", " (non utilisé)")
	}
	var items []Block
	for _, excluded := range []bool{false, true} {
		for _, more := range []struct{ descendants, mapped bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			var concepts []string
			for _, i := range s.Items {
				if i.Excluded == excluded && i.Descendants == more.descendants && i.Mapped == more.mapped {
					concepts = append(concepts, t.concept(i.Concept))
				}
			}
			if len(concepts) > 0 {
				t.mark(noteDescendants, more.descendants)
				t.mark(noteMapped, more.mapped)
				t.mark(noteExclusion, excluded)
				items = append(items, Block{Text: t.line(excluded, more.descendants, more.mapped, concepts)})
			}
		}
	}
	if len(items) == 0 {
		return Block{Text: t.say("%s: empty, nothing is in it", "%s : vide, rien n'en fait partie", name)}
	}
	return Block{t.say("%s:", "%s :", name), items}
}

// line tells the lines of a set that ask for the same.
func (t *teller) line(excluded, descendants, mapped bool, concepts []string) string {
	lead := t.plural(len(concepts), "concept", "concepts", "concept", "concepts")
	if excluded {
		lead = t.plural(len(concepts), "except concept", "except concepts", "à l'exclusion du concept", "à l'exclusion des concepts")
	}
	text := lead + " " + strings.Join(concepts, ", ")
	many := len(concepts) > 1
	switch {
	case descendants && mapped && many:
		text += t.say(", with their descendants and the concepts mapped to any of these", ", avec leurs descendants et les concepts mis en correspondance avec ceux-ci ou ceux-là")
	case descendants && mapped:
		text += t.say(", with its descendants and the concepts mapped to any of these", ", avec ses descendants et les concepts mis en correspondance avec lui ou avec eux")
	case descendants && many:
		text += t.say(", with their descendants", ", avec leurs descendants")
	case descendants:
		text += t.say(", with its descendants", ", avec ses descendants")
	case mapped && many:
		text += t.say(", with the concepts mapped to them", ", avec les concepts mis en correspondance avec eux")
	case mapped:
		text += t.say(", with the concepts mapped to it", ", avec les concepts mis en correspondance avec lui")
	case many:
		text += t.say(", without their descendants", ", sans leurs descendants")
	default:
		text += t.say(", without its descendants", ", sans ses descendants")
	}
	return text
}

// knownConcepts are the few concepts whose everyday word is the same everywhere.
var knownConcepts = map[galien.ConceptID][2]string{
	8507: {"male", "homme"},
	8532: {"female", "femme"},
	9201: {"inpatient visit", "hospitalisation"},
	9202: {"outpatient visit", "consultation externe"},
	9203: {"emergency room visit", "passage aux urgences"},
}

// concept tells a concept by its number, and its name where there is one.
func (t *teller) concept(id galien.ConceptID) string {
	if known, ok := knownConcepts[id]; ok {
		return fmt.Sprintf("%d (%s)", id, t.say(known[0], known[1]))
	}
	if name := clean(t.names.Concepts[id]); name != "" {
		t.mark(noteNames, true)
		return fmt.Sprintf("%d (%s)", id, name)
	}
	return fmt.Sprint(int64(id))
}
