package permit

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"galien"
	"galien/permit/policy"
)

// The acts on roles.
const (
	roleAppoint        = "appoint"
	roleEnd            = "end"
	roleProposeAppoint = "propose appoint"
	roleProposeEnd     = "propose end"
	roleConfirm        = "confirm"
)

// RoleStep is one act on the roles of a hub.
type RoleStep struct {
	// Entry is its number; a proposal is confirmed by it.
	Entry   int64  `json:"entry"`
	Step    string `json:"step"`
	Account string `json:"account"`
	Role    string `json:"role"`
	// Proposal is the number of what is confirmed, or 0.
	Proposal   int64     `json:"proposal,omitempty"`
	RecordedAt time.Time `json:"recorded_at"`
	RecordedBy string    `json:"recorded_by"`
	AuditEntry int64     `json:"audit_entry"`
}

func (r RoleStep) columns() []string {
	return []string{r.Step, r.Account, r.Role, strconv.FormatInt(r.Proposal, 10), stamp(r.RecordedAt), r.RecordedBy, strconv.FormatInt(r.AuditEntry, 10)}
}

// Appointment is a role that an account holds.
type Appointment struct {
	Account string    `json:"account"`
	Role    string    `json:"role"`
	Since   time.Time `json:"since"`
	// By are who appointed: one, or the one who proposed and the one who confirmed.
	By []string `json:"by"`
}

// Proposal is an act on roles that waits for a second person.
type Proposal struct {
	Number  int64     `json:"number"`
	Account string    `json:"account"`
	Role    string    `json:"role"`
	Ends    bool      `json:"ends"` // the end of an appointment
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Roles is who holds which role of a hub, and what waits to be confirmed.
type Roles struct {
	// Governed is set once somebody was appointed, and stays.
	Governed     bool          `json:"governed"`
	Appointments []Appointment `json:"appointments"`
	Proposals    []Proposal    `json:"proposals"`

	last int64 // the last entry
}

// Of returns the roles of an account, in the order of being appointed.
func (r Roles) Of(account string) []string {
	var all []string
	for _, a := range r.Appointments {
		if a.Account == account {
			all = append(all, a.Role)
		}
	}
	return all
}

// Officers returns how many accounts are security officers.
func (r Roles) Officers() (n int) {
	for _, a := range r.Appointments {
		if a.Role == policy.SecurityOfficer {
			n++
		}
	}
	return n
}

func (r Roles) holds(account, role string) bool { return slices.Contains(r.Of(account), role) }

// proposal returns what waits under a number.
func (r Roles) proposal(number int64) (Proposal, bool) {
	for _, p := range r.Proposals {
		if p.Number == number {
			return p, true
		}
	}
	return Proposal{}, false
}

// Roles returns who holds which role. It fails with Corrupt when what is stored is
// not what was written.
func (s *Store) Roles(ctx context.Context) (Roles, error) {
	steps, err := s.roleSteps(ctx)
	if err != nil {
		return Roles{}, err
	}
	return rolesAfter(steps), nil
}

// rolesAfter works out the roles from every act on them.
func rolesAfter(steps []RoleStep) Roles {
	r := Roles{Appointments: []Appointment{}, Proposals: []Proposal{}}
	appoint := func(s RoleStep, by ...string) {
		if r.holds(s.Account, s.Role) {
			return
		}
		r.Governed = true
		r.Appointments = append(r.Appointments, Appointment{Account: s.Account, Role: s.Role, Since: s.RecordedAt, By: by})
	}
	end := func(s RoleStep) {
		r.Appointments = slices.DeleteFunc(r.Appointments, func(a Appointment) bool { return a.Account == s.Account && a.Role == s.Role })
	}
	for _, s := range steps {
		r.last = s.Entry
		switch s.Step {
		case roleAppoint:
			appoint(s, s.RecordedBy)
		case roleEnd:
			end(s)
		case roleProposeAppoint, roleProposeEnd:
			r.Proposals = append(r.Proposals, Proposal{Number: s.Entry, Account: s.Account, Role: s.Role, Ends: s.Step == roleProposeEnd, By: s.RecordedBy, At: s.RecordedAt})
		case roleConfirm:
			p, ok := r.proposal(s.Proposal)
			if !ok {
				continue
			}
			if p.Ends {
				end(s)
			} else {
				appoint(s, p.By, s.RecordedBy)
			}
			r.Proposals = slices.DeleteFunc(r.Proposals, func(o Proposal) bool { return o.Number == p.Number })
		}
	}
	return r
}

// roleSteps reads every act on roles, in order, and checks that none is altered or
// missing between others.
func (s *Store) roleSteps(ctx context.Context) ([]RoleStep, error) { return readRoleSteps(ctx, s.db) }

func readRoleSteps(ctx context.Context, q querier) ([]RoleStep, error) {
	rows, err := q.QueryContext(ctx, `SELECT entry, step, account, role, proposal, recorded_at, recorded_by, audit_entry, sum FROM role_step ORDER BY entry`)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	defer rows.Close()
	var all []RoleStep
	before := ""
	for rows.Next() {
		var r RoleStep
		var recorded, stored string
		if err := rows.Scan(&r.Entry, &r.Step, &r.Account, &r.Role, &r.Proposal, &recorded, &r.RecordedBy, &r.AuditEntry, &stored); err != nil {
			return nil, fmt.Errorf("read roles: %w", err)
		}
		var errTime error
		r.RecordedAt, errTime = time.Parse(time.RFC3339Nano, recorded)
		if errTime != nil || stored != sum(append(r.columns(), before)...) || r.Entry != int64(len(all)+1) {
			return nil, damaged("a stored act on roles")
		}
		before = stored
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return all, nil
}

// changeRoles adds an act to those up to the entry last, unless another was added
// meanwhile, and returns its number.
func (s *Store) changeRoles(ctx context.Context, last int64, r RoleStep) (entry int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		steps, err := readRoleSteps(ctx, tx)
		if err != nil {
			return err
		}
		if int64(len(steps)) != last {
			return galien.Errorf(galien.Conflict, "roles were changed at the same time: look at galien role list and repeat")
		}
		before := ""
		if last > 0 {
			if err := tx.QueryRowContext(ctx, "SELECT sum FROM role_step WHERE entry = ?", last).Scan(&before); err != nil {
				return err
			}
		}
		entry = last + 1
		_, err = tx.ExecContext(ctx, `INSERT INTO role_step (entry, step, account, role, proposal, recorded_at, recorded_by, audit_entry, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			entry, r.Step, r.Account, r.Role, r.Proposal, stamp(r.RecordedAt), r.RecordedBy, r.AuditEntry, sum(append(r.columns(), before)...))
		return err
	})
	return entry, err
}
