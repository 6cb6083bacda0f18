package snds

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/vault"
)

// Forget takes persons, by their source ids, out of what the store keeps of a
// source: the rows of the beneficiary tables and of every other table by any of
// their numbers, and the register's. Rows under a number that several persons
// share, which are nobody's in the lake, go too, lest they become the other's.
// It returns how many rows went.
//
// Before any goes, first is told all numbers under which the persons stand there:
// nothing knows them afterwards, so what else is found by them goes in first. When
// it fails, nothing is changed.
//
// Each unit is rewritten as a whole, under a new key, and takes its place in one
// step; the tables that say which numbers are whose come last, so that what was
// interrupted can be done again. The caller holds the lake's lock.
func Forget(ctx context.Context, v *vault.Vault, src lake.Source, c duck.Config, ids []string, first func(numbers []string) error) (rows int64, err error) {
	dir, err := v.Store(src.Name)
	if err != nil {
		return 0, err
	}
	work, remove, err := v.Workspace()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	c.File, c.TempDir, c.Sealed = filepath.Join(work, "forget.duckdb"), filepath.Join(work, "spill"), true
	db, err := duck.Open(ctx, c)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	f := &forgetting{v: v, src: src, store: store{dir}, db: db, salt: newSalt(), unlocked: map[string]bool{}}
	if err := f.run(ctx, ids, first); err != nil {
		return 0, fmt.Errorf("forget in the store: %w", err)
	}
	return f.rows, nil
}

// forgetting is one call of Forget.
type forgetting struct {
	v        *vault.Vault
	src      lake.Source
	store    store
	db       *sql.DB
	salt     string // of the key of what is rewritten
	unlocked map[string]bool
	rows     int64 // that went
}

// isBeneficiaries reports whether a unit says which numbers are whose.
func isBeneficiaries(u lake.Unit) bool { return strings.HasPrefix(u.Name, "IR_BEN_R") }

func (f *forgetting) run(ctx context.Context, ids []string, first func(numbers []string) error) error {
	if err := f.store.settle(f.src.Units); err != nil {
		return err
	}
	if err := f.store.clean(f.src.Units); err != nil {
		return err
	}
	units := slices.Clone(f.src.Units)
	slices.SortStableFunc(units, func(a, b lake.Unit) int {
		last := func(u lake.Unit) int {
			if isBeneficiaries(u) {
				return 1
			}
			return 0
		}
		return cmp.Compare(last(a), last(b))
	})
	pages := map[string]kept{}
	for _, u := range units {
		k, err := f.store.open(u)
		if galien.KindOf(err) == galien.NotFound {
			continue // what is lost has nothing of them
		}
		if err != nil {
			return fmt.Errorf("%w; bring its files again first", err)
		}
		if err := unlock(ctx, f.db, f.v, f.src.Name, f.unlocked, k.Salt); err != nil {
			return err
		}
		pages[u.Content] = k
	}
	if err := unlock(ctx, f.db, f.v, f.src.Name, f.unlocked, f.salt); err != nil {
		return err
	}
	path, salt, err := f.store.register()
	if err != nil {
		return err
	}
	numbers, err := f.number(ctx, ids, units, pages, path, salt)
	if err != nil {
		return err
	}
	if err := first(numbers); err != nil {
		return err
	}
	for i, u := range units {
		if isBeneficiaries(u) && (i == 0 || !isBeneficiaries(units[i-1])) {
			if err := f.register(ctx, path); err != nil {
				return err
			}
			path = ""
		}
		if k, ok := pages[u.Content]; ok {
			if err := f.unit(ctx, u, k); err != nil {
				return err
			}
		}
	}
	return f.register(ctx, path)
}

func (f *forgetting) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := f.db.ExecContext(ctx, s); err != nil {
			return duck.Error("find the numbers of a person", err)
		}
	}
	return nil
}

