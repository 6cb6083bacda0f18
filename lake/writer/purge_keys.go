package writer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// Some tables have no person and are about one all the same: by the key of an
// event, such as a note's, by a person's key in a column of another name, or by
// a place where the person lives. What follows says which of their rows go.

// facts are the tables of the events that a cost or a fact may be about, by the
// concept and the name of their domain.
var facts = []struct {
	concept int
	domain  string
	table   string
}{
	{8, "visit", "visit_occurrence"},
	{10, "procedure", "procedure_occurrence"},
	{13, "drug", "drug_exposure"},
	{17, "device", "device_exposure"},
	{19, "condition", "condition_occurrence"},
	{21, "measurement", "measurement"},
	{27, "observation", "observation"},
	{36, "specimen", "specimen"},
	{5085, "note", "note"},
}

// The concepts, and the words, by which a column says that another holds a
// person: the domain's and the table's.
const (
	personConcepts = "(56, 1147314)"
	personWords    = "('person', '56', '1147314')"
)

// keyed are the tables of persons whose keys other tables without persons hold.
func keyed() []cdm.Table {
	var list []cdm.Table
	add := func(name string) {
		t, ok := cdm.Lookup(name)
		if ok && t.HasPerson() && t.PrimaryKey() != "" && !slices.ContainsFunc(list, func(x cdm.Table) bool { return x.Name == name }) {
			list = append(list, t)
		}
	}
	for _, t := range cdm.Tables() {
		if t.Vocabulary || t.HasPerson() {
			continue
		}
		for _, c := range t.Columns {
			add(c.References)
		}
	}
	for _, f := range facts {
		add(f.table)
	}
	return list
}

// The tables of keys in the engine: those of the persons in any snapshot, in the
// snapshot at hand, and those to go from it.
func everKeys(t string) string  { return duck.Ident("purged_ever_" + t) }
func settled(t string) string   { return duck.Ident("purged_" + t) }
func rowsOf(t string) string    { return duck.Ident("purged_rows_of_" + t) }
func isPurged(by string) string { return by + " IN (FROM " + purgedPersons + ")" }

const places = "location"

// findKeys notes every key of an event, and every place, of the persons in any
// snapshot: a row may speak of an event that a later snapshot has no more.
func (p *purge) findKeys(ctx context.Context) error {
	for _, name := range append(names(keyed()), places) {
		if err := p.exec(ctx, "CREATE TABLE "+everKeys(name)+" (n BIGINT)"); err != nil {
			return err
		}
	}
	for _, s := range p.kept {
		for _, t := range keyed() {
			if !speaksOf(s, t.Name) {
				continue
			}
			err := p.exec(ctx, fmt.Sprintf("INSERT INTO %s SELECT DISTINCT %s FROM %s WHERE %s", everKeys(t.Name), duck.Ident(t.PrimaryKey()), whole(s, t.Name), isPurged("person_id")))
			if err != nil {
				return err
			}
		}
		err := p.exec(ctx, "INSERT INTO "+everKeys(places)+" SELECT DISTINCT n FROM ("+homes(s, isPurged)+") WHERE n IS NOT NULL")
		if err != nil {
			return err
		}
	}
	return nil
}

// speaksOf reports whether a snapshot has rows that may be about a table's.
func speaksOf(s *lake.Snapshot, table string) bool {
	for _, t := range s.Manifest.Tables {
		model, ok := cdm.Lookup(t.Name)
		if !ok || len(t.Files) == 0 || ofPersons(t, model) {
			continue
		}
		switch {
		case t.Name == "cost", t.Name == "fact_relationship", t.Name == "note_nlp" && table == "note":
			return true
		}
		for _, c := range model.Columns {
			if c.References == table {
				return true
			}
		}
	}
	return false
}

func names(tables []cdm.Table) []string {
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = t.Name
	}
	return list
}

// whole is a table of a snapshot in SQL, without rows where it lacks it.
func whole(s *lake.Snapshot, name string) string {
	t, _ := cdm.Lookup(name)
	return duck.Table(t, s.Whole(name))
}

// homes selects, as n, the places of the persons for whom a condition on a column
// holds.
func homes(s *lake.Snapshot, condition func(column string) string) string {
	return "SELECT location_id AS n FROM " + whole(s, "person") + " WHERE " + condition("person_id") +
		" UNION ALL SELECT location_id FROM " + whole(s, "location_history") + " WHERE lower(domain_id) IN " + personWords + " AND " + condition("entity_id")
}

// settleKeys works out which keys go from a snapshot: those that the persons
// have in it, and those that they had in another and that nobody has in it. Of
// places, those alone where nobody else is.
func (p *purge) settleKeys(ctx context.Context, s *lake.Snapshot) error {
	not := func(column string) string { return "NOT " + isPurged(column) }
	for _, t := range keyed() {
		key := duck.Ident(t.PrimaryKey())
		if !speaksOf(s, t.Name) {
			continue
		}
		err := p.exec(ctx,
			fmt.Sprintf("CREATE OR REPLACE TABLE %s AS SELECT DISTINCT %s AS n, %s AS goes FROM %s WHERE %[2]s IN (FROM %[5]s)", rowsOf(t.Name), key, isPurged("person_id"), whole(s, t.Name), everKeys(t.Name)),
			fmt.Sprintf("CREATE OR REPLACE TABLE %s AS SELECT n FROM %s WHERE n NOT IN (SELECT n FROM %[3]s WHERE NOT goes) OR n IN (SELECT n FROM %[3]s WHERE goes)", settled(t.Name), everKeys(t.Name), rowsOf(t.Name)))
		if err != nil {
			return err
		}
	}
	others := homes(s, not) +
		" UNION ALL SELECT location_id FROM " + whole(s, "care_site") +
		" UNION ALL SELECT location_id FROM " + whole(s, "location_history") + " WHERE lower(domain_id) NOT IN " + personWords
	return p.exec(ctx, "CREATE OR REPLACE TABLE "+settled(places)+" AS SELECT n FROM "+everKeys(places)+" WHERE n NOT IN (SELECT n FROM ("+others+") WHERE n IS NOT NULL)")
}

// aboutPersons returns which rows of a table without persons go, in SQL; empty
// for none.
func (p *purge) aboutPersons(t cdm.Table) string {
	var any []string
	in := func(column, table string) string { return duck.Ident(column) + " IN (FROM " + settled(table) + ")" }
	switch t.Name {
	case places:
		any = append(any, in("location_id", places))
	case "location_history":
		any = append(any, "lower(domain_id) IN "+personWords+" AND "+isPurged("entity_id"))
	case "note_nlp":
		any = append(any, in("note_id", "note"))
	case "cost":
		for _, f := range facts {
			any = append(any, fmt.Sprintf("lower(cost_domain_id) IN ('%s', '%s') AND %s", f.domain, f.table, in("cost_event_id", f.table)))
		}
	case "fact_relationship":
		for _, n := range []string{"1", "2"} {
			any = append(any, "domain_concept_id_"+n+" IN "+personConcepts+" AND "+isPurged("fact_id_"+n))
			for _, f := range facts {
				any = append(any, fmt.Sprintf("domain_concept_id_%s = %d AND %s", n, f.concept, in("fact_id_"+n, f.table)))
			}
		}
	default:
		for _, c := range t.Columns {
			if r, ok := cdm.Lookup(c.References); ok && r.HasPerson() {
				any = append(any, in(c.Name, r.Name))
			}
		}
	}
	if len(any) == 0 {
		return ""
	}
	return "(" + strings.Join(any, ") OR (") + ")"
}
