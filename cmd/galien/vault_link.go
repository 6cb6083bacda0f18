package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/source/identity"
	"galien/vault/link"
	"galien/vault/linkfile"
)

// inventedThirdParty is the prefix of --third-party for invented data.
const inventedThirdParty = "invented:"

// linkRequest is what the flags of vault link say.
type linkRequest struct {
	source, with      []string
	nameA, nameB      string
	out, review       string
	thirdParty        string
	options           link.Options
	asJSON, showModel bool
}

func newVaultLinkCommand() *cobra.Command {
	var q linkRequest
	cmd := &cobra.Command{
		Use:   "link HUB --source PATH... --with PATH... --out FILE",
		Short: "Say which records of two sources are of one person",
		Long: `Read two sources, each from files or folders, and link their persons: first by
shared numbers (own number, chaining numbers, a hospital's own number), then by
likeness (Fellegi-Sunter) where no number is shared. A source is a hospital
(VID-HOSP and RSS or RUM, tables of identities) or claims (IR_BEN_R,
IR_BEN_R_ARC, T_MCOaaC, T_MCOaaB).

Every link goes to the vault's ledger with its reasons and weight. --out gets the
links that stand, --review the pairs that a human must decide (galien vault
decide). Both hold identities: only their owner may read them, and they must lie
outside of the hub. docs/linkage.md says how links are made and how good they
are.

A hub does not make chaining numbers: the third party does, from secret keys.
Give its answers as columns (BEN_NIR_PSA, BEN_NIR_ANO) of a table of identities.
For invented data, --third-party invented:PREFIX stands for it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			return h.link(cmd, q)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&q.source, "source", nil, "file or folder of the first source; may be repeated")
	f.StringArrayVar(&q.with, "with", nil, "file or folder of the second source; may be repeated")
	f.StringVar(&q.nameA, "source-name", "hospital", "what the ledger calls the first source")
	f.StringVar(&q.nameB, "with-name", "claims", "what the ledger calls the second source")
	f.StringVar(&q.out, "out", "", "new CSV file for the links that stand")
	f.StringVar(&q.review, "review", "", "new CSV file for the pairs to review")
	f.StringVar(&q.thirdParty, "third-party", "", "invented:PREFIX: the stand-in of invented data")
	f.BoolVar(&q.options.WithoutNumbers, "without-numbers", false, "link by likeness alone, as if no number were shared")
	f.BoolVar(&q.options.NumbersOnly, "numbers-only", false, "link by shared numbers alone")
	f.Float64Var(&q.options.Precision, "precision", 0.999, "least share of right links, as estimated, among those by likeness")
	f.Float64Var(&q.options.Band, "band", 0.1, "least probability of a pair to review")
	f.BoolVar(&q.showModel, "model", false, "print the weight of each level of each field too")
	f.BoolVar(&q.asJSON, "json", false, "print the report as JSON")
	for _, name := range []string{"source", "with", "out"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}

// outsideHub fails when a file of identities would lie inside the hub, or
// exists.
func (h *hub) outsideHub(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return galien.Errorf(galien.Conflict, "output file: %s exists already; name a new one", path)
	}
	return checkOutput(h.dir, path)
}

// ledger opens the ledger of links, which no other process may have open.
// release must be called.
func (h *hub) ledger() (l *link.Ledger, release func() error, err error) {
	v, err := h.vault()
	if err != nil {
		return nil, nil, err
	}
	box, err := v.Box(linkfile.Name)
	if err != nil {
		return nil, nil, err
	}
	store, err := linkfile.Open(filepath.Join(h.path(vaultDir), linkfile.Name), box)
	if err != nil {
		return nil, nil, err
	}
	l, err = link.OpenLedger(store)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return l, store.Close, nil
}

// link links two sources between two entries of the audit log.
func (h *hub) link(cmd *cobra.Command, q linkRequest) error {
	for _, path := range []string{q.out, q.review} {
		if path == "" {
			continue
		}
		if err := h.outsideHub(path); err != nil {
			return err
		}
	}
	if q.nameA == q.nameB {
		return galien.Errorf(galien.Invalid, "vault link: both sources are called %q; name them with --source-name and --with-name", q.nameA)
	}
	if q.thirdParty != "" {
		prefix, ok := strings.CutPrefix(q.thirdParty, inventedThirdParty)
		if !ok || prefix == "" {
			return galien.Errorf(galien.Invalid, "vault link: --third-party knows %sPREFIX alone; the answers of a real one are columns of a table of identities", inventedThirdParty)
		}
		q.options.ThirdParty = link.Invented{Prefix: prefix}
	}
	var run int64
	var result *link.Result
	var read [2]identity.Report
	err := h.audited(cmd.Context(), "vault link", func() (string, map[string]string, error) {
		ledger, release, err := h.ledger()
		if err != nil {
			return "", nil, err
		}
		defer release()
		linker := link.New(q.nameA, q.nameB, q.options)
		claims := false
		for i, side := range []struct {
			paths []string
			to    *link.Side
		}{{q.source, linker.A}, {q.with, linker.B}} {
			source, err := identity.Read(cmd.Context(), side.paths)
			if err != nil {
				return "", nil, err
			}
			if err := source.AddTo(side.to); err != nil {
				return "", nil, err
			}
			read[i], claims = source.Report, source.Claims()
		}
		ledger.Prepare(linker)
		if result, err = linker.Run(cmd.Context()); err != nil {
			return "", nil, err
		}
		if run, err = ledger.Record(result, h.now(), h.actor); err != nil {
			return "", nil, err
		}
		if err := writeLinks(q, result, ledger, claims); err != nil {
			return "", nil, err
		}
		r := result.Report
		return "", map[string]string{
			"run": fmt.Sprint(run), "links_by_number": fmt.Sprint(r.ByNumber), "links_by_likeness": fmt.Sprint(r.ByLikeness), "to_review": fmt.Sprint(r.Review),
		}, nil
	})
	if err != nil {
		return err
	}
	if q.asJSON {
		return writeJSON(cmd.OutOrStdout(), struct {
			Run    int64           `json:"run"`
			Source identity.Report `json:"source"`
			With   identity.Report `json:"with"`
			link.Report
		}{run, read[0], read[1], result.Report})
	}
	return printLinks(cmd.OutOrStdout(), run, read, result.Report, q.showModel)
}

// writeLinks writes the links that stand, one line for each stay of the first
// source or for each link of a record without stays, and the pairs to review,
// one line each.
func writeLinks(q linkRequest, result *link.Result, ledger *link.Ledger, claims bool) error {
	header := []string{"link", "source_id", "finess", "nadl", "person_source_value", "claims_year", "claims_eta_num", "claims_rsa_num", "path", "weight", "probability", "reasons"}
	write := func(path string, wanted link.State) (err error) {
		if path == "" {
			return nil
		}
		t, err := createTable(path, header...)
		if err != nil {
			return err
		}
		defer func() {
			if err != nil {
				os.Remove(path)
			}
		}()
		for _, x := range standing(result.Links, ledger, q, wanted) {
			stays := x.Stays
			if x.withoutStays || wanted == link.StateReview {
				stays = []link.StayPair{{}}
			}
			for _, s := range stays {
				var a [2]string
				copy(a[:], identity.StayID(s.A))
				var b [3]string
				if theirs := identity.StayID(s.B); claims {
					copy(b[:], theirs)
				} else {
					copy(b[1:], theirs)
				}
				t.row(strconv.FormatInt(x.number, 10), x.A.Reveal(), a[0], a[1], x.B.Reveal(), b[0], b[1], b[2],
					string(x.Path), fmt.Sprintf("%.2f", x.Weight), fmt.Sprintf("%.6f", x.Probability), reasonsText(x.Reasons))
			}
		}
		return t.close()
	}
	if err := write(q.out, link.StateAccepted); err != nil {
		return err
	}
	return write(q.review, link.StateReview)
}

// standingLink is a link with its number in the ledger.
type standingLink struct {
	number int64
	// withoutStays is set when the record of the first source has none.
	withoutStays bool
	link.Link
}

// standing returns the links that the ledger has in a state. A stay of a person
// with several records on the other side is that of the record which has it
// too, else of the weightiest; so each stay is there once.
func standing(links []link.Link, ledger *link.Ledger, q linkRequest, wanted link.State) []standingLink {
	var list []standingLink
	for _, x := range links {
		if e, ok := ledger.Pair(q.nameA, x.A, q.nameB, x.B); ok && e.State == wanted {
			list = append(list, standingLink{e.Link, len(x.Stays) == 0, x})
		}
	}
	slices.SortStableFunc(list, func(x, y standingLink) int {
		switch {
		case x.A.Reveal() != y.A.Reveal():
			return strings.Compare(x.A.Reveal(), y.A.Reveal())
		case x.Weight > y.Weight:
			return -1
		case x.Weight < y.Weight:
			return 1
		}
		return 0
	})
	taken := map[string]bool{}
	for _, paired := range []bool{true, false} {
		for i := range list {
			x := &list[i]
			x.Stays = slices.DeleteFunc(slices.Clone(x.Stays), func(s link.StayPair) bool {
				key := x.A.Reveal() + "\x00" + s.A.Reveal()
				if paired != (s.B.Reveal() != "") {
					return false
				}
				was := taken[key]
				taken[key] = true
				return was
			})
		}
	}
	return list
}

// reasonsText writes reasons in one field.
func reasonsText(reasons []link.Reason) string {
	var list []string
	for _, r := range reasons {
		if r.Weight == 0 {
			list = append(list, r.Level)
		} else {
			list = append(list, fmt.Sprintf("%s: %s (%+.1f)", r.Field, r.Level, r.Weight))
		}
	}
	return strings.Join(list, "; ")
}

func printLinks(w io.Writer, run int64, read [2]identity.Report, r link.Report, model bool) error {
	fmt.Fprintf(w, "Run %d: %d of %d persons of %s linked to %s (%d persons), %.2f %%.\n", run, r.ByNumber+r.ByLikeness, r.RecordsA, r.SourceA, r.SourceB, r.RecordsB, 100*r.Rate)
	fmt.Fprintf(w, "By shared numbers %d, by likeness %d; %d pairs to review.\n", r.ByNumber, r.ByLikeness, r.Review)
	fmt.Fprintf(w, "Estimated precision %.5f, estimated recall %.4f; least probability of a link by likeness %.4f.\n", r.Precision, r.Recall, r.Threshold)
	fmt.Fprintf(w, "%d pairs compared, %d skipped in blocks that are too large.\n\n", r.Compared, r.Skipped)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "source\tfiles\tset aside\twrong keys\tunreadable numbers\tcontradicted numbers\ttest identities\tstays dropped")
	for i, name := range []string{r.SourceA, r.SourceB} {
		warnings := []link.Warnings{r.WarningsA, r.WarningsB}[i]
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name, len(read[i].Files), read[i].SetAside,
			warnings.WrongKeys, warnings.Unreadable, warnings.Contradicted, warnings.Quarantined, read[i].DroppedStays)
	}
	if model {
		fmt.Fprintln(tw, "\nfield\tlevel\tsame person\ttwo persons\tweight")
		for _, x := range r.Levels {
			fmt.Fprintf(tw, "%s\t%s\t%.4f\t%.2e\t%+.1f\n", x.Field, x.Level, x.M, x.U, x.Weight)
		}
	}
	return tw.Flush()
}

func newVaultLinksCommand() *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "links HUB",
		Short: "Show the runs and links of the ledger",
		Long: `Show each run that linked two sources, and how many links stand, wait, were
undone or were lost. With --out, every link goes to a file with its records,
state and reasons: identities, which only their owner may read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			if out != "" {
				if err := h.outsideHub(out); err != nil {
					return err
				}
			}
			ledger, release, err := h.ledger()
			if err != nil {
				return err
			}
			defer release()
			if out != "" {
				err := h.audited(cmd.Context(), "vault links", func() (string, map[string]string, error) {
					return "", map[string]string{"links": fmt.Sprint(len(ledger.Entries()))}, writeLedger(out, ledger)
				})
				if err != nil {
					return err
				}
			}
			return showLedger(cmd.OutOrStdout(), ledger, asJSON)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new CSV file for every link")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func writeLedger(path string, ledger *link.Ledger) error {
	t, err := createTable(path, "link", "state", "by_human", "source_a", "a", "source_b", "b", "path", "weight", "probability", "reasons")
	if err != nil {
		return err
	}
	for _, e := range ledger.Entries() {
		t.row(strconv.FormatInt(e.Link, 10), string(e.State), strconv.FormatBool(e.Human), e.SourceA, e.A.Reveal(), e.SourceB, e.B.Reveal(),
			string(e.Path), fmt.Sprintf("%.2f", e.Weight), fmt.Sprintf("%.6f", e.Probability), reasonsText(e.Reasons))
	}
	return t.close()
}

func showLedger(w io.Writer, ledger *link.Ledger, asJSON bool) error {
	states := map[link.State]int{}
	for _, e := range ledger.Entries() {
		states[e.State]++
	}
	if asJSON {
		type run struct {
			Run    int64        `json:"run"`
			Time   string       `json:"time"`
			Actor  string       `json:"actor"`
			Report *link.Report `json:"report"`
		}
		var runs []run
		for _, e := range ledger.Runs() {
			runs = append(runs, run{e.Run, e.Time.Format("2006-01-02T15:04:05Z"), e.Actor, e.Report})
		}
		return writeJSON(w, struct {
			Runs   []run              `json:"runs"`
			States map[link.State]int `json:"states"`
		}{runs, states})
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "run\ttime\tby\tsources\tby number\tby likeness\tto review\trate\tprecision\trecall")
	for _, e := range ledger.Runs() {
		r := e.Report
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s, %s\t%d\t%d\t%d\t%.4f\t%.5f\t%.4f\n", e.Run, e.Time.Format("2006-01-02 15:04:05"), e.Actor, r.SourceA, r.SourceB,
			r.ByNumber, r.ByLikeness, r.Review, r.Rate, r.Precision, r.Recall)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d links stand, %d pairs wait for a review, %d were undone, %d were found no more.\n",
		states[link.StateAccepted], states[link.StateReview], states[link.StateUndone], states[link.StateLost])
	if n := states[link.StateForgotten]; n > 0 {
		fmt.Fprintf(w, "%d are of persons who were forgotten.\n", n)
	}
	return nil
}

