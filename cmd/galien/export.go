package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"galien"
	"galien/cdm"
	"galien/engine/duckdb"
	"galien/permit"
)

func newExportCommand() *cobra.Command {
	var q question
	var out, format string
	var sourceIDs bool
	cmd := &cobra.Command{
		Use:   "export HUB --permit P --format omop --out DIR",
		Short: "Write every granted table of the hub",
		Long: `Write to DIR, a new or empty folder, one CSV file per granted table of the OMOP
model: every person's rows in the permit's window, with the permitted columns and
dates, and the vocabulary. Person keys and row ids are replaced by ids of this
permit alone. Where the permit grants source ids (a steward's), person_source_value
holds the source's own id of the person; --source-ids=false leaves it out. With the
tables come dictionary.csv and provenance.json.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if format != "omop" {
				return galien.Errorf(galien.Invalid, "unknown format %q; use omop", format)
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
			p, err := q.allowExport(cmd, sourceIDs)
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
			var sourceID func(galien.PersonID) (string, bool)
			if p.SourceIDs() {
				names, err := v.SourceIDs(ctx)
				if err != nil {
					return err
				}
				sourceID = func(key galien.PersonID) (string, bool) {
					name, ok := names[key]
					return name, ok
				}
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
			exported, err := e.Export(ctx, p, ids, sourceID, o.scratch.dir)
			if err != nil {
				return err
			}
			engine, err := e.Version(ctx)
			if err != nil {
				return err
			}
			if err := o.json("provenance.json", q.provenance(engine, p)); err != nil {
				return err
			}
			if err := writeDictionary(o, exported.Dictionary); err != nil {
				return err
			}
			if err := q.deliver(ctx, p, nil, nil); err != nil {
				return err
			}
			if err := o.deliver(); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%d persons, to %s\n", exported.Persons, out)
			for _, t := range exported.Tables {
				fmt.Fprintf(w, "  %-32s %d rows\n", t.File, t.Rows)
			}
			if bound := licensed(q.snapshot); len(bound) > 0 {
				fmt.Fprintf(w, "The vocabulary tables hold concepts of %s: their licences bind whoever gets this export.\n", printable(strings.Join(bound, ", ")))
			}
			return nil
		},
	}
	q.flags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder of the export, new or empty (required)")
	cmd.Flags().StringVar(&format, "format", "omop", "omop: CSV files of the OMOP tables")
	cmd.Flags().BoolVar(&sourceIDs, "source-ids", true, "write the sources' own person ids where the permit grants them")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

// allowExport asks the gate for everything that the permit grants.
func (q *question) allowExport(cmd *cobra.Command, sourceIDs bool) (permit.Permitted, error) {
	reads := map[string][]string{}
	wanted := sourceIDs
	store, err := q.hub.permits()
	if err != nil {
		return permit.Permitted{}, err
	}
	// A permit that does not exist is the gate's to refuse, and to write down.
	if known, err := store.Get(cmd.Context(), q.permitID); err == nil {
		wanted = sourceIDs && (known.Terms.SourceIDs || cmd.Flags().Changed("source-ids"))
		for _, t := range cdm.Tables() {
			columns, granted := known.Terms.Tables[t.Name]
			if _, held := q.snapshot.Table(t.Name); held && !t.Vocabulary && granted {
				reads[t.Name] = columns
			}
		}
	}
	return q.gate.Allow(cmd.Context(), q.permitID, permit.Request{
		Action: permit.Extract, Snapshot: q.snapshot.ID, Subject: duckdb.ExportSubject(), Reads: reads, SourceIDs: wanted,
		Details: map[string]string{"export": "omop", "source_ids": strconv.FormatBool(wanted)},
	})
}
