package ledger_test

import (
	"context"
	"fmt"
	"os"

	"galien"
	"galien/ledger"
)

// persons are those with the keys from one to before another.
func persons(from, to galien.PersonID) ledger.Vector {
	var b ledger.Builder
	for p := from; p < to; p++ {
		b.Add([]galien.PersonID{p}, nil)
	}
	v, err := b.Vector()
	if err != nil {
		panic(err)
	}
	return v
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
	ask := func(key byte, who ledger.Vector) {
		verdict, err := l.Decide(context.Background(), ledger.Ask{
			Ground: ledger.Ground{Snapshot: "snapshot"}, Threshold: 11, Everyone: persons(0, 1000),
			Numbers: []ledger.Number{{Key: ledger.Key{key}, What: "persons", Of: who}},
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
