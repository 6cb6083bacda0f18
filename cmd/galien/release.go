package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
	"galien/release"
	"galien/release/airlock"
)

func newReleaseCommand() *cobra.Command {
	var q question
	var file, by, out string
	cmd := &cobra.Command{
		Use:   "release HUB --permit P --cohort FILE.json --by sex,age_group,year --out DIR",
		Short: "Write a cohort's table as it may leave the hub",
		Long: `Count a cohort as galien table does, pass the table through disclosure control
and write to DIR, a new or empty folder: table.csv, decision.json (how much is
withheld, and the hash of the table), provenance.json, README.txt, and the
scorecard of the attacks on what is withheld: scorecard.en.html,
scorecard.fr.html and scorecard.json. Nothing leaves when one of them succeeds.

A cell under the permit's threshold never leaves, nor any that would give one
away by subtraction from the margins, or by arithmetic with anything that the hub
let out before, to whomever. No person reviews the table: what people made
leaves by galien airlock. Both are in the public register (galien airlock register).`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := checkOutput(args[0], out); err != nil {
				return err
			}
			t, err := tabulate(ctx, cmd, &q, args[0], file, by, permit.Release)
			if err != nil {
				return err
			}
			defer q.close()
			cleared, _, err := t.clear()
			if err != nil {
				return err
			}
			bound, err := q.bind(ctx, t, cleared)
			if err != nil {
				return err
			}
			// What leaves is decided here; the entry precedes the files.
			published := 0
			for _, c := range bound.Cells() {
				if !c.Withheld {
					published++
				}
			}
			if published == 0 && bound.withheld > 0 {
				return galien.Errorf(galien.Denied, "release: no row can leave beside what was released before: %s; galien ledger show tells which", bound.notes()[0])
			}
			files, decision, err := release.Make(bound.Cleared, release.Provenance{Snapshot: q.snapshot.ID, Definition: t.definition.def.Hash(),
				Permit: t.permitted.PermitID(), Engine: t.engine, Galien: version()})
			if err != nil {
				return err
			}
			scorecard, err := attackFiles(files)
			if err != nil {
				return err
			}
			files = append(files, scorecard...)
			outcome := map[string]string{"by": by, "rows": strconv.Itoa(len(bound.Cells())), "published": strconv.Itoa(published), "ledger": bound.reference,
				airlock.FilesDetail: airlock.FilesHash(files)}
			if err := q.deliver(ctx, t.permitted, nil, outcome); err != nil {
				return err
			}
			a, err := q.hub.airlock()
			if err != nil {
				return err
			}
			if _, err := a.ReleaseTable(ctx, "Persons and rates by "+by+", cohort "+t.definition.def.Hash()[:12], t.permitted.Terms(), t.permitted.PermitID(), files, out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d rows: %d published, %d withheld (threshold %d), to %s\n",
				decision.Rows, decision.Published, decision.Withheld, decision.Threshold, out)
			for _, n := range bound.notes() {
				fmt.Fprintln(cmd.OutOrStdout(), n)
			}
			return nil
		},
	}
	q.flags(cmd)
	q.engineFlag(cmd)
	tableFlags(cmd, &file, &by)
	cmd.Flags().StringVar(&out, "out", "", "folder of the release, new or empty (required)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
