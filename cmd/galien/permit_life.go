package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
)

func newPermitDraftCommand() *cobra.Command {
	var process, amends string
	cmd := &cobra.Command{
		Use:   "draft HUB FILE",
		Short: "Apply for the permit written in FILE and print its id",
		Long: `Apply, as a researcher of a governed hub, for the permit written in FILE (YAML; - is
standard input), and print its id alone on standard output. The permit allows
nothing until it was decided on, agreed on and made active (docs/permits.md).

--amends names the permit whose place it is to take: terms never change, so an
amendment is a permit of its own, which ends the other once it is active.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readInput(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				id, err := gate.Draft(cmd.Context(), text, process, amends)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), id)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&process, "process", permit.ProcessFR, "how it is decided on: fr (CESREES and CNIL) or ehds (Regulation (EU) 2025/327)")
	cmd.Flags().StringVar(&amends, "amends", "", "the `PERMIT` whose place it is to take")
	return cmd
}

// lifeSteps are the commands that take one step of a permit's life.
var lifeSteps = []struct{ step, short, long string }{
	{permit.StepComplete, "Find the file of an application complete",
		"Find the file of an application complete, as an access officer; the document is the file. The committee's time runs from the day of this step, and in the European process the time of the decision."},
	{permit.StepOpinion, "Record the opinion of the ethics committee",
		"Record the opinion of the committee, as a member of it; the document is the opinion. After an unfavourable one the permit can only be refused here."},
	{permit.StepExtend, "Extend the time that runs, once",
		"Extend the legal time that runs, once and while it runs; the document is the notice of extension. The committee extends the time of its opinion, an access officer that of the decision."},
	{permit.StepDecide, "Decide for a permit",
		"Decide for a permit, as an access officer who did not apply for it, is none of its people and gave no opinion on it; the document is the decision (of the CNIL, of a health data access body)."},
	{permit.StepRefuse, "Refuse a permit",
		"Refuse a permit, as an access officer; the document is the decision, with its reasons."},
	{permit.StepAgree, "Record the signed data use agreement",
		"Record the data use agreement, as a steward who did not decide on the permit; the document is the agreement as signed."},
	{permit.StepActivate, "Make the data available",
		"Make a permit active, as a steward: from its first day to its last its people may ask. What it amends ends now."},
	{permit.StepWithdraw, "Withdraw an application",
		"Withdraw an application that is not active yet, as the researcher who applied."},
	{permit.StepClose, "End a permit whose work is done",
		"End a permit whose work is done, as its applicant or as an access officer. Nothing is asked under it any more."},
	{permit.StepPurge, "Record that what was handed out is destroyed",
		"Record, as a steward, that everything that was handed out under a permit that has ended is destroyed; the document is the certificate of destruction."},
}

func newLifeCommand(step, short, long string) *cobra.Command {
	var document, reference, on, opinion string
	documented := permit.Documented(step)
	use := step + " HUB PERMIT"
	if documented {
		long += "\n\nOf the document the hub keeps a name and the SHA-256; keep the document itself."
		use += " --document FILE"
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  wrap(long) + "\nThe step is in the audit log before it takes effect.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			act := permit.Act{Step: step, Outcome: opinion, Reference: reference}
			if on != "" {
				day, err := galien.ParseDate(on)
				if err != nil {
					return galien.Errorf(galien.Invalid, "--on %s is no day; write it as 2026-01-31", on)
				}
				act.Day = day
			}
			if documented {
				b, err := readInput(cmd.InOrStdin(), document)
				if err != nil {
					return err
				}
				sum := sha256.Sum256(b)
				act.SHA256 = hex.EncodeToString(sum[:])
				if reference == "" {
					act.Reference = filepath.Base(document)
				}
			}
			return with(args[0], (*hub).gate, func(h *hub, gate *permit.Gate) error {
				if err := gate.Take(cmd.Context(), args[1], act); err != nil {
					return err
				}
				store, err := h.permits()
				if err != nil {
					return err
				}
				p, err := store.Get(cmd.Context(), args[1])
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Permit %s: %s.%s\n", p.ID, p.State(h.now()), dueSentence(p, h))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&on, "on", "", "the `DAY` of the act, which may be before today (default: today)")
	if documented {
		cmd.Flags().StringVar(&document, "document", "", "the `FILE` on which the step rests (required)")
		cmd.Flags().StringVar(&reference, "reference", "", "what the document is called (default: the file's name)")
		_ = cmd.MarkFlagRequired("document")
	}
	if step == permit.StepOpinion {
		cmd.Flags().StringVar(&opinion, "opinion", "", strings.Join(permit.Opinions(), ", ")+" (required); tacit: the committee let its time pass, where the law says so")
		_ = cmd.MarkFlagRequired("opinion")
	}
	return cmd
}

// dueSentence says what is due next, as a sentence after another, or nothing.
func dueSentence(p permit.Permit, h *hub) string {
	d, ok := p.Due(h.now())
	if !ok {
		return ""
	}
	words := d.Words(galien.DateOf(h.now()))
	return " " + strings.ToUpper(words[:1]) + words[1:] + " (" + d.Source + ")."
}

// wrap breaks the lines of a help text.
func wrap(s string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		width := 0
		for j, word := range strings.Fields(paragraph) {
			if j > 0 && width+1+len(word) > 83 {
				b.WriteByte('\n')
				width = 0
			} else if j > 0 {
				b.WriteByte(' ')
				width++
			}
			b.WriteString(word)
			width += len(word)
		}
	}
	return b.String()
}

func newPermitClockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clock HUB",
		Short: "Accept the time of now after a clock that ran ahead",
		Long: `Accept that the time of now is right, although the audit log has newer entries: they
were written by a clock that ran ahead. Until then nothing is answered, because an
earlier time would bring expired permits back. The acceptance is in the log; in a
governed hub it is a security officer's.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				if err := gate.AcceptClock(cmd.Context()); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), "The time of now is accepted.")
				return nil
			})
		},
	}
}
