package vault

import (
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/cloudflare/circl/group"

	"galien"
)

// curve is the group of the pseudonyms of identities: ristretto255 (RFC 9496).
var curve = group.Ristretto255

// hashDST separates this hashing into the group from others. It is that of the
// verifiable mode of RFC 9497, so that what is evaluated blindly is what the
// vault computes itself.
var hashDST = []byte("HashToGroup-OPRFV1-\x01-ristretto255-SHA512")

const elementBytes = 32

// Element is the pseudonym of an identity: k·H(identity) in ristretto255, for
// the key k of a version. It is the same for the same identity and key, tells
// nothing of the identity without the key, and goes over to another key by one
// multiplication, without the identity.
type Element struct {
	Version int // of the key
	value   [elementBytes]byte
}

// elementAlgorithm names how an element was made.
const elementAlgorithm = "ristretto255-1"

// String returns the algorithm, the version of the key and the element, in
// hexadecimal: "ristretto255-1.3.9f…".
func (e Element) String() string {
	return fmt.Sprintf("%s.%d.%x", elementAlgorithm, e.Version, e.value)
}

// ParseElement reads what String writes. Another text is Invalid.
func ParseElement(s string) (e Element, err error) {
	bad := galien.Errorf(galien.Invalid, "read pseudonym: not of the form %s.VERSION.ELEMENT", elementAlgorithm)
	part := strings.Split(s, ".")
	if len(part) != 3 || part[0] != elementAlgorithm {
		return e, bad
	}
	if e.Version, err = strconv.Atoi(part[1]); err != nil || e.Version < 1 {
		return e, bad
	}
	b, err := hex.DecodeString(part[2])
	if err != nil || len(b) != elementBytes || curve.NewElement().UnmarshalBinary(b) != nil {
		return e, bad
	}
	copy(e.value[:], b)
	return e, nil
}

// hashed maps a message into the group. Nobody knows its logarithm.
func hashed(message []byte) group.Element { return curve.HashToElement(message, hashDST) }

// encode returns the canonical bytes of an element.
func encode(e group.Element) (b [elementBytes]byte) {
	s, err := e.MarshalBinaryCompress()
	if err != nil || len(s) != elementBytes {
		panic("vault: an element of ristretto255 is not 32 bytes")
	}
	copy(b[:], s)
	return b
}

// decode reads the bytes of an element; what is none is Corrupt.
func decode(b []byte) (group.Element, error) {
	e := curve.NewElement()
	if len(b) != elementBytes || e.UnmarshalBinary(b) != nil || e.IsIdentity() {
		return nil, galien.Errorf(galien.Corrupt, "read pseudonym: not an element of the group; restore vault/ from a backup")
	}
	return e, nil
}

// derive returns k·H(message).
func derive(k group.Scalar, message []byte) [elementBytes]byte {
	e := hashed(message)
	return encode(e.Mul(e, k))
}

// convert returns the element of another key: c is the new key divided by the
// old one.
func convert(c group.Scalar, element []byte) ([elementBytes]byte, error) {
	e, err := decode(element)
	if err != nil {
		return [elementBytes]byte{}, err
	}
	return encode(e.Mul(e, c)), nil
}

// scalarOf makes a key of 64 bytes of randomness, uniformly.
func scalarOf(random []byte) group.Scalar {
	return curve.HashToScalar(random, []byte("galien vault scalar 2"))
}

// spread calls do for 0 to n-1 on every core, and returns one of the errors.
func spread(ctx context.Context, n int, do func(i int) error) error {
	const block = 64
	var mu sync.Mutex
	var next int
	var failed error
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				mu.Lock()
				from := next
				next += block
				stop := failed != nil || from >= n
				mu.Unlock()
				if stop {
					return
				}
				err := ctx.Err()
				for i := from; i < min(from+block, n) && err == nil; i++ {
					err = do(i)
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	return failed
}
