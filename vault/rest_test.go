package vault

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"galien"
)

// spellings are the ways in which a value may lie on a disk.
func spellings(s string) [][]byte {
	wide := utf16.Encode([]rune(s))
	le, be := make([]byte, 0, 2*len(wide)), make([]byte, 0, 2*len(wide))
	for _, c := range wide {
		le = binary.LittleEndian.AppendUint16(le, c)
		be = binary.BigEndian.AppendUint16(be, c)
	}
	reversed := []byte(s)
	slices.Reverse(reversed)
	all := [][]byte{[]byte(s), le, be, reversed, []byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))),
		[]byte(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(s)))[:len(s)]}
	// Base64 of a value depends on where it stands among its neighbours: the
	// middle of each of the three ways.
	for shift := range 3 {
		b := append(make([]byte, shift), s...)
		e := base64.RawStdEncoding.EncodeToString(b)
		if first, last := (shift*8+5)/6, (len(b)*8)/6; last-first > 8 {
			all = append(all, []byte(e[first:last]))
		}
	}
	var a [64]byte
	return append(all, bytes.Clone(a[:ascii85.Encode(a[:], []byte(s)[:min(len(s), 12)])]))
}

// findIn counts the values that lie in any file of a folder, in any spelling.
func findIn(t *testing.T, dir string, values []string) int {
	t.Helper()
	// One pass over the files finds thousands of values: an index of the first
	// eight bytes of every spelling, behind a sieve that most places fail.
	const window = 8
	sought := map[uint64][][]byte{}
	sieve := make([]bool, 1<<22)
	hole := func(w uint64) uint64 { return w * 0x9e3779b97f4a7c15 >> 42 }
	for _, v := range values {
		for _, s := range spellings(v) {
			if len(s) >= window {
				w := binary.LittleEndian.Uint64(s)
				sought[w] = append(sought[w], s)
				sieve[hole(w)] = true
			}
		}
	}
	found := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 0; i+window <= len(b); i++ {
			w := binary.LittleEndian.Uint64(b[i:])
			if !sieve[hole(w)] {
				continue
			}
			for _, s := range sought[w] {
				if bytes.HasPrefix(b[i:], s) {
					found++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// aNIR makes the i-th number of a slice of the space of the NIR: men and women
// born in one month in three departments.
func aNIR(i int) string {
	departments := []string{"75", "2A", "69"}
	return fmt.Sprintf("%d8507%s%03d%03d", 1+i%2, departments[i/2%3], 1+i/6%40, 1+i/240%999)
}

// TestStolenDisk keeps 10,000 identities of each kind, and searches them in
// every file that the vault has, while it is open (with its write-ahead log) and
// after; a store without sealing, beside it, shows that the search finds.
func TestStolenDisk(t *testing.T) {
	ctx := context.Background()
	v, dir := newVault(t, 1)
	const n = 10000
	keys, err := v.Keys(ctx, "pmsi")
	if err != nil {
		t.Fatal(err)
	}
	in, err := v.Begin(ctx, "pmsi", "a")
	if err != nil {
		t.Fatal(err)
	}
	file, err := in.File(RawFile{Table: "vid-hosp", Name: "v.txt", SHA256: "aa"})
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for i := range n {
		nir, name, ipp := aNIR(i), fmt.Sprintf("LEFÈVRE%05d Zoé", i), fmt.Sprintf("IPP-%08d", i*7919)
		known = append(known, nir, name, ipp)
		keys.Assign("NIR|" + nir)
		if err := in.Identity("person", ipp, "person_source_value", Seal(name)); err != nil {
			t.Fatal(err)
		}
		if err := in.Raw(file, int64(i), []byte("750712184"+nir+ipp)); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if found := findIn(t, filepath.Dir(dir), known); found > 0 {
		t.Errorf("open: %d identities in clear", found)
	}
	if err := v.Retire(ctx, "pmsi", "a", nil, func(RawFile, int64) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if found := findIn(t, filepath.Dir(dir), known); found > 0 {
		t.Errorf("closed: %d identities in clear", found)
	}
	clear := t.TempDir()
	for i, s := range spellings(known[3]) {
		if err := os.WriteFile(filepath.Join(clear, fmt.Sprint(i)), append([]byte("xy"), s...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := findIn(t, clear, known); found < len(spellings(known[3])) {
		t.Errorf("the search finds %d of %d spellings", found, len(spellings(known[3])))
	}
}

// TestDictionary tries a slice of the NIR space, in which everyone of the vault
// is, against a stolen store without its keys: by every function whose key is
// public, and by the keys of another vault.
func TestDictionary(t *testing.T) {
	ctx := context.Background()
	v, dir := newVault(t, 1)
	other, _ := newVault(t, 2)
	keys, _ := v.Keys(ctx, "pmsi")
	const persons, space = 300, 20000
	for i := range persons {
		keys.Assign("NIR|" + aNIR(i*7))
	}
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	stolen := map[string]bool{}
	err := each(ctx, v.db, `SELECT lookup, element FROM person_key`, func(rows *sql.Rows) error {
		var l, e []byte
		err := rows.Scan(&l, &e)
		stolen[string(l)], stolen[string(e)] = true, true
		return err
	})
	if err != nil || len(stolen) != 2*persons {
		t.Fatalf("%d values, %v", len(stolen), err)
	}
	theirs, err := other.ring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := newKeyring(1, curve.NewScalar().SetUint64(1), make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	guesses, hits := 0, 0
	try := func(b []byte) {
		if guesses++; stolen[string(b)] {
			hits++
		}
	}
	attack := func(r *keyring, from, to int) {
		for i := from; i < to; i++ {
			id := "NIR|" + aNIR(i)
			l := r.find(personParts("pmsi", id)...)
			try(l[:])
		}
		for i := from; i < min(to, from+500); i++ {
			e := derive(r.scalar, message(Opaque, "pmsi", "NIR|"+aNIR(i)))
			try(e[:])
		}
	}
	attack(zero, 0, space)
	attack(theirs, 0, space)
	if hits > 0 {
		t.Errorf("%d of %d guesses hit without the keys", hits, guesses)
	}
	// With the keys every person is found: the attack is a real one.
	mine, err := v.ring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if attack(mine, 0, persons*7); hits < persons {
		t.Errorf("with the keys %d hits of %d persons", hits, persons)
	}
	// Nor does the store open with another vault's share, or a made-up one.
	if err := os.Rename(KeyFile(dir), KeyFile(dir)+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Denied {
		t.Errorf("without the key file: %v", err)
	}
	if err := os.WriteFile(KeyFile(dir), []byte(readFile(t, KeyFile(other.dir))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Denied {
		t.Errorf("with another vault's key: %v, want Denied", err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPermitsCannotBeJoined gives two permits the same 20,000 persons. What one
// holder knows of a pseudonym, its place in the order or its last bits, tells
// the other permit's no better than chance.
func TestPermitsCannotBeJoined(t *testing.T) {
	v, _ := newVault(t, 3)
	p, _ := v.Pseudonyms("study-1")
	q, _ := v.Pseudonyms("study-2")
	const n = 20000
	type pair struct{ a, b int64 }
	var pairs []pair
	same := map[int64]bool{}
	for i := range n {
		x := pair{p.Person(galien.PersonID(i + 1)), q.Person(galien.PersonID(i + 1))}
		pairs = append(pairs, x)
		same[x.a] = true
	}
	equal := 0
	for _, x := range pairs {
		if same[x.b] {
			equal++
		}
	}
	if equal > 0 {
		t.Errorf("%d pseudonyms are of both permits", equal)
	}
	// Joined by rank: the expected number of right pairs of a random
	// permutation is 1, whatever n; nine or more have a chance below 2 in a
	// million.
	byA, byB := slices.Clone(pairs), slices.Clone(pairs)
	slices.SortFunc(byA, func(x, y pair) int { return int(min(1, max(-1, x.a-y.a))) })
	slices.SortFunc(byB, func(x, y pair) int { return int(min(1, max(-1, x.b-y.b))) })
	right := 0
	for i := range byA {
		if byA[i].a == byB[i].a {
			right++
		}
	}
	if right > 8 {
		t.Errorf("joined by rank, %d of %d are right; chance gives 1", right, n)
	}
	// Bit by bit: each of 52 bits of one agrees with each of the other in half
	// of the persons, within six standard deviations.
	for i := range 52 {
		for j := range 52 {
			agree := 0
			for _, x := range pairs {
				if x.a>>i&1 == x.b>>j&1 {
					agree++
				}
			}
			if d := 2*agree - n; d*d > 36*n {
				t.Errorf("bit %d and bit %d agree in %d of %d", i, j, agree, n)
			}
		}
	}
}

// TestNoCollision derives as many identities as is quick; GALIEN_IDENTITIES
// says another number (make bench-vault: 10 million).
func TestNoCollision(t *testing.T) {
	ctx := context.Background()
	v, _ := newVault(t, 5)
	r, err := v.ring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	elements, lookups := 1000, 100000
	if s := os.Getenv("GALIEN_IDENTITIES"); s != "" {
		if _, err := fmt.Sscan(s, &elements); err != nil {
			t.Fatal(err)
		}
		lookups = elements
	}
	// 16 bytes of an element are kept: no two alike there, none alike in full.
	seen := make([]lookup, elements)
	err = spread(ctx, elements, func(i int) error {
		e := derive(r.scalar, message(NIR, "", fmt.Sprintf("%013d", i)))
		copy(seen[i][:], e[:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := twice(seen); n > 0 {
		t.Errorf("%d of %d identities share an element", n, elements)
	}
	seen = slices.Grow(seen[:0], lookups)[:lookups]
	for i := range seen {
		seen[i] = r.find("person", "x", fmt.Sprintf("%013d", i))
	}
	if n := twice(seen); n > 0 {
		t.Errorf("%d of %d identities share a look-up", n, lookups)
	}
}

func twice(list []lookup) (n int) {
	slices.SortFunc(list, func(a, b lookup) int { return bytes.Compare(a[:], b[:]) })
	for i := 1; i < len(list); i++ {
		if list[i] == list[i-1] {
			n++
		}
	}
	return n
}

// TestSealedValuesAreBound moves and alters sealed values: none opens.
func TestSealedValuesAreBound(t *testing.T) {
	ctx := context.Background()
	v, _ := newVault(t, 1)
	keys, _ := v.Keys(ctx, "omop")
	keys.Assign("a")
	keys.Assign("b")
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	var first []byte
	if err := v.db.QueryRow(`SELECT sealed FROM person_key WHERE person_id = 1`).Scan(&first); err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string][]byte{"moved": first, "cut": first[:10], "altered": flip(first)} {
		if _, err := v.db.Exec(`UPDATE person_key SET sealed = ? WHERE person_id = 2`, forged); err != nil {
			t.Fatal(err)
		}
		if _, err := v.SourceIDs(ctx); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: SourceIDs = %v, want Corrupt", name, err)
		}
		if _, err := v.Check(ctx); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: Check = %v, want Corrupt", name, err)
		}
	}
}

func flip(b []byte) []byte {
	c := bytes.Clone(b)
	c[rand.IntN(len(c))] ^= 1
	return c
}
