package duckdb

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	driverdb "github.com/duckdb/duckdb-go/v2"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/permit"
)

// ExportSubject is what a permission to export is given for: every granted
// table, of everybody.
func ExportSubject() string {
	sum := sha256.Sum256([]byte("galien export 1: every granted table of everybody"))
	return hex.EncodeToString(sum[:])
}

// Export writes into dir, which must exist and be empty, one CSV file per
// granted table of the snapshot, as the permit shows it: its window, columns,
// dates and hidden concepts hold as in an extract, every person key and row id
// is replaced by those of the permit, and the vocabulary is written as it is. A
// table has the columns of the model, not those that the lake adds (cost has no
// person_id then, and rows of the permitted persons only).
// sourceID gives the source's own id of a person, and is nil unless the
// permission includes them; person_source_value holds it then.
func (e *Engine) Export(ctx context.Context, p permit.Permitted, ids Pseudonyms, sourceID func(galien.PersonID) (string, bool), dir string) (Extracted, error) {
	var out Extracted
	if err := p.Check(permit.Extract); err != nil {
		return out, err
	}
	if p.Snapshot() != e.snapshot.ID || p.Subject() != ExportSubject() {
		return out, galien.Errorf(galien.Denied, "the permission is for another snapshot or another question")
	}
	if sourceID != nil && !p.SourceIDs() {
		return out, galien.Errorf(galien.Denied, "the permission does not include source person ids")
	}
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return out, fmt.Errorf("open connection: %w", err)
	}
	r := &run{conn: conn}
	defer r.close()
	if r.scope, err = newScope(ctx, conn, e.snapshot, p.Scope()); err != nil {
		return out, err
	}
	if err := e.pseudonyms(r, ids); err != nil {
		return out, duck.Error("export", err)
	}
	sourceFunction := fmt.Sprintf("galien_source_%d", r.functions)
	if sourceID != nil {
		if err := driverdb.RegisterScalarUDF(conn, sourceFunction, sourceName{sourceID}); err != nil {
			return out, duck.Error("export", err)
		}
	}
	least := p.Terms().LeastArea()
	if err := r.scope.findAreas(ctx, conn, least); err != nil {
		return out, err
	}
	scope := p.Scope()
	everyone := r.scope.seen(r.scope.files(e.snapshot.Buckets(), lake.ByPerson), e.snapshot.Buckets())
	for _, t := range cdm.Tables() {
		_, held := e.snapshot.Table(t.Name)
		_, granted := scope.Tables[t.Name]
		if !held || scope.Tables != nil && !granted && !t.Vocabulary {
			continue
		}
		var columns []string
		var dictionary []ExtractedColumn
		if t.Vocabulary {
			for _, c := range t.Columns {
				columns = append(columns, "t."+duck.Ident(c.Name))
				dictionary = append(dictionary, ExtractedColumn{t.Name, c.Name, c.Type.String(), "as recorded"})
			}
		} else {
			columns, dictionary = r.extractColumns(published(t), p.Terms(), scope)
		}
		if sourceID != nil && t.Name == "person" {
			i := slices.IndexFunc(dictionary, func(c ExtractedColumn) bool { return c.Column == "person_source_value" })
			if i >= 0 {
				columns[i] = sourceFunction + "(t.person_id) AS person_source_value"
				dictionary[i].Content = "the source's own id, from the vault"
			}
		}
		where := ""
		if t.Name == "location" && least > 1 { // a row for each area that is shown
			where = " WHERE t.location_id IN (SELECT shown FROM " + areasTable + ")"
		}
		name := t.Name + ".csv"
		path := filepath.Join(dir, name)
		res, err := conn.ExecContext(ctx, "COPY (SELECT "+strings.Join(columns, ", ")+" FROM "+everyone(t.Name)+" t"+where+") TO "+duck.Quote(path)+" (FORMAT csv, HEADER)")
		if err != nil {
			return out, duck.Error("export "+t.Name, err)
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return out, fmt.Errorf("export %s: %w", t.Name, err)
		}
		if t.Name == "person" {
			out.Persons = rows
		}
		out.Tables = append(out.Tables, ExtractedTable{t.Name, name, rows})
		out.Dictionary = append(out.Dictionary, dictionary...)
		if err := os.Chmod(path, 0o600); err != nil {
			return out, fmt.Errorf("export %s: %w", t.Name, err)
		}
	}
	return out, nil
}

// published is a table as the model has it, without what the lake adds.
func published(t cdm.Table) cdm.Table {
	t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c cdm.Column) bool { return c.LakeOnly })
	return t
}

// sourceName is the SQL function person_id -> the source's own id, empty where
// there is none.
type sourceName struct {
	of func(galien.PersonID) (string, bool)
}

func (f sourceName) Config() driverdb.ScalarFuncConfig {
	text, errText := driverdb.NewTypeInfo(driverdb.TYPE_VARCHAR)
	number, errNumber := driverdb.NewTypeInfo(driverdb.TYPE_BIGINT)
	if errText != nil || errNumber != nil {
		panic("duckdb: the driver lacks VARCHAR or BIGINT")
	}
	return driverdb.ScalarFuncConfig{InputTypeInfos: []driverdb.TypeInfo{number}, ResultTypeInfo: text}
}

func (f sourceName) Executor() driverdb.ScalarFuncExecutor {
	return driverdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		name, _ := f.of(galien.PersonID(values[0].(int64)))
		return name, nil
	}}
}
