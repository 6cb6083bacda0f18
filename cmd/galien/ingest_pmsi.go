package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien/lake/duck"
	"galien/source/omop"
	"galien/source/pmsi"
)

// ingestPMSI loads a hospital's PMSI files between two entries of the audit
// log.
func (h *hub) ingestPMSI(cmd *cobra.Command, files []string, name string, asJSON bool) error {
	l, err := h.lake()
	if err != nil {
		return err
	}
	v, err := h.vault()
	if err != nil {
		return err
	}
	load := pmsi.Load{
		Lake: l, Vault: v, Quarantine: h.path(quarantineDir), Files: files, Name: name, Now: h.now(),
		Engine: duck.Config{MemoryLimit: loadMemory},
	}
	var report pmsi.Report
	seconds, err := h.auditedLoad(cmd.Context(), cmd.ErrOrStderr(), func(show func(omop.Progress)) (loaded, error) {
		load.Progress = func(p pmsi.Progress) { show(omop.Progress(p)) }
		report, err = pmsi.Ingest(cmd.Context(), load)
		return loaded{report.Snapshot, report.Changed, report.Read, report.Quarantined, nil}, err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), struct {
			pmsi.Report
			Seconds float64 `json:"seconds"`
		}{report, seconds})
	}
	return printPMSI(cmd.OutOrStdout(), h.dir, report, seconds)
}

func printPMSI(w io.Writer, hub string, r pmsi.Report, seconds float64) error {
	if !r.Changed && len(r.Files) == 0 {
		_, err := fmt.Fprintf(w, "Nothing changed: snapshot %s holds these files already (%d persons).\n", r.Snapshot, r.Persons)
		return err
	}
	fmt.Fprintf(w, "%s: %d persons from %d lines, %d in quarantine, %.1f s (%.0f lines/s).\n\n",
		committed(r.Snapshot, r.Changed), r.Persons, r.Read, r.Quarantined, seconds, float64(r.Read)/max(seconds, 0.001))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "file\tformat\tlines\t")
	for _, f := range r.Files {
		fmt.Fprintf(tw, "%s\t%s\t%d\t\n", f.File, f.Format, f.Lines)
	}
	fmt.Fprintln(tw, "\t\t\t\ntable written\t\trows\t")
	for _, t := range r.Written {
		fmt.Fprintf(tw, "%s\t\t%d\t\n", t.Table, t.Rows)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	printQuarantined(w, hub, r.Reasons)
	var remarks []string
	if r.Unnumbered > 0 {
		remarks = append(remarks, fmt.Sprintf("%d stays have a VID-HOSP or ANO-HOSP line without any number of a person; each is a person of its own", r.Unnumbered))
	}
	if r.WithoutStay > 0 {
		remarks = append(remarks, fmt.Sprintf("%d VID-HOSP or ANO-HOSP lines are of stays that no RUM, RSS or RSA describes; they make no person", r.WithoutStay))
	}
	if r.Doubled > 0 {
		remarks = append(remarks, fmt.Sprintf("%d RSA are of stays that are there as RSS too; the RSS count", r.Doubled))
	}
	var odd []string
	for _, o := range r.Odd {
		odd = append(odd, fmt.Sprintf("%s %s (%d, %s)", o.Format, o.Field, o.Lines, o.Code))
	}
	if len(odd) > 0 {
		remarks = append(remarks, "values not of their field's type, in fields that the mapping does not read: "+strings.Join(odd, ", "))
	}
	printRemarks(w, remarks)
	return nil
}
