package duck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"galien"
)

// Appender puts rows into a table of an engine. It is used from one goroutine.
type Appender struct {
	table    string
	conn     *sql.Conn
	appender *duckdb.Appender
	values   []driver.Value
}

// NewAppender opens a table, which exists, for rows that are pushed; Append
// takes rows from a function.
func NewAppender(ctx context.Context, db *sql.DB, table string) (*Appender, error) {
	a := &Appender{table: table}
	var err error
	if a.conn, err = db.Conn(ctx); err != nil {
		return nil, Error("append to "+table, err)
	}
	err = a.conn.Raw(func(c any) (err error) {
		a.appender, err = duckdb.NewAppenderFromConn(c.(driver.Conn), "", table)
		return err
	})
	if err != nil {
		_ = a.conn.Close()
		return nil, Error("append to "+table, err)
	}
	return a, nil
}

// Row adds a row: for each column nil, a bool, an int64, a float64, a string, a
// galien.Date or a time.Time. Another type is an Internal error.
func (a *Appender) Row(values ...any) error {
	a.values = a.values[:0]
	for _, v := range values {
		switch x := v.(type) {
		case nil, bool, int64, float64, string, time.Time:
		case galien.Date:
			v = time.Unix(int64(x)*86400, 0).UTC()
		default:
			return galien.Errorf(galien.Internal, "append to %s: a value of the type %T", a.table, v)
		}
		a.values = append(a.values, v)
	}
	return Error("append to "+a.table, a.appender.AppendRow(a.values...))
}

// Close makes the rows visible to queries and ends the appending.
func (a *Appender) Close() error {
	err := a.appender.Close()
	if e := a.conn.Close(); err == nil {
		err = e
	}
	return Error("append to "+a.table, err)
}
