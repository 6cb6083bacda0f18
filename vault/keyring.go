package vault

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/cloudflare/circl/group"
	"golang.org/x/crypto/chacha20poly1305"

	"galien"
)

// The keys of a version, and the one that no rotation touches.
const (
	elementKey = "element" // the scalar of the pseudonyms of identities
	indexKey   = "index"   // finds what the vault knows already
	sealKey    = "seal"    // encrypts what the vault keeps
	permitKey  = "permit"  // makes the pseudonyms of permits; of version 0
)

// lookup finds a row without telling what it is of.
type lookup [16]byte

// keyring is the keys of one version.
type keyring struct {
	version int
	scalar  group.Scalar
	index   []byte
	aead    cipher.AEAD
	macs    sync.Pool // of hash.Hash, keyed
}

func newKeyring(version int, scalar group.Scalar, index, seal []byte) (*keyring, error) {
	aead, err := chacha20poly1305.NewX(seal)
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "open vault: %w", err)
	}
	k := &keyring{version: version, scalar: scalar, index: index, aead: aead}
	k.macs.New = func() any { return hmac.New(sha256.New, index) }
	return k, nil
}

// find returns where a thing is found: the first 16 bytes of HMAC-SHA256 over
// its parts, each after its length.
func (k *keyring) find(parts ...string) (l lookup) {
	mac := k.macs.Get().(hash.Hash)
	mac.Reset()
	buf := make([]byte, 0, 128)
	for _, p := range parts {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	mac.Write(buf)
	var sum [sha256.Size]byte
	copy(l[:], mac.Sum(sum[:0]))
	k.macs.Put(mac)
	return l
}

// seal encrypts a value for one place, and for no other.
func (k *keyring) seal(place string, value []byte) []byte { return sealWith(k.aead, place, value) }

// open is the reverse of seal. What was altered, moved to another place, or
// sealed under another key is Corrupt.
func (k *keyring) open(place string, sealed []byte) ([]byte, error) {
	return openWith(k.aead, place, sealed)
}

func sealWith(aead cipher.AEAD, place string, value []byte) []byte {
	out := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(value)+chacha20poly1305.Overhead)
	rand.Read(out) // it does not fail
	return aead.Seal(out, out, value, []byte(place))
}

func openWith(aead cipher.AEAD, place string, sealed []byte) ([]byte, error) {
	const n = chacha20poly1305.NonceSizeX
	if len(sealed) < n {
		return nil, galien.Errorf(galien.Corrupt, "open what the vault keeps: it is cut; restore vault/ from a backup")
	}
	value, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "open what the vault keeps: it was altered, or is of other keys; restore vault/ from a backup")
	}
	return value, nil
}

// queries is a database, or a transaction of it.
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func keyPlace(vault, name string, version int) string {
	return "key " + vault + " " + name + " " + strconv.Itoa(version)
}

// putKey keeps a key, sealed under the master key.
func putKey(ctx context.Context, q queries, m master, vault, name string, version int, key []byte) error {
	aead, err := chacha20poly1305.NewX(m[:])
	if err != nil {
		return galien.Errorf(galien.Internal, "keep key: %w", err)
	}
	_, err = q.ExecContext(ctx, `INSERT OR REPLACE INTO data_key (version, name, sealed) VALUES (?, ?, ?)`,
		version, name, sealWith(aead, keyPlace(vault, name, version), key))
	if err != nil {
		return fmt.Errorf("keep key: %w", err)
	}
	return nil
}

// newKeys makes the keys of a version, of 32 bytes of randomness by HKDF-SHA256,
// and keeps them.
func newKeys(ctx context.Context, q queries, random io.Reader, m master, vault string, version int) error {
	seed := make([]byte, 32)
	if _, err := io.ReadFull(random, seed); err != nil {
		return fmt.Errorf("make keys: read randomness: %w", err)
	}
	buf, err := hkdf.Key(sha256.New, seed, []byte(vault), "galien vault keys "+strconv.Itoa(version), 64+32+32)
	if err != nil {
		return galien.Errorf(galien.Internal, "make keys: %w", err)
	}
	scalar, err := scalarOf(buf[:64]).MarshalBinary()
	if err != nil {
		return galien.Errorf(galien.Internal, "make keys: %w", err)
	}
	for name, key := range map[string][]byte{elementKey: scalar, indexKey: buf[64:96], sealKey: buf[96:]} {
		if err := putKey(ctx, q, m, vault, name, version, key); err != nil {
			return err
		}
	}
	return nil
}

