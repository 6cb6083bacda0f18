package pmsi

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"galien/source"
	"galien/vault"
)

// rejected collects the lines that cannot be kept, each with its first problem.
type rejected struct {
	files map[int]map[int64]*Problem
}

func newRejected() *rejected { return &rejected{map[int]map[int64]*Problem{}} }

func (r *rejected) add(file int, line int64, p *Problem) {
	if r.files[file] == nil {
		r.files[file] = map[int64]*Problem{}
	}
	if r.files[file][line] == nil {
		r.files[file][line] = p
	}
}

// located is a line in quarantine.
type located struct {
	source.Rejection
	raw string
}

// locate reads the files that have such lines once more, for their text, and
// returns the lines sorted as in the index.
func (r *rejected) locate(ctx context.Context, d *delivery) (all []located, err error) {
	for n, lines := range r.files {
		in := d.inputs[n]
		err := in.each(ctx, io.Discard, func(line int64, text string) error {
			p := lines[line]
			if p == nil {
				return nil
			}
			table := Kind
			if f, problem := Detect(text); problem == nil {
				table = strings.ToLower(f.Kind)
			}
			all = append(all, located{source.Rejection{Table: table, File: in.name, SHA256: in.sha256, Line: line, Field: p.Field, Code: p.Code}, text})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.File, b.File), cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.Line, b.Line))
	})
	return all, nil
}

// keep hands the text of the lines to the vault.
func keep(lines []located, intake *vault.Intake) error {
	type file struct{ table, sha string }
	ids := map[file]int64{}
	for _, l := range lines {
		key := file{l.Table, l.SHA256}
		id, ok := ids[key]
		if !ok {
			var err error
			if id, err = intake.File(vault.RawFile{Table: l.Table, Name: l.File, SHA256: l.SHA256}); err != nil {
				return err
			}
			ids[key] = id
		}
		if err := intake.Raw(id, l.Line, []byte(l.raw)); err != nil {
			return err
		}
	}
	return nil
}

// retire removes raw lines and indexes that no snapshot names any more.
func (g *ingest) retire(ctx context.Context, bad []located) error {
	type at struct {
		table, sha string
		line       int64
	}
	kept := map[at]bool{}
	for _, l := range bad {
		kept[at{l.Table, l.SHA256, l.Line}] = true
	}
	err := g.load.Vault.Retire(ctx, g.load.Name, g.d.id(), nil, func(f vault.RawFile, line int64) bool {
		return kept[at{f.Table, f.SHA256, line}]
	})
	if err != nil {
		return err
	}
	named, err := g.load.Lake.QuarantineIndexes()
	if err != nil {
		return err
	}
	return source.CleanIndexes(g.load.Quarantine, named)
}

// report adds what was read, by file, and what was not kept.
func (g *ingest) report(rep *Report, bad []located) {
	for _, in := range g.d.inputs {
		for f, n := range in.lines {
			rep.Files = append(rep.Files, FileReport{in.name, f.String(), n})
		}
	}
	slices.SortFunc(rep.Files, func(a, b FileReport) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Format, b.Format)) })
	for o, n := range g.odd {
		o.Lines = n
		rep.Odd = append(rep.Odd, o)
	}
	slices.SortFunc(rep.Odd, func(a, b Odd) int {
		return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code))
	})
	counts := source.Tally{}
	for _, l := range bad {
		counts.Add(l.Rejection)
	}
	if len(bad) > 0 {
		rep.Reasons = counts.Counts()
	}
}
