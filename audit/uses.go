package audit

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"galien"
	"galien/durable"
)

// Where the lists of persons are kept, and what they start with.
const (
	usesDir    = "uses"
	usesKey    = "key"
	usesFormat = "galien/persons/1"
	readPrefix = "read-"
)

// The details of an entry that state a list.
const (
	detailRead   = "persons_read"
	detailAnswer = "persons_in_answer"
)

var answerName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// A token is what stands for one person in one list: the hash of the person's
// secret and the list's nonce, as a leaf of RFC 6962. Without the secret nobody
// can tell whose it is.
type token = tlog.Hash

// use is a list of persons as an entry states it.
type use struct {
	Nonce   string // names the list, 32 hexadecimal digits
	Persons int64
	Root    tlog.Hash // of the tree over the sorted tokens
	Sum     string    // SHA-256 of the list's file
}

func (u use) String() string {
	return fmt.Sprintf("%s %d %s %s", u.Nonce, u.Persons, u.Root, u.Sum)
}

// use reads the list that a detail of the entry states; the zero use when there
// is none.
func (e Entry) use(detail string) (u use, err error) {
	text, ok := e.Details[detail]
	if !ok {
		return use{}, nil
	}
	bad := galien.Errorf(galien.Corrupt, "%s is no list of persons", detail)
	part := strings.Split(text, " ")
	if len(part) != 4 || !answerName.MatchString(part[0]) {
		return use{}, bad
	}
	u.Nonce, u.Sum = part[0], part[3]
	if u.Persons, err = strconv.ParseInt(part[1], 10, 64); err != nil || u.Persons < 0 {
		return use{}, bad
	}
	if u.Root, err = tlog.ParseHash(part[2]); err != nil {
		return use{}, bad
	}
	return u, nil
}

// Persons is a set of persons in the making. The zero value is empty.
type Persons struct {
	all   []galien.PersonID
	dirty bool // not ascending, or with repeats
}

// Add puts a person into the set, in any order and as often as may be.
func (p *Persons) Add(id galien.PersonID) {
	if n := len(p.all); n > 0 {
		if p.all[n-1] == id {
			return
		}
		p.dirty = p.dirty || p.all[n-1] > id
	}
	p.all = append(p.all, id)
	if p.dirty && len(p.all) == cap(p.all) {
		p.settle() // repeats go before more room is taken
	}
}

func (p *Persons) settle() {
	if p.dirty {
		slices.Sort(p.all)
		p.all = slices.Compact(p.all)
		p.dirty = false
	}
}

// Sorted returns the persons in ascending order, each once.
func (p *Persons) Sorted() []galien.PersonID {
	p.settle()
	return p.all
}

// Encode returns the set as its runs: how many persons are left out since the
// last run, and how many follow.
func (p *Persons) Encode() []byte {
	var b []byte
	all := p.Sorted()
	next := galien.PersonID(0)
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i]+galien.PersonID(n) {
			n++
		}
		b = binary.AppendUvarint(b, uint64(all[i]-next))
		b = binary.AppendUvarint(b, uint64(n))
		next = all[i] + galien.PersonID(n)
		i += n
	}
	return b
}

// DecodePersons reads what Encode returned, a set of the given size.
func DecodePersons(b []byte, size int64) (*Persons, error) {
	bad := galien.Errorf(galien.Corrupt, "a list of persons cannot be read")
	p := &Persons{}
	next := uint64(0)
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap > 1<<62 {
			return nil, bad
		}
		b = b[n:]
		length, n := binary.Uvarint(b)
		if n <= 0 || length == 0 || length > uint64(size)-uint64(len(p.all)) || next+gap > 1<<62 {
			return nil, bad
		}
		b = b[n:]
		next += gap
		for range length {
			p.all = append(p.all, galien.PersonID(next))
			next++
		}
	}
	if int64(len(p.all)) != size {
		return nil, bad
	}
	return p, nil
}

