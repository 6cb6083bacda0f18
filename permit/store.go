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
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the "sqlite" driver

	"galien"
)

// storeVersion is the version of the store's tables, in SQLite's user_version.
const storeVersion = 3

// Every row has a checksum of its columns, and a step's is over that of the step
// before it too, so that none is taken out of a life unnoticed.
const storeSchema = `
CREATE TABLE permit (
	id      TEXT PRIMARY KEY,
	text    TEXT NOT NULL,   -- the YAML file as granted or drafted
	amends  TEXT NOT NULL,   -- the permit that it takes the place of, or empty
	process TEXT NOT NULL,   -- how it is decided on; empty when granted in an ungoverned hub
	head    TEXT NOT NULL,   -- checksum of its last step
	sum     TEXT NOT NULL
) STRICT;
CREATE TABLE permit_step (
	entry       INTEGER PRIMARY KEY,
	permit      TEXT NOT NULL,
	step        TEXT NOT NULL,
	day         TEXT NOT NULL,
	outcome     TEXT NOT NULL,    -- the opinion, or empty
	reference   TEXT NOT NULL,    -- of the document, or empty
	document    TEXT NOT NULL,    -- its SHA-256, or empty
	recorded_at TEXT NOT NULL,    -- RFC 3339, UTC
	recorded_by TEXT NOT NULL,
	audit_entry INTEGER NOT NULL, -- negative when not known
	sum         TEXT NOT NULL
) STRICT;
CREATE INDEX permit_step_of ON permit_step (permit);
CREATE TABLE role_step (
	entry       INTEGER PRIMARY KEY,
	step        TEXT NOT NULL,    -- appoint, end, or either proposed; confirm
	account     TEXT NOT NULL,
	role        TEXT NOT NULL,
	proposal    INTEGER NOT NULL, -- the entry that is confirmed, or 0
	recorded_at TEXT NOT NULL,
	recorded_by TEXT NOT NULL,
	audit_entry INTEGER NOT NULL,
	sum         TEXT NOT NULL
) STRICT;
` + oppositionSchema + `
PRAGMA user_version = 3;
`

// Store is the hub's store of permits, roles and oppositions, one SQLite file. It
// is safe for several goroutines and processes.
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

// OpenStore opens the store in a file, and brings one of an earlier version to
// the present one. It fails with NotFound when there is no such file and with
// Corrupt when it is not a store.
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
	if version == 1 || version == 2 {
		if version, err = s.upgrade(); err != nil {
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

// querier is the database, or a transaction on it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// inTx runs do in one transaction.
func (s *Store) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Grant stores a permit as granted in an ungoverned hub and returns its id. text
// is the YAML that the terms were read from. Granting the same terms again
// returns the same id and changes nothing; it fails with Conflict when they were
// revoked.
func (s *Store) Grant(ctx context.Context, t Terms, text []byte, now time.Time, actor string) (string, error) {
	return s.grant(ctx, t, text, Step{Name: StepGrant, Day: galien.DateOf(now), RecordedAt: now, RecordedBy: actor, AuditEntry: -1})
}

func (s *Store) grant(ctx context.Context, t Terms, text []byte, step Step) (string, error) {
	parsed, err := Parse(text)
	if err != nil {
		return "", err
	}
	id := t.ID()
	if parsed.ID() != id {
		return "", galien.Errorf(galien.Internal, "grant permit: the terms are not those of the text")
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		old, err := get(ctx, tx, id)
		switch {
		case galien.KindOf(err) == galien.NotFound:
			return add(ctx, tx, Permit{ID: id, Text: string(text)}, step)
		case err == nil && old.stage() == Revoked:
			return galien.Errorf(galien.Conflict, "grant permit %s: these terms were granted and then revoked; a revoked permit does not come back: change the terms (its dates, its name)", id)
		}
		return err
	})
	if err != nil && galien.KindOf(err) == galien.Internal {
		err = fmt.Errorf("grant permit: %w", err)
	}
	return id, err
}

// Revoke ends a permit from now on. Revoking it again changes nothing. It
// fails with NotFound when there is no such permit.
func (s *Store) Revoke(ctx context.Context, id string, now time.Time, actor string) error {
	p, err := s.Get(ctx, id)
	if err != nil || p.stage() == Revoked {
		return err
	}
	return s.take(ctx, p, Step{Name: StepRevoke, Day: galien.DateOf(now), RecordedAt: now, RecordedBy: actor, AuditEntry: -1})
}

// draft stores what is applied for: a permit that is not in the store, or that was
// granted in an ungoverned hub, with its first step.
func (s *Store) draft(ctx context.Context, p Permit, step Step) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		old, err := get(ctx, tx, p.ID)
		switch {
		case galien.KindOf(err) == galien.NotFound:
			return add(ctx, tx, p, step)
		case err != nil:
			return err
		case !old.Ungoverned() || old.head != p.head:
			return changed(p.ID)
		}
		return add(ctx, tx, p, step)
	})
}

