package vault

import (
	"context"
	"database/sql"
	"fmt"

	"galien"
)

// Keys exchanges one source's person ids for the lake's keys. What it holds in
// memory finds the ids, and does not tell them. It is not for concurrent
// Assign; concurrent Lookup is safe while nothing is assigned.
type Keys struct {
	v       *Vault
	source  string
	rings   []*keyring
	known   map[lookup]galien.PersonID
	last    galien.PersonID
	pending []pendingKey
	remote  *remoteKeys // set where another process has the vault open
}

type pendingKey struct {
	id  string
	key galien.PersonID
}

// Keys reads the person keys of a source. Keys are dense over all sources.
func (v *Vault) Keys(ctx context.Context, source string) (*Keys, error) {
	if v.remote != nil {
		r, err := v.remote.keys(ctx, source)
		return &Keys{remote: r}, err
	}
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return nil, err
	}
	k := &Keys{v: v, source: source, rings: rings, known: map[lookup]galien.PersonID{}}
	err = each(ctx, v.db, `SELECT lookup, person_id FROM person_key WHERE source = ?`, func(rows *sql.Rows) error {
		var l sql.RawBytes
		var key galien.PersonID
		if err := rows.Scan(&l, &key); err != nil {
			return err
		}
		if len(l) != len(lookup{}) {
			return galien.Errorf(galien.Corrupt, "a look-up has %d bytes; restore vault/ from a backup", len(l))
		}
		k.known[lookup(l)] = key
		return nil
	}, source)
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	// The key of somebody forgotten is nobody's again.
	err = v.db.QueryRowContext(ctx, `SELECT max((SELECT coalesce(max(person_id), 0) FROM person_key), (SELECT coalesce(max(person_id), 0) FROM forgotten))`).Scan(&k.last)
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	return k, nil
}

// Lookup returns the key of a source's person id, assigned already.
func (k *Keys) Lookup(sourceID string) (galien.PersonID, bool) {
	if k.remote != nil {
		a := k.remote.ask(opLookup, sourceID)
		return galien.PersonID(a.Number), a.Known
	}
	parts := personParts(k.source, sourceID)
	for _, r := range k.rings {
		if key, ok := k.known[r.find(parts...)]; ok {
			return key, true
		}
	}
	return 0, false
}

// Assign returns the key of a source's person id, the next free one when it has
// none. New keys are lost unless Commit follows. Where another process has the
// vault open and it fails, the key is 0, and Commit says why.
func (k *Keys) Assign(sourceID string) galien.PersonID {
	if k.remote != nil {
		return galien.PersonID(k.remote.ask(opAssign, sourceID).Number)
	}
	if key, ok := k.Lookup(sourceID); ok {
		return key
	}
	k.last++
	k.known[k.rings[0].find(personParts(k.source, sourceID)...)] = k.last
	k.pending = append(k.pending, pendingKey{sourceID, k.last})
	return k.last
}

// Commit writes the keys assigned since the last Commit, durably, each with the
// element of its identity, which takes a core about a tenth of a millisecond.
// Call it before the lake commits rows that use them: a crash in between leaves
// keys that the same persons get again. It waits for an Intake that is open.
func (k *Keys) Commit(ctx context.Context) error {
	if k.remote != nil {
		return k.remote.commit()
	}
	if len(k.pending) == 0 {
		return nil
	}
	// A rotation may have made new keys since these were read.
	rings, err := k.v.refresh(ctx, k.v.db)
	if err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	made := make([]struct{ element, sealed []byte }, len(k.pending))
	err = spread(ctx, len(k.pending), func(i int) error {
		p := k.pending[i]
		e := derive(rings[0].scalar, message(Opaque, k.source, p.id))
		made[i].element = e[:]
		made[i].sealed = rings[0].seal(personPlace(p.key), []byte(p.id))
		return nil
	})
	if err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	tx, err := k.v.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write person keys: %w", busy(err))
	}
	defer tx.Rollback()
	if now, err := k.v.refresh(ctx, tx); err != nil || now[0].version != rings[0].version {
		if err == nil {
			err = galien.Errorf(galien.Busy, "the vault's keys were rotated at this moment; load again")
		}
		return fmt.Errorf("write person keys: %w", err)
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO person_key (person_id, source, version, lookup, element, sealed) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	defer insert.Close()
	for i, p := range k.pending {
		l := rings[0].find(personParts(k.source, p.id)...)
		if _, err := insert.ExecContext(ctx, int64(p.key), k.source, rings[0].version, l[:], made[i].element, made[i].sealed); err != nil {
			return fmt.Errorf("write person keys: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write person keys: %w", err)
	}
	k.pending = nil
	return nil
}

// Element returns the pseudonym of an identity of a kind, under the current
// key. The domain is the source within which it means one person, "" for one
// that means the same everywhere.
func (v *Vault) Element(ctx context.Context, kind Kind, domain string, id Identity) (Element, error) {
	if v.remote != nil {
		return v.remote.element(ctx, request{Op: opElement, Kind: kind, Source: domain, Text: id.Reveal()})
	}
	ring, err := v.ring(ctx)
	if err != nil {
		return Element{}, err
	}
	normal, err := Normal(kind, id.Reveal())
	if err != nil {
		return Element{}, err
	}
	return Element{ring.version, derive(ring.scalar, message(kind, domain, normal))}, nil
}

// ElementOf returns the pseudonym of the identity behind a person key; NotFound
// when there is none.
func (v *Vault) ElementOf(ctx context.Context, key galien.PersonID) (e Element, err error) {
	if v.remote != nil {
		return v.remote.element(ctx, request{Op: opElementOf, Person: key})
	}
	var b []byte
	err = v.db.QueryRowContext(ctx, `SELECT version, element FROM person_key WHERE person_id = ?`, int64(key)).Scan(&e.Version, &b)
	if err == sql.ErrNoRows {
		return Element{}, galien.Errorf(galien.NotFound, "find pseudonym: the vault has no such person key")
	}
	if err != nil {
		return Element{}, fmt.Errorf("find pseudonym: %w", err)
	}
	if _, err := decode(b); err != nil {
		return Element{}, err
	}
	copy(e.value[:], b)
	return e, nil
}
