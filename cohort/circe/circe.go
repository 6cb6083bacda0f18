// Package circe reads and writes cohort definitions in the JSON that OHDSI ATLAS
// and Circe exchange, as package cohort's query model.
//
// Everything Circe 1.12 evaluates is read; anything else is refused by name
// with its JSON path, never ignored:
//
//	def, err := circe.Read(f)
//	// PrimaryCriteria.CriteriaList[0].NoteNlp: unknown criterion type
//
// Fields that cannot change an answer (names, captions, cdmVersionRange) are
// carried, not evaluated: a Document gives them back when it is written. A field
// whose value is null is as good as absent.
//
//	doc, err := circe.Parse(f)           // everything the file says
//	doc.Definition.EntryLimit = cohort.First
//	err = doc.Write(w)                   // the file, with that change
//	err = circe.Write(w, def)            // a definition that has no file
package circe

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"galien"
	"galien/cohort"
)

// maxBytes bounds a definition; the largest published one is under 1 MB.
const maxBytes = 64 << 20

// Read reads one cohort definition. Its errors are of kind Invalid and name the
// JSON path of the first thing that cannot be evaluated.
func Read(r io.Reader) (*cohort.Definition, error) {
	root, _, err := load(r)
	if err != nil {
		return nil, err
	}
	def, _, err := readDefinition(root)
	return def, err
}

// load reads the JSON of one file.
func load(r io.Reader) (*value, layout, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, layout{}, fmt.Errorf("read definition: %w", err)
	}
	if len(b) > maxBytes {
		return nil, layout{}, galien.Errorf(galien.Invalid, "definition is over %d MiB", maxBytes>>20)
	}
	return parse(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
}

// readDefinition reads a definition, and says where in the tree it stands.
func readDefinition(root *value) (def *cohort.Definition, at place, err error) {
	err = catch(func() {
		at = findExpression(node{"", root})
		def = readExpression(at.node)
	})
	if err == nil {
		err = def.Validate()
	}
	if err != nil {
		return nil, place{}, err
	}
	return def, at, nil
}

// refusal is what node methods panic with; catch turns it into an error.
type refusal struct{ err error }

func catch(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			ref, ok := r.(refusal)
			if !ok {
				panic(r)
			}
			err = ref.err
		}
	}()
	f()
	return nil
}

// node is a JSON value with the path that leads to it.
type node struct {
	path  string
	value *value
}

// refuse stops the reading at this node.
func (n node) refuse(format string, args ...any) {
	path := n.path
	if path == "" {
		path = "definition"
	}
	panic(refusal{galien.Errorf(galien.Invalid, "%s: %s", path, fmt.Sprintf(format, args...))})
}

func (n node) null() bool { return n.value.none() }

func (n node) is(k kind) bool { return n.value != nil && n.value.kind == k }

func (n node) child(key string) node {
	if !n.null() && !n.is(object) {
		n.refuse("expected an object")
	}
	return node{join(n.path, key), n.value.get(key)}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keys returns the object's keys with a value, and refuses anything but an object.
func (n node) keys() []string {
	if !n.is(object) {
		n.refuse("expected an object")
	}
	var keys []string
	for _, m := range n.value.members {
		if !m.value.none() {
			keys = append(keys, m.key)
		}
	}
	return keys
}

// only refuses the object when it has a key that is not in known.
func (n node) only(known ...string) {
	var unknown string
	for _, k := range n.keys() {
		found := false
		for _, ok := range known {
			found = found || k == ok
		}
		if !found && (unknown == "" || k < unknown) {
			unknown = k
		}
	}
	if unknown != "" {
		n.child(unknown).refuse("not a part of Circe's model that Galien evaluates")
	}
}

func (n node) items() []node {
	if n.null() {
		return nil
	}
	if !n.is(list) {
		n.refuse("expected a list")
	}
	nodes := make([]node, len(n.value.items))
	for i, v := range n.value.items {
		nodes[i] = node{fmt.Sprintf("%s[%d]", n.path, i), v}
	}
	return nodes
}

func (n node) text() string {
	if !n.is(text) {
		n.refuse("expected a text")
	}
	return unquote(n.value.raw)
}

func (n node) textOr(absent string) string {
	if n.null() {
		return absent
	}
	return n.text()
}

func (n node) flag() bool {
	if n.null() {
		return false
	}
	if !n.is(truth) && !n.is(denial) {
		n.refuse("expected true or false")
	}
	return n.is(truth)
}

// integer reads a whole number that fits in 32 bits.
func (n node) integer() int {
	v := n.long()
	if v != int64(int32(v)) {
		n.refuse("number out of range")
	}
	return int(v)
}

func (n node) long() int64 {
	if !n.is(number) {
		n.refuse("expected a whole number")
	}
	v, ok := wholeNumber(n.value.raw)
	if !ok {
		n.refuse("expected a whole number of at most 64 bits")
	}
	return v
}

// wholeNumber reads a whole number however it is spelled: R writes 400000 as
// 4e+05.
func wholeNumber(raw string) (int64, bool) {
	if v, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return v, true
	}
	if len(raw) > 40 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(raw)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

func (n node) integerOr(absent int) int {
	if n.null() {
		return absent
	}
	return n.integer()
}

func (n node) optional() *int {
	if n.null() {
		return nil
	}
	v := n.integer()
	return &v
}

// maxDays bounds a number of days: more than any calendar holds, and so few that
// no date they are added to is beyond what an engine can compute with.
const maxDays = 10_000_000

// days reads a number of days; none is 0.
func (n node) days() int {
	v := n.integerOr(0)
	if v < -maxDays || v > maxDays {
		n.refuse("over %d days", maxDays)
	}
	return v
}

// date reads a date as Circe does: the day of YYYY-MM-DD, a time after it cut off.
func (n node) date() galien.Date {
	s := n.text()
	if i := strings.IndexAny(s, "T "); i > 0 {
		s = s[:i]
	}
	d, err := galien.ParseDate(s)
	if err != nil {
		n.refuse("%v", err)
	}
	return d
}

func (n node) optionalDate() *galien.Date {
	if n.null() {
		return nil
	}
	d := n.date()
	return &d
}
