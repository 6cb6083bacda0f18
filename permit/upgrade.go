package permit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"galien"
)

// upgrade brings a store of an earlier version to the present one, in one
// transaction, unless another process did so meanwhile. Version 2 added the ledger
// of oppositions. Version 3 gave each of its rows a checksum, made the life of a
// permit of steps and added roles.
func (s *Store) upgrade() (version int, err error) {
	ctx := context.Background()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 && version != 2 {
			return err
		}
		from := version
		version = storeVersion
		permits, err := permitsOfVersion2(ctx, tx)
		if err != nil {
			return err
		}
		old := "ALTER TABLE permit RENAME TO permit_2;"
		if from == 2 {
			old += `ALTER TABLE opposition RENAME TO opposition_2; ALTER TABLE opposition_override RENAME TO override_2;
				DROP INDEX opposition_holds; DROP INDEX override_holds;`
		}
		if _, err := tx.Exec(old + storeSchema); err != nil {
			return err
		}
		for _, p := range permits {
			head := ""
			for _, step := range p.Steps {
				p.head = head
				if err := add(ctx, tx, p, step); err != nil {
					return err
				}
				head = sum(append(step.columns(p.ID), head)...)
			}
		}
		if from == 2 {
			if err := oppositionsOfVersion2(ctx, tx); err != nil {
				return err
			}
			if _, err := tx.Exec("DROP TABLE opposition_2; DROP TABLE override_2"); err != nil {
				return err
			}
		}
		_, err = tx.Exec("DROP TABLE permit_2")
		return err
	})
	return version, err
}

// permitsOfVersion2 reads the permits of a store of version 1 or 2, and checks
// their checksums: what was altered is not made good by an upgrade.
func permitsOfVersion2(ctx context.Context, q querier) ([]Permit, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, text, granted_at, granted_by, coalesce(revoked_at, ''), coalesce(revoked_by, ''), sum
		FROM permit ORDER BY granted_at, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Permit
	for rows.Next() {
		var p Permit
		var granted, by, revoked, revokedBy, stored string
		if err := rows.Scan(&p.ID, &p.Text, &granted, &by, &revoked, &revokedBy, &stored); err != nil {
			return nil, err
		}
		if stored != sum(p.ID, p.Text, granted, by, revoked, revokedBy) {
			return nil, damaged("a stored permit")
		}
		for _, old := range []struct{ step, at, by string }{{StepGrant, granted, by}, {StepRevoke, revoked, revokedBy}} {
			if old.at == "" {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, old.at)
			if err != nil {
				return nil, damaged("a stored permit")
			}
			p.Steps = append(p.Steps, Step{Name: old.step, Day: galien.DateOf(at), RecordedAt: at, RecordedBy: old.by, AuditEntry: -1})
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// oppositionsOfVersion2 copies the ledger row by row, each with its checksum.
func oppositionsOfVersion2(ctx context.Context, tx *sql.Tx) error {
	for _, t := range []struct{ query, insert string }{
		{`SELECT entry, person_id, scope, by, received, recorded_at, recorded_by, coalesce(withdrawn_at, ''), coalesce(withdrawn_by, '') FROM opposition_2 ORDER BY entry`,
			`INSERT INTO opposition (entry, person_id, scope, by, received, recorded_at, recorded_by, withdrawn_at, withdrawn_by, sum) VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?)`},
		{`SELECT entry, permit, law, recorded_at, recorded_by, coalesce(ended_at, ''), coalesce(ended_by, '') FROM override_2 ORDER BY entry`,
			`INSERT INTO opposition_override (entry, permit, law, recorded_at, recorded_by, ended_at, ended_by, sum) VALUES (?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?)`},
	} {
		rows, err := texts(ctx, tx, t.query)
		if err != nil {
			return err
		}
		for _, row := range rows {
			args := make([]any, 0, len(row)+1)
			for _, v := range row {
				args = append(args, v)
			}
			if _, err := tx.ExecContext(ctx, t.insert, append(args, sum(row[1:]...))...); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts reads rows whose columns are texts or numbers, as texts.
func texts(ctx context.Context, q querier, query string, args ...any) ([][]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
