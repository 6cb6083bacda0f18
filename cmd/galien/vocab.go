package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/source/omop"
	"galien/vocab"
)

func newVocabCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vocab",
		Short: "Load vocabularies, and show the ledger of their licences",
	}
	cmd.AddCommand(newVocabLoadCommand(), newVocabListCommand())
	return cmd
}

func newVocabLoadCommand() *cobra.Command {
	var accepted []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load HUB DIR [--accept-licence VOCAB,...]",
		Short: "Load an Athena download beside the local concepts, and commit one snapshot",
		Long: `Read the vocabulary files of an Athena download in DIR, a folder or the zip file
itself: CONCEPT, CONCEPT_RELATIONSHIP, CONCEPT_ANCESTOR and VOCABULARY, and where
they are there DOMAIN, CONCEPT_CLASS, RELATIONSHIP, CONCEPT_SYNONYM and
DRUG_STRENGTH. They replace what an earlier load brought; the local concepts of
French codes stay. Events of French sources whose code Athena maps get the
standard concept, and keep their code and local concept as the source's.

A row that cannot be read, or is there twice, stops the load with its file, line
and field: nothing is committed. The same files again change nothing.

A vocabulary that needs a licence (SNOMED, CPT4, MedDRA, ...) is refused by name.
--accept-licence SNOMED states that you hold one that covers its use in this hub;
the ledger keeps who stated it and when.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			report, seconds, err := h.loadVocabulary(cmd, args[1], accepted)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					vocab.Report
					Seconds float64 `json:"seconds"`
				}{report, seconds})
			}
			return printVocabulary(cmd.OutOrStdout(), report, seconds)
		},
	}
	cmd.Flags().StringSliceVar(&accepted, "accept-licence", nil, "vocabularies whose licence you state to hold, such as SNOMED,CPT4")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// loadVocabulary loads vocabularies between two entries of the audit log.
func (h *hub) loadVocabulary(cmd *cobra.Command, dir string, accepted []string) (report vocab.Report, seconds float64, err error) {
	l, err := h.lake()
	if err != nil {
		return report, 0, err
	}
	show := showLoad(cmd.ErrOrStderr())
	load := vocab.Load{
		Lake: l, Dir: dir, Ledger: h.path(ledgerFile), By: h.actor, Accepted: accepted, Now: h.now(),
		Engine:   duck.Config{MemoryLimit: loadMemory},
		Progress: func(p vocab.Progress) { show(omop.Progress(p)) },
	}
	err = h.audited(cmd.Context(), "vocab load", func() (string, map[string]string, error) {
		began := time.Now()
		report, err = vocab.Ingest(cmd.Context(), load)
		show(omop.Progress{Step: "end"})
		seconds = time.Since(began).Seconds()
		var loaded []string
		for _, v := range report.Vocabularies {
			loaded = append(loaded, v.ID)
		}
		return report.Snapshot, map[string]string{
			"changed":      fmt.Sprint(report.Changed),
			"delivery":     report.Delivery,
			"vocabularies": strings.Join(loaded, ", "),
			"accepted":     strings.Join(report.Accepted, ", "),
		}, err
	})
	return report, seconds, err
}

func printVocabulary(w io.Writer, r vocab.Report, seconds float64) error {
	if !r.Changed {
		_, err := fmt.Fprintf(w, "Nothing changed: snapshot %s holds these vocabularies already.\n", r.Snapshot)
		return err
	}
	fmt.Fprintf(w, "Committed snapshot %s: %d vocabularies, version %s, %.1f s.\n\n", r.Snapshot, len(r.Vocabularies), printable(orNone(r.Version)), seconds)
	if err := printLoaded(w, r.Vocabularies, r.Accepted); err != nil {
		return err
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "table read\trows\t")
	for _, t := range r.Tables {
		if t.File != "" {
			fmt.Fprintf(tw, "%s\t%d\t\n", t.Table, t.Rows)
		}
	}
	if len(r.Systems) > 0 {
		fmt.Fprintln(tw, "\t\t\t\t\nFrench codes of the hub\tcodes\tin Athena\twith a standard concept\t")
	}
	for _, s := range r.Systems {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t\n", printable(s.System), s.Codes, s.InAthena, s.Standard)
	}
	if len(r.Events) > 0 {
		fmt.Fprintln(tw, "\t\t\t\nevents\twith a standard concept\tof them further ones\t")
	}
	for _, e := range r.Events {
		fmt.Fprintf(tw, "%s\t%d\t%d\t\n", e.Table, e.Standard, e.Further)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if t.File == "" {
			fmt.Fprintf(w, "%s: no file, so it has no row.\n", t.Table)
		}
		if len(t.UnknownColumns) > 0 {
			fmt.Fprintf(w, "%s: columns that the model lacks were not read: %s\n", t.Table, printable(strings.Join(t.UnknownColumns, ", ")))
		}
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintf(w, "No table of a vocabulary, not read: %s\n", printable(strings.Join(r.Ignored, ", ")))
	}
	return nil
}

// printLoaded prints vocabularies, each with its licence.
func printLoaded(w io.Writer, loaded []lake.Vocabulary, accepted []string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "vocabulary\tversion\tconcepts\tlicence")
	for _, v := range loaded {
		licence := v.Licence
		for _, a := range accepted {
			if a == v.ID {
				licence += ", accepted"
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\n", printable(v.ID), printable(orNone(v.Version)), v.Concepts, licence)
	}
	return tw.Flush()
}

// licensed returns the vocabularies of a snapshot that need a licence.
func licensed(s *lake.Snapshot) (names []string) {
	if s.Manifest.Vocabularies != nil {
		for _, v := range s.Manifest.Vocabularies.Loaded {
			if vocab.Licence(v.Licence).Needed() {
				names = append(names, v.ID)
			}
		}
	}
	return names
}

func newVocabListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "Show the vocabularies of the hub and the ledger of their licences",
		Long: `Show the vocabularies that the current snapshot holds with their version and
licence, and the ledger of all loads: when, by whom, from which files, and whose
licence was accepted. The JSON form is described in docs/formats/vocabularies.md.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			list, err := h.vocabularies()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), list)
			}
			return list.print(cmd.OutOrStdout(), args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// vocabularyList is what galien vocab list says.
type vocabularyList struct {
	// Snapshot and Delivery are empty in a hub without vocabularies of its own.
	Snapshot     string            `json:"snapshot"`
	Delivery     string            `json:"delivery"`
	Version      string            `json:"version"`
	Vocabularies []lake.Vocabulary `json:"vocabularies"`
	Ledger       []vocab.Entry     `json:"ledger"`
}

func (h *hub) vocabularies() (vocabularyList, error) {
	list := vocabularyList{Vocabularies: []lake.Vocabulary{}, Ledger: []vocab.Entry{}}
	entries, err := vocab.ReadLedger(h.path(ledgerFile))
	if err != nil {
		return list, err
	}
	list.Ledger = append(list.Ledger, entries...)
	s, err := h.snapshot()
	if galien.KindOf(err) == galien.NotFound {
		return list, nil
	}
	if err != nil {
		return list, err
	}
	if v := s.Manifest.Vocabularies; v != nil {
		list.Snapshot, list.Delivery, list.Version, list.Vocabularies = s.ID, v.Delivery, s.Manifest.Vocabulary, v.Loaded
	}
	return list, nil
}

func (l vocabularyList) print(w io.Writer, hub string) error {
	if l.Delivery == "" {
		fmt.Fprintf(w, "The hub %s holds no vocabulary that galien vocab load brought.\n", hub)
	} else {
		fmt.Fprintf(w, "Snapshot %s: vocabulary %s, delivery %s.\n\n", l.Snapshot, printable(orNone(l.Version)), l.Delivery)
		var accepted []string
		for _, e := range l.Ledger {
			if e.Delivery == l.Delivery {
				accepted = e.Accepted
			}
		}
		if err := printLoaded(w, l.Vocabularies, accepted); err != nil {
			return err
		}
	}
	if len(l.Ledger) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nLoads, oldest first:")
	for _, e := range l.Ledger {
		fmt.Fprintf(w, "  %s  %s  by %s: %d vocabularies", e.Time.UTC().Format("2006-01-02 15:04:05Z"), e.Delivery, printable(e.By), len(e.Vocabularies))
		if len(e.Accepted) > 0 {
			fmt.Fprintf(w, "; %s %s: %s", printable(e.By), e.Statement, printable(strings.Join(e.Accepted, ", ")))
		}
		fmt.Fprintln(w)
	}
	return nil
}
