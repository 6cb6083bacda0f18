package ledger

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"galien"
)

// The naive judge: persons are a few, vectors are lists of amounts, and every set
// of persons is tried.

// distance is the least number of persons that a combination of v with the
// known vectors concerns, v itself with a factor that is not zero: the smallest
// set of persons outside which v is a combination of the known.
func distance(v []int64, known [][]int64) int {
	n := len(v)
	least := n
	for inside := range 1 << n { // the persons where the combination is zero
		if n-ones(inside) >= least {
			continue
		}
		var rows [][]*big.Rat
		for _, q := range append([][]int64{v}, known...) {
			var row []*big.Rat
			for p := range n {
				if inside&(1<<p) != 0 {
					row = append(row, big.NewRat(q[p], 1))
				}
			}
			rows = append(rows, row)
		}
		if rank(rows) == rank(rows[1:]) {
			least = n - ones(inside)
		}
	}
	return least
}

// lightest is the least number of persons that any combination of the vectors
// concerns, of those that concern anyone.
func lightest(vectors [][]int64) int {
	least := -1
	for i, v := range vectors {
		// Every combination has a last vector.
		if d := distance(v, vectors[:i]); d > 0 && (least < 0 || d < least) {
			least = d
		}
	}
	return least
}

func ones(x int) (n int) {
	for ; x > 0; x &= x - 1 {
		n++
	}
	return n
}

func rank(rows [][]*big.Rat) (r int) {
	var m [][]*big.Rat
	for _, row := range rows {
		var c []*big.Rat
		for _, x := range row {
			c = append(c, new(big.Rat).Set(x))
		}
		m = append(m, c)
	}
	if len(m) == 0 {
		return 0
	}
	for col := 0; col < len(m[0]) && r < len(m); col++ {
		at := r
		for at < len(m) && m[at][col].Sign() == 0 {
			at++
		}
		if at == len(m) {
			continue
		}
		m[r], m[at] = m[at], m[r]
		for i := r + 1; i < len(m); i++ {
			if m[i][col].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Quo(m[i][col], m[r][col])
			for k := col; k < len(m[i]); k++ {
				m[i][k].Sub(m[i][k], new(big.Rat).Mul(f, m[r][k]))
			}
		}
		r++
	}
	return r
}

// vectorOf makes a vector of a list of amounts; person p has key keys[p].
func vectorOf(amounts []int64, keys []int) Vector {
	var b Builder
	for p, n := range amounts {
		if n > 0 {
			b.Add([]galien.PersonID{galien.PersonID(keys[p])}, []int64{n})
		}
	}
	v, err := b.Vector()
	if err != nil {
		panic(err)
	}
	return v
}

// family is a random population: blocks of persons who are alike in most
// vectors, so that atoms of all sizes come up.
func family(r *rand.Rand, persons, vectors int) [][]int64 {
	blocks := 1 + r.IntN(persons)
	block := make([]int, persons)
	for p := range block {
		block[p] = r.IntN(blocks)
	}
	var all [][]int64
	all = append(all, make([]int64, persons))
	for p := range persons {
		all[0][p] = 1
	}
	for len(all) < vectors {
		v := make([]int64, persons)
		if k := len(all); k > 2 && r.IntN(4) == 0 {
			// Near a combination of two others.
			a, b := all[r.IntN(k)], all[r.IntN(k)]
			for p := range v {
				switch r.IntN(2) {
				case 0:
					v[p] = min(a[p], b[p])
				default:
					v[p] = max(a[p], b[p])
				}
			}
			if r.IntN(2) == 0 {
				p := r.IntN(persons)
				v[p] = 1 - min(v[p], 1)
			}
			all = append(all, v)
			continue
		}
		most := int64(1)
		if r.IntN(4) == 0 {
			most = 3
		}
		value := make([]int64, blocks)
		for b := range value {
			value[b] = r.Int64N(most + 1)
		}
		for p := range v {
			v[p] = value[block[p]]
			if r.IntN(8) == 0 {
				v[p] = r.Int64N(most + 1)
			}
		}
		all = append(all, v)
	}
	return all
}

func shuffled(r *rand.Rand, n int) []int {
	keys := make([]int, n)
	for i := range keys {
		keys[i] = 1 + 3*i
	}
	r.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

// TestProofIsSound compares with the naive judge what the proof says of
// generated families: it never says that a vector is farther than it is, and
// what it says does not depend on the keys of the persons. How often it says
// less is printed.
func TestProofIsSound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	families, safe, found := 0, 0, 0
	for range 1200 {
		persons := 3 + r.IntN(7)
		all := family(r, persons, 2+r.IntN(5))
		v, known := all[len(all)-1], all[:len(all)-1]
		want := distance(v, known)
		say := make([]int64, 2)
		for i := range say {
			keys := shuffled(r, persons)
			a := &atoms{}
			var list []Vector
			for _, q := range known {
				list = append(list, vectorOf(q, keys))
				a.refine(list[len(list)-1])
			}
			x := vectorOf(v, keys)
			pieces := a.split(x)
			say[i] = farther(a, x, list, pieces, a.least(x), int64(persons)+1)
			if n, ok := together(a, x, list, pieces); !ok || n < int64(want) {
				t.Fatalf("a combination of %v with %v concerns %d persons, and none does fewer than %d", v, known, n, want)
			}
		}
		if say[0] != say[1] {
			t.Fatalf("%v beside %v: %d or %d, by the order of the persons", v, known, say[0], say[1])
		}
		if say[0] > int64(want) {
			t.Fatalf("%v beside %v: proved %d, is %d", v, known, say[0], want)
		}
		families++
		for th := 2; th <= want; th++ {
			safe++
			if say[0] >= int64(th) {
				found++
			}
		}
	}
	t.Logf("%d families; of %d thresholds that hold, %d proved", families, safe, found)
	if found*10 < safe*9 {
		t.Errorf("only %d of %d", found, safe)
	}
}

// TestNothingIsolates puts whole sequences of questions to a ledger and has the
// naive judge look at all that was shown: no combination concerns fewer persons
// than the threshold.
func TestNothingIsolates(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	shown, asked := 0, 0
	for n := range 100 {
		persons := 6 + r.IntN(5)
		all := family(r, persons, 3+r.IntN(5))
		keys := shuffled(r, persons)
		l, err := Open(memory(t))
		if err != nil {
			t.Fatal(err)
		}
		const threshold = 3
		told := [][]int64{all[0]}
		for i, v := range all[1:] {
			verdict, err := l.Decide(t.Context(), Ask{Ground: Ground{Snapshot: "s"}, Threshold: threshold, Everyone: vectorOf(all[0], keys),
				Numbers: []Number{{Key: Key{byte(i)}, What: "persons", Of: vectorOf(v, keys)}}})
			if err != nil {
				t.Fatal(err)
			}
			asked++
			if verdict.Numbers[0].Open() {
				shown++
				told = append(told, v)
			}
		}
		if d := lightest(told); d < threshold {
			t.Fatalf("family %d: a combination of %v concerns %d persons", n, told, d)
		}
	}
	t.Logf("%d of %d numbers shown", shown, asked)
	if shown < asked/20 {
		t.Errorf("only %d of %d shown: this proves little", shown, asked)
	}
}
