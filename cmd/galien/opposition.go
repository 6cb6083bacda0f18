package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
)

func newOppositionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "opposition",
		Short: "People who do not want their data used",
		Long: `Keep the ledger of oppositions. From the next question on, a person who opposes is
not there: not in counts, cohorts, tables, extracts, exports or releases, under
every permit or the one that --permit names. Withdrawing brings them back. What was
handed out before cannot be called back from here.

People are named by their source's own number, one a line on standard input, so that
it stands in no command line; the vault exchanges it for the person key, and the
ledger has that alone.`,
	}
	cmd.AddCommand(newOppositionAdd(), newOppositionWithdraw(), newOppositionList(), newOppositionOverride())
	return cmd
}

// opposer is what entering and withdrawing share.
type opposer struct {
	source, permitID string
	// notYetHere gives a key to numbers that the vault does not know.
	notYetHere bool
	// reserved is how many got one.
	reserved int
}

func (o *opposer) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.source, "source", "", "the source whose numbers are read, as the hub calls it (required)")
	cmd.Flags().StringVar(&o.permitID, "permit", "", "the one project that is opposed (default: all secondary use)")
	_ = cmd.MarkFlagRequired("source")
}

func (o *opposer) scope() string {
	if o.permitID == "" {
		return permit.Everything
	}
	return o.permitID
}

// persons exchanges the numbers on standard input for person keys. A number
// that the vault does not know stops everything, and is not repeated, unless it is
// to be given a key now, for the day on which the person's data come.
func (o *opposer) persons(ctx context.Context, h *hub, in io.Reader) ([]galien.PersonID, error) {
	kind, _, err := h.sourceKind(o.source)
	if err != nil {
		return nil, err
	}
	ids, lines, err := readNumbers(in, kind)
	if err != nil {
		return nil, err
	}
	if o.notYetHere {
		// No load gives keys meanwhile.
		l, err := h.lake()
		if err != nil {
			return nil, err
		}
		tx, err := l.Begin()
		if err != nil {
			return nil, err
		}
		defer tx.Close()
	}
	v, err := h.vault()
	if err != nil {
		return nil, err
	}
	keys, err := v.Keys(ctx, o.source)
	if err != nil {
		return nil, err
	}
	var persons []galien.PersonID
	for i, id := range ids {
		key, ok := keys.Lookup(id)
		switch {
		case ok:
		case o.notYetHere:
			key = keys.Assign(id)
			o.reserved++
		case v.Lost() != nil:
			return nil, v.Lost()
		default:
			return nil, galien.Errorf(galien.NotFound, "line %d: the source %q has no such person here; nothing was changed. Where their data may come later, add --not-yet-here", lines[i], o.source)
		}
		persons = append(persons, key)
	}
	if o.reserved > 0 {
		// The keys are durable before the ledger names them.
		if err := keys.Commit(ctx); err != nil {
			return nil, err
		}
		return persons, h.noteGeneration(ctx)
	}
	return persons, nil
}

func newOppositionAdd() *cobra.Command {
	var o opposer
	var by, received string
	cmd := &cobra.Command{
		Use:   "add HUB --source S",
		Short: "Enter an opposition",
		Long: `Enter the opposition of the people whose numbers stand on standard input, one a
line, to all secondary use, or to the one permit that --permit names. A number that
the hub does not know stops the command, and nothing is entered, unless
--not-yet-here says that the person's data have not come: the vault then keeps the
number and reserves the key, and the opposition holds from the first load on. Write
the number as the source does; a slip of the pen is not found out.`,
		Example: `  galien opposition add HUB --source snds --by parents --received 2026-01-31 < numbers.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLedger(cmd, args[0], "opposition add", o.scope(), func(h *hub, s *permit.Store) (int64, error) {
				day := galien.DateOf(h.now())
				if received != "" {
					var err error
					if day, err = galien.ParseDate(received); err != nil {
						return 0, galien.Errorf(galien.Invalid, "--received %s is no day; write it as 2026-01-31", received)
					}
				}
				persons, err := o.persons(cmd.Context(), h, cmd.InOrStdin())
				if err != nil {
					return 0, err
				}
				n, err := s.Oppose(cmd.Context(), persons, o.scope(), by, day, h.now(), h.actor)
				if err != nil {
					return n, err
				}
				w := cmd.OutOrStdout()
				fmt.Fprintf(w, "%d of %d entered%s.\n", n, len(persons), others(n, len(persons), "opposed already"))
				if o.reserved > 0 {
					fmt.Fprintf(w, "%d of them are not here yet: the opposition holds when their data come.\n", o.reserved)
				}
				removed, left, err := h.removeUnfinished()
				printUnfinished(w, removed, left)
				return n, err
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&by, "by", permit.ByPerson, "who opposes: person, representative (of an adult under protection), parents (of a minor)")
	cmd.Flags().BoolVar(&o.notYetHere, "not-yet-here", false, "keep numbers that the hub does not know, for when their data come")
	cmd.Flags().StringVar(&received, "received", "", "the day on which the hub was told (default: today)")
	return cmd
}

func newOppositionWithdraw() *cobra.Command {
	var o opposer
	cmd := &cobra.Command{
		Use:   "withdraw HUB --source S",
		Short: "End an opposition",
		Long: `End the opposition of the people whose numbers stand on standard input, one a line,
to all secondary use, or to the one permit that --permit names: each is ended by
itself.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLedger(cmd, args[0], "opposition withdraw", o.scope(), func(h *hub, s *permit.Store) (int64, error) {
				persons, err := o.persons(cmd.Context(), h, cmd.InOrStdin())
				if err != nil {
					return 0, err
				}
				n, err := s.Withdraw(cmd.Context(), persons, o.scope(), h.now(), h.actor)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%d of %d withdrawn%s.\n", n, len(persons), others(n, len(persons), "did not oppose"))
				}
				return n, err
			})
		},
	}
	o.flags(cmd)
	return cmd
}

