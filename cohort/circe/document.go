package circe

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"galien"
	"galien/cohort"
)

// Document is a definition together with everything else that its file says:
// names, captions, keys that change no answer, nulls, the order of keys, the
// spelling of numbers. Written, it is the file it was read from with what has
// changed in Definition since, and no more.
//
//	doc, err := circe.Parse(f)
//	doc.Definition.PriorDays = 365
//	err = doc.Write(w)
//
// A byte order mark is not kept, and white space follows the file's first line
// breaks and indent.
type Document struct {
	Definition *cohort.Definition

	root   *value
	at     place
	layout layout
	// read is the definition as it was read, in the writer's words.
	read *value
}

// Parse reads a definition as Read does, and keeps the rest of its file.
func Parse(r io.Reader) (*Document, error) {
	root, l, err := load(r)
	if err != nil {
		return nil, err
	}
	def, at, err := readDefinition(root)
	if err != nil {
		return nil, err
	}
	d := &Document{Definition: def, root: root, at: at, layout: l}
	if d.read, err = encode(def); err != nil {
		return nil, err
	}
	return d, nil
}

// Path returns where the file has a part of the definition: path itself, or the
// path inside the envelopes around the expression.
func (d *Document) Path(path string) string { return join(d.at.node.path, path) }

// Domains returns the OMOP domains that the file states for the concepts of its
// sets.
func (d *Document) Domains() map[galien.ConceptID]string {
	domains := map[galien.ConceptID]string{}
	for _, set := range d.at.node.child("ConceptSets").items() {
		for _, item := range set.child("expression").child("items").items() {
			concept := item.child("concept")
			if domain := concept.child("DOMAIN_ID"); domain.is(text) {
				domains[galien.ConceptID(concept.child("CONCEPT_ID").long())] = domain.text()
			}
		}
	}
	return domains
}

// Write writes the file with the present definition. What Circe's JSON has no
// words for is refused with its path.
func (d *Document) Write(w io.Writer) error {
	now, err := encode(d.Definition)
	if err != nil {
		return err
	}
	old := d.at.node.value
	fresh := merge(old, d.read, now)
	if err := proves(fresh, d.Definition, now); err != nil {
		return err
	}
	p := printer{layout: d.layout, old: old, fresh: fresh}
	if fresh != old {
		p.holder = d.at.holder
	}
	return p.write(w, d.root)
}

// Write writes a definition as Circe JSON, the way ATLAS lays it out. What is
// read back has the same hash and the same names. The order of a criterion's
// filters and of the concepts of a list follows the attributes and the numbers,
// whatever it was. What Circe's JSON has no words for, such as two tests of one
// attribute, is refused with its path.
func Write(w io.Writer, def *cohort.Definition) error {
	v, err := encode(def)
	if err != nil {
		return err
	}
	if err := proves(v, def, v); err != nil {
		return err
	}
	p := printer{layout: printed}
	return p.write(w, v)
}

func (p *printer) write(w io.Writer, v *value) error {
	p.print(v, 0)
	p.out.WriteString(p.end)
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write definition: %w", err)
	}
	return nil
}

// proves reads what is about to be written, and compares.
func proves(v *value, def *cohort.Definition, words *value) error {
	back, _, err := readDefinition(v)
	if err != nil {
		return err
	}
	again, err := encode(back)
	if err != nil {
		return err
	}
	if back.Hash() != def.Hash() || !equal(again, words) {
		return galien.Errorf(galien.Internal, "definition: what would be written reads back as another definition")
	}
	return nil
}

// matching says how the items of two lists are paired.
type matching uint8

const (
	// byPlace pairs what is the same, in order, and then what lies between.
	byPlace matching = iota
	// byID pairs concept sets by their id.
	byID
	// byConcept pairs the lines of a concept set by their concept.
	byConcept
	// anyOrder pairs concepts by their id, in a list whose order says nothing.
	anyOrder
)

// id returns what an item of a list goes by; "" when it has no such thing.
func (m matching) id(item *value) string {
	switch m {
	case byID:
		item = item.get("id")
	case byConcept:
		item = item.get("concept").get("CONCEPT_ID")
	case anyOrder:
		item = item.get("CONCEPT_ID")
	default:
		return ""
	}
	if item == nil {
		return ""
	}
	if n, ok := wholeNumber(item.raw); ok {
		return strconv.FormatInt(n, 10)
	}
	return item.raw
}

// merge returns the file's value with the change from was to is: the file's own
// value where there is none. was and is are the writer's words for what the file
// said and for what it shall say; either may be absent.
func merge(file, was, is *value) *value {
	if equal(was, is) {
		return file
	}
	if is == nil || is.whole || file.kind != is.kind {
		return is
	}
	switch file.kind {
	case object:
		return mergeObject(file, was, is)
	case list:
		return mergeList(file, was, is)
	}
	return is
}

func mergeObject(file, was, is *value) *value {
	was, is = rename(file, was, is)
	v := &value{kind: object}
	for _, m := range file.members {
		a, b := was.get(m.key), is.get(m.key)
		switch {
		case a == nil && b == nil:
			v.members = append(v.members, m)
		case b != nil:
			v.members = append(v.members, member{m.key, m.raw, merge(m.value, a, b)})
		}
	}
	for _, m := range is.members {
		if file.get(m.key) == nil && !equal(was.get(m.key), m.value) {
			v.members = append(v.members, m)
		}
	}
	return v
}

