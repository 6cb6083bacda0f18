package vault

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"galien"
)

// RawFile says how the raw rows of one input file are to be read again.
type RawFile struct {
	// Table is the CDM table, in lower case.
	Table string
	// Name is the file's base name.
	Name string
	// SHA256 is the hash of the file, in hexadecimal.
	SHA256 string
	// Delimiter is the character between fields. Quotes are text when it is a
	// tab.
	Delimiter byte
	// Header is the file's header line, without its line end.
	Header string
}

// Intake is one load's hand-over of identities and raw rows: one transaction,
// all or nothing. Its methods may be called from several goroutines. While it
// is open no other write of this Vault proceeds.
type Intake struct {
	mu       sync.Mutex
	tx       *sql.Tx
	source   string
	load     string
	ring     *keyring
	identity *sql.Stmt
	raw      *sql.Stmt
	done     bool
	remote   *remoteIntake // set where another process has the vault open
}

// Begin opens the intake of a load. The load's name, any text, tells the
// identity values of this load from those of the one before.
func (v *Vault) Begin(ctx context.Context, source, load string) (*Intake, error) {
	if v.remote != nil {
		r, err := v.remote.intake(ctx, source, load)
		return &Intake{remote: r}, err
	}
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("open intake: %w", busy(err))
	}
	rings, err := v.refresh(ctx, tx)
	if err == nil && len(rings) > 1 {
		err = galien.Errorf(galien.Busy, "a rotation of the vault's keys is under way; `galien vault rotate HUB` finishes it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open intake: %w", err), tx.Rollback())
	}
	in := &Intake{tx: tx, source: source, load: load, ring: rings[0]}
	// Within a load the first value of a row stays: a later one comes from a
	// duplicate of its key.
	in.identity, err = tx.PrepareContext(ctx, `INSERT INTO identity (source, tab, col, load, version, lookup, sealed)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT (lookup) DO UPDATE SET sealed = excluded.sealed, load = excluded.load WHERE load <> excluded.load`)
	if err == nil {
		in.raw, err = tx.PrepareContext(ctx, `INSERT OR IGNORE INTO raw_row (file_id, line, version, sealed) VALUES (?, ?, ?, ?)`)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open intake: %w", err), tx.Rollback())
	}
	return in, nil
}

// Identity keeps the value of an identity column of the row whose primary key,
// as the source writes it, is rowKey.
func (in *Intake) Identity(table, rowKey, column string, value Identity) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.remote != nil {
		in.remote.next.Values = append(in.remote.next.Values, putValue{table, rowKey, column, value.Reveal()})
		return in.remote.put()
	}
	l := in.ring.find(identityParts(in.source, table, column, rowKey)...)
	sealed := in.ring.seal(identityPlace(in.source, table, column), pack(rowKey, value.Reveal()))
	if _, err := in.identity.Exec(in.source, table, column, in.load, in.ring.version, l[:], sealed); err != nil {
		return fmt.Errorf("keep identity: %w", err)
	}
	return nil
}

// File registers a file whose raw rows follow, and returns its number.
func (in *Intake) File(f RawFile) (int64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.remote != nil {
		a, err := in.remote.ask(opFile, f)
		return a.Number, err
	}
	// A header is what the file's first line says, and may be a row.
	sealed := in.ring.seal(filePlace(in.source, f), []byte(f.Header))
	_, err := in.tx.Exec(`INSERT INTO raw_file (source, tab, name, sha256, delimiter, version, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET delimiter = excluded.delimiter, sealed = excluded.sealed`,
		in.source, f.Table, f.Name, f.SHA256, string(rune(f.Delimiter)), in.ring.version, sealed)
	if err != nil {
		return 0, fmt.Errorf("keep raw rows: %w", err)
	}
	var id int64
	err = in.tx.QueryRow(`SELECT file_id FROM raw_file WHERE source = ? AND tab = ? AND name = ? AND sha256 = ?`,
		in.source, f.Table, f.Name, f.SHA256).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep raw rows: %w", err)
	}
	return id, nil
}

// Raw keeps the text of a quarantined row of a registered file. The same row of
// the same file is kept once.
func (in *Intake) Raw(file, line int64, raw []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.remote != nil {
		in.remote.next.Rows = append(in.remote.next.Rows, putRow{FileID: file, Line: line, Raw: append([]byte(nil), raw...)})
		return in.remote.put()
	}
	if _, err := in.raw.Exec(file, line, in.ring.version, in.ring.seal(rawPlace(file, line), raw)); err != nil {
		return fmt.Errorf("keep raw row: %w", err)
	}
	return nil
}

// Commit makes the intake durable.
func (in *Intake) Commit() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.done = true
	if in.remote != nil {
		_, err := in.remote.ask(opCommit, RawFile{})
		return errors.Join(err, in.remote.m.conn.Close())
	}
	if err := in.tx.Commit(); err != nil {
		return fmt.Errorf("commit intake: %w", err)
	}
	return nil
}

// Close drops an intake that was not committed.
func (in *Intake) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.done {
		return nil
	}
	in.done = true
	if in.remote != nil {
		return in.remote.m.conn.Close()
	}
	return in.tx.Rollback()
}

