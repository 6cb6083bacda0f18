package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/lake"
	"galien/source/snds"
)

func newSourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Say how a kind of source is read",
	}
	cmd.AddCommand(newSourceRulesCommand())
	return cmd
}

func newSourceRulesCommand() *cobra.Command {
	var asJSON bool
	var language string
	cmd := &cobra.Command{
		Use:   "rules KIND [HUB]",
		Short: "List the cleaning rules of a source, and what each did in a hub",
		Long: `List the named cleaning rules by which a kind of source (snds) is read: what each
says, where it comes from, and whether galien ingest --without can switch it off.
With HUB, also the rows that each touched and removed in the current snapshot.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != snds.Kind {
				return galien.Errorf(galien.Invalid, "source rules: %q has no named rules; this galien knows those of snds", args[0])
			}
			if language != "fr" && language != "en" {
				return galien.Errorf(galien.Invalid, "source rules: unknown language %q; use fr or en", language)
			}
			var counts []lake.RuleCount
			if len(args) == 2 {
				h, err := openHub(args[1])
				if err != nil {
					return err
				}
				defer h.close()
				s, err := h.snapshot()
				if err != nil {
					return err
				}
				for _, src := range s.Manifest.Sources {
					counts = append(counts, src.Rules...)
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					Rules  []snds.Rule      `json:"rules"`
					Counts []lake.RuleCount `json:"counts,omitempty"`
				}{snds.Rules(), counts})
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			head := "rule\tswitch\twhat\tsource"
			if len(args) == 2 {
				head = "rule\tswitch\trows\tremoved\twhat\tsource"
			}
			fmt.Fprintln(tw, head)
			for _, r := range snds.Rules() {
				what, on := r.English, "yes"
				if language == "fr" {
					what = r.French
				}
				if r.Fixed {
					on = "no"
				}
				if len(args) < 2 {
					fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.ID, on, what, r.Source)
					continue
				}
				touched, removed := int64(0), int64(0)
				for _, c := range counts {
					if c.Rule == r.ID {
						touched += c.Touched
						removed += c.Removed
					}
				}
				fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\t%s\n", r.ID, on, touched, removed, what, r.Source)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON, in both languages")
	cmd.Flags().StringVar(&language, "language", "fr", "fr or en")
	return cmd
}
