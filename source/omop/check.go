package omop

import (
	"context"
	"fmt"

	"galien"
	"galien/lake"
	"galien/source"
	"galien/vault"
)

// Check verifies that the parts of a hub agree: every person of the lake has a
// key in the vault, unless the vault was to forget whom, the quarantine has as many rows as the lake says, and the
// vault holds the text of each. It calls report with every problem and returns
// Corrupt when there was one; another error means that the check could not be
// finished. A hub without a snapshot is sound.
func Check(ctx context.Context, l *lake.Lake, v *vault.Vault, quarantine string, report func(text string)) error {
	snap, err := l.Current()
	if galien.KindOf(err) == galien.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	problems := 0
	found := func(format string, args ...any) {
		problems++
		report(fmt.Sprintf(format, args...))
	}
	ids, err := v.SourceIDs(ctx)
	if err != nil {
		return err
	}
	forgotten, err := v.Forgotten(ctx)
	if err != nil {
		return err
	}
	for _, key := range forgotten.Persons {
		ids[key] = ""
	}
	if _, ok := snap.Table("person"); ok {
		keyless := 0
		err := snap.Read(ctx, "person", []string{"person_id"}, func(row []any) error {
			key, _ := row[0].(int64)
			if _, ok := ids[galien.PersonID(key)]; !ok {
				keyless++
			}
			return nil
		})
		if err != nil && galien.KindOf(err) != galien.Corrupt {
			return err
		}
		// Damage to the lake's own files is fsck's to report.
		if keyless > 0 {
			found("vault: %d persons of the lake have no key; restore vault/ and lake/ from the same copy", keyless)
		}
	}
	for _, s := range snap.Manifest.Sources {
		missing := map[place]bool{}
		var rows int64
		err := source.ReadIndex(quarantine, s.Quarantine, func(r source.Rejection) error {
			rows++
			missing[place{r.Table, r.File, r.SHA256, r.Line}] = true
			return nil
		})
		if galien.KindOf(err) == galien.Corrupt {
			found("%v", err)
			continue
		}
		if err != nil {
			return err
		}
		for _, x := range forgotten.Rows[s.Name] {
			delete(missing, place{x.Table, x.Name, x.SHA256, x.Line})
		}
		if rows != s.Quarantined {
			found("quarantine: the index of the source %q has %d rows, the lake says %d", s.Name, rows, s.Quarantined)
		}
		err = v.RawRows(ctx, s.Name, func(f vault.RawFile, line int64, _ []byte) error {
			delete(missing, place{f.Table, f.Name, f.SHA256, line})
			return nil
		})
		if err != nil && galien.KindOf(err) != galien.Corrupt {
			return err
		}
		if err != nil {
			found("%v", err)
		} else if len(missing) > 0 {
			found("vault: the text of %d quarantined rows of the source %q is missing; they cannot be replayed", len(missing), s.Name)
		}
	}
	if problems > 0 {
		return galien.Errorf(galien.Corrupt, "check hub: %d problems between lake, vault and quarantine", problems)
	}
	return nil
}
