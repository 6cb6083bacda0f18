package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"galien"
	"galien/engine/duckdb"
	"galien/permit"
)

func newExtractCommand() *cobra.Command {
	var q question
	var file, out, format string
	var id int64
	cmd := &cobra.Command{
		Use:   "extract HUB --permit P --cohort FILE.json --out DIR",
		Short: "Write the permitted rows of a cohort's persons",
		Long: `Write to DIR, a new or empty folder, one file per granted table: the rows of the
cohort's persons in the permit's window, with the permitted columns and dates.
Person keys and row ids are replaced by ids of this permit alone, so extracts of
two permits cannot be joined. With it come cohort.* (the cohort's periods),
dictionary.csv (what each column holds) and provenance.json.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if f := duckdb.Format(format); f != duckdb.Parquet && f != duckdb.CSV {
				return galien.Errorf(galien.Invalid, "unknown format %q; use parquet or csv", format)
			}
			d, err := readDefinition(cmd.InOrStdin(), file, id)
			if err != nil {
				return err
			}
			if err := q.open(args[0]); err != nil {
				return err
			}
			defer q.close()
			o, err := newOutput(q.hub.dir, out)
			if err != nil {
				return err
			}
			defer o.discard()
			if err := q.restate(&d); err != nil {
				return err
			}
			p, err := q.allow(ctx, permit.Extract, d, nil, map[string]string{"format": format})
			if err != nil {
				return err
			}
			v, err := q.hub.vault()
			if err != nil {
				return err
			}
			ids, err := v.Pseudonyms(p.PermitID())
			if err != nil {
				return err
			}
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
			bar := newProgress(cmd.ErrOrStderr(), "extract", "steps")
			defer bar.finish()
			e.Progress = bar.set
			extracted, err := e.Extract(ctx, p, d.def, d.id, ids, duckdb.Format(format), o.scratch.dir)
			if err != nil {
				return err
			}
			engine, err := e.Version(ctx)
			if err != nil {
				return err
			}
			prov := q.provenance(engine, p)
			prov.Definitions = []definitionProvenance{d.provenance(p)}
			if err := o.json("provenance.json", prov); err != nil {
				return err
			}
			if err := writeDictionary(o, extracted.Dictionary); err != nil {
				return err
			}
			if err := q.deliver(ctx, p, personsOf(extracted.Members), nil); err != nil {
				return err
			}
			if err := o.deliver(); err != nil {
				return err
			}
			bar.finish()
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%d persons, %d periods, to %s\n", extracted.Persons, extracted.Periods, out)
			for _, t := range extracted.Tables {
				fmt.Fprintf(w, "  %-32s %d rows\n", t.File, t.Rows)
			}
			return nil
		},
	}
	q.flags(cmd)
	cmd.Flags().StringVar(&file, "cohort", "", "the cohort definition (required)")
	cmd.Flags().StringVar(&out, "out", "", "folder of the extract, new or empty (required)")
	cmd.Flags().StringVar(&format, "format", "parquet", "parquet or csv")
	cmd.Flags().Int64Var(&id, "id", 0, "cohort_definition_id; without it the number in the file's name")
	_ = cmd.MarkFlagRequired("cohort")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func writeDictionary(o *output, columns []duckdb.ExtractedColumn) error {
	t, err := o.table("dictionary.csv", "table", "column", "type", "content")
	if err != nil {
		return err
	}
	for _, c := range columns {
		_ = t.row(c.Table, c.Column, c.Type, c.Content) // close returns the first error
	}
	return t.close()
}
