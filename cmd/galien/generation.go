package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"galien"
	"galien/durable"
	"galien/permit"
)

// generationFile says how far the parts of a hub had come when it was last
// changed, so that a copy of one that is older than the rest is found out.
const generationFile = "generation.json"

// generation counts what only grows.
type generation struct {
	// KeysGiven and Forgotten are the vault's: person keys ever given, persons
	// forgotten.
	KeysGiven int64 `json:"keys_given"`
	Forgotten int64 `json:"forgotten"`
	// Ledger is how often the ledger of oppositions was changed.
	Ledger int64 `json:"ledger_changes"`
}

func (h *hub) readGeneration() (g generation, err error) {
	b, err := os.ReadFile(h.path(generationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil // a hub made before there was one
	}
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		return g, galien.Errorf(galien.Corrupt, "read %s: %w; restore it from the copy of the hub", generationFile, err)
	}
	return g, nil
}

// present returns how far the vault and the ledger are now.
func (h *hub) present(ctx context.Context) (g generation, err error) {
	v, err := h.vault()
	if err != nil {
		return g, err
	}
	s, err := v.Status(ctx)
	if err != nil {
		return g, err
	}
	g.KeysGiven, g.Forgotten = s.Given(), s.Forgotten
	store, err := h.permits()
	if err != nil {
		return g, err
	}
	g.Ledger, err = store.Changes(ctx)
	return g, err
}

// noteGeneration writes down how far the parts are, after one was changed.
func (h *hub) noteGeneration(ctx context.Context) error {
	g, err := h.present(ctx)
	if err != nil {
		return err
	}
	return h.raiseGeneration(g)
}

// noteLedger is noteGeneration where the ledger alone was changed, by an account
// that may not ask the vault.
func (h *hub) noteLedger(ctx context.Context, s *permit.Store) error {
	n, err := s.Changes(ctx)
	if err != nil {
		return err
	}
	return h.raiseGeneration(generation{Ledger: n})
}

func (h *hub) raiseGeneration(g generation) error {
	before, err := h.readGeneration()
	if err != nil {
		return err
	}
	// A part that is behind is not the measure.
	g = generation{max(g.KeysGiven, before.KeysGiven), max(g.Forgotten, before.Forgotten), max(g.Ledger, before.Ledger)}
	if g == before {
		return nil
	}
	b, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("write %s: %w", generationFile, err)
	}
	return durable.Replace(h.path(generationFile), append(b, '\n'))
}

// behind says which part is an older copy than the rest of the hub; nothing when
// none is.
func (was generation) behind(now generation) (problems []string) {
	if now.KeysGiven < was.KeysGiven {
		problems = append(problems, fmt.Sprintf("the vault is an older copy than the rest of the hub: it has given %d person keys, and had given %d; restore the copy of the same day as lake/ and meta.db, or, where all of them are of that day, its %s too", now.KeysGiven, was.KeysGiven, generationFile))
	}
	if now.Forgotten < was.Forgotten {
		problems = append(problems, fmt.Sprintf("the vault is an older copy, of before %d persons were forgotten: it holds their identities again; restore a copy made after that, and destroy this one", was.Forgotten-now.Forgotten))
	}
	if now.Ledger < was.Ledger {
		problems = append(problems, ledgerBehind(was.Ledger, now.Ledger))
	}
	return problems
}

func ledgerBehind(was, now int64) string {
	return fmt.Sprintf("meta.db is an older copy than the rest of the hub: its ledger of oppositions was changed %d times, and this copy has %d; whoever opposed since would be in the answers: restore the copy of the same day as %s, or enter them again and remove that file", was, now, generationFile)
}

// notBehind fails with Corrupt when the vault or the ledger is an older copy than
// the rest of the hub.
func (h *hub) notBehind(ctx context.Context) error {
	was, err := h.readGeneration()
	if err != nil {
		return err
	}
	now, err := h.present(ctx)
	if err != nil {
		return err
	}
	for _, problem := range was.behind(now) {
		return galien.Errorf(galien.Corrupt, "%s", problem)
	}
	return nil
}

// ledgerNotBehind is notBehind for who only asks, and needs no vault.
func (h *hub) ledgerNotBehind(ctx context.Context) error {
	was, err := h.readGeneration()
	if err != nil {
		return err
	}
	store, err := h.permits()
	if err != nil {
		return err
	}
	now, err := store.Changes(ctx)
	if err != nil {
		return err
	}
	if now < was.Ledger {
		return galien.Errorf(galien.Corrupt, "%s", ledgerBehind(was.Ledger, now))
	}
	return nil
}
