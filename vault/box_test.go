package vault

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"testing"

	"galien"
)

// TestBox seals and opens, and refuses a value at another place, changed, of
// another file or of another vault.
func TestBox(t *testing.T) {
	var boxes []Box
	for i, name := range []string{"links", "links", "other"} {
		v, err := Create(filepath.Join(t.TempDir(), "vault"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		b, err := v.Box(name)
		if err != nil {
			t.Fatal(err)
		}
		if boxes = append(boxes, b); i == 0 {
			other, err := v.Box("other")
			if err != nil {
				t.Fatal(err)
			}
			boxes = append(boxes, other)
		}
	}
	value := []byte("the identity")
	sealed := boxes[0].Seal("1 a", value)
	if got, err := boxes[0].Open("1 a", sealed); err != nil || !bytes.Equal(got, value) {
		t.Fatalf("opened %q, %v", got, err)
	}
	if bytes.Contains(sealed, []byte("identity")) || bytes.Equal(sealed[:12], boxes[0].Seal("2 a", value)[:12]) {
		t.Error("a value is clear, or two places share a nonce")
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another place": func() ([]byte, error) { return boxes[0].Open("2 a", sealed) },
		"changed":       func() ([]byte, error) { return boxes[0].Open("1 a", changed) },
		"cut":           func() ([]byte, error) { return boxes[0].Open("1 a", sealed[:5]) },
		"another file":  func() ([]byte, error) { return boxes[1].Open("1 a", sealed) },
		"another vault": func() ([]byte, error) { return boxes[2].Open("1 a", sealed) },
	} {
		if _, err := open(); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v, want damage", name, err)
		}
	}
}
