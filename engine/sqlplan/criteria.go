package sqlplan

import (
	"fmt"
	"strings"

	"galien"
	"galien/cohort"
)

// index is a table of index events. Once says that it has each event once; the
// index events of nested criteria stand in it once for each observation period
// they lie in.
type index struct {
	name string
	once bool
}

// distinct is the word that makes events unique where they are not.
func (x index) distinct() string {
	if x.once {
		return ""
	}
	return "DISTINCT "
}

// group returns a CTE of the events (person_id, event_id, each once) for which
// the group holds.
func (b *builder) group(g cohort.Group, events index) string {
	everything := "SELECT " + events.distinct() + "person_id, event_id FROM " + events.name
	if g.Empty() {
		return b.cte(everything)
	}
	var members []string
	for _, c := range g.Correlated {
		members = append(members, b.correlated(c, events))
	}
	for _, d := range g.Demographics {
		members = append(members, b.demographic(d, events))
	}
	for _, s := range g.Groups {
		members = append(members, b.group(s, events))
	}
	switch {
	case g.Type == cohort.AllOf:
		q := "SELECT person_id, event_id FROM " + members[0]
		for _, m := range members[1:] {
			q += " SEMI JOIN " + m + " USING (person_id, event_id)"
		}
		return b.cte(q)
	case g.Type == cohort.AnyOf:
		return b.cte("SELECT person_id, event_id FROM " + strings.Join(members, "\nUNION SELECT person_id, event_id FROM "))
	}
	op := ">="
	if g.Type == cohort.AtMost {
		op = "<="
	}
	return b.cte(fmt.Sprintf(`SELECT E.person_id, E.event_id FROM (%s) E
LEFT JOIN (SELECT person_id, event_id FROM %s) M ON M.person_id = E.person_id AND M.event_id = E.event_id
GROUP BY E.person_id, E.event_id HAVING count(M.person_id) %s %d`,
		everything, strings.Join(members, "\nUNION ALL SELECT person_id, event_id FROM "), op, g.Count))
}

// correlated returns a CTE of the index events whose count of matches holds.
func (b *builder) correlated(c cohort.Correlated, events index) string {
	var counted *cohort.CountOperand
	if c.Distinct != nil {
		o, err := c.Criterion.CountOperandOf(*c.Distinct)
		if err != nil {
			panic("sqlplan: a definition that was not validated: " + err.Error())
		}
		counted = &o
	}
	criterion, on := b.criterion(c.Criterion, counted), strings.Join(windows(c), " AND ")
	matches := func(join string) string {
		return events.name + " P\n" + join + " JOIN (\n" + criterion + "\n) A ON " + on
	}
	holds := fmt.Sprintf("%s %d", [...]string{cohort.Exactly: "=", cohort.NoMoreThan: "<=", cohort.NoLessThan: ">="}[c.Occurrence], c.Count)
	count := "count(*)"
	if counted != nil {
		count = "count(DISTINCT A.counted)"
	}
	switch {
	case counted == nil && c.Count == 0 && c.Occurrence != cohort.NoLessThan && !events.once:
		return b.cte("SELECT DISTINCT person_id, event_id FROM " + events.name + "\nANTI JOIN (SELECT P.person_id, P.event_id FROM " + matches("SEMI") + ") M USING (person_id, event_id)")
	case counted == nil && c.Count == 0 && c.Occurrence != cohort.NoLessThan:
		return b.cte("SELECT " + events.distinct() + "P.person_id, P.event_id FROM " + matches("ANTI"))
	case counted == nil && c.Count == 1 && c.Occurrence == cohort.NoLessThan:
		return b.cte("SELECT " + events.distinct() + "P.person_id, P.event_id FROM " + matches("SEMI"))
	case !c.CountsAbsence():
		return b.cte("SELECT P.person_id, P.event_id FROM " + matches("INNER") + "\nGROUP BY P.person_id, P.event_id HAVING " + count + " " + holds)
	default:
		n := b.cte("SELECT P.person_id, P.event_id, " + count + " AS n FROM " + matches("INNER") + "\nGROUP BY P.person_id, P.event_id")
		return b.cte(fmt.Sprintf("SELECT E.person_id, E.event_id FROM (SELECT %sperson_id, event_id FROM %s) E\nLEFT JOIN %s N ON N.person_id = E.person_id AND N.event_id = E.event_id WHERE coalesce(N.n, 0) %s",
			events.distinct(), events.name, n, holds))
	}
}

