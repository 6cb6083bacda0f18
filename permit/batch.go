package permit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"galien"
	"galien/audit"
)

// How much one audit entry says at most of several questions: their number, and
// their texts in bytes, well under the largest entry however they are escaped.
const (
	questionsPerEntry = 64
	bytesPerEntry     = 128 << 10
)

// Decision is what the gate says to one of several requests: a permission, or
// the reason why there is none.
type Decision struct {
	Permitted Permitted // the zero value when refused
	Refusal   error     // nil when permitted
}

// AllowAll decides on many requests under one permit, each on its own as Allow
// does, and appends all decisions to the audit log before it returns: up to 64
// of one outcome share an entry, which holds what each would say alone (see
// Questions). A request that is refused does not stop the others. It fails, and
// permits nothing, when a decision could not be written down.
func (g *Gate) AllowAll(ctx context.Context, permitID string, requests []Request) ([]Decision, error) {
	s, err := g.standing(ctx)
	if err != nil {
		return nil, err
	}
	p, unknown := g.store.Get(ctx, permitID)
	decisions := make([]Decision, len(requests))
	entries := make([]audit.Entry, len(requests))
	for i, r := range requests {
		if r.Snapshot == "" || r.Subject == "" {
			return nil, galien.Errorf(galien.Internal, "ask for permission: request %d names no snapshot or no subject", i+1)
		}
		decisions[i].Refusal = unknown
		if unknown == nil {
			decisions[i].Refusal = g.judge(p, r, s)
		}
		entries[i] = g.decision(permitID, r, s, decisions[i].Refusal)
	}
	opposed, asOf, err := g.store.opposed(ctx, permitID)
	if err != nil {
		return nil, err
	}
	indexes, err := g.appendAll(ctx, entries, nil)
	if err != nil {
		return nil, err
	}
	for i := range decisions {
		if decisions[i].Refusal == nil {
			decisions[i].Permitted = permitted(p, requests[i], indexes[i], opposed, asOf)
		}
	}
	return decisions, nil
}

// DeliverAll is Deliver for the answers to several questions that are handed
// over together, with the outcome of them all: when one permit is no longer in
// force, or somebody opposed meanwhile, nothing is, and every question is written
// down as withdrawn.
func (g *Gate) DeliverAll(ctx context.Context, all []Permitted, outcome map[string]string) error {
	s, err := g.standing(ctx)
	if err != nil {
		return err
	}
	var refusal error
	type basis struct {
		permit string
		asOf   int64
	}
	checked := map[basis]bool{}
	for _, p := range all {
		if err := p.Check(p.Action()); err != nil {
			return err
		}
		if of := (basis{p.PermitID(), p.OppositionsAsOf()}); refusal == nil && !checked[of] {
			refusal = g.stillGood(ctx, p, s)
			checked[of] = true
		}
	}
	entries := make([]audit.Entry, len(all))
	for i, p := range all {
		entries[i] = g.delivery(p, outcome, s, refusal)
	}
	if _, err := g.appendAll(ctx, entries, outcome); err != nil {
		return err
	}
	return refusal
}

// appendAll writes entries down in as few entries of the log as they fit in,
// each with the details that are common to all, and returns the index of the one
// that holds each.
func (g *Gate) appendAll(ctx context.Context, entries []audit.Entry, common map[string]string) ([]int64, error) {
	type group struct {
		members []int
		bytes   int
	}
	type sort struct{ action, permit, snapshot, outcome string }
	var groups []*group
	open := map[sort]*group{}
	for i, e := range entries {
		key := sort{e.Action, e.Permit, e.Snapshot, e.Outcome}
		size := len(e.Subject)
		for k, v := range e.Details {
			size += len(k) + len(v)
		}
		to := open[key]
		if to == nil || len(to.members) == questionsPerEntry || to.bytes+size > bytesPerEntry {
			to = &group{}
			open[key], groups = to, append(groups, to)
		}
		to.members, to.bytes = append(to.members, i), to.bytes+size
	}
	indexes := make([]int64, len(entries))
	for _, to := range groups {
		var members []audit.Entry
		for _, i := range to.members {
			members = append(members, entries[i])
		}
		together, err := merged(members)
		if err != nil {
			return nil, err
		}
		maps.Copy(together.Details, common)
		index, err := g.log.Append(ctx, together)
		if err != nil {
			return nil, fmt.Errorf("nothing is answered that cannot be written down: %w", err)
		}
		for _, i := range to.members {
			indexes[i] = index
		}
	}
	return indexes, nil
}

// asked is what one question of an entry of several says.
type asked struct {
	Subject string            `json:"subject"`
	Details map[string]string `json:"details,omitempty"`
}

// merged makes one entry of several that differ in subject and details only. A
// single one stays as it is.
func merged(entries []audit.Entry) (audit.Entry, error) {
	e := entries[0]
	if len(entries) == 1 {
		return e, nil
	}
	e.Subject, e.Details = "", map[string]string{"questions": strconv.Itoa(len(entries))}
	for i, one := range entries {
		b, err := json.Marshal(asked{one.Subject, one.Details})
		if err != nil {
			return audit.Entry{}, galien.Errorf(galien.Internal, "write down a question: %w", err)
		}
		e.Details[questionKey(i)] = string(b)
	}
	return e, nil
}

func questionKey(i int) string { return fmt.Sprintf("question %02d", i+1) }

// Questions returns the entry that each question of e would have had alone. An
// entry of a single question, or of anything else, is its own. It fails with
// Corrupt when e is not what AllowAll or DeliverAll writes.
func Questions(e audit.Entry) ([]audit.Entry, error) {
	number, several := e.Details["questions"]
	if !several {
		return []audit.Entry{e}, nil
	}
	n, err := strconv.Atoi(number)
	common := maps.Clone(e.Details)
	maps.DeleteFunc(common, func(k, _ string) bool { return strings.HasPrefix(k, "question") })
	if err != nil || n < 0 || n != len(e.Details)-len(common)-1 {
		return nil, galien.Errorf(galien.Corrupt, "audit entry: it does not hold the questions that it announces")
	}
	all := make([]audit.Entry, n)
	for i := range all {
		var q asked
		if err := json.Unmarshal([]byte(e.Details[questionKey(i)]), &q); err != nil {
			return nil, galien.Errorf(galien.Corrupt, "audit entry: question %d cannot be read", i+1)
		}
		all[i] = e
		all[i].Subject, all[i].Details = q.Subject, maps.Clone(common)
		maps.Copy(all[i].Details, q.Details)
	}
	return all, nil
}
