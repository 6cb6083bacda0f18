// Command galien is the health data hub on one machine: it receives OMOP
// tables, keeps them as immutable snapshots, and answers questions under a
// permit, with every answer written down first.
//
// This folder holds flags and wiring, one file per command; what a command
// does is in the packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"galien"
)

// commands are the subcommands, in the order of the help page.
var commands = []func() *cobra.Command{
	newInitCommand,
	newIngestCommand,
	newSourceCommand,
	newVocabCommand,
	newQuarantineCommand,
	newStatusCommand,
	newFsckCommand,
	newCompactCommand,
	newPurgeCommand,
	newPermitCommand,
	newRoleCommand,
	newOppositionCommand,
	newCohortCommand,
	newTableCommand,
	newReleaseCommand,
	newDisclosureCommand,
	newAirlockCommand,
	newExtractCommand,
	newAttackCommand,
	newExportCommand,
	newLedgerCommand,
	newAuditCommand,
	newVaultCommand,
	newServeCommand,
	newSynthCommand,
	newDemoCommand,
}

func main() {
	forbidDumps()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit code. An error is
// printed once, here.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ran := false
	root := newRoot(&ran)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !ran {
		// Cobra's own errors are all about how the command was written.
		err = galien.Errorf(galien.Invalid, "%w; see %s --help", err, cmd.CommandPath())
	}
	if err != nil {
		fmt.Fprintf(stderr, "galien: %s\n", errorText(err))
	}
	return exitCode(err)
}

// newRoot builds the command tree. *ran tells afterwards whether a command's
// own code was reached.
func newRoot(ran *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "galien",
		Short: "A health data hub on one machine",
		Long: `Galien takes a folder of OMOP CDM tables, an extract of the French claims (SNDS)
or a hospital's PMSI files, keeps it as immutable snapshots, and answers questions
under a permit. Every question is written down before it is answered.

Exit codes: 0 done, 1 internal fault, 2 invalid input or usage, 3 not found or
withheld, 4 denied, 5 conflict with the hub's state, 6 busy (try again),
7 damage found, 130 interrupted.`,
		Version:           version(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              cobra.NoArgs,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetVersionTemplate("galien {{.Version}}\n")
	for _, command := range commands {
		root.AddCommand(command())
	}
	var mark func(*cobra.Command)
	mark = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			mark(sub)
		}
		if inner := c.RunE; inner != nil {
			c.RunE = func(cmd *cobra.Command, args []string) error {
				*ran = true
				if err := authorise(cmd, args); err != nil {
					return err
				}
				return inner(cmd, args)
			}
			return
		}
		// A command that only holds others: help without a name after it, an
		// error with one that does not exist.
		c.Args = cobra.NoArgs
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	mark(root)
	return root
}

// exitCode is the one place where an error becomes a process's exit code.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		return 130
	}
	switch galien.KindOf(err) {
	case galien.Invalid:
		return 2
	case galien.NotFound, galien.Withheld:
		return 3
	case galien.Denied:
		return 4
	case galien.Conflict:
		return 5
	case galien.Busy:
		return 6
	case galien.Corrupt:
		return 7
	}
	return 1
}

// errorText is what the user reads of an error, which may quote a file: nothing
// of it reaches the terminal's controls. What is withheld looks like what does
// not exist.
func errorText(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case galien.KindOf(err) == galien.Withheld:
		return "not found"
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// version returns the version that this binary was built from: the module's,
// or the revision of the working copy.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+modified"
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision + modified
}
