// Package check looks at a group of outputs before any person does: the files
// that somebody wants to take out of the hub, and the manifest that says what
// they are. It is pure: the same bytes, rule and manifest always give the same
// findings, and it opens no file.
//
// It owns the manifest (outputs.yaml, docs/formats/airlock.md), the kinds of file
// that can be reviewed, told by their content and never by their name, and a
// catalogue of named checks, each with a sentence in English and in French and
// the guidance it follows. A finding that is Refuse ends the version: the author
// mends it and submits again. One that is Look is put before the reviewers.
//
// It refuses what it cannot read: a part of a workbook that it does not know, an
// element that a browser would run, bytes after the end of a picture. A finding
// names the check, the file and the place, and never quotes a value.
//
//	manifest, err := check.ParseManifest(text)
//	...
//	findings := check.Group(manifest, files, check.Rule{Threshold: 11})
//	if check.Refused(findings) { ... }
//
// Passing every check does not make an output safe: two persons still read it.
package check

import (
	"cmp"
	"slices"

	"galien/disclosure"
)

// Severity is what a finding means for the version it was found in.
type Severity string

// The severities.
const (
	// Refuse ends the version.
	Refuse Severity = "refuse"
	// Look must be looked at by the reviewers.
	Look Severity = "look"
)

// Rule is what the permit asks of outputs.
type Rule struct {
	// Threshold is the smallest number of persons that may be shown; 0 stands
	// for disclosure.DefaultThreshold.
	Threshold int
	// Rounding is the base that counts must be rounded to; 0 asks for none.
	Rounding int
}

// File is one file of a group.
type File struct {
	// Name is the path inside the group, with slashes.
	Name  string
	Bytes []byte
}

// Finding is what one check found in one file.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// File is empty for what is said of the group.
	File string `json:"file,omitempty"`
	// Count is how many places, Where the first of them.
	Count int      `json:"count"`
	Where []string `json:"where,omitempty"`
}

// maxWhere is how many places a finding names.
const maxWhere = 10

// Refused reports whether any finding ends the version.
func Refused(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Refuse })
}

// run is one look at one group.
type run struct {
	manifest  Manifest
	rule      Rule
	version   int
	files     map[string]File
	grids     []*grid
	findings  map[[2]string]*Finding
	threshold int64
	declared  []Table // of declared outputs that were cleared
}

func newRun(m Manifest, files []File, r Rule, version int) *run {
	if r.Threshold == 0 {
		r.Threshold = disclosure.DefaultThreshold
	}
	c := &run{manifest: m, rule: r, version: version, files: map[string]File{}, findings: map[[2]string]*Finding{}, threshold: int64(r.Threshold)}
	for _, f := range files {
		c.files[f.Name] = f
	}
	return c
}

// Group looks at a group of outputs. version is 1 for the first submission of
// the group and more for what comes after. files must not hold the manifest.
func Group(m Manifest, files []File, r Rule, version int) []Finding {
	c := newRun(m, files, r, version)
	c.context()
	c.rounding()
	c.itself()
	for _, f := range files {
		c.file(f)
	}
	for _, g := range c.grids {
		c.columns(g)
		c.counts(g)
		c.withheld(g)
		c.kinds(g)
	}
	c.between()
	c.tableless()
	return c.sorted()
}

// sorted returns what was found, by file.
func (c *run) sorted() []Finding {
	var out []Finding
	for _, f := range c.findings {
		out = append(out, *f)
	}
	return Sort(out)
}

// Sort brings findings into the order in which they are told.
func Sort(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Check, b.Check))
	})
	return findings
}

// found records that a check found something at a place of a file.
func (c *run) found(id, file, where string) {
	key := [2]string{id, file}
	f := c.findings[key]
	if f == nil {
		f = &Finding{Check: id, Severity: byID[id].Severity, File: file}
		c.findings[key] = f
	}
	f.Count++
	if where != "" && len(f.Where) < maxWhere {
		f.Where = append(f.Where, where)
	}
}
