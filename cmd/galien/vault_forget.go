package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/source"
	"galien/source/omop"
	"galien/source/snds"
	"galien/vault"
)

func newVaultForget() *cobra.Command {
	var sourceName string
	cmd := &cobra.Command{
		Use:   "forget HUB --source S",
		Short: "Forget persons for good: their identities, links and numbers",
		Long: `Read the source's own numbers of persons from standard input, one a line, and remove
what tells who they are: their numbers, pseudonyms and identity columns from the
vault, their links, the quarantined rows that speak of them, and what the store of
claims has under their numbers. Their keys stay as tombstones, so that nobody gets
them again, and from the next question on their rows are in no answer, whatever law sets
oppositions aside. This cannot be undone.

galien purge HUB then removes their rows from every snapshot; no load is taken in
before that. Without the identity nothing can recognise them: if the source sends
them again, they come as new persons. To keep them out, the hub has to keep their
number: galien opposition add HUB --source S --not-yet-here. Backups made before
hold them still.`,
		Example: `  galien vault forget HUB --source omop < numbers.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			var done forgot
			err = h.audited(cmd.Context(), "vault forget", func() (_ string, _ map[string]string, err error) {
				done, err = h.forget(cmd.Context(), sourceName, cmd.InOrStdin())
				return "", map[string]string{
					"persons": fmt.Sprint(len(done.Persons)), "identity_values": fmt.Sprint(done.Values), "quarantined_rows": fmt.Sprint(done.Rows),
					"links": fmt.Sprint(done.links), "store_rows": fmt.Sprint(done.store),
				}, err
			})
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%d persons forgotten: %d identity values, %d quarantined rows, %d links and %d rows of the store are gone.\n", len(done.Persons), done.Values, done.Rows, done.links, done.store)
			fmt.Fprintf(w, "Their rows are in no answer any more. Next: galien purge %s removes them from every snapshot; no load is taken in before.\n", args[0])
			fmt.Fprintf(w, "If the source sends them again they are new persons: see galien vault forget --help.\n")
			printUnfinished(w, done.removed, done.left)
			return nil
		},
	}
	cmd.Flags().StringVar(&sourceName, "source", "", "the source whose numbers are read, as the hub calls it (required)")
	_ = cmd.MarkFlagRequired("source")
	return cmd
}

// forgot is what a hub forgot.
type forgot struct {
	vault.Forgot
	links         int
	store         int64
	removed, left []string // unfinished runs
}

// readNumbers reads persons' numbers, one a line, as the source of a kind writes
// them. What is wrong with one is told by its line, and not repeated.
func readNumbers(in io.Reader, kind string) (numbers []string, lines []int, err error) {
	scan := bufio.NewScanner(in)
	for n := 1; scan.Scan(); n++ {
		id := strings.TrimSpace(scan.Text())
		if id == "" {
			continue
		}
		if kind == omop.Kind {
			if id, err = omop.Canonical(id); err != nil {
				return nil, nil, fmt.Errorf("line %d: %w; nothing was changed", n, err)
			}
		}
		numbers, lines = append(numbers, id), append(lines, n)
	}
	if err := scan.Err(); err != nil {
		return nil, nil, fmt.Errorf("read numbers: %w", err)
	}
	if len(numbers) == 0 {
		return nil, nil, galien.Errorf(galien.Invalid, "no number on standard input; give one a line")
	}
	return numbers, lines, nil
}

// sourceKind returns the kind of the hub's source of a name. Before the first
// load there is none, and the name is taken for the kind, as a load does. A name
// that is not the hub's is NotFound.
func (h *hub) sourceKind(name string) (kind string, snap *lake.Snapshot, err error) {
	snap, err = h.snapshot()
	if galien.KindOf(err) == galien.NotFound {
		return name, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	if src, ok := snap.Source(name); ok {
		return src.Kind, snap, nil
	}
	var names []string
	for _, src := range snap.Manifest.Sources {
		names = append(names, src.Name)
	}
	return "", nil, galien.Errorf(galien.NotFound, "the hub has no source %q; it has %s", name, strings.Join(names, ", "))
}

// forget removes persons from the vault and from what else tells who they are.
// First they are opposed, last the vault forgets them: interrupted, it can be
// called again with the same numbers.
func (h *hub) forget(ctx context.Context, name string, in io.Reader) (done forgot, err error) {
	kind, snap, err := h.sourceKind(name)
	if err != nil {
		return done, err
	}
	ids, lines, err := readNumbers(in, kind)
	if err != nil {
		return done, err
	}
	if err := h.notBehind(ctx); err != nil {
		return done, err
	}
	if journal, err := h.purgeJournal(); err != nil {
		return done, err
	} else if journal != nil {
		return done, galien.Errorf(galien.Conflict, "forget: a purge was interrupted: galien purge %s ends it; forget after that", h.dir)
	}
	l, err := h.lake()
	if err != nil {
		return done, err
	}
	tx, err := l.Begin() // no load may go on meanwhile
	if err != nil {
		return done, err
	}
	defer tx.Close()
	v, err := h.vault()
	if err != nil {
		return done, err
	}
	keys, err := v.Keys(ctx, name)
	if err != nil {
		return done, err
	}
	f := vault.Forgetting{Source: name}
	var persons []galien.PersonID
	for i, id := range ids {
		key, ok := keys.Lookup(id)
		if !ok {
			if err := v.Lost(); err != nil {
				return done, err
			}
			return done, galien.Errorf(galien.NotFound, "line %d: the source %q has no such person here; nothing was changed", lines[i], name)
		}
		persons = append(persons, key)
		f.IDs = append(f.IDs, vault.Seal(id))
	}
	ledger, err := h.permits()
	if err != nil {
		return done, err
	}
	if err := ledger.Erase(ctx, persons, h.now(), h.actor); err != nil {
		return done, err
	}
	numbers := slices.Clone(ids)
	for _, id := range ids {
		// A hospital's own number stands after its kind and its establishment's.
		if _, number, ok := cutLast(id, "|"); ok {
			numbers = append(numbers, number)
		}
	}
	var rows int64
	if kind == snds.Kind && snap != nil {
		src, _ := snap.Source(name)
		done.store, err = snds.Forget(ctx, v, src, duck.Config{MemoryLimit: loadMemory}, ids, func(more []string) (err error) {
			done.links, rows, err = h.forgetMentions(ctx, v, name, append(numbers, more...))
			return err
		})
	} else {
		done.links, rows, err = h.forgetMentions(ctx, v, name, numbers)
	}
	if err != nil {
		return done, err
	}
	if kind == omop.Kind {
		if f.Values, err = omop.ValuesOf(ctx, v, snap, name, ids, persons); err != nil {
			return done, err
		}
	}
	if done.Forgot, err = v.Forget(ctx, f); err != nil {
		return done, err
	}
	done.Rows = rows
	if done.removed, done.left, err = h.removeUnfinished(); err != nil {
		return done, err
	}
	return done, h.noteGeneration(ctx)
}

// cutLast cuts a text at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// forgetMentions forgets what speaks of persons by their numbers: links, and
// quarantined rows of the source.
func (h *hub) forgetMentions(ctx context.Context, v *vault.Vault, name string, numbers []string) (links int, rows int64, err error) {
	if links, err = h.forgetLinks(numbers); err != nil {
		return links, 0, err
	}
	f := vault.Forgetting{Source: name}
	err = v.RawRows(ctx, name, func(file vault.RawFile, line int64, raw []byte) error {
		if source.Mentions(file.Header, file.Delimiter, raw, numbers) {
			f.Rows = append(f.Rows, vault.RawPlace{Table: file.Table, Name: file.Name, SHA256: file.SHA256, Line: line})
		}
		return nil
	})
	if err != nil || len(f.Rows) == 0 {
		return links, 0, err
	}
	done, err := v.Forget(ctx, f)
	return links, done.Rows, err
}

// forgetLinks forgets the links of records of those numbers.
func (h *hub) forgetLinks(numbers []string) (int, error) {
	ledger, release, err := h.ledger()
	if err != nil {
		return 0, err
	}
	defer release()
	return ledger.Forget(func(_ string, record vault.Identity) bool { return slices.Contains(numbers, record.Reveal()) })
}
