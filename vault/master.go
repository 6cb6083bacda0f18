package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"galien"
	"galien/durable"
)

// Share is one part of the secret that opens a vault. It cannot be printed by
// accident; Text is what its keeper keeps.
type Share struct{ s *share }

type share struct {
	vault         string // the vault's id, in hexadecimal
	index         int    // from 1
	needed, total int
	value         []byte
}

var shareForm = regexp.MustCompile(`^galien-share-([0-9a-f]{8})-([0-9]{1,3})of([0-9]{1,3})-([0-9]{1,3})-([0-9a-f]{64})-([0-9a-f]{8})$`)

// maxShares bounds the keepers of a vault.
const maxShares = 100

// Text returns the share as its keeper keeps it: one word that says of which
// vault it is, how many are needed, and its number.
func (s Share) Text() string {
	t := fmt.Sprintf("galien-share-%s-%dof%d-%d-%x", s.s.vault, s.s.needed, s.s.total, s.s.index, s.s.value)
	return fmt.Sprintf("%s-%08x", t, crc32.ChecksumIEEE([]byte(t)))
}

// String says which share it is, and nothing of its value.
func (s Share) String() string {
	if s.s == nil {
		return "[no share]"
	}
	return fmt.Sprintf("[share %d of %d]", s.s.index, s.s.total)
}

// Index returns the number of the share, from 1.
func (s Share) Index() int { return s.s.index }

// ParseShare reads a share as Text writes it. A word with a wrong letter is
// Invalid.
func ParseShare(text string) (Share, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	m := shareForm.FindStringSubmatch(text)
	if m == nil {
		return Share{}, galien.Errorf(galien.Invalid, "read share: not of the form galien-share-VAULT-KofN-I-...: give the whole word")
	}
	body := text[:len(text)-9]
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) != m[6] {
		return Share{}, galien.Errorf(galien.Invalid, "read share: its last eight characters do not fit the others: there is a mistake in it")
	}
	s := &share{vault: m[1]}
	s.needed, _ = strconv.Atoi(m[2])
	s.total, _ = strconv.Atoi(m[3])
	s.index, _ = strconv.Atoi(m[4])
	s.value, _ = hex.DecodeString(m[5])
	if s.needed < 1 || s.total < s.needed || s.index < 1 || s.index > s.total {
		return Share{}, galien.Errorf(galien.Invalid, "read share: its numbers do not fit each other")
	}
	return Share{s}, nil
}

// master is the key that opens the vault's other keys.
type master [32]byte

// sharing is what the store says in clear of how its master key is split.
type sharing struct {
	Vault  string `json:"vault"` // 8 characters of hexadecimal
	Needed int    `json:"needed"`
	Total  int    `json:"total"`
	// Commitment lets a share be checked alone (Feldman): the base of the
	// group times each coefficient.
	Commitment []string `json:"commitment"`
}

// split makes a new master key and its shares, any needed of which give it
// back. It fails with Invalid for numbers that make no sense.
func split(vault string, needed, total int) (sharing, master, []Share, error) {
	if needed < 1 || total < needed || total > maxShares {
		return sharing{}, master{}, nil, galien.Errorf(galien.Invalid, "split the key: %d of %d shares; at least 1 needed, at most %d in all", needed, total, maxShares)
	}
	secret := curve.RandomNonZeroScalar(rand.Reader)
	shamir := secretsharing.New(rand.Reader, uint(needed-1), secret)
	s := sharing{Vault: vault, Needed: needed, Total: total}
	for _, c := range shamir.CommitSecret() {
		b := encode(c)
		s.Commitment = append(s.Commitment, hex.EncodeToString(b[:]))
	}
	var shares []Share
	for i, x := range shamir.Share(uint(total)) {
		value, err := x.Value.MarshalBinary()
		if err != nil {
			return sharing{}, master{}, nil, galien.Errorf(galien.Internal, "split the key: %w", err)
		}
		shares = append(shares, Share{&share{vault, i + 1, needed, total, value}})
	}
	m, err := s.masterOf(secret)
	return s, m, shares, err
}

func (s sharing) masterOf(secret group.Scalar) (m master, err error) {
	b, err := secret.MarshalBinary()
	if err != nil {
		return m, galien.Errorf(galien.Internal, "join shares: %w", err)
	}
	key, err := hkdf.Key(sha256.New, b, []byte(s.Vault), "galien vault master 2", len(m))
	if err != nil {
		return m, galien.Errorf(galien.Internal, "join shares: %w", err)
	}
	copy(m[:], key)
	return m, nil
}

