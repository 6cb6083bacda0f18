package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"galien/disclosure"
	"galien/disclosure/outputs"
)

func newDisclosureCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disclosure",
		Short: "Clear an output that was made elsewhere",
	}
	cmd.AddCommand(newDisclosureCheckCommand())
	return cmd
}

func newDisclosureCheckCommand() *cobra.Command {
	var rule disclosure.Rule
	cmd := &cobra.Command{
		Use:   "check FILE.json",
		Short: "Withhold what must not leave of a declared output",
		Long: `Read an output that declares what it is and the counts behind it (a table, sums,
quantiles, a regression, a survival curve, correlations), and print what of it
may leave. What is withheld, and why, is printed on standard error: it is for
people inside the hub. No hub is needed and no data is read.
docs/formats/outputs.md has the form of each kind, docs/disclosure.md the rules.

The exit code is 3 when nothing of the output may leave.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			cleared, decision, err := outputs.Clear(b, rule)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			w := cmd.ErrOrStderr()
			for _, f := range decision.Findings {
				fmt.Fprintf(w, "%s: %s\n", printable(f.At), printable(f.Why))
			}
			fmt.Fprintf(w, "%s: %d published, %d withheld (threshold %d)\n",
				decision.Kind, decision.Published, decision.Withheld, decision.Rule.Threshold)
			if err := cleared.Check(); err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(cleared.JSON())
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&rule.Threshold, "threshold", disclosure.DefaultThreshold, "the smallest count of persons that may leave")
	f.IntVar(&rule.MinimumPopulation, "minimum-population", 0, "the smallest population of a row of a table")
	f.IntVar(&rule.RoundTo, "round-to", 0, "round counts to a multiple of this")
	f.IntVar(&rule.DominanceN, "dominance-n", disclosure.DefaultDominanceN, "withhold a sum of which this many contributors make most")
	f.IntVar(&rule.DominanceK, "dominance-k", disclosure.DefaultDominanceK, "most, in per cent")
	f.IntVar(&rule.P, "p", disclosure.DefaultP, "withhold a sum from which a contribution could be estimated to within so many per cent")
	f.IntVar(&rule.ResidualDF, "residual-df", disclosure.DefaultResidualDF, "the fewest residual degrees of freedom of a model")
	return cmd
}
