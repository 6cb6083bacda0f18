package vocab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
)

// ReaderVersion changes when the same files would give other rows.
const ReaderVersion = "1"

// Load is what a load of vocabularies needs.
type Load struct {
	Lake *lake.Lake
	// Dir is the folder or zip file of an Athena download.
	Dir string
	// Ledger is the path of the hub's ledger of vocabularies.
	Ledger string
	// By is the account that loads, and Accepted the vocabularies for which it
	// states to hold the licence that they need.
	By       string
	Accepted []string
	Now      time.Time
	// Engine bounds the engine that sorts the rows.
	Engine duck.Config
	// Progress, when set, is called from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a load is.
type Progress struct {
	// Step is "check" (hashing the files), "read" or "write".
	Step string
	// Done and Total are bytes of the files, or rows when writing.
	Done, Total int64
	// Rows is the number of rows read so far.
	Rows int64
}

// Report is what a load did.
type Report struct {
	// Snapshot is the current snapshot afterwards; Changed is false when it was
	// current before.
	Snapshot string `json:"snapshot"`
	Changed  bool   `json:"changed"`
	// Delivery names the content of the files, and Version is the version that
	// the vocabulary states as a whole.
	Delivery     string            `json:"delivery"`
	Version      string            `json:"version"`
	Vocabularies []lake.Vocabulary `json:"vocabularies"`
	Accepted     []string          `json:"accepted"`
	Tables       []TableReport     `json:"tables"`
	// Systems say, for each French code system of the hub, how many of its codes
	// Athena has.
	Systems []SystemReport `json:"code_systems"`
	// Events are the rows of events that were given standard concepts anew; none
	// where the load changed no translation.
	Events []EventReport `json:"events"`
	// Ignored are the files that hold no table of a vocabulary, by base name.
	Ignored []string `json:"ignored_files"`
}

// TableReport is what was read of one table.
type TableReport struct {
	Table string `json:"table"`
	File  string `json:"file"` // empty when there was none
	Rows  int64  `json:"rows"`
	// UnknownColumns were not read.
	UnknownColumns []string `json:"unknown_columns,omitempty"`
}

// SystemReport counts the local concepts of a code system.
type SystemReport struct {
	System string `json:"system"`
	Codes  int64  `json:"codes"`
	// InAthena have a concept of the same code, and Standard a standard concept.
	InAthena int64 `json:"in_athena"`
	Standard int64 `json:"standard"`
}

// EventReport counts the rows of a table of events.
type EventReport struct {
	Table string `json:"table"`
	// Standard rows have a standard concept in place of a local one; Further of
	// them are the second and later of their event.
	Standard int64 `json:"standard"`
	Further  int64 `json:"further"`
}

// Ingest reads the files and commits one snapshot in which they are the hub's
// vocabulary, beside its local concepts; rows of events get their standard
// concepts. The same files again change nothing.
//
// It fails with Busy while another writes the hub; with Invalid for files that
// are not whole, and with Denied, by name, for vocabularies that need a licence
// which was not accepted. A failure commits nothing.
func Ingest(ctx context.Context, load Load) (rep Report, err error) {
	d, err := find(load.Dir)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	w, err := writer.Open(ctx, load.Lake, load.Engine)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	g := &ingest{load: load, d: d, w: w, base: w.Base()}
	g.rep = Report{Tables: []TableReport{}, Systems: []SystemReport{}, Events: []EventReport{}, Accepted: []string{}, Ignored: d.ignored}
	for _, in := range d.inputs {
		g.total += in.size
	}
	if err := d.hash(ctx, func(n int64) { g.tick("check", n, 0) }); err != nil {
		return Report{}, err
	}
	g.rep.Delivery = d.id()
	if g.base != nil && g.base.Manifest.Vocabularies != nil && g.base.Manifest.Vocabularies.Delivery == g.rep.Delivery {
		g.rep.Snapshot, g.rep.Version, g.rep.Vocabularies = g.base.ID, g.base.Manifest.Vocabulary, g.base.Manifest.Vocabularies.Loaded
		return g.rep, nil
	}
	if err := g.run(ctx); err != nil {
		return Report{}, err
	}
	return g.rep, nil
}

// ingest is one load under way.
type ingest struct {
	load   Load
	d      *delivery
	w      *writer.Writer
	base   *lake.Snapshot // nil before the first
	loaded lake.Vocabularies
	rep    Report

	progress          sync.Mutex
	done, total, rows int64
}

// tick reports progress: bytes and rows since the last one.
func (g *ingest) tick(step string, bytes, rows int64) {
	g.progress.Lock()
	defer g.progress.Unlock()
	g.done += bytes
	g.rows += rows
	if g.load.Progress != nil {
		g.load.Progress(Progress{Step: step, Done: g.done, Total: g.total, Rows: g.rows})
	}
}

func (g *ingest) run(ctx context.Context) error {
	g.done = 0
	// What is loaded and under which licence is known from two tables.
	first, rest := []string{"concept", "vocabulary"}, []string{}
	for _, t := range tables() {
		if !slices.Contains(first, t.Name) {
			rest = append(rest, t.Name)
		}
	}
	if err := g.read(ctx, first); err != nil {
		return err
	}
	if err := g.licences(ctx); err != nil {
		return err
	}
	if err := g.read(ctx, rest); err != nil {
		return err
	}
	slices.SortFunc(g.rep.Tables, func(a, b TableReport) int { return strings.Compare(a.Table, b.Table) })
	m := merger{w: g.w, base: g.base, loaded: &g.loaded}
	if err := m.addOwn(ctx); err != nil {
		return err
	}
	if err := run(ctx, g.w.DB(), "link codes", link); err != nil {
		return err
	}
	if err := g.systems(ctx); err != nil {
		return err
	}
	if err := g.translate(ctx, m); err != nil {
		return err
	}
	return g.commit(ctx)
}

// read stages tables, some at once, and refuses a row that is there twice.
func (g *ingest) read(ctx context.Context, names []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports := make([]TableReport, len(names))
	failed := make([]error, len(names))
	var readers sync.WaitGroup
	for i, name := range names {
		readers.Go(func() {
			if reports[i], failed[i] = g.readTable(ctx, name); failed[i] != nil {
				cancel()
			}
		})
	}
	readers.Wait()
	for _, err := range failed {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for i, name := range names {
		g.rep.Tables = append(g.rep.Tables, reports[i])
		if err := g.unique(ctx, name, reports[i].File); err != nil {
			return err
		}
	}
	return nil
}

// readTable stages one table; empty when the delivery lacks its file.
func (g *ingest) readTable(ctx context.Context, name string) (rep TableReport, err error) {
	t, _ := cdm.Lookup(name)
	rep.Table = name
	stage, err := g.w.Stage(t)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	i := slices.IndexFunc(g.d.inputs, func(in input) bool { return in.table.Name == name })
	if i < 0 {
		return rep, nil
	}
	in := g.d.inputs[i]
	rep.File = in.name
	f, err := g.d.fsys.Open(in.path)
	if err != nil {
		return rep, fmt.Errorf("read %s: %w", in.name, err)
	}
	defer f.Close()
	source, l, err := openRows(in, &counted{ctx: ctx, r: f, read: func(n int64) { g.tick("read", n, 0) }})
	if err != nil {
		return rep, err
	}
	rep.UnknownColumns = l.others
	for {
		fields, line, err := source.next()
		if err == io.EOF {
			return rep, nil
		}
		if err != nil {
			return rep, err
		}
		row, err := l.read(fields, line)
		if err != nil {
			return rep, err
		}
		if err := stage.Append(line, row); err != nil {
			return rep, err
		}
		if rep.Rows++; rep.Rows%65536 == 0 {
			g.tick("read", 0, 65536)
		}
	}
}

// keys are the columns that are unique in a table.
var keys = map[string]string{
	"concept": "concept_id", "vocabulary": "vocabulary_id", "domain": "domain_id", "concept_class": "concept_class_id", "relationship": "relationship_id",
	"concept_ancestor": "ancestor_concept_id, descendant_concept_id", "concept_relationship": "concept_id_1, concept_id_2, relationship_id",
}

// unique refuses a table with two rows of the same key.
func (g *ingest) unique(ctx context.Context, table, file string) error {
	if keys[table] == "" {
		return nil
	}
	var line int64
	err := g.w.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT max(%[1]s) AS line FROM %[2]s GROUP BY %[3]s HAVING count(*) > 1 ORDER BY line LIMIT 1",
		writer.LineColumn, duck.Ident("stage_"+table), keys[table])).Scan(&line)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return duck.Error("check keys of "+table, err)
	}
	return galien.Errorf(galien.Invalid, "read %s: line %d: a line before has the same %s, as after two downloads were put together; download the vocabulary again, nothing was committed", file, line, keys[table])
}

