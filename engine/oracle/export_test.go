package oracle

import (
	"context"

	"galien/cohort"
)

// Ask answers a definition over all the data without the gate, whose audit log
// takes longer than a small answer.
func Ask(ctx context.Context, data *Data, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
	q, err := prepare(data, def)
	if err != nil {
		return nil, cohort.Summary{}, err
	}
	var rows []cohort.Row
	summary, err := q.summarise(ctx, func(r cohort.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, summary, err
}
