// Package duck opens the embedded DuckDB the way Galien always does: bounded,
// without a network and with its settings locked.
//
// It owns those settings, the quoting of SQL, how the files of a table are read
// in SQL without the rows that have left them, and the rule that no error of
// the engine carries a value of a row. It refuses extensions, downloads and a
// change of settings after the opening.
//
//	db, err := duck.Open(ctx, duck.Config{Threads: 2, MemoryLimit: "1GiB", TempDir: dir})
//	defer db.Close()
//	rows, err := db.QueryContext(ctx, "SELECT count(*) FROM "+duck.Table(person, s.Whole("person")))
//	if err != nil {
//		return duck.Error("count persons", err)
//	}
package duck

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"galien"
)

// Config bounds what an engine may use.
type Config struct {
	// File holds the engine's own tables, which it keeps compressed there and
	// reads as needed; it is made when absent. Empty keeps them in memory.
	File string
	// Sealed encrypts File and what goes to TempDir, under keys that live in
	// this process alone: once it ends, nobody reads them again. File must be
	// absent. The cipher is AES-256-GCM; the key of File is this machine's
	// randomness, but nonces, and the key of what goes to TempDir, come from the
	// engine's own generator, which its makers do not call safe. It keeps rows
	// from lying on a disk in clear; it is no reason to keep the files.
	Sealed bool
	// Unsealed is, beside a sealed File, the file of the tables that need no seal,
	// made as CREATE TABLE unsealed.name and found by their name alone. It must be
	// absent.
	Unsealed string
	// Threads is how many cores a query may use; 0 means all of them.
	Threads int
	// MemoryLimit is the most memory that the engine's buffers may take, such
	// as "2GiB"; empty means the engine's own choice, four fifths of the
	// machine's. What does not fit is written to TempDir.
	MemoryLimit string
	// TempDir is the folder for what does not fit into memory. Empty means that
	// nothing is written: such a query fails.
	TempDir string
	// MaxTemp is the most that may be written to TempDir, such as "100GiB";
	// empty means nine tenths of the free space.
	MaxTemp string
}

// Open starts an engine. It is stopped by closing the database; connections of
// it share its tables. It fails with
// Invalid for a setting that the engine does not accept.
func Open(ctx context.Context, c Config) (*sql.DB, error) {
	if c.Threads < 0 {
		return nil, galien.Errorf(galien.Invalid, "open engine: %d threads", c.Threads)
	}
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	connector, err := c.connector()
	if err != nil {
		return nil, Error("open engine", err)
	}
	db := sql.OpenDB(connector)
	settings := []string{
		"autoinstall_known_extensions = false",
		"autoload_known_extensions = false",
		"allow_community_extensions = false",
		"preserve_insertion_order = false",
		"threads = " + strconv.Itoa(c.Threads),
		"temp_directory = " + Quote(c.TempDir),
	}
	if c.MemoryLimit != "" {
		settings = append(settings, "memory_limit = "+Quote(c.MemoryLimit))
	}
	if c.MaxTemp != "" {
		settings = append(settings, "max_temp_directory_size = "+Quote(c.MaxTemp))
	}
	// The lock comes last: nothing can be set after it, on any connection.
	settings = append(settings, "lock_configuration = true")
	for _, s := range settings {
		if _, err := db.ExecContext(ctx, "SET GLOBAL "+s); err != nil {
			_ = db.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			name, _, _ := strings.Cut(s, " ")
			return nil, galien.Errorf(galien.Invalid, "open engine: the setting %s is not accepted: %w", name, Error("set", err))
		}
	}
	return db, nil
}

// What an engine calls its encrypted file, and the one beside it.
const (
	sealedName   = "sealed"
	unsealedName = "unsealed"
)

