package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/examples"
	"galien/synth"
)

// demoMark is the file that says a folder was made by galien demo.
const demoMark = "MADE-BY-GALIEN-DEMO"

func newDemoCommand() *cobra.Command {
	d := demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole journey on an invented population",
		Long: `Make an invented population whose true answers are known, receive it in a new
hub, ask three cohorts of it under permits, be refused, extract, release a
table, and verify the hub and its audit log. Each step is the command one would
type; the cohorts' answers are compared with the truth.

Everything is written under --dir. A folder of an earlier demo is replaced; any
other folder that holds files is left alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "demo", "folder of the demonstration")
	cmd.Flags().IntVar(&d.persons, "persons", synth.DefaultPersons, "persons to invent")
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
	truth, err := d.population(ctx)
	if err != nil {
		return err
	}
	if err := d.journey(ctx, truth); err != nil {
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

func (d *demo) population(ctx context.Context) (synth.Truth, error) {
	d.heading("Invent a population with known answers")
	start := time.Now()
	truth, err := synth.Write(ctx, d.path("population"), synth.Config{Persons: d.persons, Seed: d.seed})
	if err != nil {
		return synth.Truth{}, err
	}
	took := time.Since(start)
	var rows int64
	for _, n := range truth.Rows {
		rows += n
	}
	fmt.Fprintf(d.out, "  %s persons, %s rows in %d OMOP CDM 5.4 files, %s to %s, of which %d rows are wrong on purpose.\n",
		thousands(int64(truth.Persons)), thousands(rows+truth.WrongRows), len(truth.Rows), truth.Start, truth.End, truth.WrongRows)
	fmt.Fprintf(d.out, "  Planted: bleeding is %.0f times as frequent in the %d days after an anti-inflammatory drug is started.\n  The true answers are in %s.\n",
		truth.Association.HazardRatio, truth.Association.RiskDays, d.path("population", "truth.json"))
	d.done(took, fmt.Sprintf("%s persons", thousands(int64(truth.Persons))))
	return truth, nil
}

// journey is the demonstration proper: each step is a command of this binary.
func (d *demo) journey(ctx context.Context, truth synth.Truth) error {
	hub := d.path("hub")
	cohort := func(i int) string { return d.path("cohorts", truth.Cohorts[i].File) }
	var err error
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
	say("Receive the tables: one snapshot, and a quarantine for what cannot be kept", 0, 2, "ingest", hub, "omop", d.path("population"))
	say("Receive them again: nothing changes", 0, 6, "ingest", hub, "omop", d.path("population"))
	say("What the hub holds", 0, 40, "status", hub)
	say("What was not kept, and why", 0, 14, "quarantine", hub)
	steward := say("Grant a permit to the data steward (every row, inside the house)", 0, 4, "permit", "grant", hub, d.path("permits", "steward.yaml"))
	researcher := say("Grant a permit to a researcher (some columns, dates to the month)", 0, 4, "permit", "grant", hub, d.path("permits", "researcher.yaml"))
	aggregates := say("Grant a permit for tables only", 0, 4, "permit", "grant", hub, d.path("permits", "aggregates.yaml"))
	run := func(title string, i int, out string, more ...string) {
		args := append([]string{"cohort", "run", hub, "--permit", steward, cohort(i), "--out", out}, more...)
		say(title, 0, 6, args...)
		if err == nil {
			err = d.compare(out, truth.Cohorts[i])
		}
	}
	run("Run cohort 1, as ATLAS exports it: new users of anti-inflammatory drugs", 0, d.path("answers", "cohort-1"))
	run("Run cohort 2: those of them who bleed within 30 days, and never did before", 1, d.path("answers", "cohort-2"))
	run("Run cohort 3: diabetes on metformin with a high HbA1c, no heart failure", 2, d.path("answers", "cohort-3"))
	run("Run cohort 2 on the other engine, plain Go in memory: the same answer", 1, d.path("answers", "cohort-2-oracle"), "--engine", "oracle")
	say("Count it under the permit for tables: no row comes out, small numbers are withheld", 0, 8,
		"cohort", "count", hub, "--permit", aggregates, cohort(1))
	say("Ask for more than the permit grants: refused, and written down", 4, 8,
		"cohort", "count", hub, "--permit", researcher, cohort(2))
	say("Extract the permitted columns of new users, under ids of this permit alone", 0, 14,
		"extract", hub, "--permit", researcher, "--cohort", cohort(0), "--out", d.path("answers", "extract"), "--format", "csv")
	if err == nil {
		err = d.show(d.path("answers", "extract", "drug_exposure.csv"), 4)
	}
	say("A table of new users by sex and age, small cells withheld", 0, 40,
		"table", hub, "--permit", aggregates, "--cohort", cohort(0), "--by", "sex,age_group")
	say("Release a table by sex, age and year", 0, 14,
		"release", hub, "--permit", aggregates, "--cohort", cohort(0), "--by", "sex,age_group,year", "--out", d.path("answers", "release"))
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

// compare holds a cohort's answer against what the generator knows.
func (d *demo) compare(dir string, want synth.Cohort) error {
	f, err := os.Open(filepath.Join(dir, "cohort.csv"))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	persons := map[string]bool{}
	var days int64
	for i, r := range rows {
		if i == 0 {
			continue
		}
		start, err := galien.ParseDate(r[2])
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		end, err := galien.ParseDate(r[3])
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		persons[r[1]] = true
		days += int64(end.DaysSince(start)) + 1
	}
	if int64(len(persons)) != want.Persons || days != want.Days {
		return galien.Errorf(galien.Internal, "demo: %s gave %d persons and %d days; the generator knows %d and %d",
			want.File, len(persons), days, want.Persons, want.Days)
	}
	result := fmt.Sprintf("%s persons, %s days: the true answer", thousands(want.Persons), thousands(want.Days))
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
	fmt.Fprintf(d.out, "\nThe hub is %s, the answers are in %s; every command above can be typed again.\n", d.path("hub"), d.path("answers"))
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
