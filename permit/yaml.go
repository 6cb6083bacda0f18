package permit

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"galien"
)

// maxText is the largest permit file, in bytes.
const maxText = 1 << 20

// value is one node of a YAML document with the way to it, so that every error
// can say where.
type value struct {
	path string // "" at the top, then "window.start", "people[2]"
	line int
	node ast.Node
}

// mapping is a YAML mapping read with its keys.
type mapping map[string]value

// parseYAML reads a single YAML document.
func parseYAML(text []byte) (value, error) {
	if len(text) > maxText {
		return value{}, galien.Errorf(galien.Invalid, "read permit: the file is over %d bytes", maxText)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
			return value{}, galien.Errorf(galien.Invalid, "read permit: line %d: not YAML: %s", syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return value{}, galien.Errorf(galien.Invalid, "read permit: not YAML")
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	if len(docs) != 1 {
		return value{}, galien.Errorf(galien.Invalid, "read permit: %d YAML documents where one is wanted", len(docs))
	}
	return value{line: lineOf(docs[0], 1), node: docs[0]}, nil
}

// lineOf returns a node's line, or the one given when it has none.
func lineOf(n ast.Node, otherwise int) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return otherwise
	}
	return n.GetToken().Position.Line
}

// errorf returns the error of this value: line, path, what is wrong, remedy.
func (v value) errorf(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if v.path != "" {
		what = v.path + " " + what
	}
	return galien.Errorf(galien.Invalid, "read permit: line %d: %s", v.line, what)
}

// mapping returns the value as a mapping whose keys are among those allowed
// (any, when none are given), each at most once.
func (v value) mapping(allowed ...string) (mapping, error) {
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return nil, v.errorf("must be a mapping (key: value), not %s", v.kind())
	}
	m := mapping{}
	for _, pair := range pairs {
		key, ok := pair.Key.(*ast.StringNode)
		line := lineOf(pair.Key, v.line)
		if !ok {
			return nil, value{v.path, line, nil}.errorf("has a key that is not plain text: write it as a name")
		}
		name := key.Value
		at := value{strings.TrimPrefix(v.path+"."+name, "."), line, pair.Value}
		if len(allowed) > 0 && !slices.Contains(allowed, name) {
			return nil, at.errorf("is not a key of a permit%s (known here: %s)", nearest(name, allowed), strings.Join(allowed, ", "))
		}
		if _, twice := m[name]; twice {
			return nil, at.errorf("is given twice: remove one")
		}
		m[name] = at
	}
	return m, nil
}

// inOrder returns the keys in the order of the file.
func (m mapping) inOrder() []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := m[names[i]], m[names[j]]
		if a.line != b.line {
			return a.line < b.line
		}
		return names[i] < names[j]
	})
	return names
}

// require fails with the first of the keys that is not there.
func (m mapping) require(keys ...string) error {
	for _, key := range keys {
		if _, ok := m[key]; !ok {
			return galien.Errorf(galien.Invalid, "read permit: the key %s is missing", m.full(key))
		}
	}
	return nil
}

// full returns the path that a key of this mapping would have.
func (m mapping) full(key string) string {
	for name, v := range m {
		return strings.TrimSuffix(v.path, name) + key
	}
	return key
}

// list returns the items of a YAML sequence.
func (v value) list() ([]value, error) {
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		return nil, v.errorf("must be a list ([a, b] or lines that start with -), not %s", v.kind())
	}
	items := make([]value, len(seq.Values))
	for i, n := range seq.Values {
		items[i] = value{fmt.Sprintf("%s[%d]", v.path, i+1), lineOf(n, v.line), n}
	}
	return items, nil
}

func (v value) isText() bool {
	switch v.node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

func (v value) text() (string, error) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	}
	return "", v.errorf("must be text, not %s", v.kind())
}

func (v value) integer() (int64, error) {
	if n, ok := v.node.(*ast.IntegerNode); ok {
		switch i := n.Value.(type) {
		case int64:
			return i, nil
		case uint64:
			if i < 1<<63 {
				return int64(i), nil
			}
		}
	}
	return 0, v.errorf("must be a whole number, not %s", v.kind())
}

func (v value) boolean() (bool, error) {
	n, ok := v.node.(*ast.BoolNode)
	if !ok {
		return false, v.errorf("must be true or false, not %s", v.kind())
	}
	return n.Value, nil
}

func (v value) date() (galien.Date, error) {
	s, err := v.text()
	if err != nil {
		return 0, v.errorf("must be a date of the form YYYY-MM-DD")
	}
	d, err := galien.ParseDate(s)
	if err != nil {
		return 0, v.errorf("must be a date of the form YYYY-MM-DD that is in the calendar")
	}
	return d, nil
}

// oneOf fails unless s is in a closed list.
func (v value) oneOf(s string, list []string) error {
	if !slices.Contains(list, s) {
		return v.errorf("must be one of: %s", strings.Join(list, ", "))
	}
	return nil
}

// kind says in words what sort of node the value is.
func (v value) kind() string {
	switch v.node.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		return `an alias, anchor or tag (put "*" in quotes)`
	}
	return "this"
}
