package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/permit"
)

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show and verify the audit log, have it witnessed, prove uses",
		Long: `The audit log holds one entry for every permit granted or revoked, every
question asked, allowed or denied, and every answer handed over, written before
the thing happens. It holds no person and no row. docs/audit.md says who can
check what.`,
	}
	cmd.AddCommand(newAuditShowCommand(), newAuditVerifyCommand(), newAuditProveCommand(), newAuditRetainCommand(),
		newAuditWitnessCommand(), newAuditCheckpointCommand(), newAuditCosignCommand(), newAuditAddCosignatureCommand())
	return cmd
}

// numbered is an entry with its place in the log.
type numbered struct {
	Index int64 `json:"index"`
	audit.Entry
}

func newAuditShowCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "show HUB",
		Short: "Print the entries, oldest first",
		Long: `Print the entries, oldest first; of an entry for several questions, a line for
each (12.1, 12.2, ...). With --json, one JSON object a line. Reading does not
check the log; galien audit verify does.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return galien.Errorf(galien.Invalid, "--limit must be 0 (every entry) or more")
			}
			return with(args[0], (*hub).audit, func(h *hub, log *audit.Log) error {
				head, err := log.Head()
				if err != nil {
					return err
				}
				first := int64(0)
				if limit > 0 {
					first = max(0, head.Entries-int64(limit))
				}
				out := cmd.OutOrStdout()
				var entries []numbered
				err = log.Entries(cmd.Context(), func(index int64, e audit.Entry) error {
					if index < first || index >= head.Entries {
						return nil
					}
					if asJSON {
						return writeLine(out, numbered{index, e})
					}
					entries = append(entries, numbered{index, e})
					return nil
				})
				if err != nil {
					return err
				}
				if asJSON {
					return nil
				}
				return showEntries(out, entries, h.now().Location())
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().IntVar(&limit, "limit", 0, "print only the last `N` entries")
	return cmd
}

// showEntries prints entries for people, times in the given zone.
func showEntries(out io.Writer, entries []numbered, zone *time.Location) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENTRY\tTIME\tACTOR\tACTION\tOUTCOME\tPERMIT\tSNAPSHOT\tDETAILS")
	for _, e := range entries {
		if e.Pruned() {
			fmt.Fprintf(w, "%d\t-\t-\t-\tremoved\t-\t-\tits time was over\n", e.Index)
			continue
		}
		questions, err := permit.Questions(e.Entry)
		if err != nil {
			questions = []audit.Entry{e.Entry} // shown as it stands
		}
		for i, q := range questions {
			number := strconv.FormatInt(e.Index, 10)
			if len(questions) > 1 {
				number += "." + strconv.Itoa(i+1)
			}
			var details []string
			for _, k := range slices.Sorted(maps.Keys(q.Details)) {
				details = append(details, k+"="+q.Details[k])
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", number, q.Time.In(zone).Format("2006-01-02 15:04:05"),
				printable(q.Actor), printable(q.Action), printable(q.Outcome), printable(dash(q.Permit)), printable(dash(q.Snapshot)), printable(strings.Join(details, "; ")))
		}
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newAuditVerifyCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "verify HUB",
		Short: "Check the whole log against its signed checkpoint",
		Long: `Recompute the log's Merkle tree from its entries and compare it with every
stored hash, with the signed checkpoint and with what witnesses cosigned; compare
every list of persons with the entry that vouches for it. Any damage is named, and
the exit code is 7.

The log is signed by the hub's own key: whoever can read HUB/audit/key can write
another log. Keep a copy of HUB/audit/checkpoint somewhere else from time to
time: --from proves that the log grew from it. Or have witnesses keep it for you
(galien audit witness --help).`,
		Example: `  cp hub/audit/checkpoint /elsewhere/2026-03-01
  galien audit verify hub --from /elsewhere/2026-03-01`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).audit, func(h *hub, log *audit.Log) error {
				r, err := log.Verify(cmd.Context())
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				fmt.Fprintf(out, "The audit log is whole: %d entries, root %s, key %s\n", r.Entries, r.Root, r.Key)
				if r.Pruned > 0 {
					fmt.Fprintf(out, "Of %d of them, whose time was over, only the hashes are left, as announced.\n", r.Pruned)
				}
				if r.Tail > 0 {
					fmt.Fprintf(out, "%d bytes of an entry that was never acknowledged follow; the next entry settles them.\n", r.Tail)
				}
				for _, line := range witnessLines(r.Entries, r.Witnesses.Quorum, r.Cosignatures, h.now()) {
					fmt.Fprintln(out, line)
				}
				if from != "" {
					earlier, err := readInput(cmd.InOrStdin(), from)
					if err != nil {
						return err
					}
					n, err := log.Extends(cmd.Context(), earlier)
					if err != nil {
						return err
					}
					fmt.Fprintf(out, "It grew from the earlier checkpoint: the first %d entries are unchanged.\n", n)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "prove that the log grew from the checkpoint in `FILE`, a kept copy")
	return cmd
}

// writeLine prints a value as one line of JSON.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
