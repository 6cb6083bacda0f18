package snds

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/vault"
)

// store keeps what the cleaning left of every unit, so that a later delivery
// adds to it: a folder a unit, named by its content, with one Parquet file a
// table and a page that lists them (docs/formats/vault.md). The rows
// carry the numbers of beneficiaries and of professionals: its files are encrypted
// under keys that only the vault makes.
type store struct{ dir string }

// engineSealed is how the engine is told which key opens or seals a file: the
// one of the load that wrote it, named by the load's salt.
func engineSealed(salt string) string { return "{footer_key: 'k" + salt + "'}" }

const (
	unitPage   = "unit.json"
	unfinished = "unfinished-"
	parquetExt = ".parquet"
	// register is the table of short numbers, which only grows: which BEN_NIR_PSA
	// and rank has which. Its file is named by its content.
	register = "number"
)

// kept is the page of a unit.
type kept struct {
	// Salt names the key of the files.
	Salt string `json:"salt"`
	// Files are the hashes of the Parquet files, by name.
	Files map[string]string `json:"files"`
	// Numbers names the beneficiary tables beside which lines of care were read.
	Numbers string `json:"numbers,omitempty"`
	// Rows are how many rows were read, by the hash of the source's file.
	Rows map[string]int64 `json:"rows"`
	// Problems are the rows that could not be kept, by the hash of the file.
	Problems map[string]*fileProblems `json:"problems"`
}

// begin makes the folder of a unit that is being read.
func (s store) begin(u lake.Unit) (string, error) {
	dir := filepath.Join(s.dir, unfinished+u.Content)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return "", fmt.Errorf("keep %s: %w", u.Name, err)
	}
	return dir, nil
}

// seal makes the folder of a unit durable, under its own name, and completes its
// page.
func (s store) seal(u lake.Unit, k *kept) error {
	dir := filepath.Join(s.dir, unfinished+u.Content)
	err := func() error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		k.Files = map[string]string{}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if err := os.Chmod(path, 0o600); err != nil {
				return err
			}
			if k.Files[e.Name()], err = hashOf(path); err != nil {
				return err
			}
		}
		page, err := json.Marshal(k)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, unitPage), page, 0o600); err != nil {
			return err
		}
		for _, path := range append(slices.Collect(maps.Keys(k.Files)), unitPage, ".") {
			if err := syncPath(filepath.Join(dir, path)); err != nil {
				return err
			}
		}
		to := filepath.Join(s.dir, u.Content)
		if err := os.RemoveAll(to); err != nil { // one that was found damaged
			return err
		}
		return errors.Join(os.Rename(dir, to), syncPath(s.dir))
	}()
	if err != nil {
		return fmt.Errorf("keep %s: %w", u.Name, err)
	}
	return nil
}

// open reads the page of a unit and checks that its files are what the page
// says. It fails with NotFound for a unit that is not there, and with Corrupt.
func (s store) open(u lake.Unit) (k kept, err error) {
	return s.read(u, filepath.Join(s.dir, u.Content))
}

// read is open of the folder in which a unit is.
func (s store) read(u lake.Unit, dir string) (k kept, err error) {
	page, err := os.ReadFile(filepath.Join(dir, unitPage))
	if errors.Is(err, fs.ErrNotExist) {
		return k, galien.Errorf(galien.NotFound, "open %s: the store has nothing of it", u.Name)
	}
	if err != nil {
		return k, fmt.Errorf("open %s: %w", u.Name, err)
	}
	if err := json.Unmarshal(page, &k); err != nil {
		return k, galien.Errorf(galien.Corrupt, "open %s: its page in the store cannot be read", u.Name)
	}
	for name, want := range k.Files {
		got, err := hashOf(filepath.Join(dir, name))
		if err != nil || got != want {
			return k, galien.Errorf(galien.Corrupt, "open %s: %s in the store is not what was written", u.Name, name)
		}
	}
	return k, nil
}

// Check opens what the store keeps of the units of a source, and reports in words
// what is missing or is not what was written: the lake is whole without it, and
// the next load asks for those files again.
func Check(v *vault.Vault, src lake.Source, report func(text string)) error {
	if len(src.Units) == 0 {
		return nil
	}
	dir, err := v.Store(src.Name)
	if err != nil {
		return err
	}
	s := store{dir}
	path, _, err := s.register()
	if err == nil && path == "" && slices.ContainsFunc(src.Units, isClaims) {
		err = galien.Errorf(galien.Corrupt, "open register: the store has nothing of it")
	}
	for _, u := range src.Units {
		if _, e := s.open(u); e != nil {
			switch galien.KindOf(e) {
			case galien.NotFound, galien.Corrupt:
				report(e.Error() + "; bring its files again")
			default:
				return e
			}
		}
	}
	if galien.KindOf(err) == galien.Corrupt {
		report(err.Error() + "; bring every file of the DCIR again")
		return nil
	}
	return err
}

