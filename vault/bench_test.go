package vault

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
)

func perSecond(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), unit+"/s")
}

// BenchmarkDerive makes the element of an identity.
func BenchmarkDerive(b *testing.B) {
	v, _ := newVault(b, 3)
	r, _ := v.ring(context.Background())
	for b.Loop() {
		derive(r.scalar, message(NIR, "", "2550814168025"))
	}
	perSecond(b, b.N, "identities")
}

// BenchmarkConvert takes an element over to another key.
func BenchmarkConvert(b *testing.B) {
	v, _ := newVault(b, 3)
	r, _ := v.ring(context.Background())
	e := derive(r.scalar, message(NIR, "", "2550814168025"))
	for b.Loop() {
		var err error
		if e, err = convert(r.scalar, e[:]); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, b.N, "elements")
}

// BenchmarkFind looks for an identity among those that are known.
func BenchmarkFind(b *testing.B) {
	v, _ := newVault(b, 3)
	r, _ := v.ring(context.Background())
	parts := personParts("snds", "2550814168025")
	for b.Loop() {
		r.find(parts...)
	}
	perSecond(b, b.N, "identities")
}

func BenchmarkSeal(b *testing.B) {
	v, _ := newVault(b, 3)
	r, _ := v.ring(context.Background())
	for b.Loop() {
		r.seal("person 1", []byte("2550814168025"))
	}
	perSecond(b, b.N, "values")
}

// BenchmarkKeys exchanges 20,000 identities for person keys: all new, then all
// known.
func BenchmarkKeys(b *testing.B) {
	ctx := context.Background()
	const n = 20000
	exchange := func(b *testing.B, v *Vault) {
		keys, err := v.Keys(ctx, "omop")
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			keys.Assign(fmt.Sprint(i))
		}
		if err := keys.Commit(ctx); err != nil {
			b.Fatal(err)
		}
	}
	var v *Vault
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			v, _ = newVault(b, 3)
			exchange(b, v)
		}
		perSecond(b, n*b.N, "identities")
	})
	b.Run("known", func(b *testing.B) {
		v, _ = newVault(b, 3)
		exchange(b, v)
		for b.Loop() {
			exchange(b, v)
		}
		perSecond(b, n*b.N, "identities")
	})
	b.Run("known, served", func(b *testing.B) {
		local, dir := newVault(b, 3)
		exchange(b, local)
		s := serve(b, dir)
		for b.Loop() {
			exchange(b, s.Vault)
		}
		perSecond(b, n*b.N, "identities")
	})
}

// BenchmarkRotate rotates the keys of 10,000 persons, each with an identity
// value and a quarantined row.
func BenchmarkRotate(b *testing.B) {
	const n = 10000
	v, _ := filled(b, n)
	for b.Loop() {
		if _, err := v.Rotate(context.Background(), rand.Reader, nil); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, n*b.N, "persons")
}
