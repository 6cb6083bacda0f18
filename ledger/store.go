package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"galien"
	"galien/durable"
)

// The files of a ledger's folder.
const (
	recordsFile = "records.ndjson"
	setsDir     = "sets"
	lockFile    = "lock"
)

// lockWait is how long an operation waits for another process's turn.
const lockWait = 30 * time.Second

// Record is one line of the ledger: an answer, an erasure, or a release of what
// people made.
type Record struct {
	Index int64 `json:"index"`
	// Previous is the hash of the line before.
	Previous    string    `json:"previous"`
	Time        time.Time `json:"time"`
	Actor       string    `json:"actor"`
	Action      string    `json:"action"`
	Permit      string    `json:"permit,omitempty"`
	Definition  string    `json:"definition,omitempty"`
	Snapshot    string    `json:"snapshot,omitempty"`
	Scope       string    `json:"scope,omitempty"`
	Oppositions string    `json:"oppositions,omitempty"`
	Threshold   int64     `json:"threshold,omitempty"`
	Rounding    int64     `json:"rounding,omitempty"`
	// Sets is the hash of the file with the record's new sets.
	Sets    string           `json:"sets,omitempty"`
	Numbers []RecordedNumber `json:"numbers,omitempty"`
	// Erased names, by the index of their records, the hashes of the files of
	// sets that an erasure wrote anew.
	Erased map[int64]string `json:"erased,omitempty"`
	// Reviewed is what left through the airlock, of which no persons are known.
	Reviewed *Reviewed `json:"reviewed,omitempty"`
}

// Reviewed is a release of what people made, as the ledger can count it.
type Reviewed struct {
	Group   string `json:"group,omitempty"`
	Version int    `json:"version,omitempty"`
	// Numbers is how many numbers of persons or events its tables show, and Judged
	// how many of them the ledger let out before under the same name. The others
	// were compared with what left before, and not by who is behind them.
	Numbers int `json:"numbers"`
	Judged  int `json:"judged"`
	// Unread is how many files of other numbers no machine compares.
	Unread int `json:"unread"`
}

// Unjudged is how many of the numbers the ledger has not judged.
func (r Reviewed) Unjudged() int { return r.Numbers - r.Judged }

// RecordedNumber is one number of an answer, as it was decided.
type RecordedNumber struct {
	Key     Key     `json:"key"`
	What    string  `json:"what"`
	Outcome Outcome `json:"outcome"`
	Value   int64   `json:"value,omitempty"` // only what was shown
	Also    int64   `json:"also,omitempty"`
	From    string  `json:"from,omitempty"` // the snapshot of a standing number
	Reason  Reason  `json:"reason,omitempty"`
	// Near is the index of the record that is in the way.
	Near *int64 `json:"near,omitempty"`
	// Vector is the place of the number's persons among all sets, from 0; -1
	// when they follow from others.
	Vector int `json:"set"`
}

// MarshalText writes the key in hexadecimal.
func (k Key) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(k[:])), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Key) UnmarshalText(b []byte) error {
	n, err := hex.Decode(k[:], b)
	if err != nil || n != len(k) {
		return galien.Errorf(galien.Corrupt, "ledger: a key is not 32 hexadecimal digits")
	}
	return nil
}

// Ledger is an open ledger. Several goroutines, and several processes, may use
// the same folder at once.
type Ledger struct {
	dir string

	mu    sync.Mutex // one operation at a time in this process; the file lock does the rest
	state *state     // nil before the first use, and after a failure
	size  int64      // of the records that state holds
	head  string     // hash of their last line
	swept bool       // files that no record names were looked for
}

// Open opens the ledger in dir, which is made when it is not there.
func Open(dir string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Join(dir, setsDir), 0o700); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return &Ledger{dir: dir}, nil
}

// lock takes the folder's lock file and returns what releases it.
func (l *Ledger) lock(ctx context.Context, exclusive bool) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(l.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock ledger: %w", err)
	}
	if err := durable.Lock(ctx, f, exclusive, lockWait); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock ledger: %w", err)
	}
	return func() { f.Close() }, nil
}

// reference names a record by its index and its hash.
func (l *Ledger) reference(index int64) string {
	if index >= int64(len(l.state.records)) {
		return ""
	}
	return fmt.Sprintf("%d %s", index, l.hash(int(index)))
}

