package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"galien"
)

// Pseudonyms replaces keys by those of one permit. Each replacement is a keyed
// bijection: a Feistel network of ten rounds whose round function is AES under
// a key derived by HMAC-SHA256 from the hub's secret and the permit's id. Two
// keys never meet in one pseudonym, and the pseudonyms of two permits cannot be
// compared without the secret. A rotation of the vault's keys leaves the secret,
// and so every pseudonym that was handed out, as it is.
//
// It is safe for use by several goroutines. The zero value is of no use.
type Pseudonyms struct{ block cipher.Block }

// smallBits is the width of the pseudonyms of persons and of row ids that fit:
// below 2^52 a number survives a spreadsheet and a language whose only number
// is a double.
const smallBits = 52

const feistelRounds = 10

// Pseudonyms returns the pseudonyms of one permit.
func (v *Vault) Pseudonyms(permitID string) (Pseudonyms, error) {
	key, err := v.permitKey(permitID)
	if err != nil {
		return Pseudonyms{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Pseudonyms{}, fmt.Errorf("pseudonyms: %w", err)
	}
	return Pseudonyms{block}, nil
}

// permitKey returns the key of one permit's pseudonyms. It is what a vault that
// is served gives to the process that writes an extract, and tells nothing of
// another permit's.
func (v *Vault) permitKey(permitID string) ([]byte, error) {
	if permitID == "" {
		return nil, galien.Errorf(galien.Invalid, "pseudonyms: no permit is named")
	}
	if v.remote != nil {
		a, err := v.remote.once(context.Background(), request{Op: opPseudonyms, Text: permitID})
		return a.Key, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	mac := hmac.New(sha256.New, v.root)
	mac.Write([]byte("galien pseudonym 1\x00" + permitID))
	return mac.Sum(nil), nil
}

// Person returns the permit's pseudonym of a person: from 1 to 2^52-1. Person
// keys are in the same range.
func (p Pseudonyms) Person(key galien.PersonID) int64 {
	return p.Row("person", int64(key))
}

// Row returns the permit's id for a row of a table. Ids from 1 to 2^52-1 stay
// in that range; every other id, negative ones included, maps to another such.
// A column that refers to a table is replaced by Row of the table it refers to.
func (p Pseudonyms) Row(table string, id int64) int64 {
	tweak := sha256.Sum256([]byte(table))
	if isSmall(id) {
		x := uint64(id)
		for {
			if x = p.permute(tweak[:6], smallBits, x); isSmall(int64(x)) {
				return int64(x)
			}
		}
	}
	x := uint64(id)
	for {
		if x = p.permute(tweak[:6], 64, x); !isSmall(int64(x)) {
			return int64(x)
		}
	}
}

// StoreKey returns the key, of 32 bytes, under which something that lies beside
// the store is sealed, such as what a source keeps between loads. A salt that is
// new each time, and is written beside it, gives a key that is new. Rotations
// leave these keys as they are.
func (v *Vault) StoreKey(name, salt string) ([]byte, error) {
	if name == "" || salt == "" {
		return nil, galien.Errorf(galien.Invalid, "key of a store: no name or no salt")
	}
	if v.remote != nil {
		a, err := v.remote.once(context.Background(), request{Op: opStoreKey, Source: name, Text: salt})
		return a.Key, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	mac := hmac.New(sha256.New, v.root)
	mac.Write([]byte("galien store 1\x00" + name + "\x00" + salt))
	return mac.Sum(nil), nil
}

// Surrogate returns the number, from 1 to 2^52-1, by which the lake calls
// something of a source that is no person of it, such as a professional: keyed
// by the hub's secret, so that who has the lake cannot try the numbers there
// are. The same value of the same kind has one surrogate for the life of a hub.
//
// Of a vault that is served it is 0 when the server ended, and whatever is asked
// of the vault after it fails: no load commits what it did not get.
func (v *Vault) Surrogate(kind, value string) int64 {
	if v.remote != nil {
		return v.remote.surrogate(kind, value)
	}
	v.mu.Lock()
	mac := hmac.New(sha256.New, v.root)
	v.mu.Unlock()
	mac.Write([]byte("galien surrogate 1\x00" + kind + "\x00" + value))
	for sum := mac.Sum(nil); ; sum = mac.Sum(nil) {
		if n := int64(binary.BigEndian.Uint64(sum) >> (64 - smallBits)); isSmall(n) {
			return n
		}
		mac.Write([]byte{0})
	}
}

func isSmall(id int64) bool { return id > 0 && id < 1<<smallBits }

// permute is a bijection of the numbers of an even width in bits.
func (p Pseudonyms) permute(tweak []byte, bits uint, x uint64) uint64 {
	half := bits / 2
	mask := uint64(1)<<half - 1
	left, right := x>>half&mask, x&mask
	var in, out [aes.BlockSize]byte
	copy(in[:6], tweak)
	in[6] = byte(bits)
	for round := range feistelRounds {
		in[7] = byte(round)
		binary.BigEndian.PutUint64(in[8:], right)
		p.block.Encrypt(out[:], in[:])
		left, right = right, left^binary.BigEndian.Uint64(out[:])&mask
	}
	return left<<half | right
}
