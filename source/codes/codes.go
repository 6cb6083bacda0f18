// Package codes gives the codes of French sources their place among the
// concepts: a source code without a standard concept gets a local concept, the
// same in every source and for the life of a hub.
//
// It owns the numbers of local concepts and the hierarchies that the codes of
// the CIM-10 and the CCAM show by themselves (hierarchy.sql). It refuses to
// name a code: names are the affair of who has a nomenclature.
//
//	err := codes.Hierarchy(ctx, db)       // used_code -> code_above_french
//	err = codes.Conceive(ctx, db, base)   // code_to_name -> local_concept
package codes

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"slices"
	"strings"

	"galien/lake"
	"galien/lake/duck"
	"galien/source"
	"galien/vocab"
)

//go:embed hierarchy.sql
var hierarchy string

// Hierarchy makes code_above_french (vocabulary, code, above_vocabulary, above,
// steps) from used_code (vocabulary, code).
func Hierarchy(ctx context.Context, db *sql.DB) error {
	for _, statement := range source.Statements(hierarchy) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return duck.Error("order codes", err)
		}
	}
	return nil
}

// Local concepts are in the range that the model leaves to sites, below 2^31.
const (
	firstLocal = vocab.FirstLocal
	localRange = 1<<31 - firstLocal
)

// conceptID returns the place of a code in the local range. Codes may meet
// there; the next free place is taken then.
func conceptID(vocabulary, code string) int64 {
	sum := sha256.Sum256([]byte(vocabulary + "\x00" + code))
	return firstLocal + int64(binary.BigEndian.Uint64(sum[:8])%localRange)
}

// place gives every code of a vocabulary an id: the one it had, or the one
// that its name gives, or the next that is free. Codes are placed in order, so
// the same codes get the same ids.
func place(codes [][2]string, had map[[2]string]int64) map[[2]string]int64 {
	ids := map[[2]string]int64{}
	taken := map[int64]bool{}
	for code, id := range had {
		ids[code] = id
		taken[id] = true
	}
	slices.SortFunc(codes, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, code := range codes {
		if _, ok := ids[code]; ok {
			continue
		}
		id := conceptID(code[0], code[1])
		for taken[id] {
			id = firstLocal + (id-firstLocal+1)%localRange
		}
		ids[code], taken[id] = id, true
	}
	return ids
}

// Conceive fills the table local_concept (vocabulary, code, concept_id, name)
// from code_to_name (vocabulary, code, name): a concept for every code, the one
// that the snapshot base has when it has one. base is nil before the first.
func Conceive(ctx context.Context, db *sql.DB, base *lake.Snapshot) error {
	const action = "give codes their concepts"
	had, err := concepts(ctx, base)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT vocabulary, code FROM code_to_name")
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	var codes [][2]string
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			return duck.Error(action, err)
		}
		codes = append(codes, c)
	}
	if err := rows.Err(); err != nil {
		return duck.Error(action, err)
	}
	ids := place(codes, had)
	if _, err := db.ExecContext(ctx, "CREATE TABLE code_id (vocabulary VARCHAR, code VARCHAR, concept_id BIGINT)"); err != nil {
		return duck.Error(action, err)
	}
	for part := range slices.Chunk(codes, 500) {
		var values []any
		for _, c := range part {
			values = append(values, c[0], c[1], ids[c])
		}
		places := strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(part)), ", ")
		if _, err := db.ExecContext(ctx, "INSERT INTO code_id VALUES "+places, values...); err != nil {
			return duck.Error(action, err)
		}
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE local_concept AS SELECT i.vocabulary, i.code, i.concept_id, n.name FROM code_id i JOIN code_to_name n USING (vocabulary, code)")
	return duck.Error(action, err)
}

// concepts returns the local concepts of the current snapshot, so that a code
// keeps its id for the life of the hub.
func concepts(ctx context.Context, base *lake.Snapshot) (map[[2]string]int64, error) {
	had := map[[2]string]int64{}
	if base == nil {
		return had, nil
	}
	if _, ok := base.Table("concept"); !ok {
		return had, nil
	}
	err := base.Read(ctx, "concept", []string{"concept_id", "vocabulary_id", "concept_code"}, func(row []any) error {
		id, vocabulary, code := row[0].(int64), row[1].(string), row[2].(string)
		if name, ok := vocab.System(vocabulary); ok && id >= firstLocal {
			had[[2]string{name, code}] = id
		}
		return nil
	})
	return had, err
}
