package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"galien"
	"galien/durable"
)

// The store of format 1 while another takes its place, and that other one
// before it does.
const (
	oldName = storeName + ".old"
	newName = storeName + ".new"
)

// Upgrade seals a vault of format 1, whose store held identities in clear, and
// overwrites the old store. Person keys and the pseudonyms of permits stay. The
// new vault has one share, in KeyFile(dir). A vault of this format is left as it
// is. Killed at any instant, it goes on when called again.
//
// The blocks of a disk that the old store had before may outlive the
// overwriting, on flash memory and in snapshots of the file system: upgrade on
// the disk that the hub is to stay on, and discard older copies.
func Upgrade(ctx context.Context, dir string, random io.Reader) error {
	path, old, fresh := filepath.Join(dir, storeName), filepath.Join(dir, oldName), filepath.Join(dir, newName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(old, path); err != nil {
			return galien.Errorf(galien.NotFound, "upgrade vault: %s is missing", path)
		}
	}
	db, err := connect(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var format int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&format); err != nil {
		return galien.Errorf(galien.Corrupt, "upgrade vault: not a readable store: %w", err)
	}
	switch format {
	case sealedFormat, Format:
		return wipe(old)
	case 1:
	default:
		return galien.Errorf(galien.Corrupt, "upgrade vault: format %d, this program reads formats 1, %d and %d", format, sealedFormat, Format)
	}
	for _, left := range []string{fresh, fresh + "-wal", fresh + "-shm", KeyFile(dir)} {
		// A store of format 1 has no key file: one is from an upgrade that died.
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("upgrade vault: %w", err)
		}
	}
	if err := sealInto(ctx, db, dir, random); err != nil {
		return fmt.Errorf("upgrade vault: %w", err)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("upgrade vault: %w", err)
	}
	if err := errors.Join(os.Rename(path, old), os.Rename(fresh, path), durable.SyncFolder(dir)); err != nil {
		return fmt.Errorf("upgrade vault: %w", err)
	}
	return wipe(old)
}

// sealInto makes the new store beside the old one, and its key file.
func sealInto(ctx context.Context, old *sql.DB, dir string, random io.Reader) (err error) {
	var root []byte
	if err := old.QueryRow(`SELECT value FROM meta WHERE name = 'secret'`).Scan(&root); err != nil || len(root) != secretBytes {
		return galien.Errorf(galien.Corrupt, "read secret: it is missing or cut")
	}
	v, shares, err := createStore(dir, newName, random, root, 1, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	keys := map[string]*Keys{}
	err = each(ctx, old, `SELECT source, source_id, person_id FROM person_key ORDER BY person_id`, func(rows *sql.Rows) error {
		var source string
		var p pendingKey
		if err := rows.Scan(&source, &p.id, &p.key); err != nil {
			return err
		}
		k := keys[source]
		if k == nil {
			k = &Keys{v: v, source: source}
			keys[source] = k
		}
		k.pending = append(k.pending, p)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := k.Commit(ctx); err != nil {
			return err
		}
	}
	if err := v.takeIdentities(ctx, old); err != nil {
		return err
	}
	if err := v.takeRaw(ctx, old); err != nil {
		return err
	}
	return writeKeyFile(KeyFile(dir), shares[0])
}

// takeIdentities seals the identity values of a store of format 1.
func (v *Vault) takeIdentities(ctx context.Context, old *sql.DB) error {
	var in *Intake
	err := each(ctx, old, `SELECT source, load, tab, row_key, col, value FROM identity ORDER BY source, load`, func(rows *sql.Rows) (err error) {
		var source, load, table, key, column, value string
		if err := rows.Scan(&source, &load, &table, &key, &column, &value); err != nil {
			return err
		}
		if in != nil && (in.source != source || in.load != load) {
			if err := in.Commit(); err != nil {
				return err
			}
			in = nil
		}
		if in == nil {
			if in, err = v.Begin(ctx, source, load); err != nil {
				return err
			}
		}
		return in.Identity(table, key, column, Seal(value))
	})
	if in == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, in.Close())
	}
	return in.Commit()
}

// takeRaw seals the quarantined rows of a store of format 1.
func (v *Vault) takeRaw(ctx context.Context, old *sql.DB) error {
	in, err := v.Begin(ctx, "", "")
	if err != nil {
		return err
	}
	defer in.Close()
	err = each(ctx, old, `SELECT file_id, source, tab, name, sha256, delimiter, header FROM raw_file`, func(rows *sql.Rows) error {
		var id int64
		var source, delimiter string
		var f RawFile
		if err := rows.Scan(&id, &source, &f.Table, &f.Name, &f.SHA256, &delimiter, &f.Header); err != nil {
			return err
		}
		_, err := in.tx.ExecContext(ctx, `INSERT INTO raw_file (file_id, source, tab, name, sha256, delimiter, version, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, source, f.Table, f.Name, f.SHA256, delimiter, in.ring.version, in.ring.seal(filePlace(source, f), []byte(f.Header)))
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, old, `SELECT file_id, line, raw FROM raw_row ORDER BY file_id, line`, func(rows *sql.Rows) error {
		var file, line int64
		var raw []byte
		if err := rows.Scan(&file, &line, &raw); err != nil {
			return err
		}
		return in.Raw(file, line, raw)
	})
	if err != nil {
		return err
	}
	return in.Commit()
}

// wipe overwrites a file, and removes it; one that does not exist is none.
func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	info, err := f.Stat()
	zero := make([]byte, 1<<20)
	for at := int64(0); err == nil && at < info.Size(); at += int64(len(zero)) {
		_, err = f.Write(zero[:min(int64(len(zero)), info.Size()-at)])
	}
	if err = errors.Join(err, f.Sync(), f.Close(), os.Remove(path), durable.SyncFolder(filepath.Dir(path))); err != nil {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	return nil
}