// Uses keeps the lists of the persons whose data were in an answer.
type Uses struct {
	log    *Log
	key    []byte
	cipher cipher.Block // of the key
}

// Uses opens the lists of the log, and makes what they need where it is not
// there yet: a key taken from rand.
func (l *Log) Uses(rand io.Reader) (*Uses, error) {
	dir := filepath.Join(l.dir, usesDir)
	u := &Uses{log: l}
	err := u.readKey(dir)
	if err == nil {
		return u, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || rand == nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	if err := durable.SyncFolder(l.dir); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	fresh, name := make([]byte, sha256.Size), make([]byte, 8)
	if _, err := io.ReadFull(rand, fresh); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	if _, err := io.ReadFull(rand, name); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	sum := sha256.Sum256(fresh)
	tmp := filepath.Join(dir, "key."+hex.EncodeToString(name))
	if err := createFile(tmp, hex.EncodeToString(fresh)+" "+hex.EncodeToString(sum[:])+"\n"); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	defer os.Remove(tmp)
	// Of several processes that make one at once, the first one's is everybody's.
	if err := os.Link(tmp, filepath.Join(dir, usesKey)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	if err := durable.SyncFolder(dir); err != nil {
		return nil, fmt.Errorf("make audit lists: %w", err)
	}
	return u, u.readKey(dir)
}

// readKey reads the key: 64 hexadecimal digits, and their SHA-256.
func (u *Uses) readKey(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, usesKey))
	if err != nil {
		return fmt.Errorf("open audit lists: %w", err)
	}
	key, sum, _ := strings.Cut(strings.TrimSuffix(string(b), "\n"), " ")
	raw, err := hex.DecodeString(key)
	want := sha256.Sum256(raw)
	if err != nil || len(raw) != sha256.Size || sum != hex.EncodeToString(want[:]) || strings.ToLower(key) != key || len(b) != 130 {
		return galien.Errorf(galien.Corrupt, "audit log: the file %s/%s is damaged", usesDir, usesKey)
	}
	u.key = raw
	u.cipher, err = aes.NewCipher(raw)
	return err
}

// Secret returns a person's secret: with it one finds the person's token in
// every list, and no other's. It is two blocks of AES-256 over the person's key
// and 0, and 1: a permutation without the key nobody can tell from chance, and
// ten times cheaper than a hash.
func (u *Uses) Secret(p galien.PersonID) (secret [32]byte) {
	var in [aes.BlockSize]byte
	binary.BigEndian.PutUint64(in[:], uint64(p))
	u.cipher.Encrypt(secret[:aes.BlockSize], in[:])
	in[aes.BlockSize-1] = 1
	u.cipher.Encrypt(secret[aes.BlockSize:], in[:])
	return secret
}

// personToken returns the token of the person who has a secret, in a list.
func personToken(secret [32]byte, nonce []byte) token {
	var b [1 + 32 + 16]byte
	copy(b[1:], secret[:])
	copy(b[1+32:], nonce)
	return sha256.Sum256(b[:])
}

// Answer keeps a list of the persons in an answer and returns what the entry of
// its delivery says of it, as details. It is on the disk when it returns.
func (u *Uses) Answer(rand io.Reader, in *Persons) (map[string]string, error) {
	var nonce [16]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return nil, fmt.Errorf("write audit list: %w", err)
	}
	stated, err := u.write("", nonce[:], in)
	if err != nil {
		return nil, err
	}
	return map[string]string{detailAnswer: stated.String()}, nil
}

