package snds

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/lake"
)

// batch is one unit of a delivery: files of one group that are joined with each
// other and with no other.
type batch struct {
	lake.Unit
	kind   unit
	inputs []int // into the delivery's
}

// field is what begins the names of the units of a kind; those of reference
// tables are the names of the tables.
var field = map[unit]string{claims: "DCIR", hospital: "MCO", rehabilitation: "SSR", home: "HAD", psychiatry: "RIP"}

// periodOf returns the period in the name of a unit of a field.
func periodOf(name, field string) (string, bool) {
	rest, ok := strings.CutPrefix(name, field)
	return strings.TrimPrefix(rest, " "), ok && (rest == "" || rest[0] == ' ')
}

// isClaims reports whether a unit has lines of care, which speak of the short
// numbers of the register.
func isClaims(u lake.Unit) bool {
	_, ok := periodOf(u.Name, field[claims])
	return ok
}

// batches groups the files: claims by flux month, or by year where any table of
// that year comes as one file, or all together where a file has no period; the
// hospital's by year; each reference table alone.
func (d *delivery) batches(without []string) []batch {
	whole := map[unit]bool{}
	yearly := map[string]bool{}
	for _, in := range d.inputs {
		switch u := reads[in.table.Name].unit; {
		case in.period == "":
			whole[u] = true
		case u == claims && len(in.period) == 4:
			yearly[in.period] = true
		}
	}
	groups := map[string]*batch{}
	for i, in := range d.inputs {
		u := reads[in.table.Name].unit
		name := in.table.Name
		if u != reference {
			period := in.period
			if u == claims && len(period) == 6 && yearly[period[:4]] {
				period = period[:4]
			}
			if whole[u] {
				period = ""
			}
			name = strings.TrimSpace(field[u] + " " + period)
		}
		if groups[name] == nil {
			groups[name] = &batch{Unit: lake.Unit{Name: name}, kind: u}
		}
		groups[name].inputs = append(groups[name].inputs, i)
	}
	var list []batch
	for _, b := range groups {
		h := sha256.New()
		fmt.Fprintln(h, "reader", ReaderVersion, "without", without, b.Name)
		for _, i := range b.inputs {
			in := d.inputs[i]
			b.Files = append(b.Files, lake.Input{Name: shownName(in.name), SHA256: in.sha256})
			fmt.Fprintln(h, in.table.Name, in.name, in.sha256)
		}
		slices.SortFunc(b.Files, func(x, y lake.Input) int {
			return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.SHA256, y.SHA256))
		})
		b.Content = hex.EncodeToString(h.Sum(nil))[:32]
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b batch) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// plan returns the units of the next snapshot: those of the delivery, and those
// that the hub has and the delivery does not replace. A delivery's month cannot
// stand beside the hub's year of it.
func plan(had []lake.Unit, delivered []batch) (units []lake.Unit, err error) {
	for _, b := range delivered {
		units = append(units, b.Unit)
	}
	for _, u := range had {
		replaced := false
		for _, b := range delivered {
			if b.Name == u.Name {
				replaced = true
			} else if b.kind != reference {
				is, ok := periodOf(b.Name, field[b.kind])
				was, same := periodOf(u.Name, field[b.kind])
				switch {
				case !ok || !same:
				case strings.HasPrefix(was, is): // a year for its months, or everything at once
					replaced = true
				case strings.HasPrefix(is, was):
					return nil, galien.Errorf(galien.Conflict,
						"open delivery: the hub took %s in as one unit, so that %s cannot be told from it: bring all of %s again, or drop what the hub has with --afresh", u.Name, b.Name, u.Name)
				}
			}
			if replaced {
				if missing := b.lacks(u); missing != "" {
					return nil, galien.Errorf(galien.Conflict,
						"open delivery: it brings %s without the table %s, which the hub's %s has: bring all its tables, or drop what the hub has with --afresh", b.Name, missing, u.Name)
				}
				break
			}
		}
		if !replaced {
			units = append(units, u)
		}
	}
	slices.SortFunc(units, func(a, b lake.Unit) int { return cmp.Compare(a.Name, b.Name) })
	return units, nil
}

// lacks returns a table that a unit of the hub has and the batch, which would
// replace it, has not; empty when there is none.
func (b batch) lacks(u lake.Unit) string {
	for _, f := range u.Files {
		table, _, _, _, ok := nameOf(f.Name)
		if ok && !slices.ContainsFunc(b.Files, func(g lake.Input) bool {
			other, _, _, _, _ := nameOf(g.Name)
			return other == table
		}) {
			return table
		}
	}
	return ""
}

// deliveryID names what a snapshot is made of.
func deliveryID(units []lake.Unit) string {
	h := sha256.New()
	for _, u := range units {
		fmt.Fprintln(h, u.Name, u.Content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
