package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/lake"
	"galien/permit"
	"galien/source"
)

func newStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status HUB",
		Short: "Show what the hub holds",
		Long: `Show the hub's snapshots, the tables of the current one with their rows and
sizes, its persons, sources, vocabulary version and quarantine, and how far
witnesses have seen the audit log. The JSON form is
described in docs/formats/status.md.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			s, err := h.status()
			if err == nil {
				s.Governance, err = h.governance(cmd.Context())
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), s)
			}
			return s.print(cmd.OutOrStdout(), args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// status is what galien status says.
type status struct {
	Hub        string           `json:"hub"`
	Snapshot   string           `json:"snapshot"`
	Persons    int64            `json:"persons"`
	Rows       int64            `json:"rows"`
	Bytes      int64            `json:"bytes"`
	Vocabulary string           `json:"vocabulary"`
	Sources    []sourceStatus   `json:"sources"`
	Tables     []tableStatus    `json:"tables"`
	Quarantine quarantineStatus `json:"quarantine"`
	Snapshots  []snapshotStatus `json:"snapshots"`
	Audit      auditStatus      `json:"audit"`
	Governance governance       `json:"governance"`
}

type auditStatus struct {
	Entries   int64           `json:"entries"`
	Quorum    int             `json:"quorum"`
	Witnesses []witnessStatus `json:"witnesses"`
	lines     []string        // the same for people
}

type witnessStatus struct {
	Name    string    `json:"name"`
	Entries int64     `json:"entries"` // that it has seen
	Time    time.Time `json:"time"`    // when; zero when it has cosigned nothing
}

func (h *hub) auditStatus() (s auditStatus, err error) {
	log, err := h.audit()
	if err != nil {
		return s, err
	}
	head, err := log.Head()
	if err != nil {
		return s, err
	}
	w, err := log.Witnesses()
	if err != nil {
		return s, err
	}
	all, err := log.Cosignatures()
	if err != nil {
		return s, err
	}
	s = auditStatus{Entries: head.Entries, Quorum: w.Quorum, Witnesses: []witnessStatus{}, lines: witnessLines(head.Entries, w.Quorum, all, h.now())}
	for _, c := range all {
		s.Witnesses = append(s.Witnesses, witnessStatus{c.Witness, c.Entries, c.Time})
	}
	return s, nil
}

// governance says how a hub is governed, and what its permits rest on.
type governance struct {
	Governed bool `json:"governed"`
	// Permits counts those of each state, Ungoverned those in force that were
	// granted in an ungoverned hub, and Overdue those with a legal time that passed.
	Permits    map[permit.State]int `json:"permits"`
	Ungoverned int                  `json:"permits_granted_ungoverned"`
	Overdue    int                  `json:"permits_overdue"`
}

func (h *hub) governance(ctx context.Context) (governance, error) {
	g := governance{Permits: map[permit.State]int{}}
	store, err := h.permits()
	if err != nil {
		return g, err
	}
	roles, err := store.Roles(ctx)
	if err != nil {
		return g, err
	}
	permits, err := store.List(ctx)
	if err != nil {
		return g, err
	}
	g.Governed = roles.Governed
	now := h.now()
	for _, p := range permits {
		state := p.State(now)
		g.Permits[state]++
		if p.Ungoverned() && state == permit.Active {
			g.Ungoverned++
		}
		if d, ok := p.Due(now); ok && d.Late(galien.DateOf(now)) > 0 {
			g.Overdue++
		}
	}
	return g, nil
}

// print says it in sentences.
func (g governance) print(w io.Writer) {
	word := "ungoverned (nobody holds a role)"
	if g.Governed {
		word = "governed"
	}
	fmt.Fprintf(w, "The hub is %s.", word)
	for i, state := range slices.Sorted(maps.Keys(g.Permits)) {
		if i == 0 {
			fmt.Fprint(w, " Permits:")
		} else {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %d %s", g.Permits[state], state)
	}
	if len(g.Permits) > 0 {
		fmt.Fprint(w, ".")
	}
	if g.Ungoverned > 0 {
		fmt.Fprintf(w, " %d granted in an ungoverned hub.", g.Ungoverned)
	}
	if g.Overdue > 0 {
		fmt.Fprintf(w, " %d overdue: galien permit list.", g.Overdue)
	}
	fmt.Fprintln(w)
}

type sourceStatus struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	CDMVersion  string `json:"cdm_version"`
	Quarantined int64  `json:"quarantined"`
	// Rules say what each cleaning rule did; Without are those switched off.
	Rules   []lake.RuleCount `json:"rules,omitempty"`
	Without []string         `json:"without,omitempty"`
}

type tableStatus struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

type quarantineStatus struct {
	Rows   int64          `json:"rows"`
	Counts []source.Count `json:"counts"`
}

type snapshotStatus struct {
	ID     string    `json:"id"`
	Parent string    `json:"parent"`
	Time   time.Time `json:"time"`
	Note   string    `json:"note"`
	// PurgedAs is the id of what is left of it, after persons were purged.
	PurgedAs string `json:"purged_as,omitempty"`
}

func (h *hub) status() (status, error) {
	s := status{Hub: h.dir, Sources: []sourceStatus{}, Tables: []tableStatus{}, Snapshots: []snapshotStatus{},
		Quarantine: quarantineStatus{Counts: []source.Count{}}}
	l, err := h.lake()
	if err != nil {
		return s, err
	}
	history, err := l.History()
	if err != nil {
		return s, err
	}
	became := lake.Became(history)
	for _, c := range history {
		s.Snapshots = append(s.Snapshots, snapshotStatus{c.Snapshot, c.Parent, c.Time, c.Note, became[c.Snapshot]})
	}
	if s.Audit, err = h.auditStatus(); err != nil {
		return s, err
	}
	snap, err := l.Current()
	if galien.KindOf(err) == galien.NotFound {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Snapshot, s.Persons, s.Vocabulary = snap.ID, snap.Manifest.Persons, snap.Manifest.Vocabulary
	for _, src := range snap.Manifest.Sources {
		s.Sources = append(s.Sources, sourceStatus{src.Name, src.Kind, src.CDMVersion, src.Quarantined, src.Rules, src.Without})
	}
	for _, t := range snap.Manifest.Tables {
		ts := tableStatus{Name: t.Name, Rows: t.Rows, Bytes: tableBytes(t)}
		s.Rows += ts.Rows
		s.Bytes += ts.Bytes
		s.Tables = append(s.Tables, ts)
	}
	q, err := h.quarantineOf(snap, 1)
	if err != nil {
		return s, err
	}
	s.Quarantine = quarantineStatus{q.Rows, q.Counts}
	return s, nil
}

// tableBytes is the size of all copies of a table.
func tableBytes(t lake.Table) (n int64) {
	for _, f := range t.Files {
		n += f.Bytes + f.Removed.Bytes
	}
	return n
}

func (s status) print(w io.Writer, hub string) error {
	if s.Snapshot == "" {
		_, err := fmt.Fprintf(w, "The hub %s holds no snapshot yet. Next: galien ingest %s KIND DIR, where KIND is omop, snds or pmsi\n", hub, hub)
		s.Governance.print(w)
		return err
	}
	fmt.Fprintf(w, "Snapshot %s: %d persons, %d rows, %s. Vocabulary %s.\n", s.Snapshot, s.Persons, s.Rows, size(s.Bytes), orNone(s.Vocabulary))
	for _, src := range s.Sources {
		fmt.Fprintf(w, "Source %s (%s, CDM %s): %d rows in quarantine.\n", src.Name, src.Kind, orNone(src.CDMVersion), src.Quarantined)
	}
	printReasons(w, s.Quarantine.Counts)
	s.Governance.print(w)
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "table\trows\tsize\t")
	empty := 0
	for _, t := range s.Tables {
		if t.Rows == 0 {
			empty++
			continue
		}
		fmt.Fprintf(tw, "%s\t%d\t%s\t\n", t.Name, t.Rows, size(t.Bytes))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if empty > 0 {
		fmt.Fprintf(w, "and %d tables without rows\n", empty)
	}
	for _, src := range s.Sources {
		if len(src.Rules) == 0 {
			continue
		}
		fmt.Fprintf(w, "\nCleaning rules of %s (galien source rules %s says what they are):\n", src.Name, src.Kind)
		if err := printRules(w, src.Rules, src.Without); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\nAudit log: %d entries.\n", s.Audit.Entries)
	for _, line := range s.Audit.lines {
		fmt.Fprintf(w, "  %s\n", line)
	}
	fmt.Fprintln(w, "\nSnapshots, oldest first:")
	for _, c := range s.Snapshots {
		purged := ""
		if c.PurgedAs != "" {
			purged = " (no more: persons were purged from it, and " + c.PurgedAs + " is left)"
		}
		fmt.Fprintf(w, "  %s  %s  %s%s\n", c.ID, c.Time.UTC().Format("2006-01-02 15:04:05Z"), c.Note, purged)
	}
	return nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
