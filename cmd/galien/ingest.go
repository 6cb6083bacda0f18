package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/lake/duck"
	"galien/source"
	"galien/source/omop"
	"galien/source/pmsi"
	"galien/source/snds"
)

// loadMemory bounds the engine that sorts a load; the rest goes to the disk.
const loadMemory = "2GiB"

// claimsMemory bounds it for claims, of which one table may be larger than all
// other sources: with what the program itself takes, a load stays below 8 GiB.
const claimsMemory = "5GiB"

func newIngestCommand() *cobra.Command {
	var name string
	var without []string
	var afresh, asJSON bool
	cmd := &cobra.Command{
		Use:   "ingest HUB omop|snds DIR, or ingest HUB pmsi FILE...",
		Short: "Read OMOP CDM tables, SNDS extract files or a hospital's PMSI files, and commit one snapshot",
		Long: `With omop, read the OMOP CDM tables (5.3 or 5.4, vocabulary tables included) in the folder
or zip file DIR, and commit one snapshot. A table is a file with its name, in any
letter case: .csv, .csv.gz or .parquet; the separator may be a comma, a tab, a
semicolon or a bar. Tables that are in DIR replace those of the hub, the others
stay.

A row that cannot be kept goes to the quarantine (galien quarantine) with its
file, line, field and reason. A truncated file, a table twice or a missing key
column stops the whole load: nothing is committed. The same content a second time
changes nothing.

With snds, read the extract files of the French claims data (DCIR, PMSI,
references, causes of death) in DIR and the folders within it: CSV, plain or
gzip, named after their tables, such as ER_PRS_F_201901.csv.gz or T_MCO19C.csv.
They are cleaned by named rules (galien source rules snds) and mapped to OMOP. A
flux month of the claims, a year of the hospital's and a reference table replace
what the hub had of the same month, year and name; the rest stays, and the new
month corrects the care that its lines are about. --afresh makes the snapshot of
this delivery alone; --without D16 switches a rule off. Tables that are not read
are set aside by name.

With pmsi, read the fixed-width files of a hospital: RUM, RSS or RSA, with the
VID-HOSP or ANO-HOSP of the same stays, and the TRA of the RSA, in any version and
any order; the kind and version of each line are found from the line. They replace
what the hub had. A stay that is there as RSS and as RSA counts once, as RSS.`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] != omop.Kind && args[1] != snds.Kind && args[1] != pmsi.Kind {
				return galien.Errorf(galien.Invalid, "ingest: %q is no kind of source; this galien reads: omop, snds, pmsi", args[1])
			}
			if args[1] != pmsi.Kind && len(args) > 3 {
				return galien.Errorf(galien.Invalid, "ingest: %s is read from one folder, and %d are named", args[1], len(args)-2)
			}
			if args[1] != snds.Kind && len(without) > 0 {
				return galien.Errorf(galien.Invalid, "ingest: --without is for snds; the source %s has no named rules", args[1])
			}
			if args[1] != snds.Kind && afresh {
				return galien.Errorf(galien.Invalid, "ingest: --afresh is for snds; what %s brings replaces what the hub had in any case", args[1])
			}
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			if !cmd.Flags().Changed("name") {
				name = args[1]
			}
			if args[1] == snds.Kind {
				return h.ingestClaims(cmd, args[2], name, without, afresh, asJSON)
			}
			if args[1] == pmsi.Kind {
				return h.ingestPMSI(cmd, args[2:], name, asJSON)
			}
			report, seconds, err := h.ingest(cmd.Context(), args[2], name, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					omop.Report
					Seconds float64 `json:"seconds"`
				}{report, seconds})
			}
			return printIngest(cmd.OutOrStdout(), args[0], report, seconds)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what the hub calls the source (default: its kind)")
	cmd.Flags().StringSliceVar(&without, "without", nil, "snds: cleaning rules to switch off, such as D16,M04")
	cmd.Flags().BoolVar(&afresh, "afresh", false, "snds: drop what earlier deliveries brought and this one does not")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// ingest loads a delivery between two entries of the audit log.
func (h *hub) ingest(ctx context.Context, dir, name string, stderr io.Writer) (report omop.Report, seconds float64, err error) {
	load, err := h.load(dir, name)
	if err != nil {
		return report, 0, err
	}
	seconds, err = h.auditedLoad(ctx, stderr, func(show func(omop.Progress)) (loaded, error) {
		load.Progress = show
		report, err = omop.Ingest(ctx, load)
		return loaded{report.Snapshot, report.Changed, report.Read, report.Quarantined, nil}, err
	})
	return report, seconds, err
}

// loaded is what the audit log says of a load.
type loaded struct {
	snapshot          string
	changed           bool
	read, quarantined int64
	more              map[string]string
}

