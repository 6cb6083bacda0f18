package main

import (
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/ledger"
)

func newLedgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Everything that the hub let out, and why a number was withheld",
		Long: `The ledger remembers every count, table and release that was asked of the hub
under a permit that lets no rows out, and every release under any, with who is
behind each number. A number that could be differenced with any of them to fewer
persons than the threshold is withheld (docs/ledger.md). What is shown here
names records, days, permits and definitions, and no number.`,
	}
	cmd.AddCommand(newLedgerListCommand(), newLedgerShowCommand())
	return cmd
}

// ledgerLine is a record of the ledger without its numbers.
type ledgerLine struct {
	Record     int64     `json:"record"`
	Time       time.Time `json:"time"`
	Actor      string    `json:"actor"`
	Action     string    `json:"action"`
	Permit     string    `json:"permit,omitempty"`
	Definition string    `json:"definition_hash,omitempty"`
	Snapshot   string    `json:"snapshot,omitempty"`
	Threshold  int64     `json:"threshold,omitempty"`
	Shown      int       `json:"shown"`
	Standing   int       `json:"standing"`
	Withheld   int       `json:"withheld"`
	// Reviewed is what left through the airlock.
	Reviewed *ledger.Reviewed `json:"reviewed,omitempty"`
}

func lineOf(r *ledger.Record) ledgerLine {
	l := ledgerLine{Record: r.Index, Time: r.Time, Actor: r.Actor, Action: r.Action, Permit: r.Permit, Definition: r.Definition, Snapshot: r.Snapshot, Threshold: r.Threshold, Reviewed: r.Reviewed}
	for _, n := range r.Numbers {
		switch n.Outcome {
		case ledger.Shown:
			l.Shown++
		case ledger.Standing:
			l.Standing++
		case ledger.Withheld:
			l.Withheld++
		}
	}
	return l
}

// short is the beginning of a hash, enough to find it.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func newLedgerListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "What was let out, when, by whom and under which permit",
		Long: `List every answer and release. Unjudged are the numbers, and the files of other
numbers, that left through the airlock and that the ledger could not judge by who
is behind them: its checks compared them with what left before, and two reviewers
read them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := ledgerRecords(cmd, args[0], "ledger list")
			if err != nil {
				return err
			}
			lines := []ledgerLine{}
			for _, r := range records {
				lines = append(lines, lineOf(r))
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), lines)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "record\ttime\tby\taction\tpermit\tdefinition\tsnapshot\tshown\tstanding\twithheld\tunjudged")
			for _, l := range lines {
				unjudged := 0
				if l.Reviewed != nil {
					unjudged = l.Reviewed.Unjudged() + l.Reviewed.Unread
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", l.Record, l.Time.Format(time.RFC3339), l.Actor, l.Action, l.Permit, short(l.Definition), short(l.Snapshot), l.Shown, l.Standing, l.Withheld, unjudged)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// ledgerNumber is what became of one number, without it.
type ledgerNumber struct {
	What    string         `json:"what"`
	Outcome ledger.Outcome `json:"outcome"`
	Reason  ledger.Reason  `json:"reason,omitempty"`
	Text    string         `json:"text,omitempty"`
	// Near is the earlier answer that is in the way.
	Near *ledgerLine `json:"near,omitempty"`
}

func newLedgerShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show HUB RECORD",
		Short: "Why the numbers of one answer were shown or withheld",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			index, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || index < 0 {
				return galien.Errorf(galien.Invalid, "%q is no record; galien ledger list numbers them from 0", args[1])
			}
			records, err := ledgerRecords(cmd, args[0], "ledger show")
			if err != nil {
				return err
			}
			if index >= int64(len(records)) {
				return galien.Errorf(galien.NotFound, "the ledger has %d records, numbered from 0", len(records))
			}
			r := records[index]
			var numbers []ledgerNumber
			for _, n := range r.Numbers {
				x := ledgerNumber{What: n.What, Outcome: n.Outcome, Reason: n.Reason}
				d := ledger.Decision{Outcome: n.Outcome, Reason: n.Reason, Since: r.Time}
				if n.Near != nil && *n.Near >= 0 && *n.Near < int64(len(records)) {
					near := lineOf(records[*n.Near])
					x.Near, d.Since = &near, near.Time
				}
				if n.Outcome == ledger.Withheld {
					x.Text = d.String()
				}
				numbers = append(numbers, x)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					ledgerLine
					Numbers []ledgerNumber `json:"numbers"`
				}{lineOf(r), numbers})
			}
			out := cmd.OutOrStdout()
			l := lineOf(r)
			fmt.Fprintf(out, "record %d, %s, %s by %s\npermit %s, definition %s, snapshot %s\n\n", l.Record, l.Time.Format(time.RFC3339), l.Action, l.Actor, l.Permit, l.Definition, l.Snapshot)
			if x := r.Reviewed; x != nil {
				fmt.Fprintf(out, "group %s version %d: %d numbers, of which %d were judged before and %d are not; %d files of other numbers that no machine compares\n", x.Group, x.Version, x.Numbers, x.Judged, x.Unjudged(), x.Unread)
				return nil
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "number\toutcome\twhy\tnear to")
			for _, n := range numbers {
				near := ""
				if n.Near != nil {
					near = fmt.Sprintf("record %d of %s, permit %s, definition %s", n.Near.Record, galien.DateOf(n.Near.Time), n.Near.Permit, short(n.Near.Definition))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(n.What), n.Outcome, n.Text, near)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// ledgerRecords reads the ledger of a hub between two entries of the audit log.
func ledgerRecords(cmd *cobra.Command, dir, action string) (records []*ledger.Record, err error) {
	h, err := openHub(dir)
	if err != nil {
		return nil, err
	}
	defer h.close()
	err = h.audited(cmd.Context(), action, func() (_ string, _ map[string]string, err error) {
		l, err := h.released()
		if err == nil {
			records, err = l.Records(cmd.Context())
		}
		return "", nil, err
	})
	return records, err
}