// load brings the state up to the file; the lock is held. A last line without an
// end was never acknowledged and is passed over.
func (l *Ledger) load() error {
	if l.state == nil {
		l.state, l.size, l.head = newState(), 0, ""
	}
	f, err := os.Open(filepath.Join(l.dir, recordsFile))
	if errors.Is(err, fs.ErrNotExist) && l.size == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, l.size, 1<<62))
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() < l.size {
		return galien.Errorf(galien.Corrupt, "ledger: %s is shorter than it was", recordsFile)
	}
	if err := l.take(text); err != nil {
		l.state = nil
		return err
	}
	return nil
}

// take adds whole lines to the state.
func (l *Ledger) take(text []byte) error {
	var fresh []*Record
	sums := map[int64]string{} // of the files of sets, by record
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			break
		}
		line := text[:end+1]
		text = text[end+1:]
		r := &Record{}
		index := int64(len(l.state.records) + len(fresh))
		if err := json.Unmarshal(line, r); err != nil || r.Index != index || r.Previous != l.head {
			return galien.Errorf(galien.Corrupt, "ledger: record %d of %s does not follow the one before it", index, recordsFile)
		}
		l.size += int64(len(line))
		l.head = hashOf(line)
		fresh = append(fresh, r)
		if r.Sets != "" {
			sums[r.Index] = r.Sets
		}
		for i, sum := range r.Erased {
			if _, ok := sums[i]; !ok {
				// The sets are in memory already as they were: all is read again.
				l.state, l.size, l.head = nil, 0, ""
				return l.load()
			}
			sums[i] = sum
		}
	}
	for _, r := range fresh {
		if sum := sums[r.Index]; sum != "" {
			vectors, err := l.sets(r.Index, sum)
			if err != nil {
				return err
			}
			for _, v := range vectors {
				l.state.sums[v.sum()] = len(l.state.known)
				l.state.known = append(l.state.known, v)
				l.state.from = append(l.state.from, r)
				l.state.atoms.refine(v)
			}
		}
		for _, n := range r.Numbers {
			if n.Vector >= len(l.state.known) {
				return galien.Errorf(galien.Corrupt, "ledger: record %d names a set that is not there", r.Index)
			}
		}
		l.state.files = append(l.state.files, sums[r.Index])
		l.state.note(r)
	}
	return nil
}

// setsPath is the file of a record's sets that has a hash.
func (l *Ledger) setsPath(index int64, sum string) string {
	return filepath.Join(l.dir, setsDir, fmt.Sprintf("%08d-%.16s", index, sum))
}

