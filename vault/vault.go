// Package vault holds what tells who a person is: the source's own person ids
// and the keys the lake uses instead, the identity columns that the lake never
// sees, the raw text of quarantined rows, which may hold identities, and the
// keys of the hub's pseudonyms.
//
// It is the only place where an identity meets a key or a pseudonym. It refuses
// to hold health data, to write an identity to a disk in clear, and to print
// one: values travel as Identity, which prints as "[identity]" in every verb and
// in JSON.
//
//	v, err := vault.Open(filepath.Join(hub, "vault")) // with the share in vault.key
//	keys, err := v.Keys(ctx, "omop")
//	key := keys.Assign("1042")            // 1, 2, 3 ... in order of arrival
//	err = keys.Commit(ctx)                // durable before the lake commits
//	p, err := v.Pseudonyms("study-1f2e3d4c")
//	p.Person(key)                         // positive, this permit's own
//	err = v.Rotate(ctx, rand.Reader, nil) // new keys, the same person keys
//
// # Two levels of pseudonyms
//
// An identity has an Element, k·H(identity) in the group ristretto255 under the
// vault's key k, which Rotate takes over to another key without the identity.
// From it a person has a key, a dense number that means nothing and never
// changes; and each permit has pseudonyms of its own, computed from that number
// under a key of the permit, so that they survive every rotation.
//
// # At rest
//
// The store is one SQLite file in a folder that only its owner may enter. Every
// value in it is sealed (XChaCha20-Poly1305) under keys that are sealed under a
// master key, which is nowhere: shares give it back, any k of n. A hub that was
// made without keepers has one share of one, in a file beside the folder.
// docs/formats/vault.md is the page of the format.
package vault

import (
	"context"
	random "crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"galien"

	_ "modernc.org/sqlite" // the driver of the store
)

// Format is the version of the store's tables.
const Format = 3

const (
	storeName   = "vault.db"
	secretBytes = 32
)

