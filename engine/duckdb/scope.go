package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/engine/sqlplan"
	"galien/lake"
	"galien/lake/duck"
	"galien/permit"
)

// Temporary tables of the concepts that a permit hides or admits, and of the
// persons who are not there for it.
const (
	denied  = "galien_denied"
	allowed = "galien_allowed"
	absent  = "galien_absent"
)

// scope turns a permit's scope into the SQL of each table.
type scope struct {
	snapshot    *lake.Snapshot
	window      *galien.Period
	deny, allow bool
	absent      bool
}

func newScope(ctx context.Context, conn *sql.Conn, s *lake.Snapshot, p permit.Scope) (scope, error) {
	sc := scope{snapshot: s, window: p.Window, deny: len(p.Deny) > 0, allow: len(p.Allow) > 0, absent: len(p.Opposed) > 0 || len(p.Areas) > 0}
	for _, t := range []struct {
		name     string
		concepts []permit.Concept
	}{{denied, p.Deny}, {allowed, p.Allow}} {
		if len(t.concepts) == 0 {
			continue
		}
		var named []string
		var ancestors []string
		for _, c := range t.concepts {
			named = append(named, fmt.Sprintf("(%d)", c.ID))
			if c.Descendants {
				ancestors = append(ancestors, fmt.Sprint(c.ID))
			}
		}
		query := "SELECT CAST(c AS BIGINT) AS concept_id FROM (VALUES " + strings.Join(named, ", ") + ") v(c)"
		if len(ancestors) > 0 {
			// Withdrawn descendants too: what is hidden stays hidden.
			query += fmt.Sprintf(" UNION SELECT descendant_concept_id FROM %s WHERE ancestor_concept_id IN (%s)",
				sc.files(nil, lake.ByConcept)("concept_ancestor"), strings.Join(ancestors, ", "))
		}
		if _, err := conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+t.name+" AS "+query); err != nil {
			return sc, duck.Error("resolve the permit's concepts", err)
		}
	}
	if err := sc.leaveOut(ctx, conn, p.Opposed); err != nil {
		return sc, err
	}
	return sc, sc.leaveOutElsewhere(ctx, conn, p.Areas)
}