// licences says what is loaded, and refuses what the operator has no licence
// for.
func (g *ingest) licences(ctx context.Context) error {
	const action = "look at the licences"
	rows, err := g.w.DB().QueryContext(ctx, `SELECT c.vocabulary_id, coalesce(any_value(v.vocabulary_version), ''), count(*)
		FROM stage_concept c LEFT JOIN stage_vocabulary v USING (vocabulary_id) GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	var refused []string
	for rows.Next() {
		var v lake.Vocabulary
		if err := rows.Scan(&v.ID, &v.Version, &v.Concepts); err != nil {
			return duck.Error(action, err)
		}
		l := LicenceOf(v.ID)
		v.Licence = string(l)
		g.loaded.Loaded = append(g.loaded.Loaded, v)
		switch {
		case slices.Contains(g.load.Accepted, v.ID):
			g.rep.Accepted = append(g.rep.Accepted, v.ID)
		case l.Needed():
			refused = append(refused, fmt.Sprintf("%s (%s)", v.ID, l))
		}
	}
	if err := rows.Err(); err != nil {
		return duck.Error(action, err)
	}
	for _, name := range g.load.Accepted {
		if !slices.Contains(g.rep.Accepted, name) {
			return galien.Errorf(galien.Invalid, "load vocabularies: the files hold no concept of the vocabulary %q, whose licence was accepted: name vocabularies as VOCABULARY.csv does", name)
		}
	}
	if len(refused) > 0 {
		return galien.Errorf(galien.Denied, "load vocabularies: these need a licence: %s; if you hold one that covers the use in this hub, say so with --accept-licence for each, else download without them; nothing was committed", strings.Join(refused, ", "))
	}
	g.loaded.Delivery, g.rep.Vocabularies = g.rep.Delivery, g.loaded.Loaded
	var version sql.NullString
	err = g.w.DB().QueryRowContext(ctx, "SELECT any_value(vocabulary_version) FROM stage_vocabulary WHERE vocabulary_id = 'None'").Scan(&version)
	g.rep.Version = version.String
	return duck.Error(action, err)
}

// systems reports what Athena has of the hub's codes.
func (g *ingest) systems(ctx context.Context) error {
	const action = "count codes"
	rows, err := g.w.DB().QueryContext(ctx, `SELECT system, count(*), count(*) FILTER (local_id IN (SELECT local_id FROM vocab_same_code)), count(*) FILTER (local_id IN (SELECT local_id FROM vocab_translation))
		FROM vocab_local_code GROUP BY system ORDER BY system`)
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s SystemReport
		if err := rows.Scan(&s.System, &s.Codes, &s.InAthena, &s.Standard); err != nil {
			return duck.Error(action, err)
		}
		g.rep.Systems = append(g.rep.Systems, s)
	}
	return duck.Error(action, rows.Err())
}

// translate gives the events of the current snapshot the concepts that they
// have now, unless the translation is what it was.
func (g *ingest) translate(ctx context.Context, m merger) error {
	if g.base == nil || !Translates(g.base.Manifest) {
		return nil
	}
	const action = "compare translations"
	var differ int64
	before := "SELECT concept_id_1, concept_id_2 FROM " + m.ofBase("concept_relationship") + " WHERE relationship_id = 'Maps to' AND concept_id_1 IN (SELECT local_id FROM vocab_local_code)"
	now := "SELECT local_id, standard_id FROM vocab_translation"
	err := g.w.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM ((%[1]s EXCEPT %[2]s) UNION ALL (%[2]s EXCEPT %[1]s))", before, now)).Scan(&differ)
	if err != nil {
		return duck.Error(action, err)
	}
	if differ == 0 {
		return nil
	}
	for _, e := range translated {
		if _, ok := g.base.Table(e.table); !ok {
			continue
		}
		if err := g.w.StageExisting(ctx, e.table); err != nil {
			return err
		}
		if err := e.translate(ctx, g.w.DB()); err != nil {
			return err
		}
		further := "0"
		if e.id != "" {
			further = fmt.Sprintf("count(*) FILTER (%s >= %d)", e.id, int64(furtherKey))
		}
		r := EventReport{Table: e.table}
		err := g.w.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FILTER (%s IN (SELECT local_id FROM vocab_translation)), %s FROM %s", e.sourceConcept, further, duck.Ident("stage_"+e.table))).Scan(&r.Standard, &r.Further)
		if err != nil {
			return duck.Error("count events", err)
		}
		g.rep.Events = append(g.rep.Events, r)
	}
	return nil
}

// commit writes the ledger and then the lake: an entry without a snapshot says
// that a load was interrupted, and a snapshot has its entry.
func (g *ingest) commit(ctx context.Context) error {
	entry := Entry{Time: g.load.Now.UTC(), By: g.load.By, Delivery: g.rep.Delivery, Files: g.d.files(""), Vocabularies: g.loaded.Loaded, Accepted: g.rep.Accepted}
	if len(entry.Accepted) > 0 {
		entry.Statement = Statement
	}
	if err := appendLedger(g.load.Ledger, entry); err != nil {
		return err
	}
	meta := writer.Meta{Vocabulary: g.rep.Version, Vocabularies: &g.loaded, Inputs: map[string][]lake.Input{}, Note: "vocab load", Now: g.load.Now}
	if g.base != nil {
		meta.Sources = g.base.Manifest.Sources
		for _, t := range g.base.Manifest.Tables {
			if isTranslated(t.Name) {
				meta.Inputs[t.Name] = t.Inputs
			}
		}
	}
	for _, t := range tables() {
		meta.Inputs[t.Name] = g.d.files(t.Name)
	}
	meta.Progress = func(done, total int64) {
		if g.load.Progress != nil {
			g.load.Progress(Progress{Step: "write", Done: done, Total: total, Rows: g.rows})
		}
	}
	snap, changed, err := g.w.Commit(ctx, meta)
	if err != nil {
		return err
	}
	g.rep.Snapshot, g.rep.Changed = snap.ID, changed
	return nil
}