const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE data_key (
  version INTEGER NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (version, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE person_key (
  person_id INTEGER PRIMARY KEY, source TEXT NOT NULL, version INTEGER NOT NULL,
  lookup BLOB NOT NULL UNIQUE, element BLOB NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE TABLE identity (
  row_id INTEGER PRIMARY KEY, source TEXT NOT NULL, tab TEXT NOT NULL, col TEXT NOT NULL, load TEXT NOT NULL,
  version INTEGER NOT NULL, lookup BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL
) STRICT;
CREATE TABLE raw_file (
  file_id INTEGER PRIMARY KEY, source TEXT NOT NULL, tab TEXT NOT NULL, name TEXT NOT NULL,
  sha256 TEXT NOT NULL, delimiter TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL,
  UNIQUE (source, tab, name, sha256)
) STRICT;
CREATE TABLE raw_row (
  row_id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES raw_file, line INTEGER NOT NULL,
  version INTEGER NOT NULL, sealed BLOB NOT NULL,
  UNIQUE (file_id, line)
) STRICT;
`

// Vault is an open store of identities. Its methods may be called from several
// goroutines.
type Vault struct {
	dir     string
	db      *sql.DB
	master  master
	sharing sharing

	mu    sync.Mutex
	rings map[int]*keyring
	root  []byte // the secret of the permits' pseudonyms

	// remote is set where another process has the vault open; nothing else but
	// dir is then.
	remote *remote
}

// Create makes a vault in dir, which it creates, with fresh keys read from
// rand, and with one share, which it writes to KeyFile(dir). A folder that
// already holds a vault is a Conflict.
func Create(dir string, rand io.Reader) (*Vault, error) {
	v, shares, err := CreateSplit(dir, rand, 1, 1)
	if err != nil {
		return nil, err
	}
	if err := writeKeyFile(KeyFile(dir), shares[0]); err != nil {
		return nil, errors.Join(fmt.Errorf("create vault: %w", err), v.Close())
	}
	return v, nil
}

// CreateSplit makes a vault that any needed of total shares open. The shares
// are kept nowhere: who loses too many of them loses the vault.
func CreateSplit(dir string, rand io.Reader, needed, total int) (*Vault, []Share, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("create vault: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("create vault: %w", err)
	}
	root := make([]byte, secretBytes)
	if _, err := io.ReadFull(rand, root); err != nil {
		return nil, nil, fmt.Errorf("create vault: read randomness: %w", err)
	}
	return createStore(dir, storeName, rand, root, needed, total)
}

// createStore makes a store under a name, with the secret of the permits.
func createStore(dir, name string, rand io.Reader, root []byte, needed, total int) (*Vault, []Share, error) {
	id := make([]byte, 4)
	random.Read(id) // a name, and no secret; it does not fail
	s, m, shares, err := split(hex.EncodeToString(id), needed, total)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, name)
	if err := create(path); err != nil {
		return nil, nil, err
	}
	v := &Vault{dir: dir, master: m, sharing: s}
	if v.db, err = connect(path); err != nil {
		return nil, nil, err
	}
	if err := v.initialise(rand, root); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("create vault: %w", err), v.db.Close())
	}
	return v, shares, nil
}

// create makes an empty file for its owner alone.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return galien.Errorf(galien.Conflict, "create vault: %s already exists", path)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("create vault: %w", err)
	}
	return nil
}

// initialise writes the tables and the first keys in one transaction.
func (v *Vault) initialise(rand io.Reader, root []byte) error {
	ctx := context.Background()
	tx, err := v.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(schema + forgottenSchema); err != nil {
		return err
	}
	if err := putSharing(ctx, tx, v.sharing); err != nil {
		return err
	}
	if err := putKey(ctx, tx, v.master, v.sharing.Vault, permitKey, 0, root); err != nil {
		return err
	}
	if err := newKeys(ctx, tx, rand, v.master, v.sharing.Vault, 1); err != nil {
		return err
	}
	if _, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, Format)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = v.refresh(ctx, v.db)
	return err
}

// putSharing writes how the master key is split.
func putSharing(ctx context.Context, q queries, s sharing) error {
	b, err := json.Marshal(s)
	if err != nil {
		return galien.Errorf(galien.Internal, "split the key: %w", err)
	}
	_, err = q.ExecContext(ctx, `INSERT OR REPLACE INTO meta (name, value) VALUES ('sharing', ?)`, string(b))
	return err
}

// Open opens the vault in dir with the share in KeyFile(dir). A folder without
// one is NotFound, a missing key file Denied; a store that cannot be read is
// Corrupt, and one of an earlier format Invalid.
func Open(dir string) (*Vault, error) {
	if _, err := os.Stat(filepath.Join(dir, storeName)); err == nil {
		share, err := readKeyFile(KeyFile(dir))
		if err != nil {
			if e := formatError(dir); e != nil {
				return nil, e
			}
			return nil, err
		}
		return OpenWith(dir, share)
	}
	return OpenWith(dir)
}

// OpenWith opens the vault in dir with shares. Too few of them, or ones of
// another vault or an earlier split, are Denied.
func OpenWith(dir string, shares ...Share) (*Vault, error) {
	v := &Vault{dir: dir}
	var err error
	if v.db, v.sharing, err = openStore(dir); err != nil {
		return nil, err
	}
	if v.master, err = v.sharing.join(shares); err == nil {
		_, err = v.refresh(context.Background(), v.db)
	}
	if err != nil {
		return nil, errors.Join(err, v.db.Close())
	}
	return v, nil
}

// openStore opens the file, still sealed.
func openStore(dir string) (*sql.DB, sharing, error) {
	path := filepath.Join(dir, storeName)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, sharing{}, galien.Errorf(galien.NotFound, "open vault: %s is missing", path)
		}
		return nil, sharing{}, fmt.Errorf("open vault: %w", err)
	}
	db, err := connect(path)
	if err != nil {
		return nil, sharing{}, err
	}
	s, err := readSharing(db)
	if err == nil {
		err = advance(db)
	}
	if err != nil {
		return nil, sharing{}, errors.Join(err, db.Close())
	}
	return db, s, nil
}

// formatError returns why a store cannot be read, whatever its keys; nil when
// it can.
func formatError(dir string) error {
	db, _, err := openStore(dir)
	if err != nil {
		return err
	}
	return db.Close()
}

// readSharing checks the format and reads how the master key is split.
func readSharing(db *sql.DB) (s sharing, err error) {
	var format int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&format); err != nil {
		return s, galien.Errorf(galien.Corrupt, "open vault: not a readable store: %w", err)
	}
	switch {
	case format == 1:
		return s, galien.Errorf(galien.Invalid, "open vault: it is of format 1, which keeps identities in clear: `galien vault upgrade HUB` seals it")
	case format != Format && format != sealedFormat:
		return s, galien.Errorf(galien.Corrupt, "open vault: format %d, this program reads formats %d and %d", format, sealedFormat, Format)
	}
	var text string
	err = db.QueryRow(`SELECT value FROM meta WHERE name = 'sharing'`).Scan(&text)
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil {
		return s, galien.Errorf(galien.Corrupt, "open vault: read how its key is split: %w", err)
	}
	return s, nil
}

// connect opens the SQLite file with one connection, so that writers queue
// within the process instead of failing.
func connect(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+uriPath(path)+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=temp_store(2)&_pragma=cache_size(-262144)&_txlock=immediate")
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
func (v *Vault) Close() error {
	if v.remote != nil {
		return nil
	}
	return v.db.Close()
}

// SourceIDs returns the source's own id of every person key. It is for a
// steward's permit only; the caller asks the gate first.
func (v *Vault) SourceIDs(ctx context.Context) (map[galien.PersonID]string, error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opSourceIDs})
		return a.IDs, err
	}
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return nil, err
	}
	ids := map[galien.PersonID]string{}
	err = each(ctx, v.db, `SELECT person_id, version, sealed FROM person_key`, func(rows *sql.Rows) error {
		var key galien.PersonID
		var version int
		var sealed []byte
		if err := rows.Scan(&key, &version, &sealed); err != nil {
			return err
		}
		id, err := openRow(rings, version, personPlace(key), sealed)
		ids[key] = string(id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read person keys: %w", err)
	}
	return ids, nil
}

// each calls do for every row of a query.
func each(ctx context.Context, q queries, query string, do func(rows *sql.Rows) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// personPlace is where the source's id of a person is sealed.
func personPlace(key galien.PersonID) string { return "person " + strconv.FormatInt(int64(key), 10) }

// Check verifies the store: SQLite's own integrity check, that everything
// sealed opens, and that person keys, those of the forgotten among them, are
// dense from 1. It returns the number of person keys that are somebody's; damage
// is Corrupt.
func (v *Vault) Check(ctx context.Context) (keys int64, err error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opCheck})
		return a.Number, err
	}
	var verdict string
	if err := v.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check vault: %w", err)
	}
	if verdict != "ok" {
		return 0, galien.Errorf(galien.Corrupt, "check vault: the store is damaged; restore vault/ from a backup")
	}
	var given, first, last int64
	err = v.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM person_key), count(*), coalesce(min(person_id), 1), coalesce(max(person_id), 0)
		FROM (SELECT person_id FROM person_key UNION ALL SELECT person_id FROM forgotten)`).Scan(&keys, &given, &first, &last)
	if err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check vault: read person keys: %w", err)
	}
	if first != 1 || last != given {
		return keys, galien.Errorf(galien.Corrupt, "check vault: %d person keys run from %d to %d, expected 1 to %d", given, first, last, given)
	}
	if err := v.checkSealed(ctx); err != nil {
		return keys, fmt.Errorf("check vault: %w", err)
	}
	return keys, nil
}

// checkSealed opens everything.
func (v *Vault) checkSealed(ctx context.Context) error {
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return err
	}
	for _, t := range sealedTables {
		err := each(ctx, v.db, t.read, func(rows *sql.Rows) error {
			r, err := t.scan(rows)
			if err != nil {
				return err
			}
			_, err = openRow(rings, r.version, r.place, r.sealed)
			return err
		}, 0, int64(math.MaxInt64), -1)
		if err != nil {
			return err
		}
	}
	return nil
}
