package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien/lake"
	"galien/lake/duck"
	"galien/source/omop"
	"galien/source/snds"
)

// ingestClaims loads SNDS extract files between two entries of the audit log.
func (h *hub) ingestClaims(cmd *cobra.Command, dir, name string, without []string, afresh, asJSON bool) error {
	l, err := h.lake()
	if err != nil {
		return err
	}
	v, err := h.vault()
	if err != nil {
		return err
	}
	load := snds.Load{
		Lake: l, Vault: v, Quarantine: h.path(quarantineDir), Dir: dir, Name: name, Without: without, Afresh: afresh, Now: h.now(),
		Engine: duck.Config{MemoryLimit: claimsMemory},
	}
	var report snds.Report
	seconds, err := h.auditedLoad(cmd.Context(), cmd.ErrOrStderr(), func(show func(omop.Progress)) (loaded, error) {
		load.Progress = func(p snds.Progress) { show(omop.Progress(p)) }
		report, err = snds.Ingest(cmd.Context(), load)
		return loaded{report.Snapshot, report.Changed, report.Read, report.Quarantined, map[string]string{"without": strings.Join(report.Without, " ")}}, err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), struct {
			snds.Report
			Seconds float64 `json:"seconds"`
		}{report, seconds})
	}
	return printClaims(cmd.OutOrStdout(), h.dir, report, seconds)
}

func printClaims(w io.Writer, hub string, r snds.Report, seconds float64) error {
	if !r.Changed && len(r.Files) == 0 {
		_, err := fmt.Fprintf(w, "Nothing changed: snapshot %s holds these files already (%d persons).\n", r.Snapshot, r.Persons)
		return err
	}
	fmt.Fprintf(w, "%s: %d persons from %d rows, %d in quarantine, %.1f s (%.0f rows/s).\n\n",
		committed(r.Snapshot, r.Changed), r.Persons, r.Read, r.Quarantined, seconds, float64(r.Read)/max(seconds, 0.001))
	if r.Grown {
		fmt.Fprint(w, "The lake grew: only the care that the delivery touches was mapped anew.\n\n")
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "table read\tfiles\trows\tin quarantine\t")
	for _, t := range r.Files {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t\n", t.Table, t.Files, t.Read, t.Quarantined)
	}
	fmt.Fprintln(tw, "\t\t\t\t\ntable written\t\trows\t\t")
	for _, t := range r.Written {
		fmt.Fprintf(tw, "%s\t\t%d\t\t\n", t.Table, t.Rows)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := printRules(w, r.Rules, r.Without); err != nil {
		return err
	}
	printQuarantined(w, hub, r.Reasons)
	printClaimRemarks(w, r)
	return nil
}

// printRules prints what each cleaning rule did.
func printRules(w io.Writer, counts []lake.RuleCount, without []string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "rule\ttable\trows\tremoved")
	for _, c := range counts {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\n", c.Rule, c.Table, c.Touched, c.Removed)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(without) > 0 {
		fmt.Fprintf(w, "Switched off: %s.\n", strings.Join(without, ", "))
	}
	return nil
}

// printClaimRemarks prints what was done in silence otherwise.
func printClaimRemarks(w io.Writer, r snds.Report) {
	var remarks []string
	for _, t := range r.Files {
		if len(t.UnknownColumns) > 0 {
			remarks = append(remarks, fmt.Sprintf("%s: columns that the published table lacks were set aside: %s", t.Table, strings.Join(t.UnknownColumns, ", ")))
		}
		if len(t.MissingColumns) > 0 {
			remarks = append(remarks, fmt.Sprintf("%s: missing from some file, and taken as empty: %s", t.Table, strings.Join(t.MissingColumns, ", ")))
		}
		if t.Latin1 > 0 {
			remarks = append(remarks, fmt.Sprintf("%s: %d files are not UTF-8 and were read as ISO-8859-1", t.Table, t.Latin1))
		}
	}
	if len(r.SetAside) > 0 {
		remarks = append(remarks, "tables that are not read yet, set aside: "+strings.Join(r.SetAside, ", "))
	}
	if len(r.Ignored) > 0 {
		remarks = append(remarks, "no table of the SNDS, ignored: "+strings.Join(r.Ignored, ", "))
	}
	printRemarks(w, remarks)
}