// leaveOutElsewhere adds the persons whose home is not known to be in one of the
// areas.
func (s scope) leaveOutElsewhere(ctx context.Context, conn *sql.Conn, areas []string) error {
	if len(areas) == 0 {
		return nil
	}
	quoted := make([]string, len(areas))
	for i, a := range areas {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", "''") + "'"
	}
	stored := s.files(span(s.snapshot.Buckets()), lake.ByPerson)
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %s SELECT p.person_id FROM %s p LEFT JOIN %s l ON l.location_id = p.location_id
		WHERE l.state IS NULL OR l.state NOT IN (%s)`, absent, stored("person"), stored("location"), strings.Join(quoted, ", ")))
	return duck.Error("leave out who lives elsewhere", err)
}

// leaveOut keeps who is not there in a table of the connection.
func (s scope) leaveOut(ctx context.Context, conn *sql.Conn, persons []galien.PersonID) error {
	if !s.absent {
		return nil
	}
	_, err := conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+absent+" (person_id BIGINT)")
	for chunk := range slices.Chunk(persons, 1000) {
		if err != nil {
			break
		}
		values := make([]string, len(chunk))
		for i, p := range chunk {
			values[i] = fmt.Sprintf("(%d)", p)
		}
		_, err = conn.ExecContext(ctx, "INSERT INTO "+absent+" VALUES "+strings.Join(values, ", "))
	}
	return duck.Error("leave out who is opposed", err)
}

// present is the condition, after a WHERE with another, that the person in a
// column is there.
func (s scope) present(column string) string {
	if !s.absent {
		return ""
	}
	return fmt.Sprintf(" AND %s NOT IN (SELECT person_id FROM %s)", column, absent)
}

func (s scope) close(conn *sql.Conn) {
	for _, t := range []string{denied, allowed, absent, areasTable} {
		_, _ = conn.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+t)
	}
}

// span is the person buckets that are evaluated together, ascending; none for
// tables without persons alone.
type span []int

// spans cuts the snapshot's buckets into what is evaluated together.
func spans(s *lake.Snapshot) []span {
	var all []span
	for chunk := range slices.Chunk(s.Buckets(), bucketsAtOnce) {
		all = append(all, span(chunk))
	}
	return all
}

// relation is the tables of a span, sorted by concept, as the permit shows them.
func (s scope) relation(over span) sqlplan.Relation {
	return s.seen(s.files(over, lake.ByConcept), over)
}

// files is the tables as stored.
func (s scope) files(over span, order lake.Order) sqlplan.Relation {
	return func(table string) string {
		t, ok := cdm.Lookup(table)
		if !ok {
			panic("duckdb: " + table + " is no table of the model")
		}
		buckets := []int(over)
		if !t.HasPerson() {
			buckets = []int{lake.NoBucket}
		}
		var parts []lake.Part
		for _, b := range buckets {
			parts = append(parts, s.snapshot.Files(table, order, b)...)
		}
		return duck.Table(t, parts)
	}
}

// seen applies the permit to tables as stored.
func (s scope) seen(stored sqlplan.Relation, over span) sqlplan.Relation {
	return func(table string) string {
		t, _ := cdm.Lookup(table)
		from := stored(table)
		if s.absent && t.HasPerson() {
			from = "(SELECT * FROM " + from + " WHERE true" + s.present("person_id") + ")"
		}
		if table == "location_history" && len(over) > 0 {
			first, last := int64(over[0])*lake.BucketPersons+1, int64(over[len(over)-1]+1)*lake.BucketPersons
			return fmt.Sprintf("(SELECT * FROM %s WHERE (domain_id <> 'PERSON' OR entity_id BETWEEN %d AND %d%s)%s)", from, first, last, s.present("entity_id"), s.visible(t))
		}
		if !t.HasPerson() || table == "person" {
			return from
		}
		if table == "observation_period" {
			if s.window == nil {
				return from
			}
			return fmt.Sprintf(`(SELECT * REPLACE (greatest(observation_period_start_date, %[2]s) AS observation_period_start_date,
 least(observation_period_end_date, %[3]s) AS observation_period_end_date) FROM %[1]s
 WHERE observation_period_start_date <= %[3]s AND observation_period_end_date >= %[2]s)`, from, day(s.window.Start), day(s.window.End))
		}
		where := s.visible(t)
		if table == "cost" && (s.deny || s.allow) {
			where += s.priced(stored, over)
		}
		if where == "" {
			return from
		}
		return "(SELECT * FROM " + from + " WHERE true" + where + ")"
	}
}

// visible is the condition, after a WHERE with another, that a row is in the
// window and names no hidden concept.
func (s scope) visible(t cdm.Table) string {
	where := s.inWindow(t)
	if s.deny {
		for _, column := range t.ConceptColumns() {
			where += fmt.Sprintf(" AND (%[1]s IS NULL OR %[1]s NOT IN (SELECT concept_id FROM %[2]s))", column, denied)
		}
	}
	if c := t.MeaningColumn(); c != "" && s.allow {
		where += fmt.Sprintf(" AND %s IN (SELECT concept_id FROM %s)", c, allowed)
	}
	return where
}

// priced is the condition, after a WHERE with another, that a row that is seen is
// what a cost is of: a cost names no concept of its own.
func (s scope) priced(stored sqlplan.Relation, over span) string {
	var seen []string
	for _, domain := range slices.Sorted(maps.Keys(cdm.Priced())) {
		t, _ := cdm.Lookup(cdm.Priced()[domain])
		seen = append(seen, fmt.Sprintf("SELECT person_id, %s, %s FROM %s", duck.Quote(domain), t.PrimaryKey(), s.seen(stored, over)(t.Name)))
	}
	return " AND EXISTS (SELECT 1 FROM (" + strings.Join(seen, " UNION ALL ") + ") event(person, domain, id)" +
		" WHERE event.person = person_id AND event.domain = cost_domain_id AND event.id = cost_event_id)"
}

func (s scope) inWindow(t cdm.Table) string {
	if s.window == nil || t.DateColumn() == "" {
		return ""
	}
	return fmt.Sprintf(" AND %s BETWEEN %s AND %s", t.DateColumn(), day(s.window.Start), day(s.window.End))
}

func day(d galien.Date) string { return "DATE '" + d.String() + "'" }
