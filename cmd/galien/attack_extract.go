package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"galien"
	"galien/lake/duck"
)

// extractFolder is a folder that galien extract wrote, read as attack.Rows.
type extractFolder struct {
	ctx        context.Context // of the command that reads it
	db         *sql.DB
	tables     map[string]string // what each is read from, in SQL
	sha256     string            // of the names and hashes of its files
	provenance provenance
}

// openExtract reads what an extract is made of. The caller closes it.
func openExtract(ctx context.Context, dir string, c duck.Config) (*extractFolder, error) {
	x := &extractFolder{ctx: ctx, tables: map[string]string{}}
	b, err := os.ReadFile(filepath.Join(dir, "provenance.json"))
	if err != nil {
		return nil, galien.Errorf(galien.NotFound, "open extract: %s has no provenance.json; name a folder that galien extract wrote", dir)
	}
	if err := json.Unmarshal(b, &x.provenance); err != nil {
		return nil, galien.Errorf(galien.Corrupt, "open extract: provenance.json: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open extract: %w", err)
	}
	all := sha256.New()
	for _, e := range entries { // by name
		name := e.Name()
		if e.IsDir() {
			continue
		}
		path := filepath.Join(dir, name)
		sum, err := hashFile(path)
		if err != nil {
			return nil, fmt.Errorf("open extract: %w", err)
		}
		fmt.Fprintf(all, "%s  %s\n", sum, name)
		switch table, kind, _ := strings.Cut(name, "."); {
		case kind == "parquet":
			x.tables[table] = "read_parquet(" + duck.Quote(path) + ")"
		case kind == "csv" && table != "dictionary":
			if x.tables[table], err = csvFile(path); err != nil {
				return nil, err
			}
		}
	}
	x.sha256 = hex.EncodeToString(all.Sum(nil))
	x.db, err = duck.Open(ctx, c)
	return x, err
}

// csvFile is the SQL that reads a CSV file of an extract as text. It says how such
// a file is written, which the engine would guess anew, slowly, at each reading.
func csvFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open extract: %w", err)
	}
	defer f.Close()
	names, err := csv.NewReader(f).Read()
	if err != nil {
		return "", galien.Errorf(galien.Corrupt, "open extract: %s has no line of column names", filepath.Base(path))
	}
	for i, name := range names {
		names[i] = duck.Quote(name) + ": 'VARCHAR'"
	}
	return "read_csv(" + duck.Quote(path) + ", auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', columns = {" + strings.Join(names, ", ") + "})", nil
}

func (x *extractFolder) close() { _ = x.db.Close() }

// hashFile returns the SHA-256 of a file, in hexadecimal.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// Columns returns the columns of a table, none of one that cannot be read: to
// read it then says why.
func (x *extractFolder) Columns(table string) ([]string, bool) {
	from, ok := x.tables[table]
	if !ok {
		return nil, false
	}
	rows, err := x.db.QueryContext(x.ctx, "SELECT * FROM "+from+" LIMIT 0")
	if err != nil {
		return nil, true
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, true
	}
	return columns, true
}

// Read calls yield with each row of a table.
func (x *extractFolder) Read(table string, columns []string, yield func(row []string) error) error {
	from, ok := x.tables[table]
	if !ok {
		return galien.Errorf(galien.NotFound, "read extract: there is no table %s", table)
	}
	texts, values := make([]string, len(columns)), make([]any, len(columns))
	row := make([]string, len(columns))
	for i, c := range columns {
		texts[i] = "coalesce(CAST(" + duck.Ident(c) + " AS VARCHAR), '')"
		values[i] = &row[i]
	}
	rows, err := x.db.QueryContext(x.ctx, "SELECT "+strings.Join(texts, ", ")+" FROM "+from)
	if err != nil {
		return duck.Error("read extract", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return duck.Error("read extract", err)
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return duck.Error("read extract", rows.Err())
}
