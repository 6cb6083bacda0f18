package check

import (
	"regexp"
	"slices"
	"strings"
)

// context looks at whether the manifest says enough, and of these files.
func (c *run) context() {
	m := &c.manifest
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"title", m.Title != ""}, {"description", m.Description != ""}, {"population", m.Population != ""},
		{"cohort", len(m.Cohort) > 0}, {"recipient", m.Recipient != ""}, {"persons", m.Persons > 0}, {"outputs", len(m.Outputs) > 0},
	} {
		if !f.ok {
			c.found("context-group", "", f.name)
		}
	}
	for _, f := range []struct{ name, text string }{{"title", m.Title}, {"description", m.Description}, {"population", m.Population}, {"recipient", m.Recipient}} {
		if f.text != "" && saysNothing(f.text, 3) {
			c.found("context-placeholder", "", f.name)
		}
	}
	if m.Description != "" && strings.EqualFold(m.Description, m.Title) {
		c.found("context-placeholder", "", "description")
	}
	for _, name := range m.Cohort {
		if !hash.MatchString(name) {
			c.found("context-group", "", "cohort: the SHA-256 of a definition, which provenance.json gives")
		}
	}
	if c.version > 1 && saysNothing(m.Changes, 3) {
		c.found("context-changes", "", "")
	}
	for _, name := range sortedNames(c.files) {
		if m.output(name) == nil {
			c.found("context-files", name, "in the folder and not in the manifest")
		}
	}
	numbers := 0
	for i := range m.Outputs {
		o := &m.Outputs[i]
		c.output(o)
		if o.Kind != KindCode && o.Kind != KindText {
			numbers++
		}
	}
	if numbers > 1 && saysNothing(m.Related, 3) {
		c.found("context-related", "", "")
	}
}

var hash = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// output looks at what the manifest says of one file.
func (c *run) output(o *Output) {
	if _, ok := c.files[o.File]; !ok {
		c.found("context-files", o.File, "in the manifest and not in the folder")
	}
	code := o.Kind == KindCode
	for _, f := range []struct {
		name string
		ok   bool
	}{{"title", o.Title != ""}, {"description", code || o.Description != ""}, {"kind", o.Kind != ""}} {
		if !f.ok {
			c.found("context-output", o.File, f.name)
		}
	}
	for _, f := range []struct{ name, text string }{{"title", o.Title}, {"description", o.Description}} {
		if f.text != "" && saysNothing(f.text, 2) {
			c.found("context-placeholder", o.File, f.name)
		}
	}
	if code {
		return
	}
	made := c.manifest.output(o.MadeBy)
	if _, there := c.files[o.MadeBy]; made == nil || made.Kind != KindCode || !there {
		c.found("context-code", o.File, "made_by")
	}
	if o.Kind == KindFigure {
		data := c.manifest.output(o.Data)
		if _, there := c.files[o.Data]; data == nil || !there || data.Kind == KindFigure || data.Kind == KindCode || data.Kind == KindText {
			c.found("figure-data", o.File, "data")
		}
	}
	for _, v := range o.Variables {
		switch {
		case v.Label == "" || v.Role == "":
			c.found("context-columns", o.File, v.Name)
		case strings.EqualFold(strings.TrimSpace(v.Label), v.Name) || saysNothing(v.Label, 1):
			c.found("context-placeholder", o.File, v.Name)
		}
		if noName.MatchString(v.Name) {
			c.found("context-names", o.File, v.Name)
		}
		if needsUnit[v.Role] && v.Unit == "" {
			c.found("context-units", o.File, v.Name)
		}
	}
}

var needsUnit = map[Role]bool{RoleCount: true, RolePopulation: true, RoleEvents: true, RoleAtRisk: true, RoleRate: true, RoleTime: true,
	RolePersonTime: true, RoleMean: true, RoleSD: true, RoleQuantile: true, RoleMin: true, RoleMax: true, RoleEstimate: true, RoleSurvival: true}

// noName are names of columns that a program gave, or that say nothing.
var noName = regexp.MustCompile(`(?i)^(v\d+|x\d*|y\d*|unnamed.*|\.\.\.\d+|col(umn)?\d*|var\d*|field\d*|[a-moq-z]|_+\d*|\d+)$`)

var placeholder = regexp.MustCompile(`(?i)\b(todo|tbd|fixme|xxx+|lorem ipsum|à compléter|a compléter|placeholder|asdf)\b`)

// saysNothing reports whether a text has fewer than that many words, or is one
// that was to be written later.
func saysNothing(s string, words int) bool {
	return placeholder.MatchString(s) || len(strings.Fields(s)) < words
}

func sortedNames(files map[string]File) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
