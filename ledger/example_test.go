package ledger_test

import (
	"context"
	"fmt"
	"os"

	"github.com/RoaringBitmap/roaring/v2"

	"galien/ledger"
)

func persons(from, to uint64) *roaring.Bitmap {
	b := roaring.New()
	b.AddRange(from, to)
	return b
}

// The second question is the first but for one person; the last is what the
// first leaves of the fourth, but for one.
func ExampleLedger_Decide() {
	dir, err := os.MkdirTemp("", "galien-ledger-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	l, err := ledger.Open(dir)
	if err != nil {
		panic(err)
	}
	ask := func(key byte, who *roaring.Bitmap) {
		verdict, err := l.Decide(context.Background(), ledger.Ask{
			Ground: ledger.Ground{Snapshot: "snapshot"}, Threshold: 11, Everyone: persons(0, 1000),
			Numbers: []ledger.Number{{Key: ledger.Key{key}, What: "persons", Of: ledger.Set(who)}},
		})
		if err != nil {
			panic(err)
		}
		if d := verdict.Numbers[0]; d.Open() {
			fmt.Println(d.Value)
		} else {
			fmt.Println("withheld:", d.Reason)
		}
	}
	ask(1, persons(0, 500))
	ask(2, persons(1, 500))
	ask(1, persons(0, 500))
	ask(3, persons(0, 300))
	ask(4, persons(300, 501))
	// Output:
	// 500
	// withheld: near
	// 500
	// 300
	// withheld: combined
}
