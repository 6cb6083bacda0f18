package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/lake"
	"galien/source"
	"galien/source/omop"
)

func newQuarantineCommand() *cobra.Command {
	var asJSON, again bool
	var limit int
	cmd := &cobra.Command{
		Use:   "quarantine HUB",
		Short: "List and count the rows that could not be kept, or try them again",
		Long: `List the rows of the current snapshot's sources that could not be kept, by file,
line, field and reason, and count them. What stands in a row is never shown: its
text is in the vault.

With --replay, read them again against the persons and rows that the hub has now
(PERSON may have come since) and commit a snapshot with those that can be kept.
This is for OMOP files: for claims and a hospital's files, bring what the reasons
ask for and ingest the delivery again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return galien.Errorf(galien.Invalid, "--limit must be 0 (every row) or more")
			}
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			if again {
				return h.replay(cmd.Context(), asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			q, err := h.quarantine(limit)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), q)
			}
			return q.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&again, "replay", false, "try the rows again")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many rows to list; 0 lists all")
	return cmd
}

// quarantined is the quarantine as it is shown.
type quarantined struct {
	Snapshot string             `json:"snapshot"`
	Rows     int64              `json:"rows"`
	Counts   []source.Count     `json:"counts"`
	Listed   []source.Rejection `json:"listed"`
}

// quarantine reads the index of the current snapshot; at most limit rows are
// listed, all when it is 0.
func (h *hub) quarantine(limit int) (quarantined, error) {
	s, err := h.snapshot()
	if err != nil {
		return quarantined{}, err
	}
	return h.quarantineOf(s, limit)
}

func (h *hub) quarantineOf(s *lake.Snapshot, limit int) (quarantined, error) {
	q := quarantined{Snapshot: s.ID, Counts: []source.Count{}, Listed: []source.Rejection{}}
	counts := source.Tally{}
	for _, src := range s.Manifest.Sources {
		err := source.ReadIndex(h.path(quarantineDir), src.Quarantine, func(r source.Rejection) error {
			q.Rows++
			counts.Add(r)
			if limit == 0 || len(q.Listed) < limit {
				q.Listed = append(q.Listed, r)
			}
			return nil
		})
		if err != nil {
			return q, err
		}
	}
	q.Counts = counts.Counts()
	return q, nil
}

func (q quarantined) print(w io.Writer) error {
	if q.Rows == 0 {
		_, err := fmt.Fprintf(w, "No row is in quarantine (snapshot %s).\n", q.Snapshot)
		return err
	}
	fmt.Fprintf(w, "%d rows are in quarantine (snapshot %s):\n", q.Rows, q.Snapshot)
	printReasons(w, q.Counts)
	if len(q.Listed) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "file\tline\tfield\treason")
	for _, r := range q.Listed {
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", r.File, r.Line, orDash(r.Field), r.Code)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if left := q.Rows - int64(len(q.Listed)); left > 0 {
		fmt.Fprintf(w, "and %d more (--limit 0 lists all)\n", left)
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// replay tries the quarantine again between two entries of the audit log.
func (h *hub) replay(ctx context.Context, asJSON bool, stdout, stderr io.Writer) error {
	if s, err := h.snapshot(); err == nil && slices.ContainsFunc(s.Manifest.Sources, func(src lake.Source) bool { return src.Kind != omop.Kind }) {
		return galien.Errorf(galien.Invalid, "quarantine replay: only rows of OMOP files are tried again one by one; for claims and a hospital's files, bring what the reasons ask for (galien quarantine %s) and galien ingest the delivery again", h.dir)
	}
	load, err := h.load("", "")
	if err != nil {
		return err
	}
	load.Progress = showLoad(stderr)
	var report omop.ReplayReport
	err = h.audited(ctx, "quarantine replay", func() (string, map[string]string, error) {
		if err := h.vaultFollowsLake(ctx); err != nil {
			return "", nil, err
		}
		report, err = omop.Replay(ctx, load)
		load.Progress(omop.Progress{Step: "end"})
		return report.Snapshot, map[string]string{"recovered": fmt.Sprint(report.Recovered), "quarantined": fmt.Sprint(report.Quarantined)}, err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(stdout, report)
	}
	if report.Recovered == 0 {
		_, err := fmt.Fprintf(stdout, "Nothing changed: none of %d rows in quarantine can be kept yet.\n", report.Tried)
		return err
	}
	fmt.Fprintf(stdout, "Committed snapshot %s: %d of %d rows recovered, %d left in quarantine.\n",
		report.Snapshot, report.Recovered, report.Tried, report.Quarantined)
	for _, t := range slices.Sorted(maps.Keys(report.Tables)) {
		fmt.Fprintf(stdout, "  %s: %d\n", t, report.Tables[t])
	}
	return nil
}
