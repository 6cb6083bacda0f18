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
	summary, err := q.summarise(ctx, nil, func(r cohort.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, summary, err
}

// AskMembers is Ask that tells who is behind the numbers.
func AskMembers(ctx context.Context, data *Data, def *cohort.Definition, m *cohort.Members) error {
	q, err := prepare(data, def)
	if err != nil {
		return err
	}
	_, err = q.summarise(ctx, m, func(cohort.Row) error { return nil })
	return err
}

// TabulateMembers tells who is behind the cells of a table.
func TabulateMembers(ctx context.Context, data *Data, def *cohort.Definition, by []cohort.Dimension, m *cohort.Members) error {
	q, err := prepare(data, def)
	if err != nil {
		return err
	}
	_, err = q.tabulate(ctx, by, m)
	return err
}
