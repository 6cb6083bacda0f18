package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

func persons(ids ...galien.PersonID) *Persons {
	var p Persons
	for _, id := range ids {
		p.Add(id)
	}
	return &p
}

// Sets added in any order, with repeats, come back from their encoding.
func TestPersonsComeBack(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 0))
	for n := range 300 {
		var p Persons
		want := map[galien.PersonID]bool{}
		for range n {
			id := galien.PersonID(1 + random.IntN(1+n*(1+n%3)))
			p.Add(id)
			want[id] = true
		}
		b := p.Encode()
		got, err := DecodePersons(b, int64(len(want)))
		if err != nil || len(got.Sorted()) != len(want) || !slices.IsSorted(got.Sorted()) {
			t.Fatalf("%d persons come back as %v, %v", len(want), got, err)
		}
		for _, id := range got.Sorted() {
			if !want[id] {
				t.Fatalf("person %d was not added", id)
			}
		}
		if _, err := DecodePersons(b, int64(len(want))+1); err == nil {
			t.Fatal("a list of another size is read")
		}
	}
	var everyone Persons
	for id := range 1_000_000 {
		everyone.Add(galien.PersonID(id + 1))
	}
	if n := len(everyone.Encode()); n > 8 {
		t.Errorf("a million consecutive persons take %d bytes", n)
	}
}

func FuzzPersons(f *testing.F) {
	f.Add([]byte{1, 3, 2, 1}, int64(4))
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		p, err := DecodePersons(b, min(max(size, 0), 1<<16))
		if err != nil {
			return
		}
		again, err := DecodePersons(p.Encode(), int64(len(p.Sorted())))
		if err != nil || !slices.Equal(again.Sorted(), p.Sorted()) {
			t.Fatalf("%v comes back as %v, %v", p, again, err)
		}
	})
}

// naiveRoot is RFC 6962's definition of the tree, word for word.
func naiveRoot(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(naiveRoot(leaves[:k]), naiveRoot(leaves[k:]))
}

// Roots and paths are those of the definition, and of the checker of tlog.
func TestTreeOfTokens(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100, 5000} {
		leaves := make([]tlog.Hash, n)
		for i := range leaves {
			leaves[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		}
		want := naiveRoot(leaves)
		if got := treeRoot(leaves); got != want {
			t.Fatalf("%d leaves: another root", n)
		}
		all := levels(leaves)
		for i := 0; i < n; i += 1 + n/50 {
			if err := tlog.CheckRecord(path(all, i), int64(n), want, int64(i), leaves[i]); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
		}
		shuffled := slices.Clone(leaves)
		slices.SortFunc(leaves, func(a, b tlog.Hash) int { return bytes.Compare(a[:], b[:]) })
		if !slices.Equal(sortTokens(shuffled), leaves) {
			t.Fatalf("%d leaves are not sorted", n)
		}
	}
}

