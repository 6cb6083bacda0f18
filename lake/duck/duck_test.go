package duck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"galien"
)

func open(t *testing.T, c Config) *sql.DB {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestSettingsHoldOnEveryConnection(t *testing.T) {
	db := open(t, Config{Threads: 1, MemoryLimit: "300MiB", TempDir: t.TempDir(), MaxTemp: "1GiB"})
	want := map[string]string{
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"threads":                      "1",
		"memory_limit":                 "300.0 MiB",
		"max_temp_directory_size":      "1.0 GiB",
		"lock_configuration":           "true",
	}
	for range 3 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for name, value := range want {
			var got string
			if err := conn.QueryRowContext(t.Context(), "SELECT current_setting("+Quote(name)+")::VARCHAR").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "SET threads = 2"); err == nil {
			t.Error("a locked setting was changed")
		}
	}
}

func TestConnectionsShareTables(t *testing.T) {
	db := open(t, Config{})
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t AS SELECT 42 AS n"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil || n != 42 {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestRefusedSettings(t *testing.T) {
	for _, c := range []Config{{MemoryLimit: "much"}, {MaxTemp: "some"}, {Threads: -1}} {
		db, err := Open(t.Context(), c)
		if galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("%+v: %v", c, err)
		}
		if db != nil {
			t.Errorf("%+v: an engine beside the error", c)
		}
	}
}

func TestQuoting(t *testing.T) {
	db := open(t, Config{})
	for _, s := range []string{"", "it's", `a"b`, `\'; DROP TABLE x; --`, "é\n\t"} {
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT "+Quote(s)+" AS "+Ident(s+"x")).Scan(&got); err != nil || got != s {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	}
}

// The engine's own texts quote the value that they could not take.
func TestErrorsQuoteNoValue(t *testing.T) {
	db := open(t, Config{})
	const secret = "DUPONT-Jeanne-1950"
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (a VARCHAR PRIMARY KEY, n BIGINT CHECK (n < 10)); INSERT INTO t VALUES ("+Quote(secret)+", 1)"); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"SELECT a::BIGINT FROM t",
		"SELECT a::DATE FROM t",
		"SELECT error(a) FROM t",
		"INSERT INTO t SELECT * FROM t",
		"INSERT INTO t VALUES ('x', 99)",
		"SELECT strptime(a, '%Y') FROM t",
	} {
		_, err := db.ExecContext(t.Context(), q)
		if err == nil {
			t.Errorf("%s: no error", q)
			continue
		}
		text := Error("check rows", err).Error()
		if strings.Contains(text, secret) || strings.Contains(text, "99") || !strings.HasPrefix(text, "check rows: ") {
			t.Errorf("%s: %s", q, text)
		}
	}
	_, err := db.ExecContext(t.Context(), "SELECT * FROM absent_table")
	if text := fmt.Sprint(Error("check rows", err)); !strings.Contains(text, "absent_table") {
		t.Errorf("an error about the query lost its text: %s", text)
	}
}

func TestErrorKeepsTheEndOfAContext(t *testing.T) {
	if Error("x", nil) != nil {
		t.Error("an error out of none")
	}
	db := open(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.ExecContext(ctx, "SELECT 1")
	if !errors.Is(Error("ask", err), context.Canceled) {
		t.Errorf("%v", Error("ask", err))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	db := open(t, Config{Threads: 1, MemoryLimit: "20MiB"})
	_, err := db.ExecContext(t.Context(), "CREATE TABLE t AS SELECT range AS a, hash(range) AS b FROM range(20000000) ORDER BY b")
	if err == nil || !strings.Contains(Error("sort", err).Error(), "more memory") {
		t.Errorf("320 MB in 20 MiB: %v", err)
	}
}
