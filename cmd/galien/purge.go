package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/api"
	"galien/audit"
	"galien/durable"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/vault"
)

func newPurgeCommand() *cobra.Command {
	var asJSON bool
	var out string
	cmd := &cobra.Command{
		Use:   "purge HUB",
		Short: "Remove the rows of forgotten persons from every snapshot",
		Long: `Remove the rows of the persons whom the vault was told to forget (galien vault
forget) from every snapshot that is kept, from the index of the quarantine and from
unfinished answers. Files that hold a row of theirs are written anew without it, and
the old ones are removed; all other rows stay as they were, and so do answers about
all other persons. A snapshot is named by its content: each that lost rows has a new
id, and the lake keeps which id became which.

It ends with a certificate in the audit log, which names no person: which snapshots
became which, how many persons and rows by table, and the hashes of the files before
and after. --certificate writes it to a file too. An interrupted purge goes on when
the command is given again. Stop galien serve first: it holds rows in memory. Copies
of the lake made before, and what was handed out, cannot be reached from here.`,
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
			var c *certificate
			var runs [2][]string
			err = h.audited(cmd.Context(), "purge", func() (string, map[string]string, error) {
				p := purge{h: h}
				c, err = p.run(cmd.Context())
				if err != nil || c == nil {
					return "", map[string]string{"persons": "0"}, err
				}
				runs = [2][]string{p.removed, p.left}
				return c.Snapshot, map[string]string{"persons": fmt.Sprint(c.Persons), "snapshots": fmt.Sprint(len(c.Snapshots)), "files": fmt.Sprint(len(c.Files))}, nil
			})
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if c == nil {
				fmt.Fprintln(w, "Nothing to do: nobody was forgotten whose rows are still here.")
				return nil
			}
			if out != "" {
				b, err := json.MarshalIndent(c, "", "  ")
				if err == nil {
					err = durable.Create(out, append(b, '\n'), 0o600)
				}
				if err != nil {
					return err
				}
			}
			if asJSON {
				return writeJSON(w, c)
			}
			c.print(w)
			printUnfinished(w, runs[0], runs[1])
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the certificate as JSON")
	cmd.Flags().StringVar(&out, "certificate", "", "new file for the certificate, outside the hub")
	return cmd
}

// purgeFile is the journal of a purge: it is there from the beginning of one to
// its certificate.
const purgeFile = "purge.json"

// purgeJournal is what it says.
type purgeJournal struct {
	Began time.Time `json:"began"`
	// Persons is how many are purged, and After the number of the lake's last
	// commit before.
	Persons int64 `json:"persons"`
	After   int64 `json:"after_commit"`
	// Quarantined is how many quarantined rows were forgotten with them.
	Quarantined int64 `json:"quarantined_rows"`
}

// purgeJournal reads the journal, nil when no purge is under way.
func (h *hub) purgeJournal() (*purgeJournal, error) {
	b, err := os.ReadFile(h.path(purgeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var j purgeJournal
	if err == nil {
		err = json.Unmarshal(b, &j)
	}
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "read %s: %w; remove it, and purge again", purgeFile, err)
	}
	return &j, nil
}

// certificate says what a purge did, and names no person.
type certificate struct {
	Galien   string    `json:"galien"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Persons  int64     `json:"persons"`
	Snapshot string    `json:"snapshot"` // that is current now
	// Snapshots are those that lost rows, with what they became and the rows that
	// each table lost.
	Snapshots []lake.Purged `json:"snapshots"`
	// Files are those that are no more, with what holds the rest of each.
	Files []lake.PurgedFile `json:"files"`
	// Quarantined is how many quarantined rows were forgotten.
	Quarantined int64 `json:"quarantined_rows"`
}

func (c *certificate) print(w io.Writer) {
	fmt.Fprintf(w, "%d persons purged from %d snapshots: %d files are no more, and %d rows of the quarantine.\n", c.Persons, len(c.Snapshots), len(c.Files), c.Quarantined)
	for _, s := range c.Snapshots {
		var rows int64
		for _, t := range s.Tables {
			rows += t.Rows
		}
		fmt.Fprintf(w, "  %s became %s: %d rows less in %d tables\n", s.Was, s.Is, rows, len(s.Tables))
	}
	fmt.Fprintln(w, "The certificate is in the audit log.")
}

// purge is one call of the command.
type purge struct {
	h *hub
	// step, when set, is told each step before it is taken, those of the lake
	// among them; tests end the process there.
	step          func(name string) error
	removed, left []string // unfinished answers
}

func (p *purge) before(name string) error {
	if p.step == nil {
		return nil
	}
	return p.step(name)
}

// run purges, and returns the certificate; nil when there was nothing to do. The
// journal says from where it began; every step can be taken again:
//
//	journal      what is to be purged, and the lake's last commit before
//	indexes      the quarantine's indexes without the forgotten rows, beside the old
//	the lake     one commit, and the old files go (lake.Tx.Purge)
//	leftovers    old indexes, workspaces, unfinished answers
//	ledger       the persons leave the sets behind released numbers
//	certificate  in the audit log, of the commits since the one in the journal
//	tombstones   the vault notes that they are purged
//	end          the journal goes
func (p *purge) run(ctx context.Context) (*certificate, error) {
	h := p.h
	if conn, err := net.Dial("unix", h.path(api.SocketFile)); err == nil {
		conn.Close()
		return nil, galien.Errorf(galien.Conflict, "purge: galien serve answers for this hub, and holds rows in memory: stop it first")
	}
	if err := h.notBehind(ctx); err != nil {
		return nil, err
	}
	v, err := h.vault()
	if err != nil {
		return nil, err
	}
	forgotten, err := v.Forgotten(ctx)
	if err != nil {
		return nil, err
	}
	l, err := h.lake()
	if err != nil {
		return nil, err
	}
	journal, err := h.purgeJournal()
	if err != nil {
		return nil, err
	}
	if journal == nil {
		if len(forgotten.Persons)+len(forgotten.Rows) == 0 {
			return nil, nil
		}
		if journal, err = p.begin(l, forgotten); err != nil {
			return nil, err
		}
	}
	if err := p.purgeLake(ctx, l, forgotten); err != nil {
		return nil, err
	}
	if err := p.leftovers(ctx, l, v); err != nil {
		return nil, err
	}
	if err := p.purgeLedger(ctx, forgotten); err != nil {
		return nil, err
	}
	c, err := p.certify(ctx, l, *journal)
	if err != nil {
		return nil, err
	}
	if err := p.before("tombstones"); err != nil {
		return nil, err
	}
	if err := v.Purged(ctx, forgotten); err != nil {
		return nil, err
	}
	if err := p.before("end"); err != nil {
		return nil, err
	}
	if err := os.Remove(h.path(purgeFile)); err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	return c, durable.SyncFolder(h.dir)
}

// begin writes the journal.
func (p *purge) begin(l *lake.Lake, f vault.Forgotten) (*purgeJournal, error) {
	history, err := l.History()
	if err != nil {
		return nil, err
	}
	j := purgeJournal{Began: p.h.now().UTC(), Persons: int64(len(f.Persons)), After: int64(len(history))}
	for _, rows := range f.Rows {
		j.Quarantined += int64(len(rows))
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	if err := p.before("journal"); err != nil {
		return nil, err
	}
	return &j, durable.Replace(p.h.path(purgeFile), append(b, '\n'))
}

// purgeLake takes the persons, and the forgotten rows of the quarantine, out of
// every snapshot.
func (p *purge) purgeLake(ctx context.Context, l *lake.Lake, f vault.Forgotten) error {
	kept, err := l.Kept()
	if err != nil || len(kept) == 0 {
		return err
	}
	if err := p.before("indexes"); err != nil {
		return err
	}
	indexes := map[string]writer.Quarantine{}
	for _, s := range kept {
		for _, src := range s.Manifest.Sources {
			gone := map[vault.RawPlace]bool{}
			for _, x := range f.Rows[src.Name] {
				gone[x] = true
			}
			if _, done := indexes[src.Quarantine]; done || len(gone) == 0 || src.Quarantine == "" {
				continue
			}
			var left []source.Rejection
			err := source.ReadIndex(p.h.path(quarantineDir), src.Quarantine, func(r source.Rejection) error {
				if !gone[vault.RawPlace{Table: r.Table, Name: r.File, SHA256: r.SHA256, Line: r.Line}] {
					left = append(left, r)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if int64(len(left)) == src.Quarantined {
				continue
			}
			id, n, err := source.WriteIndex(p.h.path(quarantineDir), func(yield func(source.Rejection) bool) {
				for _, r := range left {
					if !yield(r) {
						return
					}
				}
			})
			if err != nil {
				return err
			}
			indexes[src.Quarantine] = writer.Quarantine{Index: id, Rows: n}
		}
	}
	l.Watch(p.step)
	defer l.Watch(nil)
	_, err = writer.Purge(ctx, l, duck.Config{MemoryLimit: loadMemory}, writer.Purging{Persons: f.Persons, Quarantine: indexes, Note: "purge", Now: p.h.now()})
	return err
}

// leftovers removes what else may hold rows of before.
func (p *purge) leftovers(ctx context.Context, l *lake.Lake, v *vault.Vault) (err error) {
	if err := p.before("leftovers"); err != nil {
		return err
	}
	tx, err := l.Begin() // indexes are removed by who holds the lake
	if err != nil {
		return err
	}
	defer tx.Close()
	named, err := l.QuarantineIndexes()
	if err != nil {
		return err
	}
	if err := source.CleanIndexes(p.h.path(quarantineDir), named); err != nil {
		return err
	}
	if err := v.CleanWorkspaces(""); err != nil {
		return err
	}
	p.removed, p.left, err = p.h.removeUnfinished()
	return err
}

// purgeLedger takes the persons out of the ledger of everything released.
func (p *purge) purgeLedger(ctx context.Context, f vault.Forgotten) error {
	if err := p.before("ledger"); err != nil || len(f.Persons) == 0 {
		return err
	}
	released, err := p.h.released()
	if err != nil {
		return err
	}
	return released.Forget(ctx, f.Persons, p.h.now(), p.h.actor)
}

// largestPart bounds the text of one entry of the audit log.
const largestPart = 400_000

// certify writes the certificate to the audit log: what the lake's commits since
// the beginning of the purge say.
func (p *purge) certify(ctx context.Context, l *lake.Lake, j purgeJournal) (*certificate, error) {
	c := &certificate{Galien: version(), Began: j.Began, Ended: p.h.now().UTC(), Persons: j.Persons, Quarantined: j.Quarantined,
		Snapshots: []lake.Purged{}, Files: []lake.PurgedFile{}}
	history, err := l.History()
	if err != nil {
		return nil, err
	}
	for _, commit := range history {
		c.Snapshot = commit.Snapshot
		if commit.Seq > j.After && commit.Purge != nil {
			c.Snapshots = append(c.Snapshots, commit.Purge.Snapshots...)
			c.Files = append(c.Files, commit.Purge.Files...)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	if err := p.before("certificate"); err != nil {
		return nil, err
	}
	log, err := p.h.audit()
	if err != nil {
		return nil, err
	}
	parts := (len(b) + largestPart - 1) / largestPart
	for i := range parts {
		text := b[i*largestPart : min(len(b), (i+1)*largestPart)]
		_, err := log.Append(ctx, audit.Entry{Time: p.h.now(), Actor: p.h.actor, Action: "purge", Outcome: "certified", Snapshot: c.Snapshot,
			Details: map[string]string{"certificate": string(text), "part": fmt.Sprintf("%d of %d", i+1, parts)}})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}
