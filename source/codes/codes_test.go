package codes

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"galien/lake/duck"
)

// TestPlaces: the same code has the same id in every hub, whatever else is
// there; an id is in the local range; a code keeps the id it had, and a place
// that is taken goes to the next.
func TestPlaces(t *testing.T) {
	code := [2]string{"CIM10", "I409"}
	sum := sha256.Sum256([]byte("CIM10\x00I409"))
	want := 2_000_000_000 + int64(binary.BigEndian.Uint64(sum[:8])%147_483_648)
	for _, others := range [][][2]string{nil, {{"CCAM", "DEQP003"}}, {{"ZZZ", "1"}, {"CIM10", "I40"}}} {
		if got := place(append(others, code), nil)[code]; got != want || got >= 1<<31 {
			t.Errorf("with %d others the id is %d, want %d", len(others), got, want)
		}
	}
	if got := place([][2]string{code}, map[[2]string]int64{{"CIM10", "J189"}: want})[code]; got != want+1 {
		t.Errorf("a taken place gives %d, want %d", got, want+1)
	}
	if got := place([][2]string{code}, map[[2]string]int64{code: 2_000_000_007})[code]; got != 2_000_000_007 {
		t.Errorf("a code that had an id got %d", got)
	}
}

// TestHierarchy: what stands above a diagnosis and an act, by their letters.
func TestHierarchy(t *testing.T) {
	ctx := context.Background()
	db, err := duck.Open(ctx, duck.Config{Threads: 1, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec("CREATE TABLE used_code AS FROM (VALUES ('CIM10', 'I409'), ('CIM10', 'S72+1'), ('CCAM', 'DEQP003'), ('CIP13', '3400999003728')) t(vocabulary, code)")
	if err != nil {
		t.Fatal(err)
	}
	if err := Hierarchy(ctx, db); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("SELECT DISTINCT code, above, steps FROM code_above_french WHERE vocabulary = above_vocabulary")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]bool{}
	for rows.Next() {
		var code, above string
		var steps int
		if err := rows.Scan(&code, &above, &steps); err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(code, " ", above, " ", steps)] = true
	}
	want := []string{
		"I409 I40 1", "I409 chapter 09 2", "I40 chapter 09 1",
		"S72+1 S72 2", "S72+1 chapter 19 3", "S72 chapter 19 1",
		"DEQP003 DEQP 1", "DEQP003 DE 2", "DEQP003 D 3", "DEQP DE 1", "DEQP D 2", "DE D 1",
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("%q is missing", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d relations, want %d: %v", len(got), len(want), got)
	}
}
