package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
)

func newCompactCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compact HUB",
		Short: "Rewrite tables that have grown in layers",
		Long: `Rewrite the tables of the current snapshot that have several layers, or rows that
have left, into one file per order and bucket of persons: the files that a load
of the same rows at once would have written. The rows stay the same, and so do
the answers; questions read fewer files. Loads do this by themselves where a
table has become too much of a patchwork (docs/formats/lake.md). The snapshots
before stay as they are.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			l, err := h.lake()
			if err != nil {
				return err
			}
			var snap *lake.Snapshot
			var changed bool
			bar := newProgress(cmd.ErrOrStderr(), "writing", "rows")
			err = h.audited(cmd.Context(), "compact", func() (string, map[string]string, error) {
				snap, changed, err = writer.Compact(cmd.Context(), l, duck.Config{MemoryLimit: loadMemory}, h.now(), bar.set)
				bar.finish()
				if err != nil {
					return "", nil, err
				}
				return snap.ID, map[string]string{"changed": fmt.Sprint(changed)}, nil
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					Snapshot string `json:"snapshot"`
					Changed  bool   `json:"changed"`
				}{snap.ID, changed})
			}
			if !changed {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "Nothing to do: no table of snapshot %s has layers.\n", snap.ID)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Committed snapshot %s: the same rows in fewer files.\n", snap.ID)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