// Read keeps the list of everyone whose data a question could read, and returns
// what an entry says of it, as details. Lists of the same basis are one: basis
// names what it depends on, and everyone is asked only the first time. all says
// that everyone read is in the answer too.
func (u *Uses) Read(basis string, all bool, everyone func(*Persons) error) (map[string]string, error) {
	mac := hmac.New(sha256.New, u.key)
	mac.Write([]byte("read\n" + basis))
	nonce := mac.Sum(nil)[:16]
	stated, err := u.log.readList(readPrefix + hex.EncodeToString(nonce))
	if errors.Is(err, fs.ErrNotExist) {
		var in Persons
		if err := everyone(&in); err != nil {
			return nil, err
		}
		stated.use, err = u.write(readPrefix, nonce, &in)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	details := map[string]string{detailRead: stated.String()}
	if all {
		details[detailAnswer] = stated.String()
	}
	return details, nil
}

// write puts a list on the disk.
func (u *Uses) write(prefix string, nonce []byte, in *Persons) (use, error) {
	persons := in.Sorted()
	out := use{Nonce: hex.EncodeToString(nonce), Persons: int64(len(persons)), Root: treeRoot(u.tokens(nonce, persons))}
	content := fmt.Appendf(nil, "%s %s %d %s\n", usesFormat, out.Nonce, out.Persons, out.Root)
	content = append(content, in.Encode()...)
	sum := sha256.Sum256(content)
	out.Sum = base64.StdEncoding.EncodeToString(sum[:])
	dir, name := filepath.Join(u.log.dir, usesDir), prefix+out.Nonce
	u.log.step("write list")
	if prefix == "" {
		if err := createFile(filepath.Join(dir, name), string(content)); err != nil {
			return use{}, fmt.Errorf("write audit list: %w", err)
		}
		if err := durable.SyncFolder(dir); err != nil {
			return use{}, fmt.Errorf("write audit list: %w", err)
		}
		return out, nil
	}
	// Several processes may make the same list at once.
	tmp := filepath.Join(dir, fmt.Sprintf("%s.%d.tmp", name, os.Getpid()))
	_ = os.Remove(tmp) // of a process that had this number and was killed
	if err := createFile(tmp, string(content)); err != nil {
		return use{}, fmt.Errorf("write audit list: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return use{}, fmt.Errorf("write audit list: %w", err)
	}
	if err := durable.SyncFolder(dir); err != nil {
		return use{}, fmt.Errorf("write audit list: %w", err)
	}
	return out, nil
}

// list is a list as it was read from its file.
type list struct {
	use
	runs []byte
}

// readList reads a list without its persons.
func (l *Log) readList(name string) (list, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, usesDir, name))
	if err != nil {
		return list{}, err
	}
	sum := sha256.Sum256(b)
	head, runs, _ := bytes.Cut(b, []byte("\n"))
	part := strings.Split(string(head), " ")
	bad := galien.Errorf(galien.Corrupt, "audit log: the file %s/%s cannot be read", usesDir, name)
	if len(part) != 4 || part[0] != usesFormat || part[1] != strings.TrimPrefix(name, readPrefix) {
		return list{}, bad
	}
	out := list{use: use{Nonce: part[1], Sum: base64.StdEncoding.EncodeToString(sum[:])}, runs: runs}
	if out.Persons, err = strconv.ParseInt(part[2], 10, 64); err != nil || out.Persons < 0 {
		return list{}, bad
	}
	if out.Root, err = tlog.ParseHash(part[3]); err != nil {
		return list{}, bad
	}
	return out, nil
}

// listOf reads the list that an entry states, and fails with Corrupt when it is
// not the one that the entry vouches for.
func (l *Log) listOf(stated use) (list, error) {
	got, err := l.readList(stated.Nonce)
	if errors.Is(err, fs.ErrNotExist) {
		got, err = l.readList(readPrefix + stated.Nonce)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return list{}, galien.Errorf(galien.Corrupt, "audit log: the list of persons %s/%s is missing", usesDir, stated.Nonce)
	case err != nil && galien.KindOf(err) != galien.Corrupt:
		return list{}, fmt.Errorf("read audit list: %w", err)
	case err != nil || got.use != stated:
		return list{}, galien.Errorf(galien.Corrupt, "audit log: the list of persons %s/%s is not the one that the entry of its answer vouches for", usesDir, stated.Nonce)
	}
	return got, nil
}

