// Package vault holds what tells who a person is: the source's own person ids
// and the keys the lake uses instead, the identity columns that the lake never
// sees, the hub's secret, and the raw text of quarantined rows, which may hold
// identities.
//
// It is the only place where an identity meets a key or a pseudonym. It refuses
// to hold health data, and to print an identity: values travel as Identity,
// which prints as "[identity]" in every verb and in JSON.
//
//	v, err := vault.Open(filepath.Join(hub, "vault"))
//	keys, err := v.Keys(ctx, "omop")
//	key := keys.Assign("1042")            // 1, 2, 3 ... in order of arrival
//	err = keys.Commit(ctx)                // durable before the lake commits
//	p, err := v.Pseudonyms("study-1f2e3d4c")
//	p.Person(key)                         // positive, this permit's own
//
// The store is one SQLite file in a folder that only its owner may enter; its
// tables are described in docs/formats/vault.md.
package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"galien"

	_ "modernc.org/sqlite" // the driver of the store
)

// Format is the version of the store's tables.
const Format = 1

const (
	storeName   = "vault.db"
	secretBytes = 32
)

const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE person_key (
  source TEXT NOT NULL, source_id TEXT NOT NULL, person_id INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (source, source_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE identity (
  source TEXT NOT NULL, tab TEXT NOT NULL, row_key TEXT NOT NULL, col TEXT NOT NULL,
  value TEXT NOT NULL, load TEXT NOT NULL,
  PRIMARY KEY (source, tab, row_key, col)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_file (
  file_id INTEGER PRIMARY KEY, source TEXT NOT NULL, tab TEXT NOT NULL, name TEXT NOT NULL,
  sha256 TEXT NOT NULL, delimiter TEXT NOT NULL, header TEXT NOT NULL,
  UNIQUE (source, tab, name, sha256)
) STRICT;
CREATE TABLE raw_row (
  file_id INTEGER NOT NULL REFERENCES raw_file, line INTEGER NOT NULL, raw BLOB NOT NULL,
  PRIMARY KEY (file_id, line)
) STRICT, WITHOUT ROWID;
`

// Vault is an open store of identities. Its methods may be called from several
// goroutines.
type Vault struct {
	dir    string
	db     *sql.DB
	secret []byte
}

// Create makes a vault in dir, which it creates, with a fresh secret read from
// rand. A folder that already holds a vault is a Conflict.
func Create(dir string, rand io.Reader) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return nil, fmt.Errorf("create vault: read randomness: %w", err)
	}
	path := filepath.Join(dir, storeName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, galien.Errorf(galien.Conflict, "create vault: %s already exists", path)
	}
	if err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("create vault: %w", err)
	}
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	if err := initialise(db, secret); err != nil {
		return nil, errors.Join(fmt.Errorf("create vault: %w", err), db.Close())
	}
	return &Vault{dir: dir, db: db, secret: secret}, nil
}

// initialise writes the tables and the secret in one transaction.
func initialise(db *sql.DB, secret []byte) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(schema); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO meta (name, value) VALUES ('secret', ?)`, secret); err != nil {
		return err
	}
	if _, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, Format)); err != nil {
		return err
	}
	return tx.Commit()
}

// Open opens the vault in dir. A folder without one is NotFound; a store that
// cannot be read, or of another format, is Corrupt.
func Open(dir string) (*Vault, error) {
	path := filepath.Join(dir, storeName)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, galien.Errorf(galien.NotFound, "open vault: %s is missing", path)
		}
		return nil, fmt.Errorf("open vault: %w", err)
	}
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	v := &Vault{dir: dir, db: db}
	if err := v.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return v, nil
}

// load checks the format and reads the secret.
func (v *Vault) load() error {
	var format int
	if err := v.db.QueryRow(`PRAGMA user_version`).Scan(&format); err != nil {
		return galien.Errorf(galien.Corrupt, "open vault: not a readable store: %w", err)
	}
	if format != Format {
		return galien.Errorf(galien.Corrupt, "open vault: format %d, this program reads format %d", format, Format)
	}
	if err := v.db.QueryRow(`SELECT value FROM meta WHERE name = 'secret'`).Scan(&v.secret); err != nil {
		return galien.Errorf(galien.Corrupt, "open vault: read secret: %w", err)
	}
	if len(v.secret) != secretBytes {
		return galien.Errorf(galien.Corrupt, "open vault: the secret has %d bytes, expected %d", len(v.secret), secretBytes)
	}
	return nil
}

// connect opens the SQLite file with one connection, so that writers queue
// within the process instead of failing.
func connect(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+uriPath(path)+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// uriPath escapes the characters that end the path part of an SQLite URI.
func uriPath(path string) string {
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '%', '?', '#':
			out = append(out, fmt.Sprintf("%%%02X", c)...)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// Close releases the store.
func (v *Vault) Close() error { return v.db.Close() }

// SourceIDs returns the source's own id of every person key. It is for a
// steward's permit only; the caller asks the gate first.
func (v *Vault) SourceIDs(ctx context.Context) (map[galien.PersonID]string, error) {
	rows, err := v.db.QueryContext(ctx, `SELECT person_id, source_id FROM person_key`)
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	defer rows.Close()
	ids := map[galien.PersonID]string{}
	for rows.Next() {
		var key galien.PersonID
		var id string
		if err := rows.Scan(&key, &id); err != nil {
			return nil, fmt.Errorf("read person keys: %w", err)
		}
		ids[key] = id
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	return ids, nil
}

// Check verifies the store: SQLite's own integrity check, the secret, and that
// person keys are dense from 1. It returns the number of person keys; damage is
// Corrupt.
func (v *Vault) Check(ctx context.Context) (keys int64, err error) {
	var verdict string
	if err := v.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check vault: %w", err)
	}
	if verdict != "ok" {
		return 0, galien.Errorf(galien.Corrupt, "check vault: the store is damaged; restore vault/ from a backup")
	}
	var first, last sql.NullInt64
	err = v.db.QueryRowContext(ctx, `SELECT count(*), min(person_id), max(person_id) FROM person_key`).Scan(&keys, &first, &last)
	if err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check vault: read person keys: %w", err)
	}
	if keys > 0 && (first.Int64 != 1 || last.Int64 != keys) {
		return keys, galien.Errorf(galien.Corrupt, "check vault: %d person keys run from %d to %d, expected 1 to %d",
			keys, first.Int64, last.Int64, keys)
	}
	return keys, nil
}

// Identity is a value that may tell who a person is. It cannot be printed or
// encoded by accident; Reveal is the only way to the value.
//
// The value hangs from a pointer, so that not even a struct with an unexported
// Identity, whose methods fmt may not call, prints it.
type Identity struct{ value *string }

const hidden = "[identity]"

// Seal makes an Identity of a value.
func Seal(value string) Identity { return Identity{&value} }

// Reveal returns the value itself. Its caller must be allowed to see it.
func (i Identity) Reveal() string {
	if i.value == nil {
		return ""
	}
	return *i.value
}

// String returns "[identity]".
func (Identity) String() string { return hidden }

// GoString returns "[identity]".
func (Identity) GoString() string { return hidden }

// Format writes "[identity]" whatever the verb.
func (Identity) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalJSON writes "[identity]".
func (Identity) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// MarshalText writes "[identity]".
func (Identity) MarshalText() ([]byte, error) { return []byte(hidden), nil }