// windows are the conditions that tie an event A to its index event P.
func windows(c cohort.Correlated) []string {
	on := []string{"A.person_id = P.person_id"}
	if !c.IgnoreObservationPeriod {
		on = append(on, "A.start_date >= P.op_start", "A.start_date <= P.op_end")
	}
	window := func(w cohort.Window) {
		index, event := "P.start_date", "A.start_date"
		if w.IndexEnd {
			index = "P.end_date"
		}
		if w.EventEnd {
			event = "A.end_date"
		}
		bound := func(op string, d cohort.Bound) {
			switch {
			case !d.Open:
				on = append(on, fmt.Sprintf("%s %s %s + (%d)", event, op, index, d.Days))
			case c.IgnoreObservationPeriod:
			case d.Before:
				on = append(on, fmt.Sprintf("%s %s P.op_start", event, op))
			default:
				on = append(on, fmt.Sprintf("%s %s P.op_end", event, op))
			}
		}
		bound(">=", w.Start)
		bound("<=", w.End)
	}
	window(c.StartWindow)
	if c.EndWindow != nil {
		window(*c.EndWindow)
	}
	if c.RestrictVisit {
		on = append(on, "A.visit_id = P.visit_id")
	}
	return on
}

func (b *builder) demographic(d cohort.Demographic, events index) string {
	where := []string{"true"}
	for _, f := range d.Filters {
		where = append(where, b.filter(f, "E"))
	}
	return b.cte(fmt.Sprintf("SELECT %sE.person_id, E.event_id FROM %s E JOIN %s P ON P.person_id = E.person_id WHERE %s",
		events.distinct(), events.name, b.rel("person"), strings.Join(where, " AND ")))
}

// criterion returns a query of events: person_id, event_id, start_date,
// end_date, visit_id, sort_date, and counted when a column is to be counted.
func (b *builder) criterion(c cohort.Criterion, counted *cohort.CountOperand) string {
	inner := b.rows(c, counted)
	var joins []string
	joined := map[string]bool{}
	join := func(table, sql string) {
		if !joined[table] {
			joined[table] = true
			joins = append(joins, sql)
		}
	}
	var where []string
	for _, f := range c.Filters {
		switch cohort.OperandOf(f).Of {
		case cohort.AgeAtStart, cohort.AgeAtEnd, cohort.Gender, cohort.Race, cohort.Ethnicity:
			join("person", "JOIN "+b.rel("person")+" P ON P.person_id = C.person_id")
		case cohort.LinkedVisit:
			join("visit", "JOIN "+b.rel("visit_occurrence")+" V ON V.visit_occurrence_id = C.visit_id AND V.person_id = C.person_id")
		case cohort.Specialty:
			join("provider", "LEFT JOIN "+b.rel("provider")+" PR ON PR.provider_id = C.provider_id")
		case cohort.PlaceOfCare:
			join("care_site", "JOIN "+b.rel("care_site")+" CS ON CS.care_site_id = C.care_site_id")
		}
		where = append(where, b.filter(f, "C"))
	}
	if c.Adjust != nil {
		where = append(where, "C.end_date >= C.start_date")
	}
	start, end := "C.start_date", "C.end_date"
	for _, u := range []struct {
		date *galien.Date
		into *string
	}{{c.UserStart, &start}, {c.UserEnd, &end}} {
		if u.date != nil {
			where = append(where, fmt.Sprintf("C.start_date <= %[1]s AND C.end_date >= %[1]s", date(*u.date)))
			*u.into = date(*u.date)
		}
	}
	columns := fmt.Sprintf("C.person_id, C.event_id, %s AS start_date, %s AS end_date, C.visit_id, C.start_date AS sort_date", start, end)
	if counted != nil {
		columns += ", " + countedColumn(*counted, start, end) + " AS counted"
	}
	query := "SELECT " + columns + " FROM (" + inner + ") C"
	if len(joins) > 0 {
		query += "\n" + strings.Join(joins, "\n")
	}
	if len(where) > 0 {
		query += "\nWHERE " + strings.Join(where, " AND ")
	}
	if c.Nested == nil || c.Nested.Empty() {
		return query
	}
	events := b.cte(query)
	nested := index{name: b.cte(fmt.Sprintf("SELECT Q.*, OP.op_start, OP.op_end FROM %s Q JOIN %s OP ON OP.person_id = Q.person_id AND OP.op_start <= Q.start_date AND OP.op_end >= Q.start_date",
		events, observation(b.rel)))}
	extra := ""
	if counted != nil {
		extra = ", counted"
	}
	return fmt.Sprintf("SELECT person_id, event_id, start_date, end_date, visit_id, sort_date%s FROM %s SEMI JOIN %s USING (person_id, event_id)", extra, events, b.group(*c.Nested, nested))
}

