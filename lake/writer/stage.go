package writer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"galien"
	"galien/cdm"
	"galien/lake/duck"
)

// Stage takes the rows of one table. It is used from one goroutine.
type Stage struct {
	w     *Writer
	table cdm.Table
	name  string
	// change is set where the rows are added to a table rather than replace it.
	change *change
	// cut is set where the rows are of several buckets, and are cut into them first.
	cut bool

	conn     *sql.Conn
	appender *duckdb.Appender
	values   []driver.Value
}

// Stage begins an empty staging table for t. It fails with Conflict when t is
// staged already.
func (w *Writer) Stage(t cdm.Table) (*Stage, error) {
	ctx := context.Background()
	s, err := w.create(ctx, t)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Stage, error) {
		s.abandon()
		w.forget(s)
		return nil, duck.Error("stage "+t.Name, err)
	}
	if s.conn, err = w.db.Conn(ctx); err != nil {
		return fail(err)
	}
	err = s.conn.Raw(func(c any) (err error) {
		s.appender, err = duckdb.NewAppenderFromConn(c.(driver.Conn), "", s.name)
		return err
	})
	if err != nil {
		return fail(err)
	}
	s.values = make([]driver.Value, len(t.Columns)+1)
	return s, nil
}

// Append adds a row: a value for each column of the table in the model's
// order, nil, int64, float64, string, galien.Date or time.Time, and the line of
// the source where it stood. The row is copied. A value of another type than
// the column's, or one of an identity column, is an Internal error.
func (s *Stage) Append(line int64, row []any) error {
	if s.appender == nil {
		return galien.Errorf(galien.Internal, "stage %s: a row after the end", s.table.Name)
	}
	if len(row) != len(s.table.Columns) {
		return galien.Errorf(galien.Internal, "stage %s: a row of %d values for %d columns", s.table.Name, len(row), len(s.table.Columns))
	}
	for i, v := range row {
		c := &s.table.Columns[i]
		if v == nil {
			s.values[i] = nil
			continue
		}
		if c.Identity {
			return identityError(s.table, *c, 1)
		}
		ok := false
		switch x := v.(type) {
		case int64:
			ok = c.Type == cdm.Integer
		case string:
			ok = c.Type == cdm.Text
		case float64:
			ok = c.Type == cdm.Float
		case galien.Date:
			ok = c.Type == cdm.Date
			v = time.Unix(int64(x)*86400, 0).UTC()
		case time.Time:
			ok = c.Type == cdm.Datetime
		}
		if !ok {
			return galien.Errorf(galien.Internal, "stage %s: a value of the type %T in the %s column %s", s.table.Name, v, c.Type, c.Name)
		}
		s.values[i] = v
	}
	s.values[len(row)] = line
	if err := s.appender.AppendRow(s.values...); err != nil {
		return duck.Error("stage "+s.table.Name, err)
	}
	return nil
}

// Close makes all rows appended so far visible to SQL and ends the stage. A
// second Close does nothing.
func (s *Stage) Close() error {
	if s.appender == nil {
		return nil
	}
	err := s.appender.Close()
	s.appender = nil
	if e := s.conn.Close(); err == nil {
		err = e
	}
	s.conn = nil
	return duck.Error("stage "+s.table.Name, err)
}

// abandon ends the stage without care for its rows.
func (s *Stage) abandon() {
	if s.appender != nil {
		_ = s.appender.Close()
		s.appender = nil
	}
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
