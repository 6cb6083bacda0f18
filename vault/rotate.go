package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/cloudflare/circl/group"

	"galien"
)

// sealedRow is a row that holds something sealed.
type sealedRow struct {
	id      int64
	version int
	place   string
	// parts are what the row is found by, beside what is sealed.
	parts   []string
	element []byte
	sealed  []byte
}

// sealedTables are the tables whose rows a rotation takes over, each with the
// query of its rows after an id, of at most a number and not of a version, and
// the reading and writing of one.
var sealedTables = []struct {
	read  string
	scan  func(rows *sql.Rows) (sealedRow, error)
	write string
	// found returns what the row is found by, nil when by nothing.
	found func(r sealedRow, value []byte) ([]string, error)
}{
	{
		`SELECT person_id, version, source, element, sealed FROM person_key WHERE person_id > ?1 AND version <> ?3 ORDER BY person_id LIMIT ?2`,
		func(rows *sql.Rows) (r sealedRow, err error) {
			var source string
			err = rows.Scan(&r.id, &r.version, &source, &r.element, &r.sealed)
			r.place, r.parts = personPlace(galien.PersonID(r.id)), []string{source}
			return r, err
		},
		`UPDATE person_key SET version = ?2, sealed = ?3, lookup = ?4, element = ?5 WHERE person_id = ?1`,
		func(r sealedRow, value []byte) ([]string, error) { return personParts(r.parts[0], string(value)), nil },
	},
	{
		`SELECT row_id, version, source, tab, col, sealed FROM identity WHERE row_id > ?1 AND version <> ?3 ORDER BY row_id LIMIT ?2`,
		func(rows *sql.Rows) (r sealedRow, err error) {
			var source, table, column string
			err = rows.Scan(&r.id, &r.version, &source, &table, &column, &r.sealed)
			r.place, r.parts = identityPlace(source, table, column), []string{source, table, column}
			return r, err
		},
		`UPDATE identity SET version = ?2, sealed = ?3, lookup = ?4 WHERE row_id = ?1`,
		func(r sealedRow, value []byte) ([]string, error) {
			key, _, err := unpack(value)
			return identityParts(r.parts[0], r.parts[1], r.parts[2], key), err
		},
	},
	{
		`SELECT file_id, version, source, tab, name, sha256, sealed FROM raw_file WHERE file_id > ?1 AND version <> ?3 ORDER BY file_id LIMIT ?2`,
		func(rows *sql.Rows) (r sealedRow, err error) {
			var source string
			var f RawFile
			err = rows.Scan(&r.id, &r.version, &source, &f.Table, &f.Name, &f.SHA256, &r.sealed)
			r.place = filePlace(source, f)
			return r, err
		},
		`UPDATE raw_file SET version = ?2, sealed = ?3 WHERE file_id = ?1`,
		nil,
	},
	{
		`SELECT row_id, version, file_id, line, sealed FROM raw_row WHERE row_id > ?1 AND version <> ?3 ORDER BY row_id LIMIT ?2`,
		func(rows *sql.Rows) (r sealedRow, err error) {
			var file, line int64
			err = rows.Scan(&r.id, &r.version, &file, &line, &r.sealed)
			r.place = rawPlace(file, line)
			return r, err
		},
		`UPDATE raw_row SET version = ?2, sealed = ?3 WHERE row_id = ?1`,
		nil,
	},
}

// rotationBatch is how many rows one transaction takes over.
const rotationBatch = 4096

// Rotation says what a rotation did.
type Rotation struct {
	Version int   `json:"version"` // of the keys that hold now
	Rows    int64 `json:"rows"`    // taken over by this call
	Persons int64 `json:"persons"` // of them, those of persons
	Resumed bool  `json:"resumed"` // an earlier call had begun
}

// Rotate makes new keys and takes everything over to them: elements by one
// multiplication each, without the identity, the rest by sealing it again. The
// keys of before are then destroyed; they derive and open nothing of what the
// store holds. Person keys, links and the pseudonyms of permits stay.
//
// It goes on by transactions of a few thousand rows: killed at any instant, the
// store is sound, and the next call resumes. Loads wait meanwhile (Busy).
// progress, when set, is called with the rows done by this call. A vault that
// is served draws its own randomness.
func (v *Vault) Rotate(ctx context.Context, random io.Reader, progress func(done int64)) (Rotation, error) {
	if v.remote != nil {
		return v.remote.rotate(ctx, progress)
	}
	var r Rotation
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return r, err
	}
	if r.Resumed = len(rings) == 2; !r.Resumed {
		if rings, err = v.beginRotation(ctx, random, rings[0].version+1); err != nil {
			return r, fmt.Errorf("rotate: %w", err)
		}
	}
	to, from := rings[0], rings[1]
	r.Version = to.version
	factor := curve.NewScalar().Inv(from.scalar)
	factor.Mul(factor, to.scalar)
	for i := range sealedTables {
		after := int64(0)
		for {
			n, last, err := v.takeOver(ctx, i, after, from, to, factor)
			if err != nil {
				return r, fmt.Errorf("rotate: %w", err)
			}
			if n == 0 {
				break
			}
			after = last
			if r.Rows += n; i == 0 {
				r.Persons += n
			}
			if progress != nil {
				progress(r.Rows)
			}
		}
	}
	if err := v.endRotation(ctx, from); err != nil {
		return r, fmt.Errorf("rotate: %w", err)
	}
	return r, nil
}

