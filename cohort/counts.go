package cohort

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// StepKeys says what a step of the attrition counts. Equal keys, of one
// definition or of two, are equal counts of the same persons over the same data,
// by what is asked and not by what happens to be in the data.
type StepKeys struct {
	// Persons is who is left; Events is how many events each of them has left.
	// They are equal where everyone left has one.
	Persons, Events Key
}

// Counts says what each of Steps counts, and what a tabulation counts.
type Counts struct {
	Steps []StepKeys // of Steps, in order
	// Periods are the cohort's periods with their starts. Single is set when
	// no person can have two.
	Periods Key
	Single  bool
}

// Counts returns what the definition counts: so a step that is kept while others
// are edited is known again, and a limit to one event of each person is known to
// remove nobody. Concept sets count by their lines and not by their numbers; the
// order of inclusion rules does not count.
func (d *Definition) Counts() Counts {
	sets := d.Codesets()
	contents := func(id int) [sha256.Size]byte { return lines(sets[id]) }
	key := func(what string, before Key, parts ...any) Key {
		k := KeyOf([]string{what}, contents, before[:])
		for _, p := range parts {
			k = KeyOf(p, contents, k[:])
		}
		return k
	}
	var c Counts
	events := key("entry", Key{}, d.Entry, d.PriorDays, d.PostDays)
	persons := key("persons", events)
	single := false
	step := func(persons, events Key) {
		s := StepKeys{persons, key("events", events)}
		if single {
			s.Events = persons
		}
		c.Steps = append(c.Steps, s)
	}
	// Which event a limit keeps depends on the limit: the entry limit looks at
	// other dates than those after it.
	limit := func(what string, l Limit) {
		if l != All && !single {
			single = true
			events = key(what, events, l.String())
		}
	}
	step(persons, events)
	limit("entry limit", d.EntryLimit)
	step(persons, events)
	if d.Additional != nil {
		if !d.Additional.Empty() {
			events = key("additional", events, *d.Additional)
			persons = key("persons", events)
		}
		step(persons, events)
		limit("qualified limit", d.QualifiedLimit)
		step(persons, events)
	}
	var rules [][]byte
	qualified := events
	for _, r := range d.Rules {
		if k := key("rule", Key{}, r.Group); !r.Group.Empty() {
			at, found := slices.BinarySearchFunc(rules, k[:], bytes.Compare)
			if !found {
				rules = slices.Insert(rules, at, k[:])
			}
			events = KeyOf([]string{"rules"}, contents, append([][]byte{qualified[:]}, rules...)...)
			persons = key("persons", events)
		}
		step(persons, events)
	}
	limit("result limit", d.ResultLimit)
	step(persons, events)

	exit := key("exit", events, struct {
		Exit      Exit
		Censoring []Criterion
	}{d.Exit, d.Censoring})
	left := events
	if o, ok := d.Exit.(DateOffset); ok && (o.FromEnd || o.Days < 0) {
		// Only such an exit can lie before its event, or be unknown.
		left = exit
		persons = key("persons", left)
	}
	step(persons, left)
	periods := key("periods", exit, d.EraPad)
	step(persons, periods)
	if d.CensorStart != nil || d.CensorEnd != nil {
		periods = key("censor window", periods, d.CensorStart, d.CensorEnd)
		persons = key("persons", periods)
		step(persons, periods)
	}
	c.Periods, c.Single = periods, single
	return c
}

// Cell returns the key of who has a period in a cell of a tabulation, or where
// observed is set, of who is observed there, whatever the definition.
func (c Counts) Cell(by []Dimension, keys []string, observed bool) Key {
	type part struct {
		dimension Dimension
		key       string
	}
	var parts []part
	timed := false
	for i, k := range keys {
		if k != Total {
			parts = append(parts, part{by[i], k})
			timed = timed || by[i] != Sex
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.dimension, b.dimension) })
	of := c.Steps[len(c.Steps)-1].Persons
	switch {
	case observed:
		of = Key{}
	case timed:
		of = c.Periods
	}
	if len(parts) == 0 && !observed {
		return of
	}
	context := [][]byte{of[:]}
	for _, p := range parts {
		context = append(context, []byte(p.dimension), []byte(p.key))
	}
	return KeyOf([]string{"cell"}, nil, context...)
}

// lines is the content of a concept set, whatever the order of its lines.
func lines(s ConceptSet) [sha256.Size]byte {
	flag := map[bool]byte{true: 1}
	var all [][]byte
	for _, i := range s.Items {
		all = append(all, append(binary.LittleEndian.AppendUint64(nil, uint64(i.Concept)), flag[i.Excluded], flag[i.Descendants], flag[i.Mapped]))
	}
	slices.SortFunc(all, bytes.Compare)
	all = slices.CompactFunc(all, bytes.Equal)
	return sha256.Sum256(bytes.Join(all, nil))
}
