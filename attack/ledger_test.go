package attack_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"galien"
	"galien/attack"
	"galien/ledger"
)

// bound is an endpoint over a table whose every count passes a ledger of its own,
// as the counts of a hub do.
type bound struct {
	t      *testing.T
	a      adult
	ledger *ledger.Ledger
	dir    string
	resets int
	whole  *roaring.Bitmap
	values map[[2]string]*roaring.Bitmap // by column and value
}

func newBound(t *testing.T, a adult) *bound {
	b := &bound{t: t, a: a, whole: roaring.New(), values: map[[2]string]*roaring.Bitmap{}}
	b.whole.AddRange(0, uint64(len(a.rows)))
	for i, row := range a.rows {
		for c, v := range row {
			key := [2]string{strconv.Itoa(c), v}
			if b.values[key] == nil {
				b.values[key] = roaring.New()
			}
			b.values[key].Add(uint32(i))
		}
	}
	return b
}

// Reset begins a ledger in which nothing was asked.
func (b *bound) Reset(context.Context) error {
	if b.dir != "" {
		if err := os.RemoveAll(b.dir); err != nil {
			return err
		}
	}
	b.dir = filepath.Join(b.t.TempDir(), strconv.Itoa(b.resets))
	b.resets++
	var err error
	b.ledger, err = ledger.Open(b.dir)
	return err
}

func vector(t *testing.T, set *roaring.Bitmap) ledger.Vector {
	var persons []galien.PersonID
	for _, i := range set.ToArray() {
		persons = append(persons, galien.PersonID(i))
	}
	var b ledger.Builder
	b.Add(persons, nil)
	v, err := b.Vector()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bound) meets(tests []attack.Test) *roaring.Bitmap {
	set := b.whole.Clone()
	for _, t := range tests {
		one := roaring.New()
		if t.Op == attack.Is {
			if v := b.values[[2]string{strconv.Itoa(t.Column), t.Value}]; v != nil {
				one = v
			}
		} else {
			limit, _ := strconv.Atoi(t.Value)
			for key, v := range b.values {
				if n, _ := strconv.Atoi(key[1]); key[0] == strconv.Itoa(t.Column) && n <= limit {
					one.Or(v)
				}
			}
		}
		set.And(one)
	}
	return set
}

// Count answers as the ledger decides. As in a hub, the key of a number is that
// of the question.
func (b *bound) Count(ctx context.Context, q attack.Query) (int64, bool, error) {
	all := roaring.New()
	for _, c := range q {
		set := b.meets(c.All)
		for _, e := range c.Except {
			set.AndNot(b.meets(e))
		}
		all.Or(set)
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%v", q)))
	v, err := b.ledger.Decide(ctx, ledger.Ask{Actor: "reader", Action: "cohort count", Permit: "p", Definition: fmt.Sprintf("%x", sum),
		Ground: ledger.Ground{Snapshot: "s", Scope: "x", Oppositions: "y"}, Threshold: 11, Everyone: vector(b.t, b.whole),
		Numbers: []ledger.Number{{Key: ledger.Key(sum[:16]), What: "persons", Of: vector(b.t, all)}}})
	if err != nil {
		return 0, false, err
	}
	return v.Numbers[0].Value, v.Numbers[0].Open(), nil
}

// The attacks that recover every secret from an endpoint with a threshold
// recover no more from one whose counts pass the ledger than the guess of the
// commonest value does, although each target finds a ledger where nothing was
// asked.
func TestLedgerAgainstAttacks(t *testing.T) {
	a := readAdult(t)
	p := adultPrey(t, 1)
	targets := 6
	if n, err := strconv.Atoi(os.Getenv("GALIEN_ATTACK_TARGETS")); err == nil {
		targets = n
	}
	findings, err := attack.OnCounts(t.Context(), newBound(t, a), p, targets, seeded(41))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Logf("%s: %d of %d (%d computed), naive %d, plain %d; %d queries, %d refused",
			f.Attack, f.Main.Successes, f.Main.Attempts, f.Certain, f.Naive.Successes, f.Plain.Successes, f.Queries, f.Refused)
		if f.Verdict == attack.NotTried {
			continue // too few targets for a reconstruction
		}
		if f.Plain.Rate() < 1 {
			t.Errorf("%s does not work on a threshold alone: %+v", f.Attack, f.Plain)
		}
		if f.Attack == attack.ReconstructionName || f.Attack == attack.RefusalName {
			// These do not fall back on the guess.
			if f.Main.Rate() > f.Naive.Wilson().High {
				t.Errorf("%s recovers %+v, guessing %+v", f.Attack, f.Main, f.Naive)
			}
			continue
		}
		if f.Certain != 0 || f.Main != f.Naive {
			t.Errorf("%s recovers %+v, guessing %+v", f.Attack, f.Main, f.Naive)
		}
	}
}
