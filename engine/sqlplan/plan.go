// Package sqlplan turns a cohort definition into DuckDB SQL. It is pure text
// work: no database, no files.
//
// A plan is a list of statements for some of the lake's person buckets. Persons
// never cross buckets, so the answer is the concatenation of the plans' rows and
// the sum of their counts, and memory does not grow with the lake.
//
//	plan := sqlplan.Compile(def, sets, relation)
//	for _, s := range plan.Statements { conn.ExecContext(ctx, s) }
//	conn.QueryContext(ctx, plan.Rows)   // person_id, start_date, end_date
//	conn.QueryContext(ctx, plan.Steps)  // step, events, persons
//
// Every table is reached through a Relation, so what a permit hides is hidden
// from the whole plan.
package sqlplan

import (
	"fmt"
	"strconv"
	"strings"

	"galien"
	"galien/cohort"
)

// Relation returns the SQL of a CDM table as it may be seen for these buckets: a
// parenthesised query or a table name. It must offer every column of the table.
type Relation func(table string) string

// Sets are the concepts of each concept set, resolved.
type Sets map[int][]galien.ConceptID

// Plan is the SQL of one definition over some buckets.
type Plan struct {
	// Statements build temporary tables, in order.
	Statements []string
	// Rows selects the cohort: person_id, start_date, end_date, in that order.
	Rows string
	// Steps selects the attrition: events, persons, one row per name of StepNames.
	Steps     string
	StepNames []cohort.Step
	// Inclusion selects mode, mask, persons; "" without inclusion rules.
	Inclusion string
	// Periods is the table of the cohort's periods once the statements have run:
	// person_id, start_date, end_date.
	Periods string
	// Setup builds the codesets table; to be run once, before the first plan.
	Setup []string
}

// Temporary tables of a plan.
const (
	codesets  = "galien_codesets"
	entry     = "galien_entry"
	qualified = "galien_qualified"
	ruled     = "galien_ruled"
	included  = "galien_included"
	exits     = "galien_exits"
	collapsed = "galien_collapsed"
	clip      = "galien_clipped"
)

// TemporaryTables are all the tables that plans make.
var TemporaryTables = []string{codesets, entry, qualified, ruled, included, exits, collapsed, clip}

// inlineConcepts is the largest concept set written as a literal list, which
// lets the Parquet reader skip row groups; larger sets are joined.
const inlineConcepts = 1000

// Compile writes the plan of a definition whose concept sets are resolved.
func Compile(def *cohort.Definition, sets Sets, rel Relation) Plan {
	b := &builder{def: def, sets: sets, rel: rel, uses: usesOf(def)}
	p := Plan{Setup: b.setup(), StepNames: def.Steps()}
	// single is set once every person has at most one event left, which spares
	// the sorting by person from there on.
	single := false
	add := func(table, query string) string {
		p.Statements = append(p.Statements, "CREATE OR REPLACE TEMP TABLE "+table+" AS\n"+query)
		return table
	}
	// counts are the steps of the attrition, in the order of def.Steps.
	var counts []string
	count := func(persons, source string) {
		counts = append(counts, fmt.Sprintf("SELECT %d AS step, count(*) AS events, %s AS persons FROM %s", len(counts)+1, persons, source))
	}
	step := func(source string) {
		persons := "count(DISTINCT person_id)"
		if single {
			persons = "count(*)"
		}
		count(persons, source)
	}

	events := add(entry, b.entryQuery())
	first := "count(DISTINCT person_id)"
	if b.uses.order {
		first = "count(*) FILTER (WHERE ordinal = 1)"
	}
	count(first, events)
	events = limited(events, "ordinal", def.EntryLimit)
	single = def.EntryLimit != cohort.All
	step(events)

	if def.Additional != nil {
		events = add(qualified, b.qualifiedQuery(events, single))
		step(events)
		if !single {
			events = limited(events, "ord", def.QualifiedLimit)
			single = def.QualifiedLimit != cohort.All
		}
		step(events)
	}

	if len(def.Rules) > 0 {
		add(ruled, b.rulesQuery(events))
		for i := range def.Rules {
			mask := int64(1)<<(i+1) - 1
			step(fmt.Sprintf("(SELECT * FROM %s WHERE mask & %d = %d)", ruled, mask, mask))
		}
		all := int64(1)<<len(def.Rules) - 1
		events = fmt.Sprintf("(SELECT * FROM %s WHERE mask = %d)", ruled, all)
		p.Inclusion = inclusionQuery(single)
	}
	if !single && def.ResultLimit != cohort.All {
		events = add(included, b.resultQuery(events))
		single = true
	}
	b.included = events
	step(events)

	p.Periods = add(exits, b.exitsQuery())
	step(p.Periods)
	if !single {
		p.Periods = add(collapsed, collapseQuery(def.EraPad))
	}
	step(p.Periods)
	if clipped := clipQuery(def, p.Periods); clipped != "" {
		p.Periods = add(clip, clipped)
		step(p.Periods)
	}
	p.Rows = "SELECT person_id, start_date, end_date FROM " + p.Periods + " ORDER BY person_id, start_date, end_date"
	p.Steps = strings.Join(counts, "\nUNION ALL\n") + "\nORDER BY step"
	return p
}

