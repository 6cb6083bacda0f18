package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"galien/synth/snds"
)

func newSynthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "synth",
		Short: "Write invented data whose truth is known",
	}
	cmd.AddCommand(newSynthSNDSCommand())
	return cmd
}

func newSynthSNDSCommand() *cobra.Command {
	var c snds.Config
	var out, fields string
	cmd := &cobra.Command{
		Use:   "snds --out DIR",
		Short: "Write an invented French population as SNDS and PMSI files",
		Long: `Write to DIR, a new or empty folder, an invented French population as the files
of the national claims database: DCIR by flux month, PMSI MCO by year, the
referentials and the causes of death, with the traps such files are known for.
The truth lies beside them, in DIR/truth: what happened, every number of every
person, the rows that each trap touches, and the two planted effects.

Care ends on 2021-12-31 and lasts --years calendar years; stays of 2009 and 2012
come besides, for the columns that were renamed. The same --persons, --years and
--seed give the same files; --fields mco,ssr,had,rimp adds rehabilitation, hospital
at home and psychiatry to them, with a truth of their own, and --hospitals N the
fixed-width files that N hospitals make themselves. docs/synthetic-snds.md says what is in them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.Fields, err = snds.ParseFields(fields); err != nil {
				return err
			}
			o, err := newOutput("", out)
			if err != nil {
				return err
			}
			defer o.discard()
			bar := newProgress(cmd.ErrOrStderr(), "inventing", "persons")
			defer bar.finish()
			began := time.Now()
			s, err := snds.Write(cmd.Context(), o.scratch.dir, c, func(done, total int) { bar.set(int64(done), int64(total)) })
			if err != nil {
				return err
			}
			if err := o.deliver(); err != nil {
				return err
			}
			took := time.Since(began)
			fmt.Fprintf(cmd.OutOrStdout(), "%s persons, %s rows in %d files, to %s, %s (%s persons/s).\nThe truth is in %s.\n",
				thousands(int64(s.Persons)), thousands(s.RawRows()), s.Files, out, seconds(took), thousands(int64(float64(s.Persons)/took.Seconds())), filepath.Join(out, "truth"))
			return nil
		},
	}
	cmd.Flags().IntVar(&c.Persons, "persons", snds.DefaultPersons, "persons to invent")
	cmd.Flags().IntVar(&c.Years, "years", snds.DefaultYears, "calendar years of care, up to 2021")
	cmd.Flags().Uint64Var(&c.Seed, "seed", 1, "chooses the population")
	cmd.Flags().StringVar(&fields, "fields", "mco", "fields of the PMSI: mco, and any of ssr, had, rimp")
	cmd.Flags().IntVar(&c.Hospitals, "hospitals", 0, fmt.Sprintf("hospitals that write their own files too, up to %d", snds.MaxHospitals))
	cmd.Flags().StringVar(&out, "out", "", "folder of the files, new or empty (required)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