// paths returns the files of a table in a unit: that of its name, and those with
// a kind after it.
func (s store) paths(u lake.Unit, k kept, table string) (paths []string) {
	for name := range k.Files {
		if base := strings.TrimSuffix(name, parquetExt); base == table || strings.HasPrefix(base, table+"-") {
			paths = append(paths, filepath.Join(s.dir, u.Content, name))
		}
	}
	slices.Sort(paths)
	return paths
}

// clean removes the units that no one needs, and what an interrupted load left.
func (s store) clean(needed []lake.Unit) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("clean store: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), unfinished) || slices.ContainsFunc(needed, func(u lake.Unit) bool { return u.Content == e.Name() }) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
			return fmt.Errorf("clean store: %w", err)
		}
	}
	return nil
}

// copyTo writes the rows of a query to a Parquet file that the key of a salt
// seals.
func copyTo(ctx context.Context, db executor, query, path, salt string) error {
	_, err := db.ExecContext(ctx, "COPY ("+query+") TO "+duck.Quote(path)+" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ENCRYPTION_CONFIG "+engineSealed(salt)+")")
	return duck.Error("keep rows", err)
}

// newSalt names a key that no load had before.
func newSalt() string {
	b := make([]byte, 8)
	rand.Read(b) // it does not fail
	return hex.EncodeToString(b)
}

// unlock gives the engine the keys of the salts.
func (g *ingest) unlock(ctx context.Context, salts ...string) error {
	return unlock(ctx, g.w.DB(), g.load.Vault, g.load.Name, g.unlocked, salts...)
}

func unlock(ctx context.Context, db *sql.DB, v *vault.Vault, source string, unlocked map[string]bool, salts ...string) error {
	for _, salt := range salts {
		if unlocked[salt] {
			continue
		}
		key, err := v.StoreKey(source, salt)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "PRAGMA add_parquet_key('k"+salt+"', '"+base64.StdEncoding.EncodeToString(key)+"')"); err != nil {
			return galien.Errorf(galien.Internal, "open store: the engine refuses the key") // its own words may quote it
		}
		unlocked[salt] = true
	}
	return nil
}

// sealedFiles is the SQL that reads Parquet files of the store, by salt; empty
// without files.
func sealedFiles(paths map[string][]string) string {
	var parts []string
	for _, salt := range slices.Sorted(maps.Keys(paths)) {
		if len(paths[salt]) > 0 {
			parts = append(parts, "FROM read_parquet("+list(paths[salt])+", encryption_config = "+engineSealed(salt)+")")
		}
	}
	return strings.Join(parts, " UNION ALL ")
}

// register returns the file of the register and its salt, or "" before the first.
func (s store) register() (path, salt string, err error) {
	found, err := filepath.Glob(filepath.Join(s.dir, register+"-*"+parquetExt))
	if err != nil {
		return "", "", fmt.Errorf("open register: %w", err)
	}
	// After an interruption there are two, of which the larger has all that the
	// other has.
	var most int64
	for _, file := range found {
		got, err := hashOf(file)
		if err != nil {
			return "", "", fmt.Errorf("open register: %w", err)
		}
		base := strings.TrimSuffix(filepath.Base(file), parquetExt)
		its, ok := strings.CutPrefix(base, register+"-"+got[:16]+"-")
		if !ok {
			return "", "", galien.Errorf(galien.Corrupt, "open register: %s in the store is not what was written", filepath.Base(file))
		}
		info, err := os.Stat(file)
		if err != nil {
			return "", "", fmt.Errorf("open register: %w", err)
		}
		if info.Size() > most {
			path, salt, most = file, its, info.Size()
		}
	}
	return path, salt, nil
}

// saveRegister makes the register durable in the place of the one before.
func (s store) saveRegister(ctx context.Context, db *sql.DB, salt string) error {
	temporary := filepath.Join(s.dir, unfinished+register)
	if err := copyTo(ctx, db, "FROM "+register+" ORDER BY identity", temporary, salt); err != nil {
		return err
	}
	err := func() error {
		sum, err := hashOf(temporary)
		if err != nil {
			return err
		}
		path := filepath.Join(s.dir, register+"-"+sum[:16]+"-"+salt+parquetExt)
		if err := errors.Join(syncPath(temporary), os.Rename(temporary, path), syncPath(s.dir)); err != nil {
			return err
		}
		found, err := filepath.Glob(filepath.Join(s.dir, register+"-*"+parquetExt))
		if err != nil {
			return err
		}
		for _, old := range found {
			if old != path {
				err = cmp.Or(err, os.Remove(old))
			}
		}
		return err
	}()
	if err != nil {
		return fmt.Errorf("keep register: %w", err)
	}
	return nil
}

// hashOf returns the SHA-256 of a file, in hexadecimal.
func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// syncPath makes a file or folder durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