func newOppositionOverride() *cobra.Command {
	var permitID, law string
	var end bool
	cmd := &cobra.Command{
		Use:   "override HUB --permit P --law TEXT",
		Short: "Set oppositions aside for one permit, where a law says so",
		Long: `Set every opposition aside for one permit, by the law that --law names; it stands in
the ledger and in the audit log. --end makes them hold again. Who was forgotten
(galien vault forget) stays away all the same.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if end == (law != "") {
				return galien.Errorf(galien.Invalid, "name the law with --law, or use --end")
			}
			return withLedger(cmd, args[0], "opposition override", permitID, func(h *hub, s *permit.Store) (int64, error) {
				if end {
					err := s.EndOverride(cmd.Context(), permitID, h.now(), h.actor)
					if err == nil {
						fmt.Fprintf(cmd.OutOrStdout(), "Oppositions hold again under %s.\n", permitID)
					}
					return 1, err
				}
				err := s.Override(cmd.Context(), permitID, law, h.now(), h.actor)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "Oppositions are set aside under %s.\n", permitID)
				}
				return 1, err
			}, "law", law)
		},
	}
	cmd.Flags().StringVar(&permitID, "permit", "", "the permit (required)")
	cmd.Flags().StringVar(&law, "law", "", "the text of law, such as an article and its code")
	cmd.Flags().BoolVar(&end, "end", false, "oppositions hold again")
	_ = cmd.MarkFlagRequired("permit")
	return cmd
}

func newOppositionList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "Show the ledger, by person key, and where a law sets it aside",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			s, err := h.permits()
			if err != nil {
				return err
			}
			var ledger struct {
				Oppositions []permit.Opposition `json:"oppositions"`
				Overrides   []permit.Override   `json:"overrides"`
			}
			err = h.audited(cmd.Context(), "opposition list", func() (_ string, _ map[string]string, err error) {
				if ledger.Oppositions, err = s.Oppositions(cmd.Context()); err == nil {
					ledger.Overrides, err = s.Overrides(cmd.Context())
				}
				return "", nil, err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), ledger)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "person key\tscope\tby\treceived\tstate")
			for _, o := range ledger.Oppositions {
				state := "holds"
				if !o.WithdrawnAt.IsZero() {
					state = "withdrawn on " + galien.DateOf(o.WithdrawnAt).String()
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", o.Person, o.Scope, o.By, o.Received, state)
			}
			if len(ledger.Overrides) > 0 {
				fmt.Fprintln(w, "\nset aside for\tby the law\tsince\tstate")
			}
			for _, o := range ledger.Overrides {
				state := "holds"
				if !o.EndedAt.IsZero() {
					state = "ended on " + galien.DateOf(o.EndedAt).String()
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.Permit, printable(o.Law), galien.DateOf(o.RecordedAt), state)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// others says what is to be said of those who did not change, if there are any.
func others(changed int64, of int, what string) string {
	if changed == int64(of) {
		return ""
	}
	return "; the others " + what
}

// withLedger changes the ledger between two entries of the audit log, which say
// the scope and how many persons, and no person.
func withLedger(cmd *cobra.Command, dir, action, scope string, do func(h *hub, s *permit.Store) (int64, error), more ...string) error {
	h, err := openHub(dir)
	if err != nil {
		return err
	}
	defer h.close()
	s, err := h.permits()
	if err != nil {
		return err
	}
	return h.audited(cmd.Context(), action, func() (string, map[string]string, error) {
		if err := h.ledgerNotBehind(cmd.Context()); err != nil {
			return "", nil, err
		}
		n, err := do(h, s)
		if err == nil {
			err = h.noteLedger(cmd.Context(), s)
		}
		details := map[string]string{"scope": scope, "changed": fmt.Sprint(n)}
		for i := 0; i+1 < len(more); i += 2 {
			details[more[i]] = more[i+1]
		}
		return "", details, err
	})
}
