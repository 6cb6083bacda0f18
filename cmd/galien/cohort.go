package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"galien/engine/duckdb"
	"galien/permit"
)

func newCohortCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cohort",
		Short: "Count, run, check and describe cohort definitions",
		Long: `Evaluate cohort definitions, written as ATLAS exports them (Circe JSON), on the
current snapshot and under a permit. A part that cannot be evaluated is refused
with its path in the JSON, and never ignored.`,
	}
	cmd.AddCommand(newCohortCountCommand(), newCohortRunCommand(), newCohortCheckCommand(), newCohortDescribeCommand())
	return cmd
}

func explainDefinitions(ctx context.Context, q *question, action permit.Action, definitions []definition, w io.Writer) error {
	c, remove, err := q.config()
	if err != nil {
		return err
	}
	defer remove()
	e, err := duckdb.New(ctx, q.snapshot, c)
	if err != nil {
		return err
	}
	defer e.Close()
	for _, d := range definitions {
		p, err := q.allow(ctx, action, d, nil, map[string]string{"explain": "true"})
		if err != nil {
			return err
		}
		text, err := e.Explain(ctx, p, d.def)
		if err != nil {
			return err
		}
		if err := q.gate.Deliver(ctx, p, map[string]string{"explain": "true"}); err != nil {
			return err
		}
		fmt.Fprintf(w, "-- cohort %d (%s), snapshot %s, permit %s\n\n%s\n", d.id, d.file, q.snapshot.ID, p.PermitID(), text)
	}
	return nil
}