// connector opens the engine's file; an encrypted one is attached to an engine
// in memory, as the default of each connection.
func (c Config) connector() (*duckdb.Connector, error) {
	if !c.Sealed || c.File == "" {
		return duckdb.NewConnector(c.File, nil)
	}
	key := make([]byte, 32)
	rand.Read(key) // it does not fail
	attach := "ATTACH IF NOT EXISTS " + Quote(c.File) + " AS " + sealedName +
		" (ENCRYPTION_KEY '" + hex.EncodeToString(key) + "', ENCRYPTION_CIPHER 'GCM')"
	return duckdb.NewConnector(":memory:?force_mbedtls_unsafe=true&temp_file_encryption=true", func(conn driver.ExecerContext) error {
		statements := []string{attach, "USE " + sealedName}
		if c.Unsealed != "" {
			statements = append(statements, "ATTACH IF NOT EXISTS "+Quote(c.Unsealed)+" AS "+unsealedName,
				"SET search_path = '"+sealedName+".main,"+unsealedName+".main'")
		}
		for _, s := range statements {
			if _, err := conn.ExecContext(context.Background(), s, nil); err != nil {
				// The statement holds the key.
				return errors.New("the encrypted file cannot be attached")
			}
		}
		return nil
	})
}

// Quote returns s as an SQL string literal.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Ident returns s as an SQL identifier.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// plain are the types of error whose text speaks of the query, the machine or
// the files, and never quotes a value of a row.
var plain = map[duckdb.ErrorType]bool{
	duckdb.ErrorTypeBinder:               true,
	duckdb.ErrorTypeCatalog:              true,
	duckdb.ErrorTypeIO:                   true,
	duckdb.ErrorTypeInvalidConfiguration: true,
	duckdb.ErrorTypeMissingExtension:     true,
	duckdb.ErrorTypeNotImplemented:       true,
	duckdb.ErrorTypeOutOfMemory:          true,
	duckdb.ErrorTypeParser:               true,
	duckdb.ErrorTypePermission:           true,
	duckdb.ErrorTypeSettings:             true,
	duckdb.ErrorTypeSyntax:               true,
}

// Error returns an error of the engine as one that may be shown: it begins
// with the action, keeps the text where that speaks of the query or the
// machine, and leaves it out where it may quote a value of a row. An error
// that is none of the engine's, such as the end of a context, is wrapped.
func Error(action string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", action, err)
	}
	var e *duckdb.Error
	if !errors.As(err, &e) {
		// The driver's own errors quote the values it could not convert.
		return fmt.Errorf("%s: the engine's driver refused it", action)
	}
	switch {
	case e.Type == duckdb.ErrorTypeInterrupt:
		return fmt.Errorf("%s: %w", action, context.Canceled)
	case e.Type == duckdb.ErrorTypeOutOfMemory:
		return fmt.Errorf("%s: %s (give the engine more memory, or a folder for what does not fit)", action, e.Msg)
	case plain[e.Type]:
		return fmt.Errorf("%s: %s", action, e.Msg)
	}
	kind, _, _ := strings.Cut(e.Msg, ":")
	if !strings.HasSuffix(kind, "Error") || len(kind) > 40 {
		kind = "error"
	}
	return fmt.Errorf("%s: the engine refused it (%s; the text is withheld, as it may quote a row)", action, kind)
}

// Append adds rows to a table, given one after the other: next fills row, a
// value for each column of the table, and says whether it did.
func Append(ctx context.Context, db *sql.DB, table string, next func(row []any) (bool, error)) error {
	action := "append to " + table
	conn, err := db.Conn(ctx)
	if err != nil {
		return Error(action, err)
	}
	defer conn.Close()
	var columns int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND table_name = "+Quote(table)).Scan(&columns); err != nil {
		return Error(action, err)
	}
	row, values := make([]any, columns), make([]driver.Value, columns)
	var stopped error
	err = conn.Raw(func(c any) error {
		appender, err := duckdb.NewAppenderFromConn(c.(driver.Conn), "", table)
		if err != nil {
			return err
		}
		for ctx.Err() == nil {
			more, err := next(row)
			if err != nil {
				stopped = err
			}
			if err != nil || !more {
				break
			}
			for i, v := range row {
				values[i] = v
			}
			if err := appender.AppendRow(values...); err != nil {
				_ = appender.Close()
				return err
			}
		}
		return appender.Close()
	})
	switch {
	case stopped != nil:
		return stopped
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", action, ctx.Err())
	}
	return Error(action, err)
}