// auditedLoad runs a load of any kind between two entries of the audit log,
// shows its progress, and returns how long it took.
func (h *hub) auditedLoad(ctx context.Context, stderr io.Writer, run func(show func(omop.Progress)) (loaded, error)) (seconds float64, err error) {
	show := showLoad(stderr)
	err = h.audited(ctx, "ingest", func() (string, map[string]string, error) {
		if err := h.vaultFollowsLake(ctx); err != nil {
			return "", nil, err
		}
		began := time.Now()
		l, err := run(show)
		show(omop.Progress{Step: "end"})
		seconds = time.Since(began).Seconds()
		details := map[string]string{"changed": fmt.Sprint(l.changed), "rows": fmt.Sprint(l.read), "quarantined": fmt.Sprint(l.quarantined)}
		maps.Copy(details, l.more)
		if err == nil {
			err = h.noteGeneration(ctx)
		}
		return l.snapshot, details, err
	})
	return seconds, err
}

// vaultFollowsLake fails with Corrupt when the vault or the ledger is an older
// copy than the rest of the hub, and when the lake has a person whose key the
// vault has not given yet: the vault would give that key to someone else. It
// fails with Conflict while persons who were forgotten are still in the lake.
func (h *hub) vaultFollowsLake(ctx context.Context) error {
	v, err := h.vault()
	if err != nil {
		return err
	}
	s, err := v.Status(ctx)
	if err != nil {
		return err
	}
	if s.ToPurge > 0 {
		return galien.Errorf(galien.Conflict, "%d persons were forgotten, and the lake still has their rows: galien purge %s first", s.ToPurge, h.dir)
	}
	if s.RowsToPurge > 0 {
		return galien.Errorf(galien.Conflict, "galien vault forget was interrupted: give it again with the same numbers, and then galien purge %s", h.dir)
	}
	if err := h.lakeFollowed(ctx, s.Given()); err != nil {
		return err
	}
	return h.notBehind(ctx)
}

// lakeFollowed fails with Corrupt when the lake has a person whose key is beyond
// those that the vault has given.
func (h *hub) lakeFollowed(ctx context.Context, given int64) error {
	snap, err := h.snapshot()
	if galien.KindOf(err) == galien.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ok := snap.Table("person"); !ok {
		return nil
	}
	var last int64
	err = snap.Read(ctx, "person", []string{"person_id"}, func(row []any) error {
		key, _ := row[0].(int64)
		last = max(last, key)
		return nil
	})
	if err != nil {
		return err
	}
	if last > given {
		return galien.Errorf(galien.Corrupt, "ingest: the vault is older than the lake: it has given %d person keys, and the lake has up to %d; restore vault/ and lake/ from the same copy", given, last)
	}
	return nil
}

// load returns what a load of an OMOP source needs of the hub.
func (h *hub) load(dir, name string) (omop.Load, error) {
	l, err := h.lake()
	if err != nil {
		return omop.Load{}, err
	}
	v, err := h.vault()
	if err != nil {
		return omop.Load{}, err
	}
	return omop.Load{
		Lake: l, Vault: v, Quarantine: h.path(quarantineDir), Dir: dir, Name: name, Now: h.now(),
		Engine: duck.Config{MemoryLimit: loadMemory},
	}, nil
}

// audited does what changes the hub between an entry that says that it began
// and one that says how it ended. What cannot be written down is not begun.
func (h *hub) audited(ctx context.Context, action string, do func() (snapshot string, details map[string]string, err error)) error {
	log, err := h.audit()
	if err != nil {
		return err
	}
	entry := audit.Entry{Time: h.now(), Actor: h.actor, Action: action, Outcome: "started"}
	if _, err := log.Append(ctx, entry); err != nil {
		return err
	}
	snapshot, details, err := do()
	if err != nil && h.vaultOpen != nil {
		if lost := h.vaultOpen.Lost(); lost != nil {
			err = lost
		}
	}
	entry.Time, entry.Outcome, entry.Snapshot, entry.Details = h.now(), "done", snapshot, details
	if err != nil {
		entry.Outcome, entry.Snapshot, entry.Details = "failed", "", map[string]string{"kind": galien.KindOf(err).String()}
	}
	// An interrupted load is written down too.
	_, logErr := log.Append(context.WithoutCancel(ctx), entry)
	if err != nil {
		return err
	}
	return logErr
}

// showLoad shows the steps of a load, each with a bar of its own; the step "end"
// takes the last one away.
func showLoad(w io.Writer) func(omop.Progress) {
	step, bar := "", &progress{}
	return func(p omop.Progress) {
		if p.Step != step {
			bar.finish()
			step = p.Step
			switch step {
			case "check":
				bar = newProgress(w, "checking files", "MiB")
			case "read":
				bar = newProgress(w, "reading", "MiB")
			case "write":
				bar = newProgress(w, "writing", "rows")
			default:
				bar = &progress{}
			}
		}
		switch step {
		case "read":
			bar.describe(fmt.Sprintf("reading, %d rows,", p.Rows))
			bar.set(p.Done>>20, p.Total>>20)
		case "check":
			bar.set(p.Done>>20, p.Total>>20)
		case "write":
			bar.set(p.Done, p.Total)
		}
	}
}

