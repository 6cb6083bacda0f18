package cohort

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
)

// Key identifies a part of a definition by what it asks: two parts with equal
// keys select the same over the same data.
type Key [16]byte

// KeyOf returns the key of a part (a Criterion, a Group, an Exit ...), with the
// concept sets it refers to replaced by their content, as contents tells it:
// how a set is numbered in its definition does not count, nor do names. context
// is hashed before the part: whatever else decides what the part selects.
func KeyOf(part any, contents func(codeset int) [sha256.Size]byte, context ...[]byte) Key {
	w := keyWriter{h: sha256.New(), contents: contents}
	for _, c := range context {
		w.number(int64(len(c)))
		w.h.Write(c)
	}
	w.value(reflect.ValueOf(part))
	var k Key
	copy(k[:], w.h.Sum(w.sum[:0]))
	return k
}

type keyWriter struct {
	h        hash.Hash
	contents func(int) [sha256.Size]byte
	sum      [sha256.Size]byte
	word     [8]byte
}

func (w *keyWriter) number(v int64) {
	binary.LittleEndian.PutUint64(w.word[:], uint64(v))
	w.h.Write(w.word[:])
}

func (w *keyWriter) text(s string) {
	w.number(int64(len(s)))
	w.h.Write([]byte(s))
}

// value writes a value so that no other of its type is written alike.
func (w *keyWriter) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			w.number(0)
			return
		}
		w.number(1)
		if d, ok := v.Interface().(*Domain); ok {
			w.text(d.Name)
			return
		}
		w.value(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			w.number(0)
			return
		}
		w.text(v.Elem().Type().Name())
		w.value(v.Elem())
	case reflect.Struct:
		t := v.Type()
		for i := range v.NumField() {
			switch name := t.Field(i).Name; name {
			case "Name", "Description":
				if t.Field(i).Type.Kind() == reflect.String {
					continue
				}
				w.value(v.Field(i))
			case "Codeset", "SourceCodeset":
				w.codeset(v.Field(i))
			default:
				w.value(v.Field(i))
			}
		}
	case reflect.Slice:
		w.number(int64(v.Len()))
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	case reflect.String:
		w.text(v.String())
	case reflect.Bool:
		w.number(map[bool]int64{true: 1}[v.Bool()])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.number(v.Int())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.number(int64(v.Uint()))
	default:
		panic(fmt.Sprintf("cohort: no key for a %s", v.Type()))
	}
}

// codeset writes the content of the set that a field refers to.
func (w *keyWriter) codeset(v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			w.number(0)
			return
		}
		v = v.Elem()
	}
	w.number(1)
	sum := w.contents(int(v.Int()))
	w.h.Write(sum[:])
}