func newVaultDecideCommand() *cobra.Command {
	var why string
	decisions := map[string]link.Kind{"accept": link.Confirmed, "undo": link.Undone, "restore": link.Restored}
	cmd := &cobra.Command{
		Use:   "decide HUB LINK accept|undo|restore --why TEXT",
		Short: "Decide about a pair of the ledger",
		Long: `Write down what a human decided about a pair, by its number in the ledger:
accept (one person), undo (two persons: no later run links them), or restore,
which takes the last such decision back. The history is kept.`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return galien.Errorf(galien.Invalid, "vault decide: %q is no number of a link", args[1])
			}
			kind, ok := decisions[args[2]]
			if !ok {
				return galien.Errorf(galien.Invalid, "vault decide: %q is no decision; use accept, undo or restore", args[2])
			}
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			var entry link.Entry
			err = h.audited(cmd.Context(), "vault decide", func() (string, map[string]string, error) {
				ledger, release, err := h.ledger()
				if err != nil {
					return "", nil, err
				}
				defer release()
				if err := ledger.Decide(number, kind, h.now(), h.actor, why); err != nil {
					return "", nil, err
				}
				entry, err = ledger.Entry(number)
				return "", map[string]string{"link": args[1], "decision": args[2]}, err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Link %d is %s.\n", number, entry.State)
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, which the ledger keeps; name no person in it")
	cmd.MarkFlagRequired("why")
	return cmd
}