// RawRows yields the raw rows of a source, by table, file and line. The slice
// is valid during the call only.
func (v *Vault) RawRows(ctx context.Context, source string, yield func(f RawFile, line int64, raw []byte) error) error {
	if v.remote != nil {
		return v.remote.rawRows(ctx, source, yield)
	}
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return err
	}
	var told error
	var current struct {
		id     int64
		header string
	}
	err = each(ctx, v.db, `SELECT f.tab, f.name, f.sha256, f.delimiter, f.version, f.sealed, f.file_id, r.line, r.version, r.sealed
		FROM raw_file f JOIN raw_row r USING (file_id) WHERE f.source = ?
		ORDER BY f.tab, f.name, f.sha256, r.line`, func(rows *sql.Rows) error {
		var f RawFile
		var delimiter string
		var file, line int64
		var fileVersion, version int
		var sealedHeader, sealed []byte
		if err := rows.Scan(&f.Table, &f.Name, &f.SHA256, &delimiter, &fileVersion, &sealedHeader, &file, &line, &version, &sealed); err != nil {
			return galien.Errorf(galien.Corrupt, "%w", err)
		}
		if file != current.id {
			header, err := openRow(rings, fileVersion, filePlace(source, f), sealedHeader)
			if err != nil {
				return err
			}
			current.id, current.header = file, string(header)
		}
		f.Header = current.header
		if delimiter != "" {
			f.Delimiter = delimiter[0]
		}
		raw, err := openRow(rings, version, rawPlace(file, line), sealed)
		if err == nil {
			told = yield(f, line, raw)
			err = told
		}
		return err
	}, source)
	if told != nil {
		return told
	}
	if err != nil {
		return fmt.Errorf("read raw rows: %w", err)
	}
	return nil
}

// IdentityValue is one value of an identity column that the vault keeps.
type IdentityValue struct {
	// Table and Column are the CDM's, in lower case.
	Table, Column string
	// RowKey is the primary key of the row, as the source writes it.
	RowKey Identity
	Value  Identity
}

// Identities yields the identity values of a source, in the order in which they
// came.
func (v *Vault) Identities(ctx context.Context, source string, yield func(IdentityValue) error) error {
	if v.remote != nil {
		return v.remote.identities(ctx, source, yield)
	}
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return err
	}
	return each(ctx, v.db, `SELECT tab, col, version, sealed FROM identity WHERE source = ? ORDER BY row_id`, func(rows *sql.Rows) error {
		var i IdentityValue
		var version int
		var sealed []byte
		if err := rows.Scan(&i.Table, &i.Column, &version, &sealed); err != nil {
			return galien.Errorf(galien.Corrupt, "read identities: %w", err)
		}
		b, err := openRow(rings, version, identityPlace(source, i.Table, i.Column), sealed)
		if err != nil {
			return err
		}
		key, value, err := unpack(b)
		if err != nil {
			return err
		}
		i.RowKey, i.Value = Seal(key), Seal(value)
		return yield(i)
	}, source)
}

// pack puts a row's key and a value together.
func pack(key, value string) []byte {
	b := binary.AppendUvarint(make([]byte, 0, len(key)+len(value)+2), uint64(len(key)))
	return append(append(b, key...), value...)
}

// unpack is the reverse of pack.
func unpack(b []byte) (key, value string, err error) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)-width) {
		return "", "", galien.Errorf(galien.Corrupt, "read identities: a value is cut; restore vault/ from a backup")
	}
	return string(b[width : width+int(n)]), string(b[width+int(n):]), nil
}

// Retire removes what a committed load replaced: the identity values of the
// table that are not of this load, and the raw rows that keep does not want.
// Leaving it out is harmless; the next one does the work.
func (v *Vault) Retire(ctx context.Context, source, load string, tables []string, keep func(f RawFile, line int64) bool) error {
	if v.remote != nil {
		return v.remote.retire(ctx, source, load, tables, keep)
	}
	type rawKey struct{ file, line int64 }
	var gone []rawKey
	err := func() error {
		rows, err := v.db.QueryContext(ctx, `SELECT f.file_id, f.tab, f.name, f.sha256, r.line
			FROM raw_file f JOIN raw_row r USING (file_id) WHERE f.source = ?`, source)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var f RawFile
			var k rawKey
			if err := rows.Scan(&k.file, &f.Table, &f.Name, &f.SHA256, &k.line); err != nil {
				return err
			}
			if !keep(f, k.line) {
				gone = append(gone, k)
			}
		}
		return rows.Err()
	}()
	if err != nil {
		return fmt.Errorf("retire raw rows: %w", err)
	}
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("retire: %w", err)
	}
	defer tx.Rollback()
	for _, t := range tables {
		if _, err := tx.ExecContext(ctx, `DELETE FROM identity WHERE source = ? AND tab = ? AND load <> ?`, source, t, load); err != nil {
			return fmt.Errorf("retire identities: %w", err)
		}
	}
	for _, k := range gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM raw_row WHERE file_id = ? AND line = ?`, k.file, k.line); err != nil {
			return fmt.Errorf("retire raw rows: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM raw_file WHERE source = ? AND file_id NOT IN (SELECT file_id FROM raw_row)`, source); err != nil {
		return fmt.Errorf("retire raw rows: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("retire: %w", err)
	}
	return nil
}
