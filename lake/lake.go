// Package lake keeps a hub's health data: immutable snapshots of Parquet
// files, each named by its content, replaced as a whole and never in part.
//
// It owns the layout of the folder (docs/formats/lake.md), the commit that
// makes a snapshot current in one step, the reading of rows, and fsck. It
// refuses to hold an identity, to change a committed file, and to know what a
// question is: engines get files and read them themselves. It is pure Go; what
// turns rows into files is lake/writer.
//
// A table grows without being rewritten: a commit may add a layer of files, and
// name the rows of older ones that have left. So a file is handed out as a Part,
// which carries what has left it.
//
//	l, err := lake.Open(dir)
//	s, err := l.Current()               // NotFound before the first commit
//	s.ID                                // "5f0c1b2a9d3e4f60", cited by results
//	for _, b := range s.Buckets() {     // persons never cross buckets
//		for _, part := range s.Files("condition_occurrence", lake.ByConcept, b) {
//			columns, err := part.Open() // without the rows that have left
//			...
//		}
//	}
//	err = s.Read(ctx, "person", []string{"person_id", "year_of_birth"},
//		func(row []any) error { ... })
//
// A process may read while another writes: a reader sees the snapshot that was
// current when it asked, for as long as it keeps it.
package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
)

// The parts of a lake's folder.
const (
	currentName  = "CURRENT"
	lockName     = "lock"
	commitsDir   = "commits"
	snapshotsDir = "snapshots"
	filesDir     = "files"
	tempDir      = "tmp"

	dirMode  = 0o750
	fileMode = 0o640
)

// Lake is a folder of snapshots. Its methods may be called from several
// goroutines at once.
type Lake struct {
	dir string
	// fault is called before each durable step of a commit, and an error of
	// its own ends the commit there. Tests set it; it is nil otherwise.
	fault func(step string) error
}

// Create makes an empty lake in dir, which must be absent or empty, and opens
// it. It fails with Conflict when dir holds anything.
func Create(dir string) (*Lake, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("create lake: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("create lake: %w", err)
	}
	if len(entries) > 0 {
		return nil, galien.Errorf(galien.Conflict, "create lake: %s is not empty; name a new folder", dir)
	}
	for _, d := range []string{commitsDir, snapshotsDir, filesDir, tempDir} {
		if err := os.Mkdir(filepath.Join(dir, d), dirMode); err != nil {
			return nil, fmt.Errorf("create lake: %w", err)
		}
	}
	l := &Lake{dir: dir}
	// CURRENT comes last: a folder without it is no lake yet.
	if err := l.writeDurably(currentName, head{}.bytes()); err != nil {
		return nil, fmt.Errorf("create lake: %w", err)
	}
	return l, nil
}

// Open opens the lake in dir. It fails with NotFound when there is none, and
// with Corrupt when there are commits and no CURRENT.
func Open(dir string) (*Lake, error) {
	l := &Lake{dir: dir}
	_, err := os.Stat(l.path(currentName))
	switch {
	case err == nil:
		return l, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open lake: %w", err)
	}
	if entries, err := os.ReadDir(l.path(commitsDir)); err == nil && len(entries) > 0 {
		return nil, galien.Errorf(galien.Corrupt, "open lake: %s has commits but no %s; restore the folder from a copy", dir, currentName)
	}
	return nil, galien.Errorf(galien.NotFound, "open lake: %s is not a lake", dir)
}

// Watch has step called before each durable step of a commit or purge; an error
// of its own ends that there. It is for tests of what an interruption leaves.
func (l *Lake) Watch(step func(name string) error) { l.fault = step }

// Dir returns the lake's folder.
func (l *Lake) Dir() string { return l.dir }

func (l *Lake) path(elem ...string) string {
	return filepath.Join(append([]string{l.dir}, elem...)...)
}

// Current returns the snapshot committed last. It fails with NotFound when
// there is none yet.
func (l *Lake) Current() (*Snapshot, error) {
	h, err := l.head()
	if err != nil {
		return nil, err
	}
	if h.seq == 0 {
		return nil, galien.Errorf(galien.NotFound, "the lake %s has no snapshot yet; ingest a source first", l.dir)
	}
	c, err := l.commit(h.seq, h.record)
	if err != nil {
		return nil, err
	}
	return l.load(ref{c.Snapshot, c.Manifest})
}

// Snapshot returns a committed snapshot, current or past, by its id. It fails
// with NotFound for one that there never was, and for one that a purge took rows
// out of, which it says with what became of it.
func (l *Lake) Snapshot(id string) (*Snapshot, error) {
	history, err := l.History()
	if err != nil {
		return nil, err
	}
	kept, _ := resolve(history)
	for _, r := range kept {
		if r.id == id {
			return l.load(r)
		}
	}
	if now, purged := Became(history)[id]; purged {
		return nil, galien.Errorf(galien.NotFound, "the snapshot %s is no more: persons were purged from it, and what is left of it is the snapshot %s", id, now)
	}
	return nil, galien.Errorf(galien.NotFound, "the lake %s has no snapshot %q", l.dir, id)
}

