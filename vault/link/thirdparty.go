package link

import (
	"crypto/sha256"
	"math/big"
	"strings"
)

// ThirdParty makes the chaining numbers of the claims from what a hospital
// knows. In France it is a trusted third party that holds the keys (FOIN); a
// hub has at most its answers.
type ThirdParty interface {
	// Holder returns the chaining number of a person insured under the number
	// of a holder of rights (BEN_NIR_PSA, NIR_ANO_17).
	Holder(holder NIR, birth Birth, sex Sex) string
	// Person returns the chaining number of a person's own number
	// (BEN_NIR_ANO).
	Person(own NIR) string
}

// Invented is the third party of invented data: 17 characters of a SHA-256
// under a public prefix, least significant first. It protects nothing, and is
// of no use for real numbers.
type Invented struct{ Prefix string }

// Holder implements ThirdParty.
func (i Invented) Holder(holder NIR, birth Birth, sex Sex) string {
	return base62(i.Prefix + "|psa|" + holder.number + "|" + birth.compact() + "|" + sex.digit())
}

// Person implements ThirdParty.
func (i Invented) Person(own NIR) string { return base62(i.Prefix + "|nir|" + own.number) }

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func base62(text string) string {
	sum := sha256.Sum256([]byte(text))
	n, base, digit := new(big.Int).SetBytes(sum[:16]), big.NewInt(62), new(big.Int)
	var s strings.Builder
	for range 17 {
		n.DivMod(n, base, digit)
		s.WriteByte(base62Digits[digit.Int64()])
	}
	return s.String()
}
