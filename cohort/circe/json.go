package circe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"galien"
)

// value is a JSON value that keeps what maps would lose: the order of an
// object's keys, and how each number and text is spelled.
type value struct {
	kind    kind
	raw     string   // a text, number, true, false or null, as it is spelled
	members []member // of an object
	items   []*value // of a list

	// How a change of the model is carried into a file; set by the writer only.

	// whole is set where nothing of the file is kept when a part changes: what a
	// text of a filter means depends on its operator.
	whole bool
	// match says which items of two lists are the same one.
	match matching
	// same lists names of attributes that the model does not tell apart.
	same [][]string
}

type member struct {
	key, raw string // as a text, and as it is spelled
	value    *value
}

// kind is the first byte of a value: { [ " t f n, and 0 for every number.
type kind byte

const (
	object kind = '{'
	list   kind = '['
	text   kind = '"'
	number kind = '0'
	truth  kind = 't'
	denial kind = 'f'
	null   kind = 'n'
)

// get returns the value of a key; nil when there is none.
func (v *value) get(key string) *value {
	if v == nil {
		return nil
	}
	for _, m := range v.members {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// none reports whether the value is absent or null.
func (v *value) none() bool { return v == nil || v.kind == null }

// set appends a member.
func (v *value) set(key string, x *value) {
	v.members = append(v.members, member{key, quote(key), x})
}

// quote spells a text as JSON.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(fmt.Sprintf("circe: encode a text: %v", err)) // every text encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote reads a text; what is not Unicode in it comes out as U+FFFD.
func unquote(raw string) string {
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		panic(fmt.Sprintf("circe: decode a text: %v", err)) // the text was parsed before
	}
	return s
}

// equal reports whether two values are the same, apart from the order of keys.
func equal(a, b *value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.kind != b.kind || a.raw != b.raw || len(a.members) != len(b.members) || len(a.items) != len(b.items) {
		return false
	}
	for _, m := range a.members {
		if !equal(m.value, b.get(m.key)) {
			return false
		}
	}
	for i := range a.items {
		if !equal(a.items[i], b.items[i]) {
			return false
		}
	}
	return true
}

// layout is how a file is laid out.
type layout struct {
	lines        bool   // one line for each member and item
	indent       string // of one level, with lines
	colon, comma string
	end          string // after the last brace
}

// printed is the layout of a definition that was never a file.
var printed = layout{lines: true, indent: "  ", colon: ": ", comma: ",", end: "\n"}

// parse reads one JSON value and its layout.
func parse(b []byte) (*value, layout, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	var whole json.RawMessage
	if err := dec.Decode(&whole); err != nil {
		return nil, layout{}, galien.Errorf(galien.Invalid, "not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, layout{}, galien.Errorf(galien.Invalid, "more than one JSON value; give one definition per file")
	}
	p := parser{text: string(b)}
	var v *value
	if err := catch(func() { v = p.value("") }); err != nil {
		return nil, layout{}, err
	}
	l := layout{lines: strings.Contains(p.first, "\n"), colon: ":", comma: ","}
	if i := strings.LastIndexByte(p.first, '\n'); i >= 0 {
		l.indent = p.first[i+1:]
	}
	if p.colon != "" {
		l.colon = ": "
	}
	if p.comma != "" && !l.lines {
		l.comma = ", "
	}
	if strings.HasSuffix(p.text, "\n") {
		l.end = "\n"
	}
	return v, l, nil
}

// parser cuts a text that is known to be JSON into values.
type parser struct {
	text string
	at   int
	// first, colon and comma are the white space after the first brace, colon
	// and comma; seen says which were met.
	first, colon, comma string
	seen                [3]bool
}

func (p *parser) space() string {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	return p.text[start:p.at]
}

// note passes over a mark and the white space after it, and keeps the latter
// where it is the first of its sort.
func (p *parser) note(sort int, kept *string) {
	p.at++
	s := p.space()
	if !p.seen[sort] {
		p.seen[sort], *kept = true, s
	}
}

func (p *parser) value(path string) *value {
	p.space()
	switch k := kind(p.text[p.at]); k {
	case object:
		v := &value{kind: object}
		seen := map[string]bool{}
		p.note(0, &p.first)
		for p.text[p.at] != '}' {
			raw := p.string()
			key := unquote(raw)
			if seen[key] {
				node{join(path, key), nil}.refuse("the key stands twice in one object; keep one")
			}
			seen[key] = true
			p.space()
			p.note(1, &p.colon)
			v.members = append(v.members, member{key, raw, p.value(join(path, key))})
			p.next()
		}
		p.at++
		return v
	case list:
		v := &value{kind: list}
		p.at++
		p.space()
		for p.text[p.at] != ']' {
			v.items = append(v.items, p.value(fmt.Sprintf("%s[%d]", path, len(v.items))))
			p.next()
		}
		p.at++
		return v
	case text:
		return &value{kind: text, raw: p.string()}
	case truth, denial, null:
		return &value{kind: k, raw: p.literal()}
	default:
		return &value{kind: number, raw: p.literal()}
	}
}

// next passes over white space, and over a comma when there is one.
func (p *parser) next() {
	p.space()
	if p.text[p.at] == ',' {
		p.note(2, &p.comma)
	}
}

func (p *parser) string() string {
	start := p.at
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	return p.text[start:p.at]
}

func (p *parser) literal() string {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[start:p.at]
}

// printer writes values in a layout.
type printer struct {
	layout
	out bytes.Buffer
	// fresh is printed in the place of old; or, spelled as a text, in the place
	// of holder.
	old, fresh, holder *value
}

func (p *printer) line(depth int) {
	if p.lines {
		p.out.WriteByte('\n')
		for range depth {
			p.out.WriteString(p.indent)
		}
	}
}

func (p *printer) print(v *value, depth int) {
	if v == p.old {
		v = p.fresh
	}
	switch {
	case v == p.holder:
		inner := printer{layout: layout{colon: ":", comma: ","}}
		inner.print(p.fresh, 0)
		p.out.WriteString(quote(inner.out.String()))
	case v.kind == object && len(v.members) > 0:
		p.out.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				p.out.WriteString(p.comma)
			}
			p.line(depth + 1)
			p.out.WriteString(m.raw)
			p.out.WriteString(p.colon)
			p.print(m.value, depth+1)
		}
		p.line(depth)
		p.out.WriteByte('}')
	case v.kind == object:
		p.out.WriteString("{}")
	case v.kind == list && len(v.items) > 0:
		p.out.WriteByte('[')
		for i, x := range v.items {
			if i > 0 {
				p.out.WriteString(p.comma)
			}
			p.line(depth + 1)
			p.print(x, depth+1)
		}
		p.line(depth)
		p.out.WriteByte(']')
	case v.kind == list:
		p.out.WriteString("[]")
	default:
		p.out.WriteString(v.raw)
	}
}