// getKeys opens every key of the store, by version and name. A master key that
// opens none of them is Denied.
func getKeys(ctx context.Context, q queries, m master, vault string) (map[int]map[string][]byte, error) {
	aead, err := chacha20poly1305.NewX(m[:])
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "open vault: %w", err)
	}
	rows, err := q.QueryContext(ctx, `SELECT version, name, sealed FROM data_key`)
	if err != nil {
		return nil, fmt.Errorf("open vault: read keys: %w", err)
	}
	defer rows.Close()
	keys := map[int]map[string][]byte{}
	for rows.Next() {
		var version int
		var name string
		var sealed []byte
		if err := rows.Scan(&version, &name, &sealed); err != nil {
			return nil, galien.Errorf(galien.Corrupt, "open vault: read keys: %w", err)
		}
		key, err := openWith(aead, keyPlace(vault, name, version), sealed)
		if err != nil {
			return nil, galien.Errorf(galien.Denied, "open vault: its keys do not open: they were split anew, or the store was altered")
		}
		if keys[version] == nil {
			keys[version] = map[string][]byte{}
		}
		keys[version][name] = key
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("open vault: read keys: %w", err)
	}
	return keys, nil
}

// refresh reads the versions of the keys, which a rotation in another process
// may have changed, and returns them, the newest first: one, or two while a
// rotation is under way.
func (v *Vault) refresh(ctx context.Context, q queries) ([]*keyring, error) {
	// The lock is not held while the store is asked: whoever has a transaction
	// open may want it.
	m, s := v.opened()
	keys, err := getKeys(ctx, q, m, s.Vault)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.root = keys[0][permitKey]; len(v.root) != secretBytes {
		return nil, galien.Errorf(galien.Corrupt, "open vault: the key of the permits is missing; restore vault/ from a backup")
	}
	delete(keys, 0)
	rings := map[int]*keyring{}
	for version, k := range keys {
		if rings[version] = v.rings[version]; rings[version] != nil {
			continue
		}
		scalar := curve.NewScalar()
		if scalar.UnmarshalBinary(k[elementKey]) != nil || scalar.IsZero() || len(k[indexKey]) != 32 || len(k[sealKey]) != 32 {
			return nil, galien.Errorf(galien.Corrupt, "open vault: the keys of version %d are not whole; restore vault/ from a backup", version)
		}
		if rings[version], err = newKeyring(version, scalar, k[indexKey], k[sealKey]); err != nil {
			return nil, err
		}
	}
	v.rings = rings
	var list []*keyring
	for _, r := range rings {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *keyring) int { return b.version - a.version })
	if len(list) == 0 || len(list) > 2 {
		return nil, galien.Errorf(galien.Corrupt, "open vault: it has keys of %d versions; restore vault/ from a backup", len(list))
	}
	return list, nil
}

// opened returns what the store was opened with.
func (v *Vault) opened() (master, sharing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.master, v.sharing
}

// ring returns the newest keys.
func (v *Vault) ring(ctx context.Context) (*keyring, error) {
	rings, err := v.refresh(ctx, v.db)
	if err != nil {
		return nil, err
	}
	return rings[0], nil
}

// openRow opens a value under the keys of its row.
func openRow(rings []*keyring, version int, place string, sealed []byte) ([]byte, error) {
	for _, r := range rings {
		if r.version == version {
			return r.open(place, sealed)
		}
	}
	return nil, galien.Errorf(galien.Busy, "open what the vault keeps: its keys are being rotated; ask again")
}