func limited(table, ordinal string, l cohort.Limit) string {
	if l == cohort.All {
		return table
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE %s = 1)", table, ordinal)
}

func direction(l cohort.Limit) string {
	if l == cohort.Last {
		return " DESC"
	}
	return ""
}

// builder gathers the common table expressions of one statement.
type builder struct {
	def  *cohort.Definition
	sets Sets
	rel  Relation
	uses uses
	// included is the events that get an exit.
	included string
	ctes     []string
}

// cte names a query for the statement being built.
func (b *builder) cte(query string) string {
	name := "q" + strconv.Itoa(len(b.ctes))
	b.ctes = append(b.ctes, name+" AS (\n"+query+"\n)")
	return name
}

// with closes the statement being built.
func (b *builder) with(query string) string {
	if len(b.ctes) == 0 {
		return query
	}
	head := "WITH " + strings.Join(b.ctes, ",\n") + "\n"
	b.ctes = nil
	return head + query
}

// setup stores the concept sets that are too large to be written out.
func (b *builder) setup() []string {
	s := []string{"CREATE OR REPLACE TEMP TABLE " + codesets + " (codeset_id INTEGER, concept_id BIGINT)"}
	for _, set := range b.def.ConceptSets {
		ids := b.sets[set.ID]
		for len(ids) > 0 && len(b.sets[set.ID]) > inlineConcepts {
			n := min(len(ids), 10000)
			s = append(s, fmt.Sprintf("INSERT INTO %s SELECT %d, unnest([%s])", codesets, set.ID, list(ids[:n])))
			ids = ids[n:]
		}
	}
	return s
}

// in tests membership of a concept set.
func (b *builder) in(expression string, set int) string {
	switch ids := b.sets[set]; {
	case len(ids) == 0:
		return "(" + expression + " IS NOT NULL AND false)"
	case len(ids) <= inlineConcepts:
		return expression + " IN (" + list(ids) + ")"
	default:
		return fmt.Sprintf("%s IN (SELECT concept_id FROM %s WHERE codeset_id = %d)", expression, codesets, set)
	}
}

func list(ids []galien.ConceptID) string {
	var s strings.Builder
	for i, id := range ids {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(strconv.FormatInt(int64(id), 10))
	}
	return s.String()
}

// eventColumns are the columns of every table of index events.
const eventColumns = "person_id, event_id, start_date, end_date, visit_id, op_start, op_end"

func (b *builder) entryQuery() string {
	var parts []string
	for _, c := range b.def.Entry {
		parts = append(parts, "SELECT person_id, event_id, start_date, end_date, visit_id, sort_date FROM (\n"+b.criterion(c, nil)+"\n)")
	}
	events := b.cte(strings.Join(parts, "\nUNION ALL\n"))
	// The ordinal decides the limits and their ties; where there are none any
	// number will do.
	ordinal := "row_number() OVER ()"
	if b.uses.order {
		ordinal = fmt.Sprintf("row_number() OVER (PARTITION BY E.person_id ORDER BY E.sort_date%s, E.event_id, E.start_date, E.end_date, OP.op_start, OP.op_end)", direction(b.def.EntryLimit))
	}
	keep := func(used bool, column, absent string) string {
		if used {
			return column
		}
		return absent
	}
	return b.with(fmt.Sprintf(`SELECT E.person_id, %s AS ordinal, ordinal AS event_id, E.start_date, %s AS end_date, %s AS visit_id, %s AS op_start, OP.op_end
FROM %s E
JOIN %s OP ON OP.person_id = E.person_id AND E.start_date >= OP.op_start AND E.start_date <= OP.op_end
WHERE OP.op_start + %d <= E.start_date AND E.start_date + %d <= OP.op_end`,
		ordinal, keep(b.uses.end, "E.end_date", "CAST(NULL AS DATE)"), keep(b.uses.visit, "E.visit_id", "CAST(NULL AS BIGINT)"),
		keep(b.uses.groups, "OP.op_start", "CAST(NULL AS DATE)"), events, observation(b.rel), b.def.PriorDays, b.def.PostDays))
}