// number makes the tables of what is to be looked for: gone_pair (psa, rng),
// gone_number, gone_identity, each of one column n but the first; it returns the
// numbers.
func (f *forgetting) number(ctx context.Context, ids []string, units []lake.Unit, pages map[string]kept, path, salt string) ([]string, error) {
	if err := f.exec(ctx, "CREATE TABLE gone_id (n VARCHAR)"); err != nil {
		return nil, err
	}
	next := 0
	err := duck.Append(ctx, f.db, "gone_id", func(row []any) (bool, error) {
		if next == len(ids) {
			return false, nil
		}
		row[0] = ids[next]
		next++
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	known := "SELECT NULL::VARCHAR AS psa, NULL::BIGINT AS rng, NULL::VARCHAR AS ano WHERE false"
	for _, u := range units {
		k, ok := pages[u.Content]
		if !ok {
			continue
		}
		table := strings.ToLower(u.Name)
		for _, path := range f.store.paths(u, k, table) {
			if isBeneficiaries(u) {
				known += " UNION ALL SELECT BEN_NIR_PSA, BEN_RNG_GEM, BEN_NIR_ANO FROM (" + sealedFiles(map[string][]string{k.Salt: {path}}) + ")"
			}
		}
		for _, path := range f.store.paths(u, k, "unknown_number") {
			known += " UNION ALL SELECT psa, rng, NULL FROM (" + sealedFiles(map[string][]string{k.Salt: {path}}) + ")"
		}
	}
	register := "SELECT NULL::VARCHAR AS psa, NULL::BIGINT AS rng, NULL::INTEGER AS identity WHERE false"
	if path != "" {
		if err := unlock(ctx, f.db, f.v, f.src.Name, f.unlocked, salt); err != nil {
			return nil, err
		}
		register = sealedFiles(map[string][]string{salt: {path}})
	}
	err = f.exec(ctx,
		"CREATE TABLE seen_number AS SELECT DISTINCT * FROM ("+known+")",
		`CREATE TABLE gone_pair AS SELECT DISTINCT psa, rng FROM seen_number
			WHERE psa IS NOT NULL AND (ano IN (FROM gone_id) OR psa || coalesce(rng::VARCHAR, '') IN (FROM gone_id) OR ano IS NULL AND psa IN (FROM gone_id))`,
		`INSERT INTO gone_pair SELECT DISTINCT s.psa, s.rng FROM seen_number s JOIN (SELECT psa, ano FROM seen_number JOIN gone_pair USING (psa) WHERE ano IN (FROM gone_id)) a
			ON a.psa = s.psa AND a.ano = s.ano`,
		"CREATE TABLE gone_number AS SELECT psa AS n FROM gone_pair UNION SELECT n FROM gone_id",
		"CREATE TABLE number AS "+register,
		"CREATE TABLE gone_identity AS SELECT DISTINCT r.identity AS n FROM number r JOIN gone_pair p ON p.psa = r.psa AND p.rng IS NOT DISTINCT FROM r.rng",
	)
	if err != nil {
		return nil, err
	}
	return texts(ctx, f.db, "SELECT n FROM gone_number ORDER BY n")
}

// register rewrites the register without the persons' numbers; path is empty
// when that is done, or there is none.
func (f *forgetting) register(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	var n int64
	if err := f.db.QueryRowContext(ctx, "SELECT count(*) FROM number WHERE identity IN (FROM gone_identity)").Scan(&n); err != nil || n == 0 {
		return duck.Error("rewrite the register", err)
	}
	if err := f.exec(ctx, "DELETE FROM number WHERE identity IN (FROM gone_identity)"); err != nil {
		return err
	}
	f.rows += n
	return f.store.saveRegister(ctx, f.db, f.salt)
}

// unit rewrites a unit without the persons' rows, if it has any.
func (f *forgetting) unit(ctx context.Context, u lake.Unit, k kept) error {
	read := func(name string) string {
		return "(" + sealedFiles(map[string][]string{k.Salt: {filepath.Join(f.store.dir, u.Content, name)}}) + ")"
	}
	columns := map[string][]string{}
	for name := range k.Files {
		list, err := texts(ctx, f.db, "SELECT column_name FROM (DESCRIBE FROM "+read(name)+")")
		if err != nil {
			return err
		}
		columns[name] = list
	}
	// What a stay's other tables name it by.
	if err := f.exec(ctx, "CREATE OR REPLACE TABLE gone_stay (kind VARCHAR, n BIGINT)"); err != nil {
		return err
	}
	for name, list := range columns {
		for _, key := range []string{"visit_id", "telling"} {
			if slices.Contains(list, "psa") && slices.Contains(list, key) {
				if err := f.exec(ctx, fmt.Sprintf("INSERT INTO gone_stay SELECT DISTINCT '%s', %[1]s FROM %s WHERE psa IN (FROM gone_number)", key, read(name))); err != nil {
					return err
				}
			}
		}
	}
	gone := map[string]string{}
	var rows int64
	for name, list := range columns {
		where := theirs(list)
		if where == "" {
			continue
		}
		var n int64
		if err := f.db.QueryRowContext(ctx, "SELECT count(*) FROM "+read(name)+" WHERE "+where).Scan(&n); err != nil {
			return duck.Error("look into "+u.Name, err)
		}
		if n > 0 {
			gone[name] = " WHERE (" + where + ") IS NOT TRUE"
			rows += n
		}
	}
	if rows == 0 {
		return nil
	}
	dir, err := f.store.begin(u)
	if err != nil {
		return err
	}
	for name := range k.Files {
		if err := copyTo(ctx, f.db, "SELECT * FROM "+read(name)+gone[name], filepath.Join(dir, name), f.salt); err != nil {
			return err
		}
	}
	k.Salt = f.salt
	f.rows += rows
	return f.store.seal(u, &k)
}

// theirs returns which rows of a table of those columns are of the persons, in
// SQL; empty for a table without persons.
func theirs(columns []string) string {
	var any []string
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(columns, n) })
	}
	pair := func(psa, rng string) string {
		return fmt.Sprintf("EXISTS (FROM gone_pair p WHERE p.psa = %s AND (p.rng IS NOT DISTINCT FROM %s OR %[2]s IS NULL))", psa, rng)
	}
	if has("identity") {
		any = append(any, "identity IN (FROM gone_identity)")
	}
	switch {
	case has("psa", "rng"):
		any = append(any, pair("psa", "rng"))
	case has("psa"):
		any = append(any, "psa IN (FROM gone_number)")
	}
	switch {
	case has("BEN_NIR_PSA", "BEN_RNG_GEM"):
		any = append(any, pair("BEN_NIR_PSA", "BEN_RNG_GEM"))
	case has("BEN_NIR_PSA"):
		any = append(any, "BEN_NIR_PSA IN (FROM gone_number)")
	}
	for _, name := range []string{"BEN_NIR_ANO", "BEN_IDT_ANO"} {
		if has(name) {
			any = append(any, name+" IN (FROM gone_id)")
		}
	}
	for _, key := range []string{"visit_id", "telling"} {
		if has(key) {
			any = append(any, fmt.Sprintf("%s IN (SELECT n FROM gone_stay WHERE kind = '%[1]s')", key))
		}
	}
	return strings.Join(any, " OR ")
}

// settle gives units that were rewritten, and whose renaming an interruption cut
// short, their names.
func (s store) settle(units []lake.Unit) error {
	for _, u := range units {
		dir := filepath.Join(s.dir, u.Content)
		fresh := filepath.Join(s.dir, unfinished+u.Content)
		if _, err := os.Stat(filepath.Join(dir, unitPage)); err == nil {
			continue
		}
		if _, err := s.read(u, fresh); err != nil {
			continue
		}
		if err := errors.Join(os.RemoveAll(dir), os.Rename(fresh, dir), syncPath(s.dir)); err != nil {
			return fmt.Errorf("keep %s: %w", u.Name, err)
		}
	}
	return nil
}
