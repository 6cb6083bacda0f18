package permit

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
)

// Everything is the scope of an opposition to every secondary use of a person's
// data in this hub, whatever the permit.
const Everything = "all"

// Erased is the scope of a person who was forgotten and whose rows are still to
// be purged: under no permit are they used, and no law sets that aside. No id of a
// permit is like it.
const Erased = "erased"

// Who may oppose for a person.
const (
	ByPerson         = "person"
	ByRepresentative = "representative" // of an adult under protection
	ByParents        = "parents"        // of a minor
)

// Opposition is one entry of the ledger: a person, known by the lake's key
// alone, whose data are not to be used.
type Opposition struct {
	Person galien.PersonID `json:"person_id"`
	// Scope is Everything, Erased, or the id of the one permit that is opposed.
	Scope string `json:"scope"`
	// By says who opposed: ByPerson, ByRepresentative or ByParents.
	By string `json:"by"`
	// Received is the day on which the hub was told.
	Received   galien.Date `json:"received"`
	RecordedAt time.Time   `json:"recorded_at"`
	RecordedBy string      `json:"recorded_by"`
	// WithdrawnAt is zero while the opposition holds.
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"`
	WithdrawnBy string    `json:"withdrawn_by,omitempty"`
}

// oppositionSchema is the ledger; the checksum of a row is of the columns after
// its entry.
const oppositionSchema = `
CREATE TABLE opposition (
	entry        INTEGER PRIMARY KEY,
	person_id    INTEGER NOT NULL,
	scope        TEXT NOT NULL,   -- "all", "erased", or a permit's id
	by           TEXT NOT NULL,
	received     TEXT NOT NULL,   -- the day
	recorded_at  TEXT NOT NULL,   -- RFC 3339, UTC
	recorded_by  TEXT NOT NULL,
	withdrawn_at TEXT,            -- null while it holds
	withdrawn_by TEXT,
	sum          TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX opposition_holds ON opposition (person_id, scope) WHERE withdrawn_at IS NULL;
CREATE TABLE opposition_override (
	entry       INTEGER PRIMARY KEY,
	permit      TEXT NOT NULL,
	law         TEXT NOT NULL,    -- the text that sets oppositions aside
	recorded_at TEXT NOT NULL,
	recorded_by TEXT NOT NULL,
	ended_at    TEXT,
	ended_by    TEXT,
	sum         TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX override_holds ON opposition_override (permit) WHERE ended_at IS NULL;
`

// checkScope fails unless a scope is Everything or a permit that exists.
func (s *Store) checkScope(ctx context.Context, scope string) error {
	if scope == Everything {
		return nil
	}
	_, err := s.Get(ctx, scope)
	return err
}

// Oppose enters an opposition of persons, and returns how many were new: one
// that holds already stays as it is.
func (s *Store) Oppose(ctx context.Context, persons []galien.PersonID, scope, by string, received galien.Date, now time.Time, actor string) (added int64, err error) {
	if !slices.Contains([]string{ByPerson, ByRepresentative, ByParents}, by) {
		return 0, galien.Errorf(galien.Invalid, "oppose: %q is no one who may oppose; use %s, %s or %s", by, ByPerson, ByRepresentative, ByParents)
	}
	if err := s.checkScope(ctx, scope); err != nil {
		return 0, err
	}
	return s.enter(ctx, persons, scope, by, received, now, actor)
}

// Erase enters persons who are to be forgotten. Nothing withdraws that.
func (s *Store) Erase(ctx context.Context, persons []galien.PersonID, now time.Time, actor string) error {
	_, err := s.enter(ctx, persons, Erased, ByPerson, galien.DateOf(now), now, actor)
	return err
}