// tokens returns the sorted tokens of persons in a list.
func (u *Uses) tokens(nonce []byte, persons []galien.PersonID) []token {
	tokens := make([]token, len(persons))
	parallel(len(persons), func(from, to int) {
		for i := from; i < to; i++ {
			tokens[i] = personToken(u.Secret(persons[i]), nonce)
		}
	})
	return sortTokens(tokens)
}

// sortTokens sorts hashes, which are spread evenly: into bins by their first
// bits, and then each bin.
func sortTokens(in []token) []token {
	few := func(a, b token) int { return bytes.Compare(a[:], b[:]) }
	if len(in) < 1024 {
		slices.SortFunc(in, few)
		return in
	}
	shift := 32 - (bits.Len(uint(len(in))) - 3)
	bin := func(t *token) uint32 { return binary.BigEndian.Uint32(t[:4]) >> shift }
	ends := make([]int, 1<<(32-shift)+1)
	for i := range in {
		ends[bin(&in[i])+1]++
	}
	for i := range len(ends) - 1 {
		ends[i+1] += ends[i]
	}
	out, at := make([]token, len(in)), slices.Clone(ends)
	for i := range in {
		b := bin(&in[i])
		out[at[b]] = in[i]
		at[b]++
	}
	parallel(len(ends)-1, func(from, to int) {
		for b := from; b < to; b++ {
			slices.SortFunc(out[ends[b]:ends[b+1]], few)
		}
	})
	return out
}

// parallel shares a range of work out among the cores.
func parallel(n int, do func(from, to int)) {
	parts := min(runtime.GOMAXPROCS(0), n/4096)
	if parts < 2 {
		do(0, n)
		return
	}
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { do(n*i/parts, n*(i+1)/parts) })
	}
	wg.Wait()
}

// level returns the hashes above a level of an RFC 6962 tree: each pair's, and
// the last one as it is when there is no other to pair it with.
func level(below []tlog.Hash) []tlog.Hash {
	above := make([]tlog.Hash, (len(below)+1)/2)
	parallel(len(below)/2, func(from, to int) {
		for i := from; i < to; i++ {
			above[i] = tlog.NodeHash(below[2*i], below[2*i+1])
		}
	})
	if len(below)%2 == 1 {
		above[len(above)-1] = below[len(below)-1]
	}
	return above
}

// treeRoot returns the RFC 6962 root over leaf hashes.
func treeRoot(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	for len(leaves) > 1 {
		leaves = level(leaves)
	}
	return leaves[0]
}

// levels returns every level of the tree, the leaves first.
func levels(leaves []tlog.Hash) [][]tlog.Hash {
	all := [][]tlog.Hash{leaves}
	for len(leaves) > 1 {
		leaves = level(leaves)
		all = append(all, leaves)
	}
	return all
}

// path returns the inclusion proof of leaf i.
func path(all [][]tlog.Hash, i int) []tlog.Hash {
	var p []tlog.Hash
	for _, row := range all {
		if s := i ^ 1; s < len(row) {
			p = append(p, row[s])
		}
		i /= 2
	}
	return p
}

// find returns where a token is among the sorted ones, or would be.
func find(tokens []token, t token) (int, bool) {
	return slices.BinarySearchFunc(tokens, t, func(a, b token) int { return bytes.Compare(a[:], b[:]) })
}

// checkUses fails with Corrupt when a list that the entry states is not there as
// it was written. seen holds the lists that were found sound already and that
// many entries state.
func (l *Log) checkUses(e Entry, seen map[use]bool) error {
	for _, detail := range []string{detailRead, detailAnswer} {
		stated, err := e.use(detail)
		if err != nil {
			return err
		}
		if stated.Nonce == "" || seen[stated] {
			continue
		}
		if _, err := l.listOf(stated); err != nil {
			return err
		}
		if detail == detailRead {
			seen[stated] = true
		}
	}
	return nil
}
