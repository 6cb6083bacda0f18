package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"

	"pgregory.net/rapid"
)

// fixed is a source of the same bytes every time.
type fixed byte

func (f fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

func newVault(t testing.TB, seed byte) (*Vault, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vault")
	v, err := Create(dir, fixed(seed))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v, dir
}

func TestKeysAreDenseAndSurvive(t *testing.T) {
	ctx := context.Background()
	v, dir := newVault(t, 1)
	keys, err := v.Keys(ctx, "omop")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"42", "-7", "0", "42"} {
		want := []galien.PersonID{1, 2, 3, 1}[i]
		if got := keys.Assign(id); got != want {
			t.Errorf("Assign number %d = %d, want %d", i, got, want)
		}
	}
	if _, ok := keys.Lookup("43"); ok {
		t.Error("Lookup finds an id that was never assigned")
	}
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	keys.Assign("lost")
	v.Close()

	v, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	again, err := v.Keys(ctx, "omop")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := again.Lookup("-7"); !ok || got != 2 {
		t.Errorf("after reopening, Lookup = %d, %v, want 2", got, ok)
	}
	if _, ok := again.Lookup("lost"); ok {
		t.Error("a key that was not committed survived")
	}
	if got := again.Assign("new"); got != 4 {
		t.Errorf("next key = %d, want 4", got)
	}
	other, err := v.Keys(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	if got := other.Assign("42"); got != 4 {
		t.Errorf("first key of a second source = %d, want 4: keys are dense over all sources", got)
	}
	ids, err := v.SourceIDs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != 3 || ids[1] != "42" || ids[2] != "-7" || ids[3] != "0" {
		t.Errorf("SourceIDs is wrong: %d entries", len(ids))
	}
	if n, err := v.Check(ctx); err != nil || n != 3 {
		t.Errorf("Check = %d, %v, want 3 keys", n, err)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	_, dir := newVault(t, 1)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("vault folder is %v, want 0700", info.Mode().Perm())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("read vault folder: %d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, want 0600", f.Name(), info.Mode().Perm())
		}
	}
}