// uses says what later steps need of the entry events, so that the rest is not
// carried along.
type uses struct {
	order  bool // which event comes first
	groups bool // criteria that look at the index event
	end    bool // the index event's end
	visit  bool // the index event's visit
}

func usesOf(def *cohort.Definition) uses {
	u := uses{
		groups: def.Additional != nil || len(def.Rules) > 0,
		order:  def.EntryLimit != cohort.All || def.ResultLimit != cohort.All || len(def.Rules) > 0 || def.Additional != nil && def.QualifiedLimit != cohort.All,
	}
	if e, ok := def.Exit.(cohort.DateOffset); ok {
		u.end = e.FromEnd
	}
	var group func(cohort.Group)
	group = func(g cohort.Group) {
		for _, c := range g.Correlated {
			u.end = u.end || c.StartWindow.IndexEnd || c.EndWindow != nil && c.EndWindow.IndexEnd
			u.visit = u.visit || c.RestrictVisit
		}
		for _, d := range g.Demographics {
			for _, f := range d.Filters {
				u.end = u.end || cohort.OperandOf(f).Of == cohort.EndDate
			}
		}
		for _, s := range g.Groups {
			group(s)
		}
	}
	if def.Additional != nil {
		group(*def.Additional)
	}
	for _, r := range def.Rules {
		group(r.Group)
	}
	return u
}

// observation is the observation periods as person_id, op_start, op_end.
func observation(rel Relation) string {
	return "(SELECT person_id, observation_period_start_date AS op_start, observation_period_end_date AS op_end FROM " + rel("observation_period") + ")"
}

// qualifiedQuery keeps the events that meet the additional criteria; ord
// numbers what is left of a person, unless that is one event at most.
func (b *builder) qualifiedQuery(primary string, single bool) string {
	from := primary
	if g := b.def.Additional; !g.Empty() {
		events := index{b.cte("SELECT * FROM " + primary), true}
		from = events.name + " SEMI JOIN " + b.group(*g, events) + " USING (person_id, event_id)"
	}
	ord := "1"
	if !single && b.def.QualifiedLimit != cohort.All {
		ord = "row_number() OVER (PARTITION BY person_id ORDER BY start_date" + direction(b.def.QualifiedLimit) + ", event_id)"
	}
	return b.with(fmt.Sprintf("SELECT %s, %s AS ord\nFROM %s", eventColumns, ord, from))
}

func (b *builder) rulesQuery(events string) string {
	all := index{b.cte("SELECT " + eventColumns + " FROM " + events), true}
	var bits []string
	for i, r := range b.def.Rules {
		bits = append(bits, fmt.Sprintf("SELECT person_id, event_id, CAST(%d AS BIGINT) AS bit FROM %s", int64(1)<<i, b.group(r.Group, all)))
	}
	masks := b.cte("SELECT person_id, event_id, CAST(sum(bit) AS BIGINT) AS mask FROM (\n" + strings.Join(bits, "\nUNION ALL\n") + "\n) GROUP BY person_id, event_id")
	return b.with(fmt.Sprintf("SELECT %s, coalesce(mask, 0) AS mask FROM %s LEFT JOIN %s USING (person_id, event_id)", eventColumns, all.name, masks))
}

// resultQuery keeps one event of each person.
func (b *builder) resultQuery(events string) string {
	return fmt.Sprintf("SELECT %s FROM %s QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY start_date%s, event_id) = 1",
		eventColumns, events, direction(b.def.ResultLimit))
}

// inclusionQuery counts masks over all qualified events (mode 0) and over each
// person's best event (mode 1): most rules met, then the lowest rule met, then
// the earliest. Where a person has one event at most the two are the same.
func inclusionQuery(single bool) string {
	if single {
		return fmt.Sprintf("SELECT mode, mask, count(*) AS persons FROM %s, (VALUES (0), (1)) m(mode) GROUP BY ALL ORDER BY 1, 2", ruled)
	}
	return fmt.Sprintf(`SELECT 0 AS mode, mask, count(*) AS persons FROM %[1]s GROUP BY mask
UNION ALL
SELECT 1, mask, count(*) FROM (
 SELECT mask FROM %[1]s
 QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY bit_count(mask) DESC,
  CASE WHEN mask = 0 THEN 0 ELSE bit_count((mask & -mask) - 1) END, start_date, event_id) = 1
) GROUP BY mask
ORDER BY 1, 2`, ruled)
}
