package snds

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// A load that brings little beside what the lake has grows it: only the care that
// its lines touch is mapped, as it was (in the schema before) and as it is, and
// what differs leaves the lake and enters it. Small tables are staged whole.

// wholeShare is the part of all rows, one in so many, beyond which a load maps
// everything anew.
const wholeShare = 4

// changed are the tables that grow.
var changed = []string{"visit_occurrence", "visit_detail", "condition_occurrence", "procedure_occurrence", "drug_exposure", "device_exposure", "measurement", "cost"}

// still are the tables that only the references fill, which a lake that grows has
// as they are.
var still = []string{"person", "location", "death"}

// netting are the rules whose counts come of the lines, and the stays that
// several years tell of, that are mapped.
var netting = []string{"D02", "D03", "D04", "D05", "D06", "D07", "D10", "D11", "E01", "F01", "S01", "S02", "S03"}

// partition compares the units before and after the load, and decides whether
// the lake grows. It does not where persons may change (a reference table came,
// or a rule is off that makes some), nor where the load brings much, nor where
// the lake has several rows of an event, which a vocabulary translated.
func (g *ingest) partition() {
	has := func(list []lake.Unit, u lake.Unit) bool {
		return slices.ContainsFunc(list, func(v lake.Unit) bool { return v.Name == u.Name && v.Content == u.Content })
	}
	var all, moved int64
	persons := false
	count := func(list []lake.Unit, into *int64) {
		for _, u := range list {
			for _, n := range g.pages[u.Content].Rows {
				*into += n
			}
			_, isReference := reads[u.Name]
			persons = persons || isReference && into == &moved
		}
	}
	for _, u := range g.units {
		if has(g.before.Units, u) {
			g.parts.common = append(g.parts.common, u)
		} else {
			g.parts.added = append(g.parts.added, u)
		}
	}
	g.grows = len(g.parts.common) > 0 && len(g.without) == 0
	for _, u := range g.before.Units {
		if has(g.units, u) {
			continue
		}
		k, err := g.store.open(u)
		if err != nil {
			g.grows = false // everything is made anew without it
			continue
		}
		g.pages[u.Content] = k
		g.parts.gone = append(g.parts.gone, u)
	}
	count(g.units, &all)
	count(g.parts.added, &moved)
	count(g.parts.gone, &moved)
	g.grows = g.grows && g.base.Manifest.Vocabularies == nil && !persons && moved*wholeShare < all && g.hasTables()
	if !g.grows {
		g.parts = parts{common: g.units}
	}
}

// hasTables reports whether the current snapshot has every table that grows, or
// that stays.
func (g *ingest) hasTables() bool {
	for _, name := range append(slices.Clone(changed), still...) {
		if _, ok := g.base.Table(name); !ok {
			return false
		}
	}
	return true
}

// recall makes, in the schema before, what the lake has of the care that the
// load touches.
func (g *ingest) recall(ctx context.Context, conn *sql.Conn) error {
	const action = "recall the lake"
	shapes, err := g.shapes(ctx)
	if err != nil {
		return err
	}
	var path string
	if err := conn.QueryRowContext(ctx, "SELECT current_setting('search_path')").Scan(&path); err != nil {
		return duck.Error(action, err)
	}
	statements := []string{"CREATE SCHEMA before", "USE before", "CREATE TABLE before.ledger AS FROM shape_ledger",
		"CREATE VIEW before.care_line AS FROM touched_line WHERE part <> 'added'",
		"CREATE VIEW before.amount_line AS FROM touched_amount WHERE part <> 'added'",
		"CREATE VIEW before.field_telling AS " + g.tellings("added"),
		"CREATE VIEW before.clean_provider AS SELECT provider_id, executor FROM provider"}
	for _, table := range shapes {
		statements = append(statements, "CREATE VIEW before.due_"+table+" AS FROM "+g.files(table, g.parts.gone))
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return duck.Error(action, err)
		}
	}
	if err := g.clean(ctx, conn, "33-stays", "31-netting", "45-fields", "50-visits", "52-amounts"); err != nil {
		return err
	}
	for _, name := range changed {
		query, err := mapping(name)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "CREATE TABLE before.mapped_"+name+" AS "+query); err != nil {
			return duck.Error(action, err)
		}
	}
	// The rules' counts: those of the snapshot, less what they were of this care;
	// what they are now is in the ledger already.
	of := "rule IN (SELECT unnest(" + list(netting) + "))"
	if _, err := conn.ExecContext(ctx, "INSERT INTO main.ledger SELECT rule, tab, -touched, -removed FROM before.ledger WHERE "+of); err != nil {
		return duck.Error(action, err)
	}
	for _, c := range g.before.Rules {
		if !slices.Contains(netting, c.Rule) {
			continue
		}
		if _, err := conn.ExecContext(ctx, "INSERT INTO main.ledger VALUES (?, ?, ?, ?)", c.Rule, c.Table, c.Touched, c.Removed); err != nil {
			return duck.Error(action, err)
		}
	}
	_, err = conn.ExecContext(ctx, "SET search_path = "+duck.Quote(path))
	return duck.Error(action, err)
}

// change stages what differs of a table that grows.
func (g *ingest) change(ctx context.Context, t cdm.Table, query string) error {
	now, before := "mapped_"+t.Name, "before.mapped_"+t.Name
	if _, err := g.w.DB().ExecContext(ctx, "CREATE TABLE "+now+" AS "+query); err != nil {
		return duck.Error("map "+t.Name, err)
	}
	err := g.w.StageChange(ctx, t,
		fmt.Sprintf("FROM %s EXCEPT ALL FROM %s", now, before),
		fmt.Sprintf("SELECT person_id, %s FROM (FROM %s EXCEPT ALL FROM %s)", strings.ToLower(t.PrimaryKey()), before, now))
	if galien.KindOf(err) == galien.Conflict {
		return galien.Errorf(galien.Conflict, "%w: this delivery cannot be added to such a lake, as where two months hold the same lines; bring every file, each line once, with --afresh", err)
	}
	return err
}