// check verifies one share against what the store says. One of another vault,
// of an earlier split, or made up is Denied.
func (s sharing) check(x Share) (secretsharing.Share, error) {
	var out secretsharing.Share
	refused := galien.Errorf(galien.Denied, "open vault: share %d is not of this vault, or of an earlier split of its key", x.s.index)
	if x.s.vault != s.Vault || x.s.needed != s.Needed || x.s.total != s.Total {
		return out, refused
	}
	out = secretsharing.Share{ID: curve.NewScalar().SetUint64(uint64(x.s.index)), Value: curve.NewScalar()}
	if out.Value.UnmarshalBinary(x.s.value) != nil {
		return out, refused
	}
	var commitment secretsharing.SecretCommitment
	for _, c := range s.Commitment {
		b, err := hex.DecodeString(c)
		e := curve.NewElement()
		if err != nil || e.UnmarshalBinary(b) != nil {
			return out, galien.Errorf(galien.Corrupt, "open vault: what the store says of its shares cannot be read; restore vault/ from a backup")
		}
		commitment = append(commitment, e)
	}
	if !secretsharing.Verify(uint(s.Needed-1), out, commitment) {
		return out, refused
	}
	return out, nil
}

// join gives back the master key. Too few shares are Denied.
func (s sharing) join(shares []Share) (master, error) {
	byIndex := map[int]bool{}
	var parts []secretsharing.Share
	for _, x := range shares {
		p, err := s.check(x)
		if err != nil {
			return master{}, err
		}
		if !byIndex[x.s.index] {
			byIndex[x.s.index] = true
			parts = append(parts, p)
		}
	}
	if len(parts) < s.Needed {
		return master{}, galien.Errorf(galien.Denied, "open vault: it is sealed: %d of the %d shares needed are there", len(parts), s.Needed)
	}
	secret, err := secretsharing.Recover(uint(s.Needed-1), parts)
	if err != nil {
		return master{}, galien.Errorf(galien.Denied, "open vault: the shares do not give a key: %w", err)
	}
	return s.masterOf(secret)
}

// KeyFile returns where the one share of a vault lies that opens without
// keepers: beside its folder, so that a copy of the folder alone is closed.
func KeyFile(dir string) string { return filepath.Clean(dir) + ".key" }

// readKeyFile returns the share in a key file; Denied when there is none, or when
// others than its owner may read it.
func readKeyFile(path string) (Share, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Share{}, galien.Errorf(galien.Denied, "open vault: it is sealed: %s is missing; bring the file back, or where the key was divided among keepers, galien vault serve and galien vault unseal open it", path)
	}
	if err != nil {
		return Share{}, fmt.Errorf("open vault: read the key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Share{}, galien.Errorf(galien.Denied, "open vault: %s may be read by others than its owner: chmod 600 %s, and rotate the keys if someone did", path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Share{}, fmt.Errorf("open vault: read the key file: %w", err)
	}
	return ParseShare(string(b))
}

// writeKeyFile writes a new key file, durably.
func writeKeyFile(path string, s Share) error {
	err := durable.Create(path, []byte(s.Text()+"\n"), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return galien.Errorf(galien.Conflict, "write key file: %s already exists", path)
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return nil
}

// Split makes a new master key and its shares. Those of before, the key file's
// included, open nothing any more; what the vault holds is not touched. The
// shares are handed to keep before anything changes: when it fails, nothing
// does.
func (v *Vault) Split(ctx context.Context, needed, total int, keep func([]Share) error) error {
	if v.remote != nil {
		return v.remote.split(ctx, needed, total, keep)
	}
	tx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("split the key: %w", busy(err))
	}
	defer tx.Rollback()
	was, before := v.opened()
	keys, err := getKeys(ctx, tx, was, before.Vault)
	if err != nil {
		return err
	}
	s, m, shares, err := split(before.Vault, needed, total)
	if err != nil {
		return err
	}
	for version, named := range keys {
		for name, key := range named {
			if err := putKey(ctx, tx, m, s.Vault, name, version, key); err != nil {
				return err
			}
		}
	}
	if err := putSharing(ctx, tx, s); err != nil {
		return fmt.Errorf("split the key: %w", err)
	}
	if err := keep(shares); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("split the key: %w", err)
	}
	v.mu.Lock()
	v.master, v.sharing = m, s
	v.mu.Unlock()
	if _, err := v.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("split the key: %w", err)
	}
	return nil
}
