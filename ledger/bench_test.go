package ledger_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"galien"
	"galien/ledger"
)

// crowd is who has a value under a bound in each of some attributes, among
// 1,000,000 persons: cohorts of all sizes, which cut one another.
type crowd [][]uint16

func newCrowd() crowd {
	r := rand.New(rand.NewPCG(1, 2))
	c := make(crowd, 12)
	for i := range c {
		c[i] = make([]uint16, 1_000_000)
		for p := range c[i] {
			c[i][p] = uint16(r.Uint32())
		}
	}
	return c
}

func (c crowd) cohort(b *testing.B, r *rand.Rand) ledger.Vector {
	b.Helper()
	x, y, bound, other := r.IntN(len(c)), r.IntN(len(c)), uint16(r.IntN(40000)), uint16(r.IntN(65536))
	var who []galien.PersonID
	for p := range c[x] {
		if c[x][p] < bound && c[y][p] < other {
			who = append(who, galien.PersonID(p))
		}
	}
	var set ledger.Builder
	set.Add(who, nil)
	v, err := set.Vector()
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// BenchmarkDecide judges one more number beside 300 of 1,000,000 persons: in a
// process that holds the ledger, and in one that reads it first, as a command
// does.
func BenchmarkDecide(b *testing.B) {
	c, r := newCrowd(), rand.New(rand.NewPCG(3, 4))
	var all []galien.PersonID
	for p := range 1_000_000 {
		all = append(all, galien.PersonID(p))
	}
	var set ledger.Builder
	set.Add(all, nil)
	everyone, err := set.Vector()
	if err != nil {
		b.Fatal(err)
	}
	ask := func(l *ledger.Ledger, key int, v ledger.Vector) bool {
		verdict, err := l.Decide(b.Context(), ledger.Ask{Ground: ledger.Ground{Snapshot: "s"}, Threshold: 11, Everyone: everyone,
			Numbers: []ledger.Number{{Key: ledger.Key{byte(key), byte(key >> 8), 1}, What: "persons", Of: v}}})
		if err != nil {
			b.Fatal(err)
		}
		return verdict.Numbers[0].Open()
	}
	dir := b.TempDir()
	l, err := ledger.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	key, shown := 0, 0
	for range 300 {
		key++
		if ask(l, key, c.cohort(b, r)) {
			shown++
		}
	}
	var size int64
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	b.Run("held", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			v := c.cohort(b, r)
			key++
			b.StartTimer()
			ask(l, key, v)
		}
		memory(b, size)
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			v := c.cohort(b, r)
			key++
			b.StartTimer()
			l, err := ledger.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			ask(l, key, v)
		}
		memory(b, size)
	})
	b.Logf("%d of 300 shown", shown)
}

func memory(b *testing.B, disk int64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/(1<<20), "MB-heap")
	b.ReportMetric(float64(disk)/(1<<20), "MB-disk")
}
