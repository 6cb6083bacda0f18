package permit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the "sqlite" driver

	"galien"
)

// storeVersion is the version of the store's tables, in SQLite's user_version.
const storeVersion = 2

const storeSchema = `
CREATE TABLE permit (
	id         TEXT PRIMARY KEY,
	text       TEXT NOT NULL,   -- the YAML file as granted
	granted_at TEXT NOT NULL,   -- RFC 3339, UTC
	granted_by TEXT NOT NULL,
	revoked_at TEXT,            -- null while not revoked
	revoked_by TEXT,
	sum        TEXT NOT NULL    -- SHA-256 of the columns above
) STRICT;
` + oppositionSchema

// Store is the hub's store of granted permits, one SQLite file. It is safe for
// several goroutines and processes.
type Store struct{ db *sql.DB }

// CreateStore makes a new store in a file that must not exist.
func CreateStore(path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, galien.Errorf(galien.Conflict, "create permit store: %s exists", path)
		}
		return nil, fmt.Errorf("create permit store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("create permit store: %w", err)
	}
	s, err := connect(path)
	if err != nil {
		return nil, err
	}
	if _, err := s.db.Exec(storeSchema); err != nil {
		s.Close()
		return nil, fmt.Errorf("create permit store: %w", err)
	}
	return s, nil
}

// OpenStore opens the store in a file. It fails with NotFound when there is no
// such file and with Corrupt when it is not a store.
func OpenStore(path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, galien.Errorf(galien.NotFound, "open permit store: there is none at %s", path)
		}
		return nil, fmt.Errorf("open permit store: %w", err)
	}
	s, err := connect(path)
	if err != nil {
		return nil, err
	}
	var version int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		s.Close()
		return nil, galien.Errorf(galien.Corrupt, "open permit store: %w", err)
	}
	if version == 1 {
		// Version 2 added the ledger of oppositions, and changed nothing else.
		if version, err = s.addOppositions(); err != nil {
			s.Close()
			return nil, fmt.Errorf("open permit store: bring it to version %d: %w", storeVersion, err)
		}
	}
	if version != storeVersion {
		s.Close()
		return nil, galien.Errorf(galien.Corrupt, "open permit store: it is of version %d and this galien reads version %d", version, storeVersion)
	}
	return s, nil
}

// addOppositions brings a store of version 1 to version 2, unless another process
// did so meanwhile.
func (s *Store) addOppositions() (version int, err error) {
	tx, err := s.db.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		return version, err
	}
	if _, err := tx.Exec(oppositionSchema); err != nil {
		return 0, err
	}
	return storeVersion, tx.Commit()
}

func connect(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open permit store: %w", err)
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open permit store: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &Store{db}, nil
}

// Close releases the store.
func (s *Store) Close() error { return s.db.Close() }

// Grant stores a permit and returns its id. text is the YAML that the terms
// were read from. Granting the same terms again returns the same id and changes
// nothing; it fails with Conflict when they were revoked.
func (s *Store) Grant(ctx context.Context, t Terms, text []byte, now time.Time, actor string) (string, error) {
	parsed, err := Parse(text)
	if err != nil {
		return "", err
	}
	id := t.ID()
	if parsed.ID() != id {
		return "", galien.Errorf(galien.Internal, "grant permit: the terms are not those of the text")
	}
	if old, err := s.Get(ctx, id); err == nil && !old.RevokedAt.IsZero() {
		return "", galien.Errorf(galien.Conflict, "grant permit %s: these terms were granted and then revoked; a revoked permit does not come back: change the terms (its dates, its name)", id)
	} else if err != nil && galien.KindOf(err) != galien.NotFound {
		return "", err
	}
	_, err = s.db.ExecContext(ctx, "INSERT INTO permit (id, text, granted_at, granted_by, sum) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
		id, string(text), stamp(now), actor, sum(id, string(text), stamp(now), actor, "", ""))
	if err != nil {
		return "", fmt.Errorf("grant permit: %w", err)
	}
	return id, nil
}

