package vault

import (
	"context"
	"database/sql"
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
	identity *sql.Stmt
	raw      *sql.Stmt
	done     bool
}

// Begin opens the intake of a load. The load's name, any text, tells the
// identity values of this load from those of the one before.
func (v *Vault) Begin(ctx context.Context, source, load string) (*Intake, error) {
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("open intake: %w", err)
	}
	in := &Intake{tx: tx, source: source, load: load}
	// Within a load the first value of a row stays: a later one comes from a
	// duplicate of its key.
	in.identity, err = tx.PrepareContext(ctx, `INSERT INTO identity (source, tab, row_key, col, value, load)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET value = excluded.value, load = excluded.load WHERE load <> excluded.load`)
	if err == nil {
		in.raw, err = tx.PrepareContext(ctx, `INSERT OR IGNORE INTO raw_row (file_id, line, raw) VALUES (?, ?, ?)`)
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
	if _, err := in.identity.Exec(in.source, table, rowKey, column, value.Reveal(), in.load); err != nil {
		return fmt.Errorf("keep identity: %w", err)
	}
	return nil
}

// File registers a file whose raw rows follow, and returns its number.
func (in *Intake) File(f RawFile) (int64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	_, err := in.tx.Exec(`INSERT INTO raw_file (source, tab, name, sha256, delimiter, header) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET delimiter = excluded.delimiter, header = excluded.header`,
		in.source, f.Table, f.Name, f.SHA256, string(rune(f.Delimiter)), f.Header)
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
	if _, err := in.raw.Exec(file, line, raw); err != nil {
		return fmt.Errorf("keep raw row: %w", err)
	}
	return nil
}

// Commit makes the intake durable.
func (in *Intake) Commit() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.done = true
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
	return in.tx.Rollback()
}

// RawRows yields the raw rows of a source, by table, file and line. The slice
// is valid during the call only.
func (v *Vault) RawRows(ctx context.Context, source string, yield func(f RawFile, line int64, raw []byte) error) error {
	rows, err := v.db.QueryContext(ctx, `SELECT f.tab, f.name, f.sha256, f.delimiter, f.header, r.line, r.raw
		FROM raw_file f JOIN raw_row r USING (file_id) WHERE f.source = ?
		ORDER BY f.tab, f.name, f.sha256, r.line`, source)
	if err != nil {
		return fmt.Errorf("read raw rows: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var f RawFile
		var delimiter string
		var line int64
		var raw sql.RawBytes
		if err := rows.Scan(&f.Table, &f.Name, &f.SHA256, &delimiter, &f.Header, &line, &raw); err != nil {
			return galien.Errorf(galien.Corrupt, "read raw rows: %w", err)
		}
		if delimiter != "" {
			f.Delimiter = delimiter[0]
		}
		if err := yield(f, line, raw); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read raw rows: %w", err)
	}
	return nil
}

// Retire removes what a committed load replaced: the identity values of the
// table that are not of this load, and the raw rows that keep does not want.
// Leaving it out is harmless; the next one does the work.
func (v *Vault) Retire(ctx context.Context, source, load string, tables []string, keep func(f RawFile, line int64) bool) error {
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