// beginRotation makes the new keys, unless another process did so meanwhile.
func (v *Vault) beginRotation(ctx context.Context, random io.Reader, version int) ([]*keyring, error) {
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, busy(err)
	}
	defer tx.Rollback()
	rings, err := v.refresh(ctx, tx)
	if err != nil {
		return nil, err
	}
	if len(rings) == 1 {
		if rings[0].version >= version {
			return nil, galien.Errorf(galien.Busy, "another process rotated the keys at this moment; look at galien vault status")
		}
		m, s := v.opened()
		if err := newKeys(ctx, tx, random, m, s.Vault, version); err != nil {
			return nil, err
		}
		if rings, err = v.refresh(ctx, tx); err != nil {
			return nil, err
		}
	}
	return rings, tx.Commit()
}

// takeOver brings the next rows of a table to the new keys.
func (v *Vault) takeOver(ctx context.Context, table int, after int64, from, to *keyring, factor group.Scalar) (n, last int64, err error) {
	t := sealedTables[table]
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, busy(err)
	}
	defer tx.Rollback()
	var batch []sealedRow
	err = each(ctx, tx, t.read, func(rows *sql.Rows) error {
		r, err := t.scan(rows)
		batch = append(batch, r)
		return err
	}, after, rotationBatch, to.version)
	if err != nil || len(batch) == 0 {
		return 0, 0, err
	}
	args := make([][]any, len(batch))
	err = spread(ctx, len(batch), func(i int) error {
		r := batch[i]
		if r.version != from.version {
			return galien.Errorf(galien.Corrupt, "a row is of keys that the store lacks; restore vault/ from a backup")
		}
		value, err := from.open(r.place, r.sealed)
		if err != nil {
			return err
		}
		args[i] = []any{r.id, to.version, to.seal(r.place, value)}
		if t.found != nil {
			parts, err := t.found(r, value)
			if err != nil {
				return err
			}
			l := to.find(parts...)
			args[i] = append(args[i], l[:])
		}
		if r.element != nil {
			e, err := convert(factor, r.element)
			if err != nil {
				return err
			}
			args[i] = append(args[i], e[:])
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	update, err := tx.PrepareContext(ctx, t.write)
	if err != nil {
		return 0, 0, err
	}
	defer update.Close()
	for _, a := range args {
		if _, err := update.ExecContext(ctx, a...); err != nil {
			return 0, 0, err
		}
	}
	return int64(len(batch)), batch[len(batch)-1].id, tx.Commit()
}

// endRotation destroys the keys of before, and what the log of the store still
// has of them.
func (v *Vault) endRotation(ctx context.Context, from *keyring) error {
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return busy(err)
	}
	defer tx.Rollback()
	for _, t := range sealedTables {
		left := false
		err := each(ctx, tx, t.read, func(*sql.Rows) error { left = true; return nil }, 0, 1, from.version+1)
		if err != nil {
			return err
		}
		if left {
			return galien.Errorf(galien.Busy, "rows came while the keys were rotated; run it again")
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM data_key WHERE version = ?`, from.version); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if _, err := v.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return err
	}
	_, err = v.refresh(ctx, v.db)
	return err
}

// Status is what can be said of a vault.
type Status struct {
	Format     int    `json:"format"`
	ID         string `json:"vault"`
	Needed     int    `json:"shares_needed"`
	Total      int    `json:"shares"`
	Version    int    `json:"key_version"`
	Rotating   bool   `json:"rotation_under_way"`
	Persons    int64  `json:"persons"`
	Identities int64  `json:"identity_values"`
	RawRows    int64  `json:"raw_rows"`
	// Forgotten are the persons of whom the key alone is left, and ToPurge those
	// of them of whom the lake may still have rows.
	Forgotten int64 `json:"forgotten"`
	ToPurge   int64 `json:"to_purge"`
	// RowsToPurge are the quarantined rows that were forgotten, and that an index
	// may still name.
	RowsToPurge int64 `json:"rows_to_purge"`
}

// Given is how many person keys were ever given.
func (s Status) Given() int64 { return s.Persons + s.Forgotten }

// Status counts what the vault holds.
func (v *Vault) Status(ctx context.Context) (Status, error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opStatus})
		return a.Status, err
	}
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return Status{}, err
	}
	_, split := v.opened()
	s := Status{Format: Format, ID: split.Vault, Needed: split.Needed, Total: split.Total,
		Version: rings[len(rings)-1].version, Rotating: len(rings) == 2}
	err = v.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM person_key), (SELECT count(*) FROM identity), (SELECT count(*) FROM raw_row),
		(SELECT count(*) FROM forgotten), (SELECT count(*) FROM forgotten WHERE purged = 0),
		(SELECT count(*) FROM forgotten_row)`).
		Scan(&s.Persons, &s.Identities, &s.RawRows, &s.Forgotten, &s.ToPurge, &s.RowsToPurge)
	if err != nil {
		return Status{}, fmt.Errorf("count what the vault holds: %w", err)
	}
	return s, nil
}

// busy says what to do when another process holds the store.
func busy(err error) error {
	var coded interface{ Code() int }
	const sqliteBusy = 5
	if errors.As(err, &coded) && coded.Code()&0xff == sqliteBusy {
		return galien.Errorf(galien.Busy, "the vault is in use by a load or another command; try again")
	}
	return err
}

// The places and the parts by which rows are sealed and found.
func personParts(source, id string) []string { return []string{"person", source, id} }

func identityParts(source, table, column, key string) []string {
	return []string{"identity", source, table, column, key}
}

func identityPlace(source, table, column string) string {
	return "identity " + strconv.Quote(source) + " " + table + " " + column
}

func filePlace(source string, f RawFile) string {
	return "file " + strconv.Quote(source) + " " + f.Table + " " + strconv.Quote(f.Name) + " " + f.SHA256
}

func rawPlace(file, line int64) string {
	return "raw " + strconv.FormatInt(file, 10) + " " + strconv.FormatInt(line, 10)
}
