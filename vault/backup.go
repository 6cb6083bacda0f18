package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"galien"
	"galien/durable"
)

// Backup writes a copy of the store, as it is at this moment, to a new file. It
// is as sealed as the store, and opens with the same shares. A file that exists
// is a Conflict. A vault that is served writes it itself.
func (v *Vault) Backup(ctx context.Context, path string) error {
	if v.remote != nil {
		full, err := filepath.Abs(path)
		if err == nil {
			_, err = v.remote.once(ctx, request{Op: opBackup, Text: full})
		}
		return err
	}
	if err := create(path); err != nil {
		if galien.KindOf(err) == galien.Conflict {
			return galien.Errorf(galien.Conflict, "back up vault: %s already exists: name another file", path)
		}
		return err
	}
	// VACUUM INTO takes an empty file, and leaves its mode.
	if _, err := v.db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return errors.Join(fmt.Errorf("back up vault: %w", err), os.Remove(path))
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close(), durable.SyncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("back up vault: %w", err)
	}
	return nil
}

// Restore puts the copy of a vault at path into the folder dir, which must hold
// none. It fails with Conflict when dir holds one, or the log of one, which
// SQLite would apply to the copy, and with Corrupt when the copy is none. Open then tells whether the shares are of this copy.
func Restore(dir, path string) error {
	store := filepath.Join(dir, storeName)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Stat(store + suffix); err == nil {
			return galien.Errorf(galien.Conflict, "restore vault: %s is there: move it away first, with the other files of its name", store+suffix)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("restore vault: %w", err)
	}
	fresh := filepath.Join(dir, newName)
	if err := copyFile(fresh, path); err != nil {
		return fmt.Errorf("restore vault: %w", err)
	}
	db, err := connect(fresh)
	if err == nil {
		_, err = readSharing(db)
		err = errors.Join(err, db.Close())
	}
	if err == nil {
		err = errors.Join(os.Rename(fresh, store), durable.SyncFolder(dir))
	}
	if err != nil {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(fresh + suffix)
		}
		return fmt.Errorf("restore vault: %w", err)
	}
	return nil
}

// copyFile makes a file for its owner alone, with the contents of another.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
