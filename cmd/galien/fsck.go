package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/lake"
	"galien/permit"
	"galien/source/omop"
	"galien/source/snds"
	"galien/vault"
	"galien/vocab"
)

func newFsckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fsck HUB",
		Short: "Verify the lake, the vault, the quarantine, the permits, the ledger and the audit log",
		Long: `Verify everything that the hub holds: manifests, hashes and row counts of the
lake, the audit log, the ledger of everything released and that it has what the
audit log refers to, the vault and its keys against the lake's persons, the
quarantine against the lake and the vault, and every row of permits, roles and
oppositions, the steps of permits and roles against the audit log. Every problem is printed; damage ends
with exit code 7. Leftovers of an interrupted load are notes: the next load
removes them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			r, err := h.fsck(cmd.Context())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				if err := writeJSON(out, r); err != nil {
					return err
				}
			} else {
				for _, p := range r.Problems {
					word := "note"
					if p.Damage {
						word = "damage"
					}
					fmt.Fprintf(out, "%s: %s: %s\n", word, p.Part, p.Text)
				}
				if r.OK {
					fmt.Fprintf(out, "OK: %d lake files, %d person keys, %d rows in quarantine, %d permits, %d ledger records, %d audit entries.\n",
						r.LakeFiles, r.PersonKeys, r.Quarantined, r.Permits, r.Released, r.AuditEntries)
				}
			}
			if !r.OK {
				return galien.Errorf(galien.Corrupt, "fsck: the hub is damaged: %d problems; restore the parts named from a backup", r.damages())
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// fsckReport is what galien fsck found.
type fsckReport struct {
	OK            bool          `json:"ok"`
	LakeFiles     int           `json:"lake_files"`
	PersonKeys    int64         `json:"person_keys"`
	Quarantined   int64         `json:"quarantined"`
	Permits       int           `json:"permits"`
	AuditEntries  int64         `json:"audit_entries"`
	Released      int           `json:"ledger_records"`
	AirlockGroups int           `json:"airlock_groups"`
	Problems      []fsckProblem `json:"problems"`
}

// fsckProblem is damage, or a note on what harms nothing.
type fsckProblem struct {
	Part   string `json:"part"`
	Text   string `json:"text"`
	Damage bool   `json:"damage"`
}

func (r *fsckReport) damages() (n int) {
	for _, p := range r.Problems {
		if p.Damage {
			n++
		}
	}
	return n
}

// fsck checks every part, also after damage in another. An error means that
// the check could not be finished.
func (h *hub) fsck(ctx context.Context) (*fsckReport, error) {
	r := &fsckReport{Problems: []fsckProblem{}}
	// damage takes an error that tells of damage, and returns any other.
	damage := func(part string, err error) error {
		switch galien.KindOf(err) {
		case galien.Corrupt, galien.NotFound:
			r.Problems = append(r.Problems, fsckProblem{part, err.Error(), true})
			return nil
		}
		return err
	}
	l, err := h.lake()
	if err := damage("lake", err); err != nil {
		return nil, err
	}
	if l != nil {
		before := len(r.Problems)
		r.LakeFiles, err = l.Fsck(ctx, func(p lake.Problem) {
			r.Problems = append(r.Problems, fsckProblem{"lake/" + p.Path, p.Text, p.Damage})
		})
		if galien.KindOf(err) != galien.Corrupt || len(r.Problems) == before {
			if err := damage("lake", err); err != nil {
				return nil, err
			}
		}
	}
	v, err := h.vault()
	if err := damage("vault", err); err != nil {
		return nil, err
	}
	if v != nil {
		r.PersonKeys, err = v.Check(ctx)
		if err := damage("vault", err); err != nil {
			return nil, err
		}
	}
	log, err := h.audit()
	if err := damage("audit", err); err != nil {
		return nil, err
	}
	if log != nil {
		verified, err := log.Verify(ctx)
		if err := damage("audit", err); err != nil {
			return nil, err
		}
		r.AuditEntries = verified.Entries
		if r.Released, err = h.checkReleased(ctx, log); damage("ledger", err) != nil {
			return nil, err
		}
	}
	store, err := h.permits()
	if err == nil {
		r.Permits, err = store.Check(ctx)
	}
	if err == nil && log != nil && r.damages() == 0 {
		err = store.Announced(ctx, log, func(text string) {
			r.Problems = append(r.Problems, fsckProblem{"permits", text, true})
		})
	}
	if err := damage("permits", err); err != nil {
		return nil, err
	}
	if a, err := h.airlock(); err == nil {
		if r.AirlockGroups, _, err = a.Check(ctx); err != nil {
			if err := damage("airlock", err); err != nil {
				return nil, err
			}
		}
	}
	if l != nil {
		if snap, err := l.Current(); err == nil {
			if err := damage("vocabularies", vocab.CheckLedger(h.path(ledgerFile), snap)); err != nil {
				return nil, err
			}
		}
	}
	if v != nil && store != nil {
		if err := damage("hub", h.checkForgotten(ctx, v, r)); err != nil {
			return nil, err
		}
	}
	if r.damages() == 0 {
		// What the parts say of each other is worth asking of sound parts only.
		err = omop.Check(ctx, l, v, h.path(quarantineDir), func(text string) {
			r.Problems = append(r.Problems, fsckProblem{"hub", text, true})
		})
		if err != nil && galien.KindOf(err) != galien.Corrupt {
			return nil, err
		}
		if snap, err := l.Current(); err == nil {
			for _, s := range snap.Manifest.Sources {
				r.Quarantined += s.Quarantined
				if s.Kind != snds.Kind {
					continue
				}
				err := snds.Check(v, s, func(text string) {
					r.Problems = append(r.Problems, fsckProblem{"store", text, true})
				})
				if err != nil {
					return nil, err
				}
			}
		}
	}
	r.OK = r.damages() == 0
	return r, nil
}

// checkReleased checks the ledger of everything released, and that it has what
// the audit log refers to. It returns how many records it has.
func (h *hub) checkReleased(ctx context.Context, log *audit.Log) (int, error) {
	var references []string
	err := log.Entries(ctx, func(_ int64, e audit.Entry) error {
		questions, err := permit.Questions(e)
		for _, q := range questions {
			if r := q.Details["ledger"]; r != "" {
				references = append(references, r)
			}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	l, err := h.released()
	if err != nil {
		return 0, err
	}
	slices.Sort(references)
	return l.Check(ctx, slices.Compact(references))
}

// checkForgotten notes what is still to be purged, and takes parts that are older
// copies than the rest for damage.
func (h *hub) checkForgotten(ctx context.Context, v *vault.Vault, r *fsckReport) error {
	s, err := v.Status(ctx)
	if err != nil {
		return err
	}
	journal, err := h.purgeJournal()
	if err != nil {
		return err
	}
	if s.ToPurge > 0 || journal != nil {
		r.Problems = append(r.Problems, fsckProblem{"hub", fmt.Sprintf("%d persons were forgotten and are not purged yet: galien purge %s removes their rows", s.ToPurge, h.dir), false})
	}
	was, err := h.readGeneration()
	if err != nil {
		return err
	}
	now, err := h.present(ctx)
	if err != nil {
		return err
	}
	for _, text := range was.behind(now) {
		r.Problems = append(r.Problems, fsckProblem{"hub", text, true})
	}
	return nil
}