func countedColumn(o cohort.CountOperand, start, end string) string {
	switch {
	case o.Length:
		return "(" + end + " - " + start + ")"
	case o.Constant:
		return "1"
	case o.Column == "start_date":
		return start
	case o.Column == "end_date":
		return end
	case o.Column == "visit_occurrence_id":
		return "C.visit_id"
	case o.NoneAsZero:
		return "coalesce(C." + o.Column + ", 0)"
	default:
		return "C." + o.Column
	}
}

// rows selects the raw rows of a criterion: those of its concept sets, with the
// event's dates, before any filter.
func (b *builder) rows(c cohort.Criterion, counted *cohort.CountOperand) string {
	d := c.Domain
	start := "t." + d.Start
	end := start + " + 1"
	if d.End != "" {
		end = "t." + d.End
		switch d.Ends {
		case cohort.NextDay:
			end = "coalesce(" + end + ", " + start + " + 1)"
		case cohort.DaysSupply:
			end = "coalesce(" + end + ", " + start + " + " + daysSupply + ", " + start + " + 1)"
		case cohort.FarFuture:
			end = "coalesce(" + end + ", DATE '2099-12-31')"
		}
	}
	eventStart, eventEnd := start, end
	if a := c.Adjust; a != nil {
		eventStart = fmt.Sprintf("(%s) + (%d)", pick(a.StartWithEnd, end, start), a.StartOffset)
		eventEnd = fmt.Sprintf("(%s) + (%d)", pick(a.EndWithEnd, end, start), a.EndOffset)
	}
	visit := "CAST(NULL AS BIGINT)"
	if d.Visit != "" {
		visit = "t." + d.Visit
	}
	columns := fmt.Sprintf("t.%s AS person_id, t.%s AS event_id, %s AS start_date, %s AS end_date, %s AS visit_id", d.Person, d.ID, eventStart, eventEnd, visit)
	for _, col := range needed(c, counted) {
		columns += ", t." + col
	}
	from := b.rel(d.Table) + " t"
	if d.Table == "location_history" {
		from = fmt.Sprintf("(SELECT LH.*, LOC.region_concept_id FROM %s LH JOIN %s LOC ON LOC.location_id = LH.location_id WHERE LH.domain_id = 'PERSON') t",
			b.rel("location_history"), b.rel("location"))
	}
	query := "SELECT " + columns + "\nFROM " + from
	var where []string
	if c.Codeset != nil {
		where = append(where, b.in("t."+d.Concept, *c.Codeset))
	}
	if c.SourceCodeset != nil {
		where = append(where, b.in("t."+d.SourceConcept, *c.SourceCodeset))
	}
	if len(where) > 0 {
		query += "\nWHERE " + strings.Join(where, " AND ")
	}
	if c.First {
		query += fmt.Sprintf("\nQUALIFY row_number() OVER (PARTITION BY t.%s ORDER BY %s, t.%s) = 1", d.Person, start, d.ID)
	}
	return query
}

// daysSupply is the days of an exposure; more than MaxDaysSupply are as good as
// none.
var daysSupply = fmt.Sprintf("CASE WHEN t.days_supply BETWEEN -%[1]d AND %[1]d THEN CAST(t.days_supply AS INTEGER) END", cohort.MaxDaysSupply)

func pick(end bool, ifEnd, ifStart string) string {
	if end {
		return ifEnd
	}
	return ifStart
}