// rename puts the file's names on attributes that the model does not tell
// apart, in the writer's words.
func rename(file, was, is *value) (*value, *value) {
	for _, names := range is.same {
		has := func(v *value) []string {
			var found []string
			for _, n := range names {
				if !v.get(n).none() {
					found = append(found, n)
				}
			}
			return found
		}
		theirs, ours, fresh := has(file), has(was), has(is)
		if len(theirs) != len(ours) {
			continue
		}
		was = was.renamed(ours, theirs)
		if len(fresh) <= len(theirs) {
			is = is.renamed(fresh, theirs)
		}
	}
	return was, is
}

// renamed returns the object with the i-th of some keys changed to the i-th of
// others.
func (v *value) renamed(from, to []string) *value {
	if len(from) == 0 {
		return v
	}
	c := *v
	c.members = slices.Clone(v.members)
	for i, m := range c.members {
		if k := slices.Index(from, m.key); k >= 0 {
			c.members[i] = member{to[k], quote(to[k]), m.value}
		}
	}
	return &c
}

func mergeList(file, was, is *value) *value {
	if is.match == anyOrder {
		return mergeConcepts(file, is)
	}
	if was == nil || len(file.items) != len(was.items) {
		return is
	}
	v := &value{kind: list}
	for j, i := range pair(was.items, is.items, is.match) {
		if i < 0 {
			v.items = append(v.items, is.items[j])
		} else {
			v.items = append(v.items, merge(file.items[i], was.items[i], is.items[j]))
		}
	}
	return v
}

// mergeConcepts keeps the file's concepts that stay, in its order, and appends
// the new ones.
func mergeConcepts(file, is *value) *value {
	v := &value{kind: list}
	wanted, found := map[string]bool{}, map[string]bool{}
	for _, c := range is.items {
		wanted[anyOrder.id(c)] = true
	}
	for _, c := range file.items {
		if id := anyOrder.id(c); wanted[id] {
			v.items, found[id] = append(v.items, c), true
		}
	}
	for _, c := range is.items {
		if !found[anyOrder.id(c)] {
			v.items = append(v.items, c)
		}
	}
	return v
}

// pair returns, for each item of is, the index of the item of was that it comes
// from, each at most once; -1 for none.
func pair(was, is []*value, match matching) []int {
	from := make([]int, len(is))
	for j := range from {
		from[j] = -1
	}
	taken := make([]bool, len(was))
	if match != byPlace {
		// The same line first, then another with the same id.
		for _, same := range []func(a, b *value) bool{equal, func(a, b *value) bool { return match.id(a) == match.id(b) }} {
			places := map[string][]int{}
			for i, a := range was {
				if !taken[i] {
					places[match.id(a)] = append(places[match.id(a)], i)
				}
			}
			for j, b := range is {
				if from[j] >= 0 {
					continue
				}
				for _, i := range places[match.id(b)] {
					if !taken[i] && same(was[i], b) {
						from[j], taken[i] = i, true
						break
					}
				}
			}
		}
		return from
	}
	// What is the same at both ends is paired first; what is left is small but in
	// lists that were written anew.
	start, endWas, endIs := 0, len(was), len(is)
	for start < endWas && start < endIs && equal(was[start], is[start]) {
		from[start] = start
		start++
	}
	for endWas > start && endIs > start && equal(was[endWas-1], is[endIs-1]) {
		endWas, endIs = endWas-1, endIs-1
		from[endIs] = endWas
	}
	for j, i := range runs(was[start:endWas], is[start:endIs]) {
		if i >= 0 {
			from[start+j] = start + i
		}
	}
	return from
}

// maxRuns bounds the product of two lists' lengths that runs compares.
const maxRuns = 1_000_000

// runs pairs two lists along the longest run of equal items, and in order what
// lies between two of these.
func runs(was, is []*value) []int {
	from := make([]int, len(is))
	for j := range from {
		from[j] = -1
		if j < len(was) && len(was)*len(is) > maxRuns {
			from[j] = j
		}
	}
	if len(was)*len(is) > maxRuns {
		return from
	}
	// length[i][j] is that of the longest run from there on.
	length := make([][]int, len(was)+1)
	for i := range length {
		length[i] = make([]int, len(is)+1)
	}
	alike := make([][]bool, len(was))
	for i := len(was) - 1; i >= 0; i-- {
		alike[i] = make([]bool, len(is))
		for j := len(is) - 1; j >= 0; j-- {
			alike[i][j] = equal(was[i], is[j])
			if alike[i][j] {
				length[i][j] = 1 + length[i+1][j+1]
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(was) && j < len(is) {
		startI, startJ := i, j
		for i < len(was) && j < len(is) && !alike[i][j] {
			if length[i+1][j] >= length[i][j+1] {
				i++
			} else {
				j++
			}
		}
		endI, endJ := i, j
		if i == len(was) || j == len(is) {
			endI, endJ = len(was), len(is)
		}
		between(from, was, is, startI, endI, startJ, endJ)
		if i < len(was) && j < len(is) {
			from[j] = i
			i, j = i+1, j+1
		}
	}
	return from
}

// between pairs the items of two lists between two runs: in order where they are
// as many, else those that seem to be of one kind.
func between(from []int, was, is []*value, startI, endI, startJ, endJ int) {
	alike := kin
	if endI-startI == endJ-startJ {
		alike = func(_, _ *value) bool { return true }
	}
	i := startI
	for j := startJ; j < endJ; j++ {
		for k := i; k < endI; k++ {
			if alike(was[k], is[j]) {
				from[j], i = k, k+1
				break
			}
		}
	}
}

// kin reports whether two items have the same name or, without names, are
// criteria of one domain.
func kin(a, b *value) bool {
	if name := a.get("name"); name != nil {
		return equal(name, b.get("name"))
	}
	if c := a.get("Criteria"); c != nil {
		a, b = c, b.get("Criteria")
	}
	return a != nil && b != nil && len(a.members) > 0 && len(b.members) > 0 && a.members[0].key == b.members[0].key
}
