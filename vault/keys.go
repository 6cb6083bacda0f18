package vault

import (
	"context"
	"fmt"

	"galien"
)

// Keys exchanges one source's person ids for the lake's keys. The ids of the
// source are held in memory. It is not for concurrent Assign; concurrent Lookup
// is safe while nothing is assigned.
type Keys struct {
	v       *Vault
	source  string
	bySrc   map[string]galien.PersonID
	last    galien.PersonID
	pending []string
}

// Keys reads the person keys of a source. Keys are dense over all sources.
func (v *Vault) Keys(ctx context.Context, source string) (*Keys, error) {
	k := &Keys{v: v, source: source, bySrc: map[string]galien.PersonID{}}
	rows, err := v.db.QueryContext(ctx, `SELECT source_id, person_id FROM person_key WHERE source = ?`, source)
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var key galien.PersonID
		if err := rows.Scan(&id, &key); err != nil {
			return nil, fmt.Errorf("read person keys: %w", err)
		}
		k.bySrc[id] = key
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	err = v.db.QueryRowContext(ctx, `SELECT coalesce(max(person_id), 0) FROM person_key`).Scan(&k.last)
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	return k, nil
}

// Lookup returns the key of a source's person id, assigned already.
func (k *Keys) Lookup(sourceID string) (galien.PersonID, bool) {
	key, ok := k.bySrc[sourceID]
	return key, ok
}

// Assign returns the key of a source's person id, the next free one when it has
// none. New keys are lost unless Commit follows.
func (k *Keys) Assign(sourceID string) galien.PersonID {
	if key, ok := k.bySrc[sourceID]; ok {
		return key
	}
	k.last++
	k.bySrc[sourceID] = k.last
	k.pending = append(k.pending, sourceID)
	return k.last
}

// Commit writes the keys assigned since the last Commit, durably. Call it
// before the lake commits rows that use them: a crash in between leaves keys
// that the same persons get again. It waits for an Intake that is open.
func (k *Keys) Commit(ctx context.Context) error {
	if len(k.pending) == 0 {
		return nil
	}
	tx, err := k.v.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	defer tx.Rollback()
	insert, err := tx.PrepareContext(ctx, `INSERT INTO person_key (source, source_id, person_id) VALUES (?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	defer insert.Close()
	for _, id := range k.pending {
		if _, err := insert.ExecContext(ctx, k.source, id, int64(k.bySrc[id])); err != nil {
			return fmt.Errorf("write person keys: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	k.pending = nil
	return nil
}