// take adds a step to a permit that was read, unless another was added meanwhile.
// Making a permit active ends the one that it amends.
func (s *Store) take(ctx context.Context, p Permit, step Step) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		now, err := get(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if now.head != p.head {
			return changed(p.ID)
		}
		if err := add(ctx, tx, now, step); err != nil || step.Name != StepActivate || p.Amends == "" {
			return err
		}
		old, err := get(ctx, tx, p.Amends)
		if err != nil || old.stage() != Active {
			return err
		}
		step.Name = StepAmend
		return add(ctx, tx, old, step)
	})
}

func changed(id string) error {
	return galien.Errorf(galien.Conflict, "permit %s: somebody acted on it at the same time: look at it again and repeat", id)
}

// add writes a step after those that p has, and p with it.
func add(ctx context.Context, q querier, p Permit, step Step) error {
	row := step.columns(p.ID)
	head := sum(append(row, p.head)...)
	_, err := q.ExecContext(ctx, `INSERT INTO permit_step (permit, step, day, outcome, reference, document, recorded_at, recorded_by, audit_entry, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], step.AuditEntry, head)
	if err != nil {
		return fmt.Errorf("write step of permit: %w", err)
	}
	_, err = q.ExecContext(ctx, "INSERT OR REPLACE INTO permit (id, text, amends, process, head, sum) VALUES (?, ?, ?, ?, ?, ?)",
		p.ID, p.Text, p.Amends, p.Process, head, sum(p.ID, p.Text, p.Amends, p.Process, head))
	if err != nil {
		return fmt.Errorf("write permit: %w", err)
	}
	return nil
}

// columns are a step as stored, but for its checksum.
func (s Step) columns(permit string) []string {
	return []string{permit, s.Name, s.Day.String(), s.Outcome, s.Reference, s.SHA256, stamp(s.RecordedAt), s.RecordedBy, strconv.FormatInt(s.AuditEntry, 10)}
}

// Get returns one permit. It fails with NotFound when there is none of this
// id, and with Corrupt when what is stored is not what was written.
func (s *Store) Get(ctx context.Context, id string) (Permit, error) { return get(ctx, s.db, id) }

const selectPermit = "SELECT id, text, amends, process, head, sum FROM permit "

func get(ctx context.Context, q querier, id string) (Permit, error) {
	p, err := scanPermit(q.QueryRowContext(ctx, selectPermit+"WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Permit{}, galien.Errorf(galien.NotFound, "there is no permit of this id; `galien permit list` shows those there are")
	}
	if err != nil {
		return Permit{}, err
	}
	err = p.readSteps(ctx, q)
	return p, err
}

// List returns every permit, in the order of being granted or drafted.
func (s *Store) List(ctx context.Context) ([]Permit, error) {
	rows, err := s.db.QueryContext(ctx, selectPermit+"ORDER BY (SELECT min(recorded_at) FROM permit_step WHERE permit = id), id")
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
	rows.Close() // the store has one connection
	for i := range out {
		if err := out[i].readSteps(ctx, s.db); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Check verifies the store and every row in it, and returns how many permits
// there are. It fails with Corrupt for any damage.
func (s *Store) Check(ctx context.Context) (permits int, err error) {
	var verdict string
	if err := s.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check permits: %w", err)
	}
	if verdict != "ok" {
		return 0, galien.Errorf(galien.Corrupt, "check permits: the store is damaged; restore meta.db from a backup")
	}
	all, err := s.List(ctx)
	if err == nil {
		var steps, known int
		err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM permit_step").Scan(&steps)
		for _, p := range all {
			known += len(p.Steps)
		}
		if err == nil && steps != known {
			err = galien.Errorf(galien.Corrupt, "%d steps are of no permit in the store", steps-known)
		}
	}
	if err == nil {
		_, err = s.roleSteps(ctx)
	}
	if err == nil {
		_, err = s.Oppositions(ctx)
	}
	if err == nil {
		_, err = s.Overrides(ctx)
	}
	if err != nil {
		return 0, galien.Errorf(galien.Corrupt, "check permits: %w", err)
	}
	return len(all), nil
}

// sum is the checksum of a row.
func sum(columns ...string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q", columns))
	return hex.EncodeToString(h[:])
}

// damaged says that a row is not what was written.
func damaged(what string) error {
	return galien.Errorf(galien.Corrupt, "%s is not what was written; restore meta.db from a backup", what)
}

// scanPermit reads one row and checks that it is what was written, and that its
// terms still have its id.
func scanPermit(row interface{ Scan(...any) error }) (Permit, error) {
	var p Permit
	var stored string
	if err := row.Scan(&p.ID, &p.Text, &p.Amends, &p.Process, &p.head, &stored); err != nil {
		return Permit{}, fmt.Errorf("read permit: %w", err)
	}
	if stored != sum(p.ID, p.Text, p.Amends, p.Process, p.head) {
		return Permit{}, damaged("a stored permit")
	}
	var err error
	if p.Terms, err = Parse([]byte(p.Text)); err != nil || p.Terms.ID() != p.ID {
		return Permit{}, galien.Errorf(galien.Corrupt, "permit %s: the stored terms are not those that were granted", p.ID)
	}
	return p, nil
}

// readSteps reads a permit's life, and checks that nothing of it is altered or
// missing.
func (p *Permit) readSteps(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, `SELECT step, day, outcome, reference, document, recorded_at, recorded_by, audit_entry, sum
		FROM permit_step WHERE permit = ? ORDER BY entry`, p.ID)
	if err != nil {
		return fmt.Errorf("read permit: %w", err)
	}
	defer rows.Close()
	head := ""
	for rows.Next() {
		var s Step
		var day, recorded, stored string
		if err := rows.Scan(&s.Name, &day, &s.Outcome, &s.Reference, &s.SHA256, &recorded, &s.RecordedBy, &s.AuditEntry, &stored); err != nil {
			return fmt.Errorf("read permit: %w", err)
		}
		var errDay, errTime error
		s.Day, errDay = galien.ParseDate(day)
		s.RecordedAt, errTime = time.Parse(time.RFC3339Nano, recorded)
		if errDay != nil || errTime != nil || stored != sum(append(s.columns(p.ID), head)...) {
			return damaged("a stored step of permit " + p.ID)
		}
		head = stored
		p.Steps = append(p.Steps, s)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read permit: %w", err)
	}
	if head != p.head || len(p.Steps) == 0 {
		return damaged("the stored life of permit " + p.ID)
	}
	if s, ok := p.last(StepGrant, StepActivate); ok {
		p.GrantedAt, p.GrantedBy = s.RecordedAt, s.RecordedBy
	}
	if s, ok := p.last(StepRevoke); ok {
		p.RevokedAt, p.RevokedBy = s.RecordedAt, s.RecordedBy
	}
	return nil
}

// stamp writes an instant so that text order is time order.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
