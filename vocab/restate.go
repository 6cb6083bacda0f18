package vocab

import (
	"maps"

	"galien"
	"galien/cohort"
)

// Restate returns the definition as it is to be asked of a hub of French sources
// whose events have standard concepts: where a criterion asks for local concepts
// alone, the codes of the source are what it means, and so it is asked of the
// source concept, with each event counted once. Criteria of any concept count
// each event once, too. All else stays as it is; def is not changed.
//
// It fails with Invalid for a criterion whose concept set mixes local concepts
// and others: neither column holds both.
func Restate(def *cohort.Definition) (*cohort.Definition, error) {
	r := restater{sets: def.Codesets()}
	out := *def
	out.Entry = r.criteria(def.Entry)
	out.Censoring = r.criteria(def.Censoring)
	if def.Additional != nil {
		g := r.group(*def.Additional)
		out.Additional = &g
	}
	out.Rules = append([]cohort.Rule(nil), def.Rules...)
	for i := range out.Rules {
		out.Rules[i].Group = r.group(out.Rules[i].Group)
	}
	return &out, r.err
}

type restater struct {
	sets map[int]cohort.ConceptSet
	err  error
}

func (r *restater) criteria(list []cohort.Criterion) (out []cohort.Criterion) {
	for _, c := range list {
		out = append(out, r.criterion(c))
	}
	return out
}

func (r *restater) group(g cohort.Group) cohort.Group {
	g.Correlated = append([]cohort.Correlated(nil), g.Correlated...)
	for i := range g.Correlated {
		g.Correlated[i].Criterion = r.criterion(g.Correlated[i].Criterion)
	}
	g.Groups = append([]cohort.Group(nil), g.Groups...)
	for i := range g.Groups {
		g.Groups[i] = r.group(g.Groups[i])
	}
	return g
}

func (r *restater) criterion(c cohort.Criterion) cohort.Criterion {
	if c.Nested != nil {
		g := r.group(*c.Nested)
		c.Nested = &g
	}
	if !isTranslated(c.Domain.Table) {
		return c
	}
	if c.Codeset != nil {
		local, others := 0, 0
		for _, i := range r.sets[*c.Codeset].Items {
			if IsLocal(i.Concept) {
				local++
			} else {
				others++
			}
		}
		if local == 0 {
			return c
		}
		if others > 0 {
			if r.err == nil {
				r.err = galien.Errorf(galien.Invalid, "concept set %d mixes local concepts of French codes and other concepts, which this hub holds in two columns: make a set of each, and a criterion of each", *c.Codeset)
			}
			return c
		}
		c.Domain = ofSource(c.Domain)
	}
	if c.Domain.Table != "death" {
		// A death is one row, whatever its cause maps to.
		once := cohort.BelowFilter{Column: c.Domain.ID, Bound: furtherKey}
		c.Filters = append(append([]cohort.Filter(nil), c.Filters...), once)
	}
	return c
}

// ofSource is a domain whose concept is the one of the source.
func ofSource(d *cohort.Domain) *cohort.Domain {
	s := *d
	s.Name += ", by the source's code"
	s.CountColumns = maps.Clone(d.CountColumns)
	for name, column := range s.CountColumns {
		if column.Column == d.Concept {
			column.Column = d.SourceConcept
			s.CountColumns[name] = column
		}
	}
	s.Attributes = append([]cohort.Attribute(nil), d.Attributes...)
	s.Concept = d.SourceConcept
	return &s
}
