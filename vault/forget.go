package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"galien"
)

// RawPlace says where a quarantined row stood.
type RawPlace struct {
	// Table, Name and SHA256 are those of the row's RawFile.
	Table, Name, SHA256 string
	Line                int64
}

// Forgetting names what is to be forgotten of a source.
type Forgetting struct {
	Source string
	// IDs are the persons, by the source's own id.
	IDs []Identity
	// Values are the identity values of rows that are theirs, by table, column
	// and row key; the values themselves are not looked at.
	Values []IdentityValue
	// Rows are the quarantined rows that speak of them.
	Rows []RawPlace
}

// Forgot is what was forgotten.
type Forgot struct {
	// Persons are the keys of those who were, in the order of their ids.
	Persons []galien.PersonID
	// Values and Rows are how many identity values and quarantined rows went.
	Values, Rows int64
}

// Forget removes persons for good: their source's ids, elements and look-ups,
// identity values and quarantined rows. Of each a tombstone stays, the number
// that was the person's key, so that nobody is given it again. The same id given
// to Keys later is a new person's. It is all or nothing: an id that the source
// does not have is NotFound, told by its place in the list.
//
// SQLite overwrites what is removed, and its log is emptied. Backups made before
// have it all still.
func (v *Vault) Forget(ctx context.Context, f Forgetting) (done Forgot, err error) {
	if v.remote != nil {
		q := request{Op: opForget, Source: f.Source}
		for _, id := range f.IDs {
			q.IDs = append(q.IDs, id.Reveal())
		}
		for _, x := range f.Values {
			q.Values = append(q.Values, putValue{Table: x.Table, Key: x.RowKey.Reveal(), Column: x.Column})
		}
		for _, x := range f.Rows {
			q.Rows = append(q.Rows, putRow{File: RawFile{Table: x.Table, Name: x.Name, SHA256: x.SHA256}, Line: x.Line})
		}
		a, err := v.remote.once(ctx, q)
		return a.Forgot, err
	}
	if done, err = v.forget(ctx, f); err != nil {
		return Forgot{}, fmt.Errorf("forget: %w", err)
	}
	return done, nil
}

