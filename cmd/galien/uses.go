package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/audit"
	"galien/durable"
	"galien/permit"
)

// deliver has the gate write an answer down before it is handed over, with the
// outcome and with the lists of those whose data were read for it and of those
// who are in it: nil for everyone read, as in a table, which counts everyone
// observed.
func (q *question) deliver(ctx context.Context, p permit.Permitted, in *audit.Persons, outcome map[string]string) error {
	uses, err := q.uses(ctx, p, in)
	if err != nil {
		return err
	}
	maps.Copy(uses, outcome)
	return q.gate.Deliver(ctx, p, uses)
}

// deliverAll is deliver for answers that are handed over together.
func (q *question) deliverAll(ctx context.Context, all []permit.Permitted, in *audit.Persons, outcome map[string]string) error {
	uses, err := q.uses(ctx, all[0], in)
	if err != nil {
		return err
	}
	maps.Copy(uses, outcome)
	return q.gate.DeliverAll(ctx, all, uses)
}

// uses keeps the lists of an answer, and returns what its entry says of them.
func (q *question) uses(ctx context.Context, p permit.Permitted, in *audit.Persons) (map[string]string, error) {
	log, err := q.hub.audit()
	if err != nil {
		return nil, err
	}
	lists, err := log.Uses(rand.Reader)
	if err != nil {
		return nil, err
	}
	opposed := p.Scope().Opposed
	left := sha256.New()
	for _, o := range opposed {
		_ = binary.Write(left, binary.BigEndian, int64(o)) // a hash takes everything
	}
	// Whatever else the permit hides, its rows are of these persons.
	uses, err := lists.Read(fmt.Sprintf("%s %x", p.Snapshot(), left.Sum(nil)), in == nil, func(all *audit.Persons) error {
		err := q.snapshot.Read(ctx, "person", []string{"person_id"}, func(row []any) error {
			id := galien.PersonID(row[0].(int64))
			if _, opposes := slices.BinarySearch(opposed, id); !opposes {
				all.Add(id)
			}
			return nil
		})
		if galien.KindOf(err) == galien.NotFound {
			return nil // a snapshot without persons
		}
		return err
	})
	if err != nil || in == nil {
		return uses, err
	}
	answer, err := lists.Answer(rand.Reader, in)
	maps.Copy(uses, answer)
	return uses, err
}

// personsOf makes a set of persons.
func personsOf(ids []galien.PersonID) *audit.Persons {
	var all audit.Persons
	for _, id := range ids {
		all.Add(id)
	}
	return &all
}

func (u *unfinished) personsPath() string { return filepath.Join(u.scratch.dir, "persons") }

// keepPersons puts on the disk who is in the definitions that are finished; it
// comes before the record that says so.
func (u *unfinished) keepPersons(in *audit.Persons) error {
	path := u.personsPath()
	if err := os.Remove(path + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write list of persons: %w", err)
	}
	if err := durable.Create(path+".tmp", append(fmt.Appendf(nil, "%d\n", len(in.Sorted())), in.Encode()...), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write list of persons: %w", err)
	}
	return nil
}

// persons reads what keepPersons wrote.
func (u *unfinished) persons(in *audit.Persons) error {
	b, err := os.ReadFile(u.personsPath())
	if err != nil {
		return galien.Errorf(galien.Corrupt, "go on with the unfinished answer: its list of persons is missing; remove %s", u.scratch.dir)
	}
	size, runs, _ := strings.Cut(string(b), "\n")
	n, err := strconv.ParseInt(size, 10, 64)
	var all *audit.Persons
	if err == nil {
		all, err = audit.DecodePersons([]byte(runs), n)
	}
	if err != nil {
		return galien.Errorf(galien.Corrupt, "go on with the unfinished answer: its list of persons cannot be read; remove %s", u.scratch.dir)
	}
	*in = *all
	return nil
}
