package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"galien"
)

// maxLevels bounds the different amounts that one count adds up of a person.
const maxLevels = 256

// Vector is what a count adds up: how much of each person. A count of persons
// adds one of each; a count of events adds as many as the person has. Persons
// who add nothing are left out.
type Vector struct {
	levels []level // by amount
}

// level is the persons who add the same amount; no level is empty.
type level struct {
	amount  int64
	persons *roaring.Bitmap
}

// Builder makes a Vector of persons in any order, each of whom is named once.
type Builder struct {
	amounts map[int64]*roaring.Bitmap
	failed  error
}

// Add adds persons with an amount each, or one each where amounts is nil.
func (b *Builder) Add(persons []galien.PersonID, amounts []int64) {
	if b.amounts == nil {
		b.amounts = map[int64]*roaring.Bitmap{}
	}
	var last int64
	var set *roaring.Bitmap
	for i, p := range persons {
		amount := int64(1)
		if amounts != nil {
			amount = amounts[i]
		}
		if amount < 1 || p < 0 || int64(p) > math.MaxUint32 {
			b.failed = galien.Errorf(galien.Internal, "ledger: a person key of more than 32 bits, or an amount that is none, cannot be kept")
			return
		}
		if set == nil || amount != last {
			if last, set = amount, b.amounts[amount]; set == nil {
				set = roaring.New()
				b.amounts[amount] = set
			}
		}
		set.Add(uint32(p))
	}
}

// Vector returns what was added.
func (b *Builder) Vector() (Vector, error) {
	var v Vector
	for _, amount := range slices.Sorted(maps.Keys(b.amounts)) {
		v.levels = append(v.levels, level{amount, b.amounts[amount]})
	}
	return v, b.failed
}

// Total is the number that the count shows.
func (v Vector) Total() (n int64) {
	for _, l := range v.levels {
		n += l.amount * int64(l.persons.GetCardinality())
	}
	return n
}

// support is how many persons are counted.
func (v Vector) support() (n int64) {
	for _, l := range v.levels {
		n += int64(l.persons.GetCardinality())
	}
	return n
}

// amount is what the count adds of a person.
func (v Vector) amount(person uint32) int64 {
	for _, l := range v.levels {
		if l.persons.Contains(person) {
			return l.amount
		}
	}
	return 0
}

// apart is the number of persons of whom two counts add different amounts.
func (v Vector) apart(w Vector) int64 {
	if len(v.levels) == 1 && len(w.levels) == 1 && v.levels[0].amount == w.levels[0].amount {
		a, b := v.levels[0].persons, w.levels[0].persons
		return int64(a.GetCardinality() + b.GetCardinality() - 2*a.AndCardinality(b))
	}
	var same, both int64
	for _, l := range v.levels {
		for _, m := range w.levels {
			n := int64(l.persons.AndCardinality(m.persons))
			both += n
			if l.amount == m.amount {
				same += n
			}
		}
	}
	return v.support() + w.support() - both - same
}

// without removes persons; changed says whether one of them was there.
func (v Vector) without(persons *roaring.Bitmap) (out Vector, changed bool) {
	for _, l := range v.levels {
		if !l.persons.Intersects(persons) {
			out.levels = append(out.levels, l)
			continue
		}
		changed = true
		if left := roaring.AndNot(l.persons, persons); !left.IsEmpty() {
			out.levels = append(out.levels, level{l.amount, left})
		}
	}
	return out, changed
}

// encode writes the vector: the number of levels, then of each its amount, the
// bytes of its bitmap in the portable format of Roaring, and those bytes.
func (v Vector) encode(out *bytes.Buffer) error {
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(v.levels))))
	for _, l := range v.levels {
		l.persons.RunOptimize()
		b, err := l.persons.ToBytes()
		if err != nil {
			return galien.Errorf(galien.Internal, "ledger: encode a set: %w", err)
		}
		out.Write(binary.LittleEndian.AppendUint64(nil, uint64(l.amount)))
		out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
		out.Write(b)
	}
	return nil
}

// decodeVector reads what encode wrote and returns the bytes after it.
func decodeVector(b []byte) (v Vector, rest []byte, err error) {
	corrupt := galien.Errorf(galien.Corrupt, "ledger: a file of sets cannot be read")
	if len(b) < 4 {
		return v, nil, corrupt
	}
	n := binary.LittleEndian.Uint32(b)
	b = b[4:]
	for range n {
		if len(b) < 12 {
			return v, nil, corrupt
		}
		amount, size := int64(binary.LittleEndian.Uint64(b)), uint64(binary.LittleEndian.Uint32(b[8:]))
		b = b[12:]
		if uint64(len(b)) < size {
			return v, nil, corrupt
		}
		s := roaring.New()
		if err := s.UnmarshalBinary(b[:size]); err != nil || s.IsEmpty() || s.Validate() != nil {
			return v, nil, corrupt
		}
		if len(v.levels) > 0 && v.levels[len(v.levels)-1].amount >= amount {
			return v, nil, corrupt
		}
		v.levels = append(v.levels, level{amount, s})
		b = b[size:]
	}
	return v, b, nil
}

// sum is the hash of the vector's content.
func (v Vector) sum() [sha256.Size]byte {
	var b bytes.Buffer
	if err := v.encode(&b); err != nil {
		panic(err) // nothing that is written to memory fails
	}
	return sha256.Sum256(b.Bytes())
}
