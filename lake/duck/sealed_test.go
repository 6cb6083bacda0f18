package duck

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"galien"
)

// TestSealed looks into every file that an engine writes while it works on more
// than its memory holds: no value is there in clear. The same work unsealed
// shows that the test would find one.
func TestSealed(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		dir := t.TempDir()
		db := open(t, Config{File: filepath.Join(dir, "stage.duckdb"), TempDir: filepath.Join(dir, "spill"), MemoryLimit: "60MiB", Threads: 1, Sealed: sealed})
		found, files := 0, 0
		look := func() {
			err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				found += bytes.Count(b, []byte("CANARY"))
				files++
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []string{
			"CREATE TABLE a AS SELECT i, 'CANARY' || hash(i) AS s FROM range(1000000) t(i)",
			"CHECKPOINT",
			"CREATE TEMP TABLE b AS SELECT s, i FROM a ORDER BY s",
			"INSERT INTO a VALUES (-1, 'CANARY in the log')",
		} {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			look()
		}
		if files < 5 || sealed != (found == 0) {
			t.Errorf("sealed %v: %d values in clear in %d files", sealed, found, files)
		}
		var n int
		// Each connection finds the same tables.
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil || n != 1000001 {
			t.Errorf("%d rows (%v)", n, err)
		}
		conn.Close()
	}
}

// TestUnsealed has a table in the file beside the sealed one: it is found by its
// name alone, on every connection, filled from the sealed tables, and its rows
// alone lie there in clear.
func TestUnsealed(t *testing.T) {
	dir := t.TempDir()
	sealed, clear := filepath.Join(dir, "sealed.duckdb"), filepath.Join(dir, "clear.duckdb")
	db := open(t, Config{File: sealed, Unsealed: clear, TempDir: filepath.Join(dir, "spill"), Sealed: true})
	for _, s := range []string{
		"CREATE TABLE number AS SELECT i, 'CANARY' || hash(i) AS s FROM range(1000) t(i)",
		"CREATE TABLE unsealed.stage (i BIGINT, s VARCHAR)",
		"INSERT INTO stage SELECT i, 'known' || i FROM number",
		"CHECKPOINT unsealed",
		"CHECKPOINT sealed",
	} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	for range 2 { // two connections at once
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM stage JOIN number USING (i)").Scan(&n); err != nil || n != 1000 {
			t.Errorf("%d rows (%v)", n, err)
		}
	}
	for path, want := range map[string]struct{ number, stage bool }{sealed: {false, false}, clear: {false, true}} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if number, stage := bytes.Contains(b, []byte("CANARY")), bytes.Contains(b, []byte("known")); number != want.number || stage != want.stage {
			t.Errorf("%s: numbers in clear %v, staged rows in clear %v", filepath.Base(path), number, stage)
		}
	}
}

func TestAppender(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		db := open(t, Config{File: filepath.Join(t.TempDir(), "x.duckdb"), TempDir: t.TempDir(), Sealed: sealed})
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (i BIGINT, s VARCHAR, d DATE, b BOOLEAN)"); err != nil {
			t.Fatal(err)
		}
		a, err := NewAppender(t.Context(), db, "t")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Row(int64(7), "x", galien.Date(0), true); err != nil {
			t.Error(err)
		}
		if err := a.Row(nil, nil, nil, nil); err != nil {
			t.Error(err)
		}
		if err := a.Row(7, nil, nil, nil); galien.KindOf(err) != galien.Internal {
			t.Errorf("an int: %v, want Internal", err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		var n, i int
		var d string
		err = db.QueryRowContext(t.Context(), "SELECT count(*), sum(i), max(d)::VARCHAR FROM t").Scan(&n, &i, &d)
		if err != nil || n != 2 || i != 7 || d != "1970-01-01" {
			t.Errorf("%d rows, sum %d, %s (%v)", n, i, d, err)
		}
		if _, err := NewAppender(t.Context(), db, "missing"); err == nil {
			t.Error("a table that does not exist was opened")
		}
	}
}
