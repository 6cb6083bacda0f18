package omop

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"galien/cdm"
	"galien/lake/duck"
	"galien/source"
)

// placeCosts gives the rows of COST the person and the day of the row that they
// are of (cost_domain_id, cost_event_id), in the tables of this delivery or in
// those of the hub that it does not replace. A cost of a row that is not there,
// or that two persons have, goes to the quarantine.
func (g *ingest) placeCosts(ctx context.Context) error {
	i := slices.IndexFunc(g.tables, func(t *tableLoad) bool { return t.in.table.Name == "cost" })
	if i < 0 {
		return nil
	}
	const action = "find what COST is of"
	db := g.w.DB()
	for _, domain := range slices.Sorted(maps.Keys(cdm.Priced())) {
		t, _ := cdm.Lookup(cdm.Priced()[domain])
		from := duck.Ident("stage_" + t.Name)
		if g.carries(t.Name) {
			from = duck.Table(t, g.base.Whole(t.Name))
		} else if !slices.ContainsFunc(g.tables, func(l *tableLoad) bool { return l.in.table.Name == t.Name }) {
			continue
		}
		_, err := db.ExecContext(ctx, fmt.Sprintf(`UPDATE stage_cost SET person_id = e.person, incurred_date = e.day, cost_domain_id = %[1]s
			FROM (SELECT %[2]s AS id, min(person_id) AS person, min(%[3]s) AS day FROM %[4]s x GROUP BY %[2]s HAVING min(person_id) = max(person_id)) e
			WHERE lower(cost_domain_id) = lower(%[1]s) AND cost_event_id = e.id`, duck.Quote(domain), t.PrimaryKey(), t.DateColumn(), from))
		if err != nil {
			return duck.Error(action, err)
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT _line FROM stage_cost WHERE person_id IS NULL")
	if err != nil {
		return duck.Error(action, err)
	}
	lines, err := lineSet(rows)
	if err != nil || len(lines) == 0 {
		return duck.Error(action, err)
	}
	if _, err := db.ExecContext(ctx, "DELETE FROM stage_cost WHERE person_id IS NULL"); err != nil {
		return duck.Error(action, err)
	}
	return g.keepLines(ctx, g.tables[i], lines, "cost_event_id", source.UnknownEvent)
}