// Commit is one change of the current snapshot.
type Commit struct {
	// Seq counts commits from 1.
	Seq int64 `json:"seq"`
	// Snapshot is the id of the snapshot that became current, and Manifest the
	// SHA-256 of its manifest in hexadecimal.
	Snapshot string `json:"snapshot"`
	Manifest string `json:"manifest_sha256"`
	// Parent is the id of the snapshot current before, empty for the first.
	Parent string `json:"parent"`
	// Previous is the SHA-256 of the previous commit's record, empty for the
	// first.
	Previous string `json:"previous_sha256"`
	// Time is when the commit was made, as the committing process was told.
	Time time.Time `json:"time"`
	// Note says what was done, in a few words for people.
	Note string `json:"note"`
	// Purge is set where rows were taken out of every snapshot kept until then.
	Purge *Purge `json:"purge,omitempty"`
}

// History returns all commits, oldest first.
func (l *Lake) History() ([]Commit, error) {
	h, err := l.head()
	if err != nil {
		return nil, err
	}
	var commits []Commit
	record := h.record
	for seq := h.seq; seq > 0; seq-- {
		c, err := l.commit(seq, record)
		if err != nil {
			return nil, err
		}
		commits = append(commits, c)
		record = c.Previous
	}
	slices.Reverse(commits)
	return commits, nil
}

// QuarantineIndexes returns the ids of the quarantine indexes that a snapshot
// kept names; the others are of no use.
func (l *Lake) QuarantineIndexes() (map[string]bool, error) {
	kept, err := l.Kept()
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, s := range kept {
		for _, src := range s.Manifest.Sources {
			named[src.Quarantine] = true
		}
	}
	return named, nil
}

// head is the content of CURRENT: the number of the last commit and the hash
// of its record. Its zero value stands for a lake without a commit.
type head struct {
	seq    int64
	record string
}

// bytes writes the head as one line of three words, of which the last is the
// start of the hash of the others.
func (h head) bytes() []byte {
	record := h.record
	if h.seq == 0 {
		record = "none"
	}
	line := commitName(h.seq) + " " + record
	return []byte(line + " " + hash([]byte(line))[:idLen] + "\n")
}

// head reads CURRENT.
func (l *Lake) head() (head, error) {
	b, err := os.ReadFile(l.path(currentName))
	if errors.Is(err, fs.ErrNotExist) {
		return head{}, galien.Errorf(galien.Corrupt, "read %s: the file is missing; restore it from a copy", l.path(currentName))
	}
	if err != nil {
		return head{}, fmt.Errorf("read %s: %w", currentName, err)
	}
	var h head
	if words := strings.Split(string(b), " "); len(words) == 3 {
		// What is not a number is 0, and the comparison finds it out.
		h.seq, _ = strconv.ParseInt(words[0], 10, 64)
		if h.seq > 0 {
			h.record = words[1]
		}
	}
	if string(h.bytes()) != string(b) {
		return head{}, galien.Errorf(galien.Corrupt, "read %s: not the line that was written; restore it from a copy", l.path(currentName))
	}
	return h, nil
}

// commit reads the record of a commit and checks it against its hash.
func (l *Lake) commit(seq int64, record string) (Commit, error) {
	var c Commit
	path := l.path(commitsDir, commitName(seq)+".json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, galien.Errorf(galien.Corrupt, "read commit: %s is missing", path)
	}
	if err != nil {
		return c, fmt.Errorf("read commit: %w", err)
	}
	if hash(b) != record {
		return c, galien.Errorf(galien.Corrupt, "read commit: %s is not the record that was written", path)
	}
	if err := decode(b, &c); err != nil {
		return c, galien.Errorf(galien.Corrupt, "read commit: %s: %w", path, err)
	}
	if c.Seq != seq {
		return c, galien.Errorf(galien.Corrupt, "read commit: %s holds the record of commit %d", path, c.Seq)
	}
	return c, nil
}

// load reads a snapshot.
func (l *Lake) load(r ref) (*Snapshot, error) {
	path := l.path(snapshotsDir, r.id+".json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.Corrupt, "read manifest: %s is missing", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if hash(b) != r.manifest || snapshotID(b) != r.id {
		return nil, galien.Errorf(galien.Corrupt, "read manifest: %s is not the manifest that was committed", path)
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %s: %w", path, err)
	}
	return &Snapshot{ID: r.id, Manifest: m, lake: l}, nil
}

func commitName(seq int64) string { return fmt.Sprintf("%08d", seq) }
