package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"galien"
)

// Box seals values of a file that lies beside the store, under a key derived
// from the vault's lasting key and the file's name: AES-256-GCM, with a nonce that is
// an HMAC of the place and the value, so that it needs no randomness and no
// two values share one. The zero value is of no use.
type Box struct {
	aead  cipher.AEAD
	nonce []byte // key of nonces
}

// Box returns the box of a file.
func (v *Vault) Box(name string) (Box, error) {
	key, err := v.StoreKey(name, "box")
	if err != nil {
		return Box{}, err
	}
	nonce, err := v.StoreKey(name, "nonces of the box")
	if err != nil {
		return Box{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, fmt.Errorf("open box: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Box{}, fmt.Errorf("open box: %w", err)
	}
	return Box{aead, nonce}, nil
}

// Seal seals a value for a place in the file; it opens at that place alone.
func (b Box) Seal(place string, value []byte) []byte {
	mac := hmac.New(sha256.New, b.nonce)
	mac.Write([]byte(place + "\x00"))
	mac.Write(value)
	nonce := mac.Sum(nil)[:b.aead.NonceSize()]
	return b.aead.Seal(nonce, nonce, value, []byte(place))
}

// Open returns a sealed value. One that was changed, moved, or sealed under
// another secret is Corrupt.
func (b Box) Open(place string, sealed []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, galien.Errorf(galien.Corrupt, "open box: a sealed value is too short; restore the vault from a backup")
	}
	value, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "open box: a sealed value is not what was written here; restore the vault from a backup")
	}
	return value, nil
}