// answered appends the delivery of an answer with its lists.
func answered(t testing.TB, l *Log, i int, everyone, in *Persons) {
	t.Helper()
	u, err := l.Uses(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := sample(i)
	e.Outcome = "delivered"
	e.Details, err = u.Read(fmt.Sprint("basis ", everyone.Sorted()), in == nil, func(p *Persons) error { *p = *everyone; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if in != nil {
		d, err := u.Answer(rand.Reader, in)
		if err != nil {
			t.Fatal(err)
		}
		e.Details[detailAnswer] = d[detailAnswer]
	}
	if _, err := l.Append(context.Background(), e); err != nil {
		t.Fatal(err)
	}
}

// For each of a few persons the bundle says of every answer what the sets say.
func TestProveSaysWhatTheSetsSay(t *testing.T) {
	l, _ := newLog(t, 2)
	everyone := persons(1, 2, 3, 5, 6, 7, 8, 9)
	sets := []*Persons{persons(2, 3, 9), persons(), nil, persons(5), everyone}
	for i, in := range sets {
		answered(t, l, 2+i, everyone, in)
	}
	answered(t, l, 7, persons(4), nil) // after an opposition of all others
	has := func(p *Persons, id galien.PersonID) bool { return slices.Contains(p.Sorted(), id) }
	for id := galien.PersonID(0); id < 11; id++ {
		b, err := l.Prove(context.Background(), id, nil, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Uses) != 6 {
			t.Fatalf("%d answers, want 6", len(b.Uses))
		}
		for k, u := range b.Uses {
			read, in := has(everyone, id), false
			switch {
			case k == 5:
				read, in = id == 4, id == 4
			case sets[k] == nil:
				in = read
			default:
				in = has(sets[k], id)
			}
			if (u.Read.In != nil) != read || (u.Answer.In != nil) != in {
				t.Errorf("person %d, answer %d: read %v, in the answer %v; want %v, %v", id, k, u.Read.In != nil, u.Answer.In != nil, read, in)
			}
		}
		if strings.Contains(b.Uses[0].Entry, fmt.Sprint(id)+"\"") && id > 3 {
			t.Errorf("the entry names person %d", id)
		}
	}
}

// Of two persons' secrets and two lists, no token is another's.
func TestTokensDiffer(t *testing.T) {
	l, _ := newLog(t, 0)
	u, err := l.Uses(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Uses(rand.Reader)
	if err != nil || u.Secret(1) != other.Secret(1) {
		t.Fatal("opened again, the lists have another key", err)
	}
	seen := map[token]bool{}
	for id := galien.PersonID(1); id < 50; id++ {
		for nonce := range 20 {
			tok := personToken(u.Secret(id), bytes.Repeat([]byte{byte(nonce)}, 16))
			if seen[tok] {
				t.Fatal("a token is there twice")
			}
			seen[tok] = true
		}
	}
}

// BenchmarkAnswer makes the list of an answer of a million persons: every second
// one of two million, the worst for its length.
func BenchmarkAnswer(b *testing.B) {
	l, _ := newLog(b, 0)
	u, err := l.Uses(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	var in Persons
	for id := range 1_000_000 {
		in.Add(galien.PersonID(2*id + 1))
	}
	for b.Loop() {
		if _, err := u.Answer(rand.Reader, &in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(in.Encode()))/1e6, "bytes/person")
}

// A log of this version as it is on disk, with a file of every kind: it opens and
// verifies, and the person's secret and token are those that openssl and sha256sum
// give for the key and the nonce in its files.
func TestSecondLogsStillOpen(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "audit")
	if err := os.CopyFS(dir, os.DirFS("testdata/second")); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("testdata/second.checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := intact(dir, kept); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := l.Verify(ctx); err != nil || r.Pruned != 1 || r.Entries != 5 || r.Cosignatures[0].Entries != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	b, err := l.Prove(ctx, 2, kept, func(int64) {})
	if err != nil || len(b.Uses) != 1 || b.Uses[0].Read.In == nil || b.Uses[0].Answer.In == nil || len(b.Earlier) != 2 {
		t.Fatalf("%+v, %v", b, err)
	}
	if got := hex.EncodeToString(b.Secret); got != "4e99ed7acc9f377e948dd315e60181183931f629adc9ccc156673880fdc82049" {
		t.Errorf("the secret is %s", got)
	}
	nonce, _ := hex.DecodeString("225c36bea5e92d571e1250377fd74232")
	if got := personToken([32]byte(b.Secret), nonce).String(); got != "vNfKfoGhoNJt4hd05Pj6/Vz8qRkhL8Irm8jzGtrzZUM=" { // the root too: there is one person
		t.Errorf("the token is %s", got)
	}
	if got := string(read(t, dir, "uses/225c36bea5e92d571e1250377fd74232")); got != "galien/persons/1 225c36bea5e92d571e1250377fd74232 1 vNfKfoGhoNJt4hd05Pj6/Vz8qRkhL8Irm8jzGtrzZUM=\n\x02\x01" {
		t.Errorf("the list is %q", got)
	}
}
