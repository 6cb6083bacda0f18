package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/attack"
	"galien/audit"
	"galien/release"
)

// attackRun is the flags of galien attack.
type attackRun struct {
	q             question
	extract, out  string
	release       string
	cohort        string // the definition of the released table
	endpoint      bool
	truth         string // the permit under which the truth is read
	known, secret []string
	targets       int
	seed          uint64
}

func newAttackCommand() *cobra.Command {
	var a attackRun
	cmd := &cobra.Command{
		Use:   "attack HUB --permit P (--extract DIR | --release DIR | --endpoint --truth Q) --out DIR",
		Short: "Attack what a permit gives, and write the scorecard",
		Long: `Run the attacks that a determined reader would make against what permit P gave,
each beside a control and a naive guesser, and write the scorecard to a new or
empty folder: scorecard.en.html, scorecard.fr.html (one page each, no script) and
scorecard.json. The same --seed gives the same bytes.

--extract attacks the folder that galien extract wrote: singling out, linkage and
inference, from what --known supposes known of a person, and secrets such as
--secret "condition 201826".

--release attacks the folder that galien release wrote: subtraction and linear
programme against what is withheld. With --cohort, the definition that was
counted, the table is counted again, and the control is what a threshold alone
would have given away.

--endpoint attacks the counts of the hub, as galien cohort count gives them:
trackers, differencing, moving borders and reconstruction, by cohort definitions
made for the purpose. Targets are drawn, and answers judged, from rows read under
permit Q (--truth), of level rows with exact dates. Every question passes the gate
and is written down.

What each attack does, its control and its limits are in docs/attack.md.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.endpoint && !cmd.Flags().Changed("targets") {
				a.targets = 60
			}
			if a.targets < 1 {
				return galien.Errorf(galien.Invalid, "--targets must be 1 or more")
			}
			if err := a.q.open(args[0]); err != nil {
				return err
			}
			defer a.q.close()
			o, err := newOutput(args[0], a.out)
			if err != nil {
				return err
			}
			defer o.discard()
			report, err := a.run(cmd, o)
			if err != nil {
				return err
			}
			if err := writeScorecard(o, report); err != nil {
				return err
			}
			if err := o.deliver(); err != nil {
				return err
			}
			return printScorecard(cmd.OutOrStdout(), report, a.out)
		},
	}
	a.q.flags(cmd)
	cmd.Flags().StringVar(&a.extract, "extract", "", "folder of an extract")
	cmd.Flags().StringVar(&a.release, "release", "", "folder of a release")
	cmd.Flags().StringVar(&a.cohort, "cohort", "", "with --release, the definition that was counted, for the control")
	cmd.Flags().BoolVar(&a.endpoint, "endpoint", false, "attack the counts of the hub")
	cmd.Flags().StringVar(&a.truth, "truth", "", "with --endpoint, the permit under which targets are drawn and answers judged")
	cmd.Flags().StringVar(&a.out, "out", "", "folder of the scorecard, new or empty (required)")
	cmd.Flags().StringSliceVar(&a.known, "known", nil, "what is supposed known of a person; without it what a neighbour knows")
	cmd.Flags().StringSliceVar(&a.secret, "secret", nil, `secrets to guess, as "condition 201826"; without it those that divide the persons most evenly`)
	cmd.Flags().IntVar(&a.targets, "targets", 500, "persons attacked by each attack, at most; 60 with --endpoint where it is not said")
	cmd.Flags().Uint64Var(&a.seed, "seed", 1, "seed of every random choice")
	_ = cmd.MarkFlagRequired("out")
	cmd.MarkFlagsOneRequired("extract", "release", "endpoint")
	cmd.MarkFlagsMutuallyExclusive("extract", "release", "endpoint")
	cmd.MarkFlagsRequiredTogether("endpoint", "truth")
	return cmd
}

// run attacks what the flags name.
func (a *attackRun) run(cmd *cobra.Command, o *output) (report attack.Report, err error) {
	switch {
	case a.endpoint:
		report, err = a.onEndpoint(cmd, filepath.Dir(o.scratch.dir))
	case a.release != "":
		report, err = a.onRelease(cmd)
	default:
		report, err = a.onExtract(cmd)
	}
	if err != nil {
		return attack.Report{}, err
	}
	report.Galien, report.Permit, report.Seed = version(), a.q.permitID, a.seed
	return report, nil
}

func (a *attackRun) random() *rand.Rand { return rand.New(rand.NewPCG(a.seed, 0)) }

// onExtract attacks an extract. What it reads has left the hub; that somebody
// tried to tell persons apart in it is written down first.
func (a *attackRun) onExtract(cmd *cobra.Command) (attack.Report, error) {
	ctx := cmd.Context()
	threshold, err := a.threshold(ctx)
	if err != nil {
		return attack.Report{}, err
	}
	config, remove, err := a.q.config()
	if err != nil {
		return attack.Report{}, err
	}
	defer remove()
	x, err := openExtract(ctx, a.extract, config)
	if err != nil {
		return attack.Report{}, err
	}
	defer x.close()
	if x.provenance.Permit != a.q.permitID {
		return attack.Report{}, galien.Errorf(galien.Invalid, "the extract in %s was made under permit %s, not %s", a.extract, printable(x.provenance.Permit), a.q.permitID)
	}
	if err := a.announce(cmd, attack.Extract, x.provenance.Snapshot, x.sha256); err != nil {
		return attack.Report{}, err
	}
	people, err := attack.Persons(x, a.known, a.secret, nil)
	if err != nil {
		return attack.Report{}, err
	}
	report := attack.OnExtract(people, a.targets, threshold, a.random())
	report.Attacked, report.Snapshot = x.sha256, x.provenance.Snapshot
	return report, nil
}

// threshold is the smallest number that the permit shows.
func (a *attackRun) threshold(ctx context.Context) (int, error) {
	store, err := a.q.hub.permits()
	if err != nil {
		return 0, err
	}
	p, err := store.Get(ctx, a.q.permitID)
	return p.Terms.Threshold, err
}

// announce writes down that an attack begins.
func (a *attackRun) announce(cmd *cobra.Command, kind attack.Kind, snapshot, subject string) error {
	log, err := a.q.hub.audit()
	if err != nil {
		return err
	}
	_, err = log.Append(cmd.Context(), audit.Entry{
		Time: a.q.hub.now(), Actor: a.q.hub.actor, Action: "attack", Permit: a.q.permitID, Snapshot: snapshot, Subject: subject,
		Outcome: "begun", Details: map[string]string{"on": string(kind), "seed": strconv.FormatUint(a.seed, 10), "targets": strconv.Itoa(a.targets)},
	})
	if err != nil {
		return fmt.Errorf("nothing is attacked that cannot be written down: %w", err)
	}
	return nil
}

// The files of a scorecard.
const (
	scorecardEnglish = "scorecard.en.html"
	scorecardFrench  = "scorecard.fr.html"
	scorecardJSON    = "scorecard.json"
)

// scorecardFiles renders a report.
func scorecardFiles(r attack.Report) ([]release.File, error) {
	var files []release.File
	for _, page := range []struct {
		name, other string
		language    attack.Language
	}{{scorecardEnglish, scorecardFrench, attack.English}, {scorecardFrench, scorecardEnglish, attack.French}} {
		var b bytes.Buffer
		if err := r.HTML(&b, page.language, page.other); err != nil {
			return nil, err
		}
		files = append(files, release.File{Name: page.name, Content: b.Bytes()})
	}
	b, err := r.JSON()
	return append(files, release.File{Name: scorecardJSON, Content: b}), err
}

func writeScorecard(o *output, r attack.Report) error {
	files, err := scorecardFiles(r)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := o.file(f.Name, f.Content); err != nil {
			return err
		}
	}
	return nil
}

func printScorecard(w io.Writer, r attack.Report, dir string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "attack\ton\tsuccesses\tcontrol\tguesser\trisk (95 % CI)\tverdict")
	of := func(x attack.Trial) string {
		if x.Attempts == 0 {
			return "-"
		}
		return fmt.Sprintf("%d of %d", x.Successes, x.Attempts)
	}
	for _, f := range r.Findings {
		on := f.On
		if f.Attributes > 0 {
			on = fmt.Sprintf("%d attributes", f.Attributes)
		}
		if f.Verdict == attack.NotTried {
			fmt.Fprintf(t, "%s\t%s\t-\t-\t-\t-\t%s: %s\n", f.Attack, on, f.Verdict, f.Skipped)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f %% (%.1f-%.1f)\t%s\n", f.Attack, on, of(f.Main), of(f.Control), of(f.Naive),
			100*f.Risk.Value, 100*f.Risk.Low, 100*f.Risk.High, f.Verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if m := r.Measures; m != nil {
		fmt.Fprintf(w, "\n%d persons in %d classes: prosecutor risk %.1f %% on average, %.1f %% alone in theirs\n",
			m.Persons, m.Classes, 100*m.ProsecutorAverage, 100*m.UniqueShare())
	}
	_, err := fmt.Fprintf(w, "The scorecard is in %s\n", dir)
	return err
}