func printIngest(w io.Writer, hub string, r omop.Report, seconds float64) error {
	if !r.Changed && len(r.Tables) == 0 {
		_, err := fmt.Fprintf(w, "Nothing changed: snapshot %s holds this content already (%d persons).\n", r.Snapshot, r.Persons)
		return err
	}
	fmt.Fprintf(w, "%s: %d persons, %d rows kept of %d, %d in quarantine, %.1f s (%.0f rows/s).\n",
		committed(r.Snapshot, r.Changed), r.Persons, r.Kept, r.Read, r.Quarantined, seconds, float64(r.Read)/max(seconds, 0.001))
	fmt.Fprintf(w, "Source %s, OMOP CDM %s, vocabulary %s.\n\n", r.Source, orNone(r.CDMVersion), orNone(r.Vocabulary))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "table\trows read\tkept\tin quarantine\t")
	empty := 0
	for _, t := range r.Tables {
		if t.Read == 0 {
			empty++
			continue
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t\n", t.Table, t.Read, t.Kept, t.Quarantined)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if empty > 0 {
		fmt.Fprintf(w, "and %d tables without rows\n", empty)
	}
	var reasons []source.Count
	for _, t := range r.Tables {
		reasons = append(reasons, t.Reasons...)
	}
	printQuarantined(w, hub, reasons)
	printRemarks(w, remarksOf(hub, r))
	return nil
}

// committed says in words what became of a load.
func committed(snapshot string, changed bool) string {
	if !changed {
		return "Nothing changed: snapshot " + snapshot + " holds this content already"
	}
	return "Committed snapshot " + snapshot
}

func orNone(s string) string {
	if s == "" {
		return "(not stated)"
	}
	return s
}

// printQuarantined prints where rows were not kept, and why, if any.
func printQuarantined(w io.Writer, hub string, reasons []source.Count) {
	if len(reasons) > 0 {
		fmt.Fprintf(w, "\nIn quarantine (galien quarantine %s lists them):\n", hub)
		printReasons(w, reasons)
	}
}

// printReasons says where rows failed and why; what failed alike in several files
// of a table is one line.
func printReasons(w io.Writer, reasons []source.Count) {
	type failure struct {
		table, field string
		code         source.Code
	}
	alike := map[failure][]source.Count{}
	var order []failure
	for _, c := range reasons {
		f := failure{c.Table, c.Field, c.Code}
		if alike[f] == nil {
			order = append(order, f)
		}
		alike[f] = append(alike[f], c)
	}
	for _, f := range order {
		var rows int64
		for _, c := range alike[f] {
			rows += c.Rows
		}
		where := alike[f][0].File
		if n := len(alike[f]); n > 1 {
			where = fmt.Sprintf("%s and %d more files", where, n-1)
		}
		if f.field != "" {
			where += ", " + f.field
		}
		fmt.Fprintf(w, "  %d rows of %s: %s (%s)\n", rows, where, f.code, f.code.Reason())
	}
}

// printRemarks prints what was done in silence otherwise, if anything.
func printRemarks(w io.Writer, remarks []string) {
	if len(remarks) > 0 {
		fmt.Fprintln(w, "\nRemarks:")
	}
	for _, m := range remarks {
		fmt.Fprintln(w, "  "+m)
	}
}

func remarksOf(hub string, r omop.Report) (remarks []string) {
	for _, t := range r.Tables {
		if t.UnknownPersons > 0 {
			remarks = append(remarks, fmt.Sprintf("%s speaks of %d persons that PERSON lacks", t.File, t.UnknownPersons))
		}
		if t.SharedKeys > 0 {
			remarks = append(remarks, fmt.Sprintf("%s has %d rows whose key a row of another person has too; they were kept", t.File, t.SharedKeys))
		}
		if len(t.UnknownColumns) > 0 {
			remarks = append(remarks, fmt.Sprintf("%s: columns that the model lacks were ignored: %s", t.File, strings.Join(t.UnknownColumns, ", ")))
		}
		for _, c := range slices.Sorted(maps.Keys(t.EmptyRequired)) {
			remarks = append(remarks, fmt.Sprintf("%s: %s is empty in %d rows although the model requires it; they were kept", t.File, c, t.EmptyRequired[c]))
		}
	}
	if len(r.Ignored) > 0 {
		remarks = append(remarks, "no table of the model, ignored: "+strings.Join(r.Ignored, ", "))
	}
	if r.Waiting > 0 {
		remarks = append(remarks, fmt.Sprintf("%d rows of earlier loads can be kept now: galien quarantine %s --replay", r.Waiting, hub))
	}
	return remarks
}