// sets reads the sets of a record.
func (l *Ledger) sets(index int64, sum string) ([]Vector, error) {
	b, err := os.ReadFile(l.setsPath(index, sum))
	if errors.Is(err, fs.ErrNotExist) || err == nil && hashOf(b) != sum {
		return nil, galien.Errorf(galien.Corrupt, "ledger: the sets of record %d are missing or damaged", index)
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	var all []Vector
	for len(b) > 0 {
		var v Vector
		if v, b, err = decodeVector(b); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// append writes a record and its new vectors: the sets first, then the line that
// names them. When it returns without error both are on the disk. The lock is
// held.
func (l *Ledger) append(r *Record, vectors []Vector) error {
	if err := l.sweep(); err != nil {
		return err
	}
	if len(vectors) > 0 {
		var err error
		if r.Sets, err = l.writeSets(r.Index, vectors); err != nil {
			return err
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return galien.Errorf(galien.Internal, "ledger: encode a record: %w", err)
	}
	line = append(line, '\n')
	f, err := os.OpenFile(filepath.Join(l.dir, recordsFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	// What a crash left after the last whole line is cut off.
	err = f.Truncate(l.size)
	if err == nil {
		_, err = f.WriteAt(line, l.size)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	if l.size == 0 {
		if err := durable.SyncFolder(l.dir); err != nil {
			return err
		}
	}
	l.size += int64(len(line))
	l.head = hashOf(line)
	l.state.files = append(l.state.files, r.Sets)
	return nil
}

// writeSets writes the file of a record's sets and returns its hash.
func (l *Ledger) writeSets(index int64, vectors []Vector) (string, error) {
	var b bytes.Buffer
	for _, v := range vectors {
		if err := v.encode(&b); err != nil {
			return "", err
		}
	}
	sum := hashOf(b.Bytes())
	path := l.setsPath(index, sum)
	if err := durable.Replace(path, b.Bytes()); err != nil {
		return "", fmt.Errorf("write ledger: %w", err)
	}
	return sum, nil
}

// sweep removes files of sets that no record names: what a crash left, of an
// answer that was never given or of an erasure. It is done once.
func (l *Ledger) sweep() error {
	if l.swept {
		return nil
	}
	named := map[string]bool{}
	for i, sum := range l.state.files {
		if sum != "" {
			named[filepath.Base(l.setsPath(int64(i), sum))] = true
		}
	}
	found, err := os.ReadDir(filepath.Join(l.dir, setsDir))
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	for _, e := range found {
		if !named[e.Name()] {
			if err := os.Remove(filepath.Join(l.dir, setsDir, e.Name())); err != nil {
				return fmt.Errorf("write ledger: %w", err)
			}
		}
	}
	l.swept = true
	return nil
}

// Forget takes persons out of every set, and writes down that it did, not whom.
// When it returns without error no file of the ledger holds their keys. Numbers
// that were shown stay as they were shown. An erasure that was interrupted is
// completed by the next.
func (l *Ledger) Forget(ctx context.Context, persons []galien.PersonID, now time.Time, actor string) error {
	gone := roaring.New()
	for _, p := range persons {
		gone.Add(uint32(p))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, true)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.load(); err != nil {
		return err
	}
	r := &Record{Index: int64(len(l.state.records)), Previous: l.head, Time: now.UTC().Truncate(time.Second), Actor: actor, Action: "erase", Erased: map[int64]string{}}
	l.swept = false
	if err := l.sweep(); err != nil {
		return err
	}
	for i, sum := range l.state.files {
		if sum == "" {
			continue
		}
		vectors, err := l.sets(int64(i), sum)
		if err != nil {
			return err
		}
		changed := false
		for k, v := range vectors {
			var some bool
			vectors[k], some = v.without(gone)
			changed = changed || some
		}
		if changed {
			if r.Erased[int64(i)], err = l.writeSets(int64(i), vectors); err != nil {
				return err
			}
		}
	}
	if len(r.Erased) == 0 {
		return nil
	}
	l.swept = true // what was just written is not named yet
	if err := l.append(r, nil); err != nil {
		l.state = nil
		return err
	}
	l.state, l.swept = nil, false
	if err := l.load(); err != nil {
		return err
	}
	return l.sweep()
}

// Enter writes down a release of what people made, which the ledger cannot judge,
// and returns the reference of its record. The same version of a group has one
// record, however often it is entered.
func (l *Ledger) Enter(ctx context.Context, r Record) (reference string, err error) {
	if r.Reviewed == nil || r.Reviewed.Group == "" || len(r.Numbers) > 0 {
		return "", galien.Errorf(galien.Internal, "ledger: a release that is none of a reviewed group")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, true)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := l.load(); err != nil {
		return "", err
	}
	for _, old := range l.state.records {
		if old.Reviewed != nil && old.Reviewed.Group == r.Reviewed.Group && old.Reviewed.Version == r.Reviewed.Version {
			return l.reference(old.Index), nil
		}
	}
	r.Index, r.Previous, r.Time = int64(len(l.state.records)), l.head, r.Time.UTC().Truncate(time.Second)
	if err := l.append(&r, nil); err != nil {
		l.state = nil // what is on the disk is read anew
		return "", err
	}
	l.state.note(&r)
	return l.reference(r.Index), nil
}

// Records returns the ledger's records, in their order.
func (l *Ledger) Records(ctx context.Context) ([]*Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, false)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := l.load(); err != nil {
		return nil, err
	}
	return append([]*Record(nil), l.state.records...), nil
}

// Check reads all of the ledger anew, and finds in it the records that the audit
// log refers to, as Verdict.Reference names them. It returns the number of
// records.
func (l *Ledger) Check(ctx context.Context, references []string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, false)
	if err != nil {
		return 0, err
	}
	defer unlock()
	l.state = nil
	if err := l.load(); err != nil {
		return 0, err
	}
	n := len(l.state.records)
	for _, text := range references {
		place, hash, _ := strings.Cut(text, " ")
		index, err := strconv.Atoi(place)
		if err != nil || index < 0 || index >= n || l.hash(index) != hash {
			return n, galien.Errorf(galien.Corrupt, "ledger: it lacks record %.20q, which the audit log refers to: an older ledger was put back, or it was changed", place)
		}
	}
	return n, nil
}

// hash is that of a record's line.
func (l *Ledger) hash(index int) string {
	if index == len(l.state.records)-1 {
		return l.head
	}
	return l.state.records[index+1].Previous
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
