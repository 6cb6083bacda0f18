package pmsi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run ./gen

// valueType is what a field holds.
type valueType byte

const (
	text   valueType = 't'
	whole  valueType = 'n'
	amount valueType = 'm' // a whole number of hundredths
	day    valueType = 'd' // eight digits, the day first
	filler valueType = 'f' // nothing yet
)

// Field is a field of a group, with its place in it.
type Field struct {
	Name string
	// Start is counted from 0 within the group, Length in characters.
	Start, Length int
	kind          valueType
	counts        []int // the groups that the field says the number of
}

// Group is a part of a line: the first, which is always there, or one that is
// repeated as often as a field of another group says.
type Group struct {
	Name   string
	Fields []Field
	Length int
	parent int // the group that counts this one, -1 for the first
	index  map[string]int
}

// Format is one version of one kind of line.
type Format struct {
	// Kind is "RUM" (a unit's summary, not grouped), "RSS" (the same, grouped),
	// "RSA", "TRA" (which stay an RSA was made of), "VID-HOSP" or "ANO-HOSP".
	Kind    string
	Version string
	Groups  []Group // the first group first, then in the order of the line

	at   int    // where the mark stands, from 0
	mark string // by which a line says its version; empty when it says none
	// shortest is the length of a line that ends before its trailing fillers,
	// which some programs leave out.
	shortest int
}

// String returns the kind and version, such as "RSS 122".
func (f *Format) String() string { return f.Kind + " " + f.Version }

// Group returns the number of a group by its name, -1 when there is none.
func (f *Format) group(name string) int {
	return slices.IndexFunc(f.Groups, func(g Group) bool { return g.Name == name })
}

// Formats are all known versions, by kind and version.
var Formats = sync.OnceValue(func() []*Format {
	var list []*Format
	for _, d := range described {
		list = append(list, compile(d.kind, d.version, d.field, d.mark, d.groups))
	}
	return list
})

// compile reads the compact form of a format. A mistake in it is one of the
// program.
func compile(kind, version, field, mark, groups string) *Format {
	f := &Format{Kind: kind, Version: version, mark: mark}
	var names []string
	texts := strings.Split(groups, "|")
	for _, t := range texts {
		name, _, _ := strings.Cut(t, " ")
		names = append(names, name)
	}
	for _, t := range texts {
		words := strings.Fields(t)
		g := Group{Name: words[0], parent: -1, index: map[string]int{}}
		for _, w := range words[1:] {
			parts := strings.Split(w, ">")
			name, spec, _ := strings.Cut(parts[0], ":")
			length, err := strconv.Atoi(spec[1:])
			if err != nil {
				panic(fmt.Sprintf("pmsi: the table of %s %s has the field %q", kind, version, w))
			}
			c := Field{Name: name, Start: g.Length, Length: length, kind: valueType(spec[0])}
			for _, n := range parts[1:] {
				c.counts = append(c.counts, slices.Index(names, n))
			}
			g.index[name] = len(g.Fields)
			g.Fields = append(g.Fields, c)
			g.Length += length
		}
		f.Groups = append(f.Groups, g)
	}
	for i, g := range f.Groups {
		for _, c := range g.Fields {
			for _, n := range c.counts {
				f.Groups[n].parent = i
			}
		}
	}
	first := f.Groups[0]
	if field != "" {
		f.at = first.Fields[first.index[field]].Start
	}
	f.shortest = first.Length
	for i := len(first.Fields) - 1; i >= 0 && first.Fields[i].kind == filler; i-- {
		f.shortest -= first.Fields[i].Length
	}
	return f
}

// knownVersions says in words which versions there are.
var knownVersions = sync.OnceValue(func() string {
	var parts []string
	for _, kind := range kinds {
		var first, last string
		for _, f := range Formats() {
			if f.Kind == kind {
				if first == "" {
					first = f.Version
				}
				last = f.Version
			}
		}
		if first == last {
			parts = append(parts, kind)
			continue
		}
		parts = append(parts, kind+" "+first+" to "+last)
	}
	return strings.Join(parts, ", ")
})

// kinds of lines, those first whose mark says most.
var kinds = []string{"VID-HOSP", "RSS", "RUM", "RSA", "ANO-HOSP", "TRA"}