func (s *Store) enter(ctx context.Context, persons []galien.PersonID, scope, by string, received galien.Date, now time.Time, actor string) (added int64, err error) {
	return s.forEach(ctx, "oppose", persons, func(tx *sql.Tx, p galien.PersonID) (int64, error) {
		row := []string{strconv.FormatInt(int64(p), 10), scope, by, received.String(), stamp(now), actor}
		result, err := tx.ExecContext(ctx, `INSERT INTO opposition (person_id, scope, by, received, recorded_at, recorded_by, sum)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, int64(p), row[1], row[2], row[3], row[4], row[5], sum(append(row, "", "")...))
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	})
}

// Withdraw ends the opposition of persons in a scope, and returns how many held
// until now. Their data are used again from the next question on. It fails with
// NotFound for a permit that there is not.
func (s *Store) Withdraw(ctx context.Context, persons []galien.PersonID, scope string, now time.Time, actor string) (ended int64, err error) {
	if err := s.checkScope(ctx, scope); err != nil {
		return 0, err
	}
	return s.forEach(ctx, "withdraw opposition", persons, func(tx *sql.Tx, p galien.PersonID) (int64, error) {
		return end(ctx, tx, `SELECT entry, person_id, scope, by, received, recorded_at, recorded_by FROM opposition
			WHERE person_id = ? AND scope = ? AND withdrawn_at IS NULL`, []any{int64(p), scope},
			`UPDATE opposition SET withdrawn_at = ?, withdrawn_by = ?, sum = ? WHERE entry = ?`, now, actor)
	})
}

// end writes into the rows that a query finds, entry first, when and by whom they
// ended, with the checksum that they have from then on.
func end(ctx context.Context, tx *sql.Tx, query string, args []any, update string, now time.Time, actor string) (ended int64, err error) {
	rows, err := texts(ctx, tx, query, args...)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if _, err := tx.ExecContext(ctx, update, stamp(now), actor, sum(append(row[1:], stamp(now), actor)...), row[0]); err != nil {
			return 0, err
		}
	}
	return int64(len(rows)), nil
}

// forEach changes the ledger for each person, in one transaction.
func (s *Store) forEach(ctx context.Context, action string, persons []galien.PersonID, change func(*sql.Tx, galien.PersonID) (int64, error)) (changed int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		for _, p := range persons {
			n, err := change(tx, p)
			if err != nil {
				return err
			}
			changed += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	return changed, nil
}

// Override is an entry of the ledger that sets oppositions aside for one permit.
type Override struct {
	Permit string `json:"permit"`
	// Law is the text that does so, as it was named.
	Law        string    `json:"law"`
	RecordedAt time.Time `json:"recorded_at"`
	RecordedBy string    `json:"recorded_by"`
	// EndedAt is zero while it holds.
	EndedAt time.Time `json:"ended_at,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
}

// Override sets oppositions aside for one permit, by a law that is named; those
// who were erased stay away. It fails with Invalid when none is, with NotFound when there is no such permit,
// and with Conflict when one holds for it already.
func (s *Store) Override(ctx context.Context, permitID, law string, now time.Time, actor string) error {
	if strings.TrimSpace(law) == "" {
		return galien.Errorf(galien.Invalid, "set oppositions aside: name the law that does so")
	}
	if _, err := s.Get(ctx, permitID); err != nil {
		return err
	}
	result, err := s.db.ExecContext(ctx, `INSERT INTO opposition_override (permit, law, recorded_at, recorded_by, sum) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		permitID, law, stamp(now), actor, sum(permitID, law, stamp(now), actor, "", ""))
	if err != nil {
		return fmt.Errorf("set oppositions aside: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return galien.Errorf(galien.Conflict, "set oppositions aside: they are already for permit %s: end that first to name another law", permitID)
}

// EndOverride makes oppositions hold again under a permit. It fails with NotFound
// when they were not set aside for it.
func (s *Store) EndOverride(ctx context.Context, permitID string, now time.Time, actor string) error {
	var ended int64
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		ended, err = end(ctx, tx, `SELECT entry, permit, law, recorded_at, recorded_by FROM opposition_override WHERE permit = ? AND ended_at IS NULL`,
			[]any{permitID}, `UPDATE opposition_override SET ended_at = ?, ended_by = ?, sum = ? WHERE entry = ?`, now, actor)
		return err
	})
	if err != nil {
		return fmt.Errorf("end what sets oppositions aside: %w", err)
	}
	if ended > 0 {
		return nil
	}
	return galien.Errorf(galien.NotFound, "end what sets oppositions aside: nothing does for this permit; galien opposition list shows the ledger")
}

// Overrides returns what sets or set oppositions aside, in the order of entry.
func (s *Store) Overrides(ctx context.Context) ([]Override, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT permit, law, recorded_at, recorded_by, coalesce(ended_at, ''), coalesce(ended_by, ''), sum
		FROM opposition_override ORDER BY entry`)
	if err != nil {
		return nil, fmt.Errorf("list overrides: %w", err)
	}
	defer rows.Close()
	all := []Override{}
	for rows.Next() {
		var o Override
		var recorded, ended, stored string
		if err := rows.Scan(&o.Permit, &o.Law, &recorded, &o.RecordedBy, &ended, &o.EndedBy, &stored); err != nil {
			return nil, fmt.Errorf("list overrides: %w", err)
		}
		if stored != sum(o.Permit, o.Law, recorded, o.RecordedBy, ended, o.EndedBy) {
			return nil, damaged("a row that sets oppositions aside")
		}
		var err error
		if o.RecordedAt, err = time.Parse(time.RFC3339Nano, recorded); err == nil && ended != "" {
			o.EndedAt, err = time.Parse(time.RFC3339Nano, ended)
		}
		if err != nil {
			return nil, galien.Errorf(galien.Corrupt, "list overrides: a stored time cannot be read; restore meta.db from a backup")
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list overrides: %w", err)
	}
	return all, nil
}

// Oppositions returns the ledger, in the order of its entries.
func (s *Store) Oppositions(ctx context.Context) ([]Opposition, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT person_id, scope, by, received, recorded_at, recorded_by, coalesce(withdrawn_at, ''), coalesce(withdrawn_by, ''), sum
		FROM opposition ORDER BY entry`)
	if err != nil {
		return nil, fmt.Errorf("list oppositions: %w", err)
	}
	defer rows.Close()
	all := []Opposition{}
	for rows.Next() {
		var o Opposition
		var received, recorded, withdrawn, stored string
		if err := rows.Scan(&o.Person, &o.Scope, &o.By, &received, &recorded, &o.RecordedBy, &withdrawn, &o.WithdrawnBy, &stored); err != nil {
			return nil, fmt.Errorf("list oppositions: %w", err)
		}
		if stored != sum(strconv.FormatInt(int64(o.Person), 10), o.Scope, o.By, received, recorded, o.RecordedBy, withdrawn, o.WithdrawnBy) {
			return nil, damaged("a stored opposition")
		}
		var err error
		if o.Received, err = galien.ParseDate(received); err == nil {
			o.RecordedAt, err = time.Parse(time.RFC3339Nano, recorded)
		}
		if err == nil && withdrawn != "" {
			o.WithdrawnAt, err = time.Parse(time.RFC3339Nano, withdrawn)
		}
		if err != nil {
			return nil, galien.Errorf(galien.Corrupt, "list oppositions: a stored day or time cannot be read; restore meta.db from a backup")
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list oppositions: %w", err)
	}
	return all, nil
}

// Changes counts how often the ledger was changed. It never falls.
func (s *Store) Changes(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) + count(withdrawn_at) FROM opposition) + (SELECT count(*) + count(ended_at) FROM opposition_override)`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read oppositions: %w", err)
	}
	return n, nil
}

// opposed returns the persons whose data a permit may not use, ascending, and
// the number of changes of the ledger up to now.
func (s *Store) opposed(ctx context.Context, permitID string) (persons []galien.PersonID, asOf int64, err error) {
	if asOf, err = s.Changes(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT DISTINCT person_id FROM opposition
		WHERE withdrawn_at IS NULL AND (scope = ?3 OR scope IN (?1, ?2)
		AND NOT EXISTS (SELECT 1 FROM opposition_override WHERE permit = ?2 AND ended_at IS NULL)) ORDER BY person_id`, Everything, permitID, Erased)
	if err != nil {
		return nil, 0, fmt.Errorf("read oppositions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p galien.PersonID
		if err := rows.Scan(&p); err != nil {
			return nil, 0, fmt.Errorf("read oppositions: %w", err)
		}
		persons = append(persons, p)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("read oppositions: %w", err)
	}
	return persons, asOf, nil
}