func (v *Vault) forget(ctx context.Context, f Forgetting) (done Forgot, err error) {
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return done, busy(err)
	}
	defer tx.Rollback()
	rings, err := v.refresh(ctx, tx)
	if err != nil {
		return done, err
	}
	if len(rings) > 1 {
		return done, galien.Errorf(galien.Busy, "a rotation of the vault's keys is under way; `galien vault rotate HUB` finishes it")
	}
	ring := rings[0]
	for i, id := range f.IDs {
		l := ring.find(personParts(f.Source, id.Reveal())...)
		var key galien.PersonID
		err := tx.QueryRowContext(ctx, `DELETE FROM person_key WHERE lookup = ? RETURNING person_id`, l[:]).Scan(&key)
		if errors.Is(err, sql.ErrNoRows) {
			if slices.ContainsFunc(f.IDs[:i], func(x Identity) bool { return x.Reveal() == id.Reveal() }) {
				continue // twice in the list
			}
			return done, galien.Errorf(galien.NotFound, "the source has no person of the number in place %d of the list; nothing was changed", i+1)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO forgotten (person_id, source) VALUES (?, ?)`, int64(key), f.Source)
		}
		if err != nil {
			return done, err
		}
		done.Persons = append(done.Persons, key)
	}
	count := func(n *int64, query string, args ...any) error {
		r, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		*n += rows
		return err
	}
	for _, x := range f.Values {
		l := ring.find(identityParts(f.Source, x.Table, x.Column, x.RowKey.Reveal())...)
		if err := count(&done.Values, `DELETE FROM identity WHERE lookup = ?`, l[:]); err != nil {
			return done, err
		}
	}
	for _, x := range f.Rows {
		err := count(&done.Rows, `DELETE FROM raw_row WHERE line = ?5 AND file_id IN
			(SELECT file_id FROM raw_file WHERE source = ?1 AND tab = ?2 AND name = ?3 AND sha256 = ?4)`, f.Source, x.Table, x.Name, x.SHA256, x.Line)
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO forgotten_row (source, tab, name, sha256, line) VALUES (?, ?, ?, ?, ?)`, f.Source, x.Table, x.Name, x.SHA256, x.Line)
		}
		if err != nil {
			return done, err
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM raw_file WHERE source = ? AND file_id NOT IN (SELECT file_id FROM raw_row)`, f.Source); err != nil {
		return done, err
	}
	if err := tx.Commit(); err != nil {
		return done, err
	}
	_, err = v.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return done, err
}

// Forgotten is what the rest of a hub is still to forget.
type Forgotten struct {
	// Persons are the keys of persons of whom the lake may have rows, ascending.
	Persons []galien.PersonID
	// Rows are, by source, the quarantined rows that an index may still name.
	Rows map[string][]RawPlace
}

// Forgotten returns who was forgotten and is not purged yet.
func (v *Vault) Forgotten(ctx context.Context) (Forgotten, error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opForgotten})
		return a.Forgotten, err
	}
	var f Forgotten
	err := each(ctx, v.db, `SELECT person_id FROM forgotten WHERE purged = 0 ORDER BY person_id`, func(rows *sql.Rows) error {
		var key galien.PersonID
		err := rows.Scan(&key)
		f.Persons = append(f.Persons, key)
		return err
	})
	if err == nil {
		f.Rows = map[string][]RawPlace{}
		err = each(ctx, v.db, `SELECT source, tab, name, sha256, line FROM forgotten_row ORDER BY source, tab, name, sha256, line`, func(rows *sql.Rows) error {
			var source string
			var x RawPlace
			err := rows.Scan(&source, &x.Table, &x.Name, &x.SHA256, &x.Line)
			f.Rows[source] = append(f.Rows[source], x)
			return err
		})
	}
	if err != nil {
		return Forgotten{}, fmt.Errorf("read who was forgotten: %w", err)
	}
	return f, nil
}

// Purged notes that nothing else of the hub has rows of them any more.
func (v *Vault) Purged(ctx context.Context, f Forgotten) error {
	if v.remote != nil {
		_, err := v.remote.once(ctx, request{Op: opPurged, Forgotten: f})
		return err
	}
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("note who was purged: %w", busy(err))
	}
	defer tx.Rollback()
	for _, key := range f.Persons {
		if _, err := tx.ExecContext(ctx, `UPDATE forgotten SET purged = 1 WHERE person_id = ?`, int64(key)); err != nil {
			return fmt.Errorf("note who was purged: %w", err)
		}
	}
	for source, rows := range f.Rows {
		for _, x := range rows {
			_, err := tx.ExecContext(ctx, `DELETE FROM forgotten_row WHERE source = ? AND tab = ? AND name = ? AND sha256 = ? AND line = ?`, source, x.Table, x.Name, x.SHA256, x.Line)
			if err != nil {
				return fmt.Errorf("note who was purged: %w", err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("note who was purged: %w", err)
	}
	return nil
}

// The tables of what was forgotten came with format 3.
const forgottenSchema = `
CREATE TABLE IF NOT EXISTS forgotten (
  person_id INTEGER PRIMARY KEY, source TEXT NOT NULL, purged INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS forgotten_row (
  source TEXT NOT NULL, tab TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, line INTEGER NOT NULL,
  PRIMARY KEY (source, tab, name, sha256, line)
) STRICT, WITHOUT ROWID;
`

// sealedFormat is the format before this one, which lacks those tables alone.
const sealedFormat = 2

// advance brings a store of the format before to this one.
func advance(db *sql.DB) error {
	var format int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&format); err != nil || format != sealedFormat {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return busy(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(forgottenSchema + fmt.Sprintf(`PRAGMA user_version = %d`, Format)); err != nil {
		return err
	}
	return tx.Commit()
}