// Revoke ends a permit from now on. Revoking it again changes nothing. It
// fails with NotFound when there is no such permit.
func (s *Store) Revoke(ctx context.Context, id string, now time.Time, actor string) error {
	p, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, "UPDATE permit SET revoked_at = ?, revoked_by = ?, sum = ? WHERE id = ? AND revoked_at IS NULL",
		stamp(now), actor, sum(id, p.Text, stamp(p.GrantedAt), p.GrantedBy, stamp(now), actor), id)
	if err != nil {
		return fmt.Errorf("revoke permit: %w", err)
	}
	return nil
}

const selectPermit = "SELECT id, text, granted_at, granted_by, revoked_at, revoked_by, sum FROM permit "

// Get returns one permit. It fails with NotFound when there is none of this
// id, and with Corrupt when the stored terms are not those that were granted.
func (s *Store) Get(ctx context.Context, id string) (Permit, error) {
	p, err := scanPermit(s.db.QueryRowContext(ctx, selectPermit+"WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Permit{}, galien.Errorf(galien.NotFound, "there is no permit of this id; `galien permit list` shows those there are")
	}
	return p, err
}

// List returns every permit, in the order of being granted.
func (s *Store) List(ctx context.Context) ([]Permit, error) {
	rows, err := s.db.QueryContext(ctx, selectPermit+"ORDER BY granted_at, id")
	if err != nil {
		return nil, fmt.Errorf("list permits: %w", err)
	}
	defer rows.Close()
	var out []Permit
	for rows.Next() {
		p, err := scanPermit(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list permits: %w", err)
	}
	return out, nil
}

// Check verifies the store and the terms of every permit in it, and returns how
// many there are. It fails with Corrupt for any damage.
func (s *Store) Check(ctx context.Context) (permits int, err error) {
	var verdict string
	if err := s.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check permits: %w", err)
	}
	if verdict != "ok" {
		return 0, galien.Errorf(galien.Corrupt, "check permits: the store is damaged; restore meta.db from a backup")
	}
	all, err := s.List(ctx)
	if err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check permits: %w", err)
	}
	return len(all), nil
}

// sum is the checksum of a permit's row.
func sum(columns ...string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q", columns))
	return hex.EncodeToString(h[:])
}

// scanPermit reads one row and checks that it is what was written, and that its
// terms still have its id.
func scanPermit(row interface{ Scan(...any) error }) (Permit, error) {
	var p Permit
	var granted, stored string
	var revoked, revokedBy sql.NullString
	if err := row.Scan(&p.ID, &p.Text, &granted, &p.GrantedBy, &revoked, &revokedBy, &stored); err != nil {
		return Permit{}, fmt.Errorf("read permit: %w", err)
	}
	if stored != sum(p.ID, p.Text, granted, p.GrantedBy, revoked.String, revokedBy.String) {
		return Permit{}, galien.Errorf(galien.Corrupt, "a stored permit is not what was granted; restore meta.db from a backup")
	}
	var err error
	if p.Terms, err = Parse([]byte(p.Text)); err != nil || p.Terms.ID() != p.ID {
		return Permit{}, galien.Errorf(galien.Corrupt, "permit %s: the stored terms are not those that were granted", p.ID)
	}
	if p.GrantedAt, err = time.Parse(time.RFC3339Nano, granted); err != nil {
		return Permit{}, galien.Errorf(galien.Corrupt, "permit %s: the stored time of granting is not a time", p.ID)
	}
	if revoked.Valid {
		if p.RevokedAt, err = time.Parse(time.RFC3339Nano, revoked.String); err != nil {
			return Permit{}, galien.Errorf(galien.Corrupt, "permit %s: the stored time of revoking is not a time", p.ID)
		}
		p.RevokedBy = revokedBy.String
	}
	return p, nil
}

// stamp writes an instant so that text order is time order.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
