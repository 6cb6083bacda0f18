// Package circe reads cohort definitions in the JSON that OHDSI ATLAS and Circe
// exchange, as package cohort's query model.
//
// Everything Circe 1.12 evaluates is read; anything else is refused by name
// with its JSON path, never ignored:
//
//	def, err := circe.Read(f)
//	// PrimaryCriteria.CriteriaList[0].NoteNlp: unknown criterion type
//
// Fields that cannot change an answer (names, captions, cdmVersionRange) are
// passed over. A field whose value is null is as good as absent.
package circe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"galien"
	"galien/cohort"
)

// maxBytes bounds a definition; the largest published one is under 1 MB.
const maxBytes = 64 << 20

// Read reads one cohort definition. Its errors are of kind Invalid and name the
// JSON path of the first thing that cannot be evaluated.
func Read(r io.Reader) (*cohort.Definition, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if len(b) > maxBytes {
		return nil, galien.Errorf(galien.Invalid, "definition is over %d MiB", maxBytes>>20)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, galien.Errorf(galien.Invalid, "not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, galien.Errorf(galien.Invalid, "more than one JSON value; give one definition per file")
	}
	var def *cohort.Definition
	err = catch(func() { def = readExpression(node{"", v}) })
	if err == nil {
		err = def.Validate()
	}
	if err != nil {
		return nil, err
	}
	return def, nil
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
	value any
}

// refuse stops the reading at this node.
func (n node) refuse(format string, args ...any) {
	path := n.path
	if path == "" {
		path = "definition"
	}
	panic(refusal{galien.Errorf(galien.Invalid, "%s: %s", path, fmt.Sprintf(format, args...))})
}

func (n node) null() bool { return n.value == nil }

func (n node) child(key string) node {
	m, ok := n.value.(map[string]any)
	if !ok {
		if n.null() {
			return node{join(n.path, key), nil}
		}
		n.refuse("expected an object")
	}
	return node{join(n.path, key), m[key]}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keys returns the object's keys with a value, and refuses anything but an object.
func (n node) keys() []string {
	m, ok := n.value.(map[string]any)
	if !ok {
		n.refuse("expected an object")
	}
	var keys []string
	for k, v := range m {
		if v != nil {
			keys = append(keys, k)
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
	l, ok := n.value.([]any)
	if !ok {
		n.refuse("expected a list")
	}
	nodes := make([]node, len(l))
	for i, v := range l {
		nodes[i] = node{fmt.Sprintf("%s[%d]", n.path, i), v}
	}
	return nodes
}

func (n node) text() string {
	s, ok := n.value.(string)
	if !ok {
		n.refuse("expected a text")
	}
	return s
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
	b, ok := n.value.(bool)
	if !ok {
		n.refuse("expected true or false")
	}
	return b
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
	num, ok := n.value.(json.Number)
	if !ok {
		n.refuse("expected a whole number")
	}
	v, err := num.Int64()
	if err != nil {
		n.refuse("expected a whole number of at most 64 bits")
	}
	return v
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
