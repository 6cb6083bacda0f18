package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
)

func newPermitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "permit",
		Short: "Apply for, decide on, show and end permits",
		Long: `A permit is a YAML file that says who may ask what, why, of which tables and
columns, and until when. Its keys are in docs/formats/permit.md; examples are in
examples/permits.

In an ungoverned hub, where nobody holds a role, whoever can write to the folder
grants it. In a governed one it goes from draft to complete, ethics, decision,
agreement and active, each step by another role (docs/permits.md).`,
	}
	cmd.AddCommand(newPermitGrantCommand(), newPermitListCommand(), newPermitShowCommand(), newPermitRevokeCommand(), newPermitDraftCommand(), newPermitClockCommand())
	for _, s := range lifeSteps {
		cmd.AddCommand(newLifeCommand(s.step, s.short, s.long))
	}
	return cmd
}

func newPermitGrantCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grant HUB FILE",
		Short: "Grant the permit written in FILE and print its id, in an ungoverned hub",
		Long: `Grant the permit written in FILE (YAML; - is standard input) and print its id
alone on standard output. The same terms have the same id: granting them twice
changes nothing. Anything in the file that is not known is an error.

A governed hub refuses: there a permit is applied for with galien permit draft.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readInput(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				id, err := gate.Grant(cmd.Context(), text)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), id)
				return nil
			})
		},
	}
}

// readInput reads a file, or standard input for "-".
func readInput(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return b, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, galien.Errorf(galien.NotFound, "read %s: there is no such file", name)
		}
		return nil, galien.Errorf(galien.Invalid, "read file: %w", err)
	}
	return b, nil
}

// permitView is a permit as a machine reads it.
type permitView struct {
	ID    string       `json:"id"`
	State permit.State `json:"state"`
	Terms permit.Terms `json:"terms"`
	// Ungoverned is set when it was granted in an ungoverned hub.
	Ungoverned bool             `json:"ungoverned"`
	Process    string           `json:"process,omitempty"`
	Amends     string           `json:"amends,omitempty"`
	Due        *permit.Deadline `json:"due,omitempty"`
	Late       *int             `json:"days_late,omitempty"` // negative while days are left
	GrantedAt  *time.Time       `json:"granted_at,omitempty"`
	GrantedBy  string           `json:"granted_by,omitempty"`
	RevokedAt  *time.Time       `json:"revoked_at,omitempty"`
	RevokedBy  string           `json:"revoked_by,omitempty"`
	Steps      []permit.Step    `json:"steps"`
}

func viewOf(p permit.Permit, now time.Time) permitView {
	v := permitView{ID: p.ID, State: p.State(now), Terms: p.Terms, Ungoverned: p.Ungoverned(), Process: p.Process, Amends: p.Amends,
		GrantedBy: p.GrantedBy, RevokedBy: p.RevokedBy, Steps: p.Steps}
	if !p.GrantedAt.IsZero() {
		v.GrantedAt = &p.GrantedAt
	}
	if !p.RevokedAt.IsZero() {
		v.RevokedAt = &p.RevokedAt
	}
	if d, ok := p.Due(now); ok {
		late := d.Late(galien.DateOf(now))
		v.Due, v.Late = &d, &late
	}
	return v
}

func newPermitListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "List every permit and its state",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).permits, func(h *hub, store *permit.Store) error {
				permits, err := store.List(cmd.Context())
				if err != nil {
					return err
				}
				now := h.now()
				if asJSON {
					views := []permitView{}
					for _, p := range permits {
						views = append(views, viewOf(p, now))
					}
					return writeJSON(cmd.OutOrStdout(), views)
				}
				if len(permits) == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "No permit yet. Grant one: galien permit grant %s FILE\n", args[0])
					return nil
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "PERMIT\tSTATE\tLEVEL\tPURPOSE\tSTARTS\tEXPIRES\tPEOPLE\tDUE")
				for _, p := range permits {
					t, due := p.Terms, "-"
					if d, ok := p.Due(now); ok {
						due = d.Words(galien.DateOf(now))
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.State(now), t.Level, t.PurposeKind, t.Starts, t.Expires, printable(strings.Join(t.People, ", ")), due)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newPermitShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show HUB PERMIT",
		Short: "Show a permit's terms and state",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).permits, func(h *hub, store *permit.Store) error {
				p, err := store.Get(cmd.Context(), args[1])
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), viewOf(p, h.now()))
				}
				return showPermit(cmd.OutOrStdout(), p, h.now())
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// showPermit prints a permit for people.
func showPermit(out io.Writer, p permit.Permit, now time.Time) error {
	t := p.Terms
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	const day = "2006-01-02 15:04"
	row("permit", "%s", p.ID)
	row("state", "%s", p.State(now))
	row("purpose", "%s: %s", t.PurposeKind, t.Purpose)
	row("people", "%s", strings.Join(t.People, ", "))
	row("level", "%s", t.Level)
	if t.Tables == nil {
		row("tables", "every table and column")
	} else {
		title := "tables"
		var names []string
		for name := range t.Tables {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			columns := strings.Join(t.Tables[name], ", ")
			if t.Tables[name] == nil {
				columns = "every column"
			}
			row(title, "%s: %s", name, columns)
			title = ""
		}
	}
	if len(t.Deny) > 0 {
		row("hidden concepts", "%s", conceptList(t.Deny))
	}
	if len(t.Allow) > 0 {
		row("only concepts", "%s", conceptList(t.Allow))
	}
	if t.Window != nil {
		row("window", "%s to %s", t.Window.Start, t.Window.End)
	}
	if len(t.Areas) > 0 {
		row("only residents of", "departments %s", strings.Join(t.Areas, ", "))
	}
	if t.Level == permit.LevelRows && t.LeastArea() > 1 {
		row("smallest area in rows", "%d persons of the hub", t.LeastArea())
	}
	if t.Dates != "" {
		row("dates in extracts", "%s", t.Dates)
	}
	if t.SourceIDs {
		row("source person ids", "allowed")
	}
	row("smallest number shown", "%d persons", t.Threshold)
	if t.Rounding > 0 {
		row("numbers rounded to", "%d", t.Rounding)
	}
	row("valid", "%s to %s", t.Starts, t.Expires)
	if p.Ungoverned() {
		row("granted", "%s by %s, in an ungoverned hub", p.GrantedAt.In(now.Location()).Format(day), p.GrantedBy)
		if !p.RevokedAt.IsZero() {
			row("revoked", "%s by %s", p.RevokedAt.In(now.Location()).Format(day), p.RevokedBy)
		}
		return w.Flush()
	}
	if p.Amends != "" {
		row("amends", "%s", p.Amends)
	}
	if d, ok := p.Due(now); ok {
		row("due", "%s", d.Words(galien.DateOf(now)))
		row("", "%s", d.Source)
		if d.Silence != "" {
			row("", "when it passes: %s", d.Silence)
		}
	}
	row("process", "%s", p.Process)
	title := "life"
	for _, s := range p.Steps {
		what := s.Name
		if s.Outcome != "" {
			what += " (" + s.Outcome + ")"
		}
		row(title, "%s  %s by %s, recorded %s, audit entry %d", s.Day, what, s.RecordedBy, s.RecordedAt.In(now.Location()).Format(day), s.AuditEntry)
		if s.SHA256 != "" {
			row("", "            %s, SHA-256 %s", s.Reference, s.SHA256)
		}
		title = ""
	}
	return w.Flush()
}

func conceptList(concepts []permit.Concept) string {
	var parts []string
	for _, c := range concepts {
		s := fmt.Sprint(c.ID)
		if c.Descendants {
			s += " and descendants"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func newPermitRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke HUB PERMIT",
		Short: "End a permit from now on",
		Long: `End a permit from now on: the next question under it is denied, and a running
one is not handed over. A revoked permit does not come back.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				if err := gate.Revoke(cmd.Context(), args[1]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Permit %s is revoked.\n", args[1])
				return nil
			})
		},
	}
}

// writeJSON prints a value for machines.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// printable keeps a text on its line and away from the terminal's controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
