package omop

import (
	"context"
	"strconv"
	"strings"

	"galien"
	"galien/lake"
	"galien/vault"
)

// Canonical returns a person's id as PERSON has it read, without zeros or blanks
// before it; Invalid for what is no whole number.
func Canonical(id string) (string, error) {
	n, code := integer([]byte(strings.TrimSpace(id)))
	if code != "" || strings.TrimSpace(id) == "" {
		return "", galien.Errorf(galien.Invalid, "a person of an OMOP source has a whole number")
	}
	return strconv.FormatInt(n, 10), nil
}

// ValuesOf returns which identity values that the vault keeps of a source are of
// some persons: those of PERSON, of their insurance periods, and of the places
// where they live and nobody else does. ids are the persons' own, and keys the
// lake's.
func ValuesOf(ctx context.Context, v *vault.Vault, snap *lake.Snapshot, source string, ids []string, keys []galien.PersonID) ([]vault.IdentityValue, error) {
	rows := map[string]map[string]bool{"person": {}, "payer_plan_period": {}, "location": {}}
	for _, id := range ids {
		rows["person"][id] = true
	}
	theirs := map[int64]bool{}
	for _, key := range keys {
		theirs[int64(key)] = true
	}
	number := func(v any) string { return strconv.FormatInt(v.(int64), 10) }
	others := map[string]bool{}
	live := func(place any, is bool) {
		if place != nil && is {
			rows["location"][number(place)] = true
		} else if place != nil {
			others[number(place)] = true
		}
	}
	for table, read := range map[string]struct {
		columns []string
		row     func(row []any)
	}{
		"payer_plan_period": {[]string{"person_id", "payer_plan_period_id"}, func(row []any) {
			if theirs[row[0].(int64)] {
				rows["payer_plan_period"][number(row[1])] = true
			}
		}},
		"person": {[]string{"person_id", "location_id"}, func(row []any) { live(row[1], theirs[row[0].(int64)]) }},
		"location_history": {[]string{"entity_id", "location_id", "domain_id"}, func(row []any) {
			domain, _ := row[2].(string)
			live(row[1], isPersonDomain(domain) && theirs[row[0].(int64)])
		}},
		"care_site": {[]string{"location_id"}, func(row []any) { live(row[0], false) }},
	} {
		if snap == nil {
			break
		}
		if _, ok := snap.Table(table); !ok {
			continue
		}
		err := snap.Read(ctx, table, read.columns, func(row []any) error {
			read.row(row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for place := range others {
		delete(rows["location"], place)
	}
	var list []vault.IdentityValue
	err := v.Identities(ctx, source, func(x vault.IdentityValue) error {
		n, code := integer([]byte(x.RowKey.Reveal()))
		if code == "" && rows[x.Table][strconv.FormatInt(n, 10)] {
			x.Value = vault.Identity{}
			list = append(list, x)
		}
		return nil
	})
	return list, err
}