// needed lists the table's own columns that the criterion's filters and its
// count use, each once.
func needed(c cohort.Criterion, counted *cohort.CountOperand) []string {
	var columns []string
	seen := map[string]bool{"": true, c.Domain.Person: true}
	add := func(names ...string) {
		for _, n := range names {
			if !seen[n] {
				seen[n] = true
				columns = append(columns, n)
			}
		}
	}
	for _, f := range c.Filters {
		if _, ok := f.(cohort.AbnormalFilter); ok {
			add("value_as_number", "range_low", "range_high", "value_as_concept_id")
			continue
		}
		switch o := cohort.OperandOf(f); o.Of {
		case cohort.OwnColumn, cohort.Ratio:
			add(o.Column, o.Over)
		case cohort.Specialty:
			add("provider_id")
		case cohort.PlaceOfCare:
			add("care_site_id")
		}
	}
	if counted != nil {
		switch counted.Column {
		case "start_date", "end_date", "visit_occurrence_id": // every event has them
		default:
			add(counted.Column)
		}
	}
	return columns
}

// filter is one test; alias holds the event, P the person, V the visit, PR the
// provider, CS the care site.
func (b *builder) filter(f cohort.Filter, alias string) string {
	x := operand(cohort.OperandOf(f), alias)
	switch f := f.(type) {
	case cohort.DateFilter:
		return compare(x, f.Op, date(f.Value), date(f.Extent))
	case cohort.NumberFilter:
		return compare(x, f.Op, decimal(f.Value), decimal(f.Extent))
	case cohort.ConceptFilter:
		return not(f.Exclude, x+" IN ("+list(f.Concepts)+")")
	case cohort.CodesetFilter:
		if f.Codeset == nil {
			return not(!f.Exclude, x+" IS NULL")
		}
		if f.Exclude {
			return "(" + x + " IS NOT NULL AND NOT " + b.in(x, *f.Codeset) + ")"
		}
		return b.in(x, *f.Codeset)
	case cohort.TextFilter:
		return not(f.Exclude, x+" LIKE "+quote(f.Pattern))
	case cohort.BelowFilter:
		return fmt.Sprintf("%s < %d", x, f.Bound)
	case cohort.AbnormalFilter:
		return fmt.Sprintf("(%[1]s.value_as_number < %[1]s.range_low OR %[1]s.value_as_number > %[1]s.range_high OR %[1]s.value_as_concept_id IN (%[2]s))",
			alias, list(cohort.AbnormalConcepts))
	}
	panic(fmt.Sprintf("sqlplan: no SQL for %T", f))
}

func operand(o cohort.Operand, alias string) string {
	switch o.Of {
	case cohort.OwnColumn:
		return alias + "." + o.Column
	case cohort.StartDate:
		return alias + ".start_date"
	case cohort.EndDate:
		return alias + ".end_date"
	case cohort.Length:
		return fmt.Sprintf("(%[1]s.end_date - %[1]s.start_date)", alias)
	case cohort.AgeAtStart:
		return "(year(" + alias + ".start_date) - P.year_of_birth)"
	case cohort.AgeAtEnd:
		return "(year(" + alias + ".end_date) - P.year_of_birth)"
	case cohort.Ratio:
		return fmt.Sprintf("(%[1]s.%[2]s / nullif(%[1]s.%[3]s, 0))", alias, o.Column, o.Over)
	case cohort.Gender:
		return "P.gender_concept_id"
	case cohort.Race:
		return "P.race_concept_id"
	case cohort.Ethnicity:
		return "P.ethnicity_concept_id"
	case cohort.LinkedVisit:
		return "V.visit_concept_id"
	case cohort.Specialty:
		return "PR.specialty_concept_id"
	case cohort.PlaceOfCare:
		return "CS.place_of_service_concept_id"
	}
	panic(fmt.Sprintf("sqlplan: no SQL for operand %d", o.Of))
}

func compare(x string, op cohort.Comparison, value, extent string) string {
	switch op {
	case cohort.Between:
		return fmt.Sprintf("(%s >= %s AND %s <= %s)", x, value, x, extent)
	case cohort.NotBetween:
		return fmt.Sprintf("NOT (%s >= %s AND %s <= %s)", x, value, x, extent)
	}
	sign := [...]string{cohort.Less: "<", cohort.LessOrEqual: "<=", cohort.Equal: "=", cohort.NotEqual: "<>",
		cohort.Greater: ">", cohort.GreaterOrEqual: ">="}[op]
	return x + " " + sign + " " + value
}

func not(exclude bool, test string) string {
	if exclude {
		return "NOT (" + test + ")"
	}
	return test
}

func date(d galien.Date) string { return "DATE '" + d.String() + "'" }

func decimal(d cohort.Decimal) string {
	if d%10000 == 0 {
		return fmt.Sprint(int64(d) / 10000)
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%04d", sign, d/10000, d%10000)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
