package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/examples"
	"galien/synth/snds"
)

// demoMark is the file that says a folder was made by galien demo.
const demoMark = "MADE-BY-GALIEN-DEMO"

// demoPersons are enough for the planted effect to be seen.
const demoPersons = 12_000

func newDemoCommand() *cobra.Command {
	d := demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole journey on an invented country's claims",
		Long: `Invent an extraction of the French claims (SNDS) whose true answers are known,
receive it in a new hub, then the month that came later; ask a vaccine-safety
question and others of it under permits, be refused, extract, release a table,
and verify the hub and its audit log. Each step is the command one would type;
the persons of each cohort are compared with the truth.

Everything is written under --dir. A folder of an earlier demo is replaced; any
other folder that holds files is left alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "demo", "folder of the demonstration")
	cmd.Flags().IntVar(&d.persons, "persons", demoPersons, "persons to invent")
	cmd.Flags().Uint64Var(&d.seed, "seed", 1, "chooses the population")
	return cmd
}

// demo is one run of the demonstration.
type demo struct {
	dir     string
	persons int
	seed    uint64
	out     io.Writer

	self  string // this very binary
	steps []demoStep
}

// demoStep is what is told at the end.
type demoStep struct {
	title  string
	took   time.Duration
	result string
}

// The paths inside the demo's folder.
func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

func (d *demo) run(ctx context.Context) error {
	began := time.Now()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	d.self = self
	if err := d.prepare(); err != nil {
		return err
	}
	known, err := d.population(ctx)
	if err != nil {
		return err
	}
	if err := d.journey(ctx, known); err != nil {
		return err
	}
	return d.summary(time.Since(began))
}

// prepare makes an empty folder, in place of an earlier demo's at most.
func (d *demo) prepare() error {
	entries, err := os.ReadDir(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return galien.Errorf(galien.Invalid, "demo folder: %w", err)
	case len(entries) > 0:
		if _, err := os.Stat(d.path(demoMark)); err != nil {
			return galien.Errorf(galien.Conflict, "demo folder: %s holds files that no demo made; name another with --dir", d.dir)
		}
		fmt.Fprintf(d.out, "Replacing the earlier demo in %s.\n", d.dir)
		if err := os.RemoveAll(d.dir); err != nil {
			return fmt.Errorf("remove the earlier demo: %w", err)
		}
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("make the demo folder: %w", err)
	}
	if err := os.WriteFile(d.path(demoMark), []byte("galien demo may remove this folder.\n"), 0o600); err != nil {
		return fmt.Errorf("mark the demo folder: %w", err)
	}
	return d.copyExamples()
}

// copyExamples writes the example permits and cohorts that the binary carries,
// so that the commands shown can be typed again.
func (d *demo) copyExamples() error {
	return fs.WalkDir(examples.Files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("list the examples: %w", err)
		}
		if e.IsDir() {
			return os.MkdirAll(d.path(filepath.FromSlash(path)), 0o700)
		}
		b, err := examples.Files.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read an example: %w", err)
		}
		return os.WriteFile(d.path(filepath.FromSlash(path)), b, 0o600)
	})
}

// population invents the extraction, and puts its last month of claims aside.
func (d *demo) population(ctx context.Context) (truth, error) {
	dir := d.path("extraction")
	d.heading("Invent a country's claims with known answers")
	if _, err := d.galien(ctx, 0, 4, "synth", "snds", "--persons", strconv.Itoa(d.persons), "--years", "1",
		"--seed", strconv.FormatUint(d.seed, 10), "--out", dir); err != nil {
		return truth{}, err
	}
	month, err := d.putAside()
	if err != nil {
		return truth{}, err
	}
	fmt.Fprintf(d.out, `  Planted: in men of 12 to 29, myocarditis is five times as frequent on days 1 to 7 after
  the second dose of 2021, and as frequent as ever after the first.
  Flux month %s, the last, goes to %s: it comes later.
`, month, d.path("last-month"))
	return readTruth(dir)
}

// putAside moves the claims of the last flux month to a folder of their own, and
// returns its name.
func (d *demo) putAside() (string, error) {
	const action = "put the last month of claims aside"
	claims := d.path("extraction", "input", "snds", "DCIR")
	files, err := filepath.Glob(filepath.Join(claims, "ER_PRS_F_*.csv.gz"))
	if err != nil || len(files) == 0 {
		return "", galien.Errorf(galien.Internal, "%s: no claims in %s", action, claims)
	}
	_, month, _ := strings.Cut(filepath.Base(slices.Max(files)), "_F_") // names end with AAAAMM
	files, err = filepath.Glob(filepath.Join(claims, "*_"+month))
	if err != nil {
		return "", fmt.Errorf("%s: %w", action, err)
	}
	if err := os.Mkdir(d.path("last-month"), 0o700); err != nil {
		return "", fmt.Errorf("%s: %w", action, err)
	}
	for _, f := range files {
		if err := os.Rename(f, d.path("last-month", filepath.Base(f))); err != nil {
			return "", fmt.Errorf("%s: %w", action, err)
		}
	}
	return strings.TrimSuffix(month, ".csv.gz"), nil
}

// truth is what the generator knows of the answers.
type truth struct {
	answers map[string][]snds.Answer
	// ratio is what a self-controlled case series finds of each dose, in the stays
	// that files show; empty where it finds no estimate.
	ratio [2]string
}

func readTruth(dir string) (truth, error) {
	answers, err := snds.Answers(dir)
	if err != nil {
		return truth{}, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "truth", "effects.json"))
	if err != nil {
		return truth{}, fmt.Errorf("read the truth: %w", err)
	}
	type dose struct {
		Series struct{ IRR, Lo, Hi float64 } `json:"sccs"`
	}
	var effects struct {
		Shown struct {
			First  dose `json:"dose1"`
			Second dose `json:"dose2"`
		} `json:"linkable_truth"`
	}
	if err := json.Unmarshal(b, &effects); err != nil {
		return truth{}, fmt.Errorf("read the truth: %w", err)
	}
	t := truth{answers: answers}
	for i, d := range []dose{effects.Shown.First, effects.Shown.Second} {
		t.ratio[i] = "no estimate"
		if s := d.Series; s.IRR > 0 {
			t.ratio[i] = fmt.Sprintf("%.1f (%.1f to %.1f)", s.IRR, s.Lo, s.Hi)
		}
	}
	return t, nil
}

// journey is the demonstration proper: each step is a command of this binary.
func (d *demo) journey(ctx context.Context, known truth) (err error) {
	hub, claims, month := d.path("hub"), d.path("extraction", "input", "snds"), d.path("last-month")
	cohort := func(name string) string { return d.path("cohorts", name+".json") }
	say := func(title string, want, lines int, args ...string) string {
		if err != nil {
			return ""
		}
		d.heading(title)
		var out string
		out, err = d.galien(ctx, want, lines, args...)
		return strings.TrimSpace(out)
	}
	say("Make a hub", 0, 4, "init", hub)
	if err != nil {
		return err
	}
	// Its key is elsewhere: a load cannot read identities by itself.
	give, err := d.takeKey(hub)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, give()) }()
	say("Take the vault's key away: no load reads an identity, or goes on without the vault", 4, 4, "ingest", hub, "snds", claims)
	if err != nil {
		return err
	}
	stop, err := d.serveVault(ctx, hub, give)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	say("The loads that follow ask it through its socket", 0, 6, "vault", "status", hub)
	say("Receive all of it but the last month: cleaned by named rules, mapped to OMOP, one snapshot", 0, 9, "ingest", hub, "snds", claims)
	say("Receive the last month alone: the lake grows by what its lines touch", 0, 8, "ingest", hub, "snds", month)
	say("Receive it again: nothing changes", 0, 4, "ingest", hub, "snds", month)
	say("What the hub holds", 0, 30, "status", hub)
	say("What each cleaning rule did (rows touched, rows removed)", 0, 30, "source", "rules", "snds", hub, "--language", "en")
	say("What was not kept, and why", 0, 8, "quarantine", hub)
	steward := say("Grant a permit to the data steward (every row, inside the house)", 0, 4, "permit", "grant", hub, d.path("permits", "steward.yaml"))
	researcher := say("Grant a permit to a researcher (some columns, dates to the month)", 0, 4, "permit", "grant", hub, d.path("permits", "researcher.yaml"))
	aggregates := say("Grant a permit for tables only", 0, 4, "permit", "grant", hub, d.path("permits", "aggregates.yaml"))
	run := func(title, name, out string, more ...string) {
		args := append([]string{"cohort", "run", hub, "--permit", steward, cohort(name), "--source-ids", "--out", out}, more...)
		say(title, 0, 6, args...)
		if err == nil {
			err = d.compare(out, name, known.answers[name])
		}
	}
	run("Run cohort 1, as ATLAS exports it: men of 12 to 29 at their second dose", snds.SecondDose, d.path("answers", "cohort-1"))
	run("Run cohort 2: those of them in hospital with myocarditis on days 1 to 7", snds.MyocarditisAfterSecondDose, d.path("answers", "cohort-2"))
	run("Run cohort 3: the same days after the first dose", snds.MyocarditisAfterFirstDose, d.path("answers", "cohort-3"))
	if err == nil {
		fmt.Fprintf(d.out, `  So %d men after the second dose and %d after the first, in windows of the same length.
  A self-controlled case series over the truth finds a rate ratio (95 %% CI) of %s
  after the second dose and of %s after the first; five and one were planted.
`, len(known.answers[snds.MyocarditisAfterSecondDose]), len(known.answers[snds.MyocarditisAfterFirstDose]), known.ratio[1], known.ratio[0])
	}
	run("Run cohort 4: new users of cyproterone, without those whose dispensing was cancelled", snds.NewCyproteroneUsers, d.path("answers", "cohort-4"))
	run("Run cohort 2 on another engine, plain Go over rows in memory: the same answer", snds.MyocarditisAfterSecondDose, d.path("answers", "cohort-2-oracle"), "--engine", "oracle")
	say("Count it under the permit for tables: no row comes out, small numbers are withheld", 0, 10,
		"cohort", "count", hub, "--permit", aggregates, cohort(snds.MyocarditisAfterSecondDose))
	say("Ask for more than the permit grants, acts of surgery: refused, and written down", 4, 8,
		"cohort", "count", hub, "--permit", researcher, cohort(snds.MeningiomaAfterCyproterone))
	say("Extract the permitted columns of cohort 1, under ids of this permit alone", 0, 14,
		"extract", hub, "--permit", researcher, "--cohort", cohort(snds.SecondDose), "--out", d.path("answers", "extract"), "--format", "csv")
	if err == nil {
		err = d.show(d.path("answers", "extract", "drug_exposure.csv"), 4)
	}
	say("A table of first doses by sex and age, small cells withheld", 0, 40,
		"table", hub, "--permit", aggregates, "--cohort", cohort(snds.FirstDose), "--by", "sex,age_group")
	if err == nil {
		fmt.Fprint(d.out, "  Person-years begin with a person's first care in the files: for some a stay of 2009 or 2012.\n")
	}
	say("Release that table", 0, 14,
		"release", hub, "--permit", aggregates, "--cohort", cohort(snds.FirstDose), "--by", "sex,age_group", "--out", d.path("answers", "release"))
	say("Attack the extract as a determined reader would, each attack beside a control", 0, 14,
		"attack", hub, "--permit", researcher, "--extract", d.path("answers", "extract"), "--out", d.path("answers", "scorecard"))
	say("Check every file of the hub", 0, 12, "fsck", hub)
	say("The last entries of the audit log", 0, 12, "audit", "show", hub, "--limit", "6")
	say("Verify the audit log", 0, 4, "audit", "verify", hub)
	return err
}

// galien runs a command of this binary, prints it with its output, and fails
// unless it exits with the code wanted.
func (d *demo) galien(ctx context.Context, want, lines int, args ...string) (string, error) {
	fmt.Fprintf(d.out, "  $ galien %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, d.self, args...)
	var stdout bytes.Buffer
	var both sharedBuffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, &both), &both
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	d.indent(both.text(), lines)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("run galien %s: %w", args[0], err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		return "", galien.Errorf(galien.Internal, "demo: galien %s ended with exit code %d, not %d", args[0], code, want)
	}
	result := "done"
	if want != 0 {
		result = fmt.Sprintf("refused, exit code %d, as it must be", want)
	}
	d.done(took, result)
	return stdout.String(), nil
}

// sharedBuffer takes what a command prints on both its streams.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (d *demo) heading(title string) {
	fmt.Fprintf(d.out, "\n%d. %s\n", len(d.steps)+1, title)
	d.steps = append(d.steps, demoStep{title: title})
}

func (d *demo) done(took time.Duration, result string) {
	s := &d.steps[len(d.steps)-1]
	s.took, s.result = took, result
	fmt.Fprintf(d.out, "  (%s)\n", seconds(took))
}

// indent prints the first lines of a text.
func (d *demo) indent(text string, lines int) {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range all {
		if i == lines {
			fmt.Fprintf(d.out, "    ... %d more lines\n", len(all)-lines)
			return
		}
		if r := []rune(line); len(r) > widest && !strings.HasPrefix(line, "galien:") {
			line = string(r[:widest]) + " ..."
		}
		fmt.Fprintf(d.out, "    %s\n", line)
	}
}

// widest is where a long line of a table is cut.
const widest = 140

// show prints the first lines of a file of an answer.
func (d *demo) show(path string, lines int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	all := strings.SplitAfter(string(b), "\n")
	fmt.Fprintf(d.out, "  The first lines of %s:\n", path)
	d.indent(strings.Join(all[:min(lines, len(all))], ""), lines)
	return nil
}

// compare holds a cohort's answer against what the generator knows: the same
// persons, by the ids of the source, on the same days.
func (d *demo) compare(dir, name string, want []snds.Answer) error {
	f, err := os.Open(filepath.Join(dir, "cohort.csv"))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	var got, known []string
	for _, r := range rows[1:] {
		got = append(got, r[1]+" "+r[2])
	}
	for _, a := range want {
		known = append(known, a.Source+" "+a.Day.String())
	}
	slices.Sort(got)
	slices.Sort(known)
	if !slices.Equal(got, known) {
		return galien.Errorf(galien.Internal, "demo: %s gave %d rows that are not the %d that the generator knows", name, len(got), len(known))
	}
	result := fmt.Sprintf("%s persons: the true ones, on the true days", thousands(int64(len(want))))
	if len(want) == 1 {
		result = "1 person: the true one, on the true day"
	}
	fmt.Fprintf(d.out, "  %s\n", result)
	d.steps[len(d.steps)-1].result = result
	return nil
}

func (d *demo) summary(took time.Duration) error {
	fmt.Fprintf(d.out, "\nAll %d steps went as they must, in %s.\n\n", len(d.steps), seconds(took))
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	for i, s := range d.steps {
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\n", i+1, seconds(s.took), s.title, s.result)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	fmt.Fprintf(d.out, "\nThe hub is %s, the answers are in %s; every question above can be asked again, with another --out.\n", d.path("hub"), d.path("answers"))
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// thousands writes a number with a comma between its thousands.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
