package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/disclosure"
	"galien/permit"
	"galien/release/airlock"
	"galien/release/check"
)

const airlockDir = "airlock"

func newAirlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "airlock",
		Short: "Take outputs out of the hub, after checks and two reviewers",
		Long: `What people made in the hub leaves in groups: outputs, the code that made them,
and outputs.yaml, which says what they are (docs/airlock.md). Automatic checks
look first. Then two accounts, neither an author nor a person of the permit, give
their verdicts without seeing each other's; a third decides where they differ. The
bytes that leave are the bytes that were reviewed, and a public register says what
left.`,
	}
	cmd.AddCommand(newAirlockCheckCommand(), newAirlockSubmitCommand(), newAirlockListCommand(), newAirlockShowCommand(),
		newAirlockReviewCommand(), newAirlockReleaseCommand(), newAirlockRegisterCommand())
	return cmd
}

// airlock returns the hub's airlock for the account that runs the process.
func (h *hub) airlock() (*airlock.Airlock, error) {
	store, err := h.permits()
	if err != nil {
		return nil, err
	}
	log, err := h.audit()
	if err != nil {
		return nil, err
	}
	gate := permit.NewGate(store, log, h.actor, h.now)
	released, err := h.released()
	if err != nil {
		return nil, err
	}
	authorise := func(ctx context.Context, action, permitID string) error {
		return gate.Authorise(ctx, action, permitID, action == airlock.ActionShow)
	}
	return airlock.Open(h.path(airlockDir), airlock.Options{Log: log, Permit: store.Get, Authorise: authorise, Ledger: released, Scorecard: attackGroup,
		Actor: h.actor, Now: h.now, Random: rand.Reader, Galien: version()}), nil
}

// withAirlock opens the hub and its airlock for one command.
func withAirlock(dir string, run func(a *airlock.Airlock) error) error {
	return with(dir, (*hub).airlock, func(_ *hub, a *airlock.Airlock) error { return run(a) })
}

// languageFlag is the language in which findings are told.
func languageFlag(cmd *cobra.Command, language *string) {
	cmd.Flags().StringVar(language, "lang", "en", "language of the findings: en or fr")
}

// printFindings tells what the checks found, for people.
func printFindings(w io.Writer, findings []check.Finding, language string) {
	for _, f := range findings {
		c, _ := check.Lookup(f.Check)
		text, severity := c.EN, map[check.Severity]string{check.Refuse: "refused", check.Look: "look"}[f.Severity]
		if language == "fr" {
			text, severity = c.FR, map[check.Severity]string{check.Refuse: "refusé", check.Look: "à voir"}[f.Severity]
		}
		file := f.File
		if file == "" {
			file = check.ManifestFile
		}
		fmt.Fprintf(w, "%s  %s  %s\n    %s\n", severity, printable(file), f.Check, text)
		if len(f.Where) > 0 {
			more := ""
			if f.Count > len(f.Where) {
				more = fmt.Sprintf("; ... (%d)", f.Count)
			}
			fmt.Fprintf(w, "    %s%s\n", printable(strings.Join(f.Where, "; ")), more)
		}
	}
}

func checkLanguage(language string) error {
	if language != "en" && language != "fr" {
		return galien.Errorf(galien.Invalid, "--lang must be en or fr")
	}
	return nil
}

// refusedError is what a command ends with when the checks refuse a group.
func refusedError(findings []check.Finding) error {
	if !check.Refused(findings) {
		return nil
	}
	return galien.Errorf(galien.Denied, "the checks refuse the group: mend what they found and submit it again")
}

func newAirlockCheckCommand() *cobra.Command {
	var language string
	var rule check.Rule
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Run the automatic checks on a folder of outputs",
		Long: `Run the checks that galien airlock submit runs first, on the outputs in DIR and
its outputs.yaml. No hub is needed, and nothing is written. The exit code is 4 when
the checks would refuse the group.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLanguage(language); err != nil {
				return err
			}
			if rule.Threshold < 2 || rule.Rounding < 0 {
				return galien.Errorf(galien.Invalid, "--threshold must be 2 or more, and --rounding 0 or more")
			}
			text, files, err := airlock.Read(args[0])
			if err != nil {
				return err
			}
			manifest, err := check.ParseManifest(text)
			if err != nil {
				return err
			}
			findings := check.Group(manifest, files, rule, 1)
			if asJSON {
				if findings == nil {
					findings = []check.Finding{}
				}
				if err := writeJSON(cmd.OutOrStdout(), findings); err != nil {
					return err
				}
				return refusedError(findings)
			}
			printFindings(cmd.OutOrStdout(), findings, language)
			if len(findings) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "The checks found nothing. Two reviewers still read the group.")
			}
			return refusedError(findings)
		},
	}
	languageFlag(cmd, &language)
	cmd.Flags().IntVar(&rule.Threshold, "threshold", disclosure.DefaultThreshold, "smallest number of persons that may be shown, as the permit says")
	cmd.Flags().IntVar(&rule.Rounding, "rounding", 0, "base that counts must be rounded to; 0 leaves it to outputs.yaml")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newAirlockSubmitCommand() *cobra.Command {
	var permitID, group, language string
	cmd := &cobra.Command{
		Use:   "submit HUB --permit P DIR",
		Short: "Submit a group of outputs for review",
		Long: `Copy the outputs in DIR, their code and outputs.yaml into the airlock, and run the
automatic checks on the copy. What is in the airlock does not change: to mend
something, submit the folder again with --group, as another version of which
reviewers see the difference. A version that the checks refuse is kept, and nobody
reviews it (exit code 4). The tables of counts of any other are attacked, and their
scorecard is reviewed and leaves with the group, in its folder scorecard.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLanguage(language); err != nil {
				return err
			}
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				v, err := a.Submit(cmd.Context(), args[1], permitID, group)
				if err != nil {
					return err
				}
				printFindings(cmd.OutOrStdout(), v.Findings, language)
				fmt.Fprintf(cmd.OutOrStdout(), "%s version %d: %d files, %s\n", v.Group, v.Version, len(v.Files), v.SHA256)
				printJudged(cmd.OutOrStdout(), v)
				return refusedError(v.Findings)
			})
		},
	}
	languageFlag(cmd, &language)
	cmd.Flags().StringVar(&permitID, "permit", "", "the permit (required)")
	cmd.Flags().StringVar(&group, "group", "", "submit another version of this group")
	_ = cmd.MarkFlagRequired("permit")
	return cmd
}

func newAirlockListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "List the groups in the airlock and where they stand",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				all, err := a.List()
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), all)
				}
				if len(all) == 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "Nothing in the airlock.")
					return nil
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "GROUP\tVERSION\tSTATE\tPERMIT\tAUTHOR\tFILES\tTITLE")
				for _, s := range all {
					fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%s\n", s.Group, s.Version, s.State, s.Permit, printable(s.Author), s.Files, printable(s.Title))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newAirlockShowCommand() *cobra.Command {
	var number int
	var file, language string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show HUB GROUP",
		Short: "Show a group: context, findings, files, differences, verdicts",
		Long: `Show the latest version of a group: what outputs.yaml says of it, what the checks
found, its files, and how they differ from the version before. The verdicts of
others appear when two are in. --file prints one file, byte for byte, for a reviewer
to read, and writes down that it was read.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLanguage(language); err != nil {
				return err
			}
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				ctx, out := cmd.Context(), cmd.OutOrStdout()
				if file != "" {
					b, err := a.Look(ctx, args[1], number, file)
					if err == nil {
						_, err = out.Write(b)
					}
					return err
				}
				s, err := a.Status(ctx, args[1], number)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(out, s)
				}
				manifest, err := a.Look(ctx, args[1], s.Version.Version, check.ManifestFile)
				if err != nil {
					return err
				}
				return showGroup(out, s, string(manifest), language)
			})
		},
	}
	languageFlag(cmd, &language)
	cmd.Flags().IntVar(&number, "version", 0, "an earlier version, by its number")
	cmd.Flags().StringVar(&file, "file", "", "print this file of the group instead")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printJudged tells what stands behind the numbers of a version: the ledger, and a
// scorecard.
func printJudged(out io.Writer, v airlock.Version) {
	if r := v.Ledger; r != nil {
		fmt.Fprintf(out, "Of %d numbers of persons or events the ledger judged %d before; %d it has not judged: they are compared with what left before, and you read them.\n", r.Numbers, r.Judged, r.Unjudged())
		if r.Unread > 0 {
			fmt.Fprintf(out, "%d more files of numbers no machine compares.\n", r.Unread)
		}
	}
	switch why := v.WhyNoScorecard(); {
	case v.Refused():
	case why != "":
		fmt.Fprintf(out, "No scorecard: %s.\n", why)
	default:
		fmt.Fprintf(out, "The scorecard of the attacks on it is in %s; see it with --file %s/%s.\n", check.ScorecardFolder, check.ScorecardFolder, scorecardEnglish)
	}
}

// showGroup prints a version for people.
func showGroup(out io.Writer, s airlock.Status, manifest, language string) error {
	fmt.Fprintf(out, "%s version %d: %s\n", s.Group, s.Version.Version, s.State)
	asked := ""
	if s.PermitRounding > 0 {
		asked = fmt.Sprintf(", rounded to %d", s.PermitRounding)
	}
	fmt.Fprintf(out, "permit %s, threshold %d%s, submitted by %s on %s\n%s\n\n", s.Permit, s.Threshold, asked, printable(s.Author), s.SubmittedAt.Format("2006-01-02 15:04 MST"), s.SHA)
	for _, line := range strings.Split(strings.TrimRight(manifest, "\n"), "\n") {
		fmt.Fprintf(out, "    %s\n", printable(line))
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FILE\tKIND\tBYTES\tSHA-256")
	for _, f := range s.Files {
		kind := string(f.Kind)
		if f.Stays {
			kind += " (stays)"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", printable(f.Name), dash(kind), f.Size, f.SHA256)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	printFindings(out, s.Findings, language)
	if len(s.Findings) == 0 {
		fmt.Fprintln(out, "The checks found nothing.")
	}
	printJudged(out, s.Version)
	if s.Version.Version > 1 {
		fmt.Fprintf(out, "\nDifference from version %d:\n", s.Version.Version-1)
		for _, d := range s.Differences {
			fmt.Fprintf(out, "  %s %s\n", d.Change, printable(d.Name))
			for _, line := range d.Lines {
				fmt.Fprintf(out, "    %s\n", printable(line))
			}
		}
	}
	fmt.Fprintf(out, "\nReviews in: %d\n", s.In)
	for _, r := range s.Reviews {
		fmt.Fprintf(out, "  %s by %s on %s: %s\n", r.Verdict, printable(r.Reviewer), r.ReviewedAt.Format("2006-01-02 15:04 MST"), printable(r.Reason))
		for _, f := range r.Files {
			if f.Verdict != r.Verdict || f.Comment != "" {
				fmt.Fprintf(out, "    %s %s: %s\n", f.Verdict, printable(f.Name), printable(f.Comment))
			}
		}
	}
	return nil
}

func newAirlockReviewCommand() *cobra.Command {
	var accept, refuse bool
	var reason string
	var perFile []string
	cmd := &cobra.Command{
		Use:   "review HUB GROUP --accept|--refuse --reason TEXT",
		Short: "Give a verdict on a group",
		Long: `Give the verdict of your account on the latest version of a group. Neither its
authors nor the persons of its permit may, and an account gives one verdict. Nobody
sees it before a second one is in. Two that agree decide; where they differ, a third
account sees both and decides.

--file says something of one file: NAME=accept or NAME=refuse, with a comment after
a colon (NAME=refuse:the third row is a doctor). It may be given several times.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if accept == refuse {
				return galien.Errorf(galien.Invalid, "say --accept or --refuse")
			}
			j := airlock.Judgement{Verdict: airlock.Refuse, Reason: reason}
			if accept {
				j.Verdict = airlock.Accept
			}
			for _, f := range perFile {
				name, said, ok := strings.Cut(f, "=")
				if !ok {
					return galien.Errorf(galien.Invalid, "--file must be NAME=accept or NAME=refuse, with :COMMENT after it")
				}
				verdict, comment, _ := strings.Cut(said, ":")
				j.Files = append(j.Files, airlock.FileVerdict{Name: name, Verdict: airlock.Verdict(verdict), Comment: comment})
			}
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				state, err := a.Review(cmd.Context(), args[1], j)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Your verdict is in. The group is %s.\n", state)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "every file of the group may leave")
	cmd.Flags().BoolVar(&refuse, "refuse", false, "the group goes back to its author")
	cmd.Flags().StringVar(&reason, "reason", "", "what was looked at, and why it is right or not (required)")
	cmd.Flags().StringArrayVar(&perFile, "file", nil, "verdict on one file: `NAME=accept|refuse[:COMMENT]`")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func newAirlockReleaseCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "release HUB GROUP --out DIR",
		Short: "Write what two reviewers accepted to a folder",
		Long: `Write the files of an accepted group to DIR, a new or empty folder outside the hub,
whole or not at all. Every byte is compared with what each reviewer signed, every
review with the audit log, and the permit must still be in force. The public
register has a line before the folder appears.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(args[0], out); err != nil {
				return err
			}
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				e, err := a.Release(cmd.Context(), args[1], out)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d files to %s; number %d of the register\n", len(e.Files), out, e.Number)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder of the release, new or empty (required)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func newAirlockRegisterCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "register HUB",
		Short: "Print the public register of what left, or write its page",
		Long: `Print what left the hub: number, day, title, permit, purpose, files and their
hashes; reviewed groups and tables of galien release alike. It names no person.
--out writes it as a page for everybody (.html, French and English, without
scripts) or for machines (.json).`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAirlock(args[0], func(a *airlock.Airlock) error {
				entries, err := a.Register()
				if err != nil {
					return err
				}
				if out != "" {
					return writeRegister(entries, out)
				}
				if len(entries) == 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "Nothing has left.")
					return nil
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NUMBER\tDATE\tKIND\tPERMIT\tFILES\tTITLE")
				for _, e := range entries {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\n", e.Number, e.Date, e.Kind, e.Permit, len(e.Files), printable(e.Title))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write it to `FILE`, which ends in .html or .json and is replaced")
	return cmd
}

// writeRegister writes the register to a file, which is replaced whole.
func writeRegister(entries []airlock.Entry, out string) error {
	var b []byte
	var err error
	switch filepath.Ext(out) {
	case ".html":
		b, err = airlock.Page(entries)
	case ".json":
		b, err = airlock.JSON(entries)
	default:
		return galien.Errorf(galien.Invalid, "--out must end in .html or .json")
	}
	if err != nil {
		return err
	}
	temp := out + ".new"
	if err := os.WriteFile(temp, b, 0o644); err != nil {
		return galien.Errorf(galien.Invalid, "write the register: %w", err)
	}
	if err := os.Rename(temp, out); err != nil {
		return galien.Errorf(galien.Invalid, "write the register: %w", err)
	}
	return nil
}