func TestOpenRefusesWhatIsNoVault(t *testing.T) {
	if _, err := Open(t.TempDir()); galien.KindOf(err) != galien.NotFound {
		t.Errorf("empty folder: %v, want NotFound", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, storeName), bytes.Repeat([]byte("damage"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("damaged store: %v, want Corrupt", err)
	}
	_, dir = newVault(t, 1)
	if _, err := Create(dir, fixed(2)); galien.KindOf(err) != galien.Conflict {
		t.Errorf("second Create: %v, want Conflict", err)
	}
}

func TestCheckFindsAMissingKey(t *testing.T) {
	ctx := context.Background()
	v, _ := newVault(t, 1)
	keys, _ := v.Keys(ctx, "omop")
	keys.Assign("a")
	keys.Assign("b")
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := v.db.Exec(`DELETE FROM person_key WHERE person_id = 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Check(ctx); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("Check = %v, want Corrupt", err)
	}
}

func TestIdentityCannotBePrinted(t *testing.T) {
	const secret = "Dupont 1850775123456"
	id := Seal(secret)
	type holder struct {
		Name  Identity
		inner Identity
	}
	h := holder{id, id}
	enc, err := json.Marshal(map[string]any{"id": id, "h": h, "list": []Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	out := string(enc)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		out += fmt.Sprintf(verb, id) + fmt.Sprintf(verb, h) + fmt.Sprintf(verb, []Identity{id})
	}
	out += fmt.Errorf("row: %w", fmt.Errorf("%v", id)).Error() + fmt.Sprint(id) + fmt.Sprintln(h)
	if strings.Contains(out, "Dupont") || strings.Contains(out, fmt.Sprintf("%x", "Dupont")) {
		t.Error("an identity was printed")
	}
	if id.Reveal() != secret {
		t.Error("Reveal does not return the value")
	}
}

func TestIntakeIsAllOrNothing(t *testing.T) {
	ctx := context.Background()
	v, _ := newVault(t, 1)
	file := RawFile{Table: "person", Name: "person.csv", SHA256: "aa", Delimiter: '\t', Header: "person_id\tyear_of_birth"}
	fill := func(load string, lines ...int64) *Intake {
		in, err := v.Begin(ctx, "omop", load)
		if err != nil {
			t.Fatal(err)
		}
		id, err := in.File(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if err := in.Raw(id, l, []byte(fmt.Sprint("row ", l))); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.Identity("person", "1", "person_source_value", Seal("first of "+load)); err != nil {
			t.Fatal(err)
		}
		if err := in.Identity("person", "1", "person_source_value", Seal("second of "+load)); err != nil {
			t.Fatal(err)
		}
		return in
	}
	read := func() (lines []int64) {
		err := v.RawRows(ctx, "omop", func(f RawFile, line int64, raw []byte) error {
			if f != file {
				t.Errorf("raw file = %+v, want %+v", f, file)
			}
			if string(raw) != fmt.Sprint("row ", line) {
				t.Errorf("line %d has another row's text", line)
			}
			lines = append(lines, line)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	if err := fill("a", 1, 2).Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(); len(got) != 0 {
		t.Fatalf("a dropped intake left rows %v", got)
	}
	for _, load := range []string{"a", "b"} {
		if err := fill(load, 5, 2, 9).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); fmt.Sprint(got) != "[2 5 9]" {
		t.Errorf("raw rows %v, want [2 5 9]", got)
	}
	var values []string
	err := v.Identities(ctx, "omop", func(i IdentityValue) error {
		values = append(values, i.Table+" "+i.Column+" "+i.RowKey.Reveal()+" "+i.Value.Reveal())
		return nil
	})
	if err != nil || len(values) != 1 || values[0] != "person person_source_value 1 first of b" {
		t.Errorf("%d identities, the kept one is not the first of the newest load (%v)", len(values), err)
	}
	err = v.Retire(ctx, "omop", "c", []string{"person"}, func(f RawFile, line int64) bool { return line == 5 })
	if err != nil {
		t.Fatal(err)
	}
	if got := read(); fmt.Sprint(got) != "[5]" {
		t.Errorf("after Retire raw rows %v, want [5]", got)
	}
	var n int
	if err := v.db.QueryRow(`SELECT count(*) FROM identity`).Scan(&n); err != nil || n != 0 {
		t.Errorf("identities of a replaced load: %d left, %v", n, err)
	}
}

// TestPermuteIsABijection enumerates a small domain whole.
func TestPermuteIsABijection(t *testing.T) {
	v, _ := newVault(t, 3)
	p, err := v.Pseudonyms("study-1")
	if err != nil {
		t.Fatal(err)
	}
	const bits = 16
	seen := make([]bool, 1<<bits)
	for x := range uint64(1 << bits) {
		y := p.permute([]byte("tweak!"), bits, x)
		if y >= 1<<bits || seen[y] {
			t.Fatalf("%d maps to %d, out of range or taken", x, y)
		}
		seen[y] = true
	}
}

func TestPseudonymLaws(t *testing.T) {
	v, dir := newVault(t, 3)
	p, _ := v.Pseudonyms("study-1")
	q, _ := v.Pseudonyms("study-2")
	w, _ := newVault(t, 4)
	r, _ := w.Pseudonyms("study-1")
	if _, err := v.Pseudonyms(""); galien.KindOf(err) != galien.Invalid {
		t.Errorf("no permit: %v, want Invalid", err)
	}
	seen := map[int64]bool{}
	same := 0
	for i := galien.PersonID(1); i <= 20000; i++ {
		x := p.Person(i)
		if x <= 0 || x >= 1<<52 || seen[x] {
			t.Fatalf("person %d: pseudonym out of range or taken", i)
		}
		seen[x] = true
		if x == int64(i) || x == q.Person(i) || x == r.Person(i) || x == p.Row("visit_occurrence", int64(i)) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d pseudonyms equal the key, or another permit's, hub's or table's", same)
	}
	v.Close()
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	p2, _ := again.Pseudonyms("study-1")
	if p2.Person(77) != p.Person(77) {
		t.Error("the same permit gives another pseudonym after reopening")
	}
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, 1<<52 - 1, 1 << 52, math.MaxInt64})
		id := rapid.OneOf(rapid.Int64(), edge)
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		x, y := p.Row("condition_occurrence", a), p.Row("condition_occurrence", b)
		if (a == b) != (x == y) {
			t.Fatalf("two ids, one pseudonym, or the reverse")
		}
		if isSmall(a) != isSmall(x) {
			t.Fatalf("an id left its range")
		}
	})
}

func BenchmarkPerson(b *testing.B) {
	v, _ := newVault(b, 3)
	p, _ := v.Pseudonyms("study-1")
	for i := 0; b.Loop(); i++ {
		p.Person(galien.PersonID(i%1000 + 1))
	}
}

// TestVaultOfFormat1 opens a store as the first version wrote it: refused by
// name, then sealed, with the same keys and pseudonyms. The dump is never
// written again.
func TestVaultOfFormat1(t *testing.T) {
	ctx := context.Background()
	dump, err := os.ReadFile(filepath.Join("testdata", "format1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "vault")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := connect(filepath.Join(dir, storeName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(dump)); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`INSERT INTO identity VALUES ('omop', 'person', '42', 'person_source_value', 'CANARY-1', 'a')`)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Invalid || !strings.Contains(fmt.Sprint(err), "galien vault upgrade") {
		t.Errorf("a store of format 1: %v, want Invalid and the remedy", err)
	}
	for range 2 {
		if err := Upgrade(ctx, dir, fixed(9)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ids, err := v.SourceIDs(ctx)
	if err != nil || len(ids) != 2 || ids[1] != "42" || ids[2] != "-7" {
		t.Errorf("%d keys, %v", len(ids), err)
	}
	keys, err := v.Keys(ctx, "omop")
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := keys.Lookup("-7"); !ok || key != 2 {
		t.Errorf("the key of -7 is %d, %v", key, ok)
	}
	rows := 0
	err = v.RawRows(ctx, "omop", func(f RawFile, line int64, raw []byte) error {
		rows++
		if f.Table != "death" || f.Delimiter != ',' || f.Header != "person_id,death_date" || line != 3 || string(raw) != "42,x" {
			t.Errorf("raw row of %+v on line %d", f, line)
		}
		return nil
	})
	if err != nil || rows != 1 {
		t.Errorf("%d raw rows, %v", rows, err)
	}
	values := 0
	err = v.Identities(ctx, "omop", func(i IdentityValue) error {
		values++
		if i.RowKey.Reveal() != "42" || i.Value.Reveal() != "CANARY-1" {
			t.Error("an identity changed")
		}
		return nil
	})
	if err != nil || values != 1 {
		t.Errorf("%d identities, %v", values, err)
	}
	p, err := v.Pseudonyms("study-1")
	if err != nil || p.Person(1) != 3869621525065420 {
		t.Errorf("the pseudonyms changed (%v)", err)
	}
	if n, err := v.Check(ctx); n != 2 || err != nil {
		t.Errorf("Check: %d keys, %v", n, err)
	}
	if n := findIn(t, dir, []string{"CANARY-1", "42,x"}); n > 0 {
		t.Errorf("%d values in clear", n)
	}
}

// TestPseudonymsOfFormat1 holds values computed by another program from the
// page of the format: a pseudonym that was handed out stays what it was.
func TestPseudonymsOfFormat1(t *testing.T) {
	v, _ := newVault(t, 3)
	p, err := v.Pseudonyms("study-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		table    string
		id, want int64
	}{
		{"person", 1, 3869621525065420},
		{"person", 2694, 124484422841415},
		{"visit_occurrence", 1, 2153446087553999},
		{"visit_occurrence", -4406053801395356975, -6729365238911327588},
		{"visit_occurrence", 0, 7779946876856300957},
	} {
		if got := p.Row(c.table, c.id); got != c.want {
			t.Errorf("%s %d: %d, want %d", c.table, c.id, got, c.want)
		}
	}
	if p.Person(2694) != 124484422841415 {
		t.Error("Person is not Row of the table person")
	}
}
