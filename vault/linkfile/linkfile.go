// Package linkfile keeps the ledger of links in one file of the vault's folder
// (docs/formats/links.md): JSON lines that are added and never changed, each
// with the hash of the one before.
//
// It owns the file and nothing else: what the events mean is vault/link's. It
// refuses a file in which a line was changed or taken out, but by its own Forget,
// and drops a batch whose writing was cut short. Ids of records and what a human wrote are sealed
// in a box of the vault; no identity is in the file in clear.
//
//	box, err := v.Box(linkfile.Name)
//	store, err := linkfile.Open(filepath.Join(hub, "vault", linkfile.Name), box)
//	ledger, err := link.OpenLedger(store)
package linkfile

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"galien"
	"galien/durable"
	"galien/vault"
	"galien/vault/link"
)

// Name is the name of the file in the vault's folder.
const Name = "links.ndjson"

// Format is the version of the file. The first had no links that were forgotten,
// and is what a file without any is still written as.
const (
	Format      = 1
	formatAfter = 2
)

// longestLine bounds a line.
const longestLine = 1 << 24

// record is a line of the file.
type record struct {
	Seq         int64         `json:"seq"`
	Time        time.Time     `json:"time"`
	Actor       string        `json:"actor"`
	Kind        link.Kind     `json:"kind"`
	Run         int64         `json:"run,omitempty"`
	Link        int64         `json:"link,omitempty"`
	SourceA     string        `json:"source_a,omitempty"`
	A           []byte        `json:"a,omitempty"`
	SourceB     string        `json:"source_b,omitempty"`
	B           []byte        `json:"b,omitempty"`
	Path        link.Path     `json:"path,omitempty"`
	Decision    link.Decision `json:"decision,omitempty"`
	Weight      float64       `json:"weight,omitempty"`
	Probability float64       `json:"probability,omitempty"`
	Reasons     []link.Reason `json:"reasons,omitempty"`
	Why         []byte        `json:"why,omitempty"`
	Report      *link.Report  `json:"report,omitempty"`
	Forgotten   bool          `json:"forgotten,omitempty"`
	// Left is how many lines of the same batch follow.
	Left int `json:"left,omitempty"`
	// Format is on the first line of the file.
	Format int `json:"format,omitempty"`
	// Before is the start of the SHA-256 of the line before.
	Before string `json:"before"`
}

// Box seals what may tell who a person is, for a place in the file.
type Box interface {
	Seal(place string, value []byte) []byte
	Open(place string, sealed []byte) ([]byte, error)
}

// Store is the open file, locked: one process works with it at a time.
type Store struct {
	path string
	f    *os.File
	box  Box
	good int64  // bytes up to the end of the last whole batch
	hash string // of the last line
}

// Open opens and locks a file, and makes it if it does not exist. Busy when
// another process has it.
func Open(path string, box Box) (*Store, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open links: %w", err)
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		// Another process may have put a file in the place of this one meanwhile.
		locked, errLocked := f.Stat()
		named, errNamed := os.Stat(path)
		if errLocked == nil && errNamed == nil && os.SameFile(locked, named) {
			return &Store{path: path, f: f, box: box}, nil
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("open links: %w", err)
		}
	}
}

func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return galien.Errorf(galien.Busy, "open links: another process works with them; try again when it is done")
		case !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("open links: %w", err)
		}
	}
}

// Close releases the file.
func (s *Store) Close() error { return s.f.Close() }

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:16])
}

// Load yields the events of every whole batch. A line that is not what was
// written is Corrupt.
func (s *Store) Load(yield func(link.Event) error) error {
	s.good, s.hash = 0, ""
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read links: %w", err)
	}
	in := bufio.NewReaderSize(s.f, 1<<20)
	var batch []link.Event
	var at int64
	hash := ""
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what a batch that was cut short left is dropped
		}
		if err != nil {
			return fmt.Errorf("read links: %w", err)
		}
		at += int64(len(line))
		line = bytes.TrimSuffix(line, []byte("\n"))
		var r record
		if json.Unmarshal(line, &r) != nil || r.Before != hash || len(line) > longestLine {
			return galien.Errorf(galien.Corrupt, "read links: line %d of %s is not what was written; restore the vault from a backup", n, filepath.Base(s.path))
		}
		if n == 1 && r.Format != Format && r.Format != formatAfter {
			return galien.Errorf(galien.Corrupt, "read links: %s is of format %d, this program reads formats %d and %d", filepath.Base(s.path), r.Format, Format, formatAfter)
		}
		hash = hashOf(line)
		e, err := s.event(r)
		if err != nil {
			return err
		}
		batch = append(batch, e)
		if r.Left > 0 {
			continue
		}
		for _, e := range batch {
			if err := yield(e); err != nil {
				return err
			}
		}
		batch = batch[:0]
		s.good, s.hash = at, hash
	}
}

// place names where a sealed value is.
func place(seq int64, field string) string { return strconv.FormatInt(seq, 10) + " " + field }

// event opens a line.
func (s *Store) event(r record) (link.Event, error) {
	e := link.Event{
		Seq: r.Seq, Time: r.Time, Actor: r.Actor, Kind: r.Kind, Run: r.Run, Link: r.Link, SourceA: r.SourceA, SourceB: r.SourceB,
		Path: r.Path, Decision: r.Decision, Weight: r.Weight, Probability: r.Probability, Reasons: r.Reasons, Report: r.Report, Forgotten: r.Forgotten,
	}
	if r.Forgotten {
		return e, nil
	}
	if r.Why != nil {
		why, err := s.box.Open(place(r.Seq, "why"), r.Why)
		if err != nil {
			return link.Event{}, err
		}
		e.Why = string(why)
	}
	if r.Kind == link.Found {
		a, errA := s.box.Open(place(r.Seq, "a"), r.A)
		b, errB := s.box.Open(place(r.Seq, "b"), r.B)
		if err := cmp.Or(errA, errB); err != nil {
			return link.Event{}, err
		}
		e.A, e.B = vault.Seal(string(a)), vault.Seal(string(b))
	}
	return e, nil
}

// Append adds events after the last whole batch, durably: all of them or none.
// Load must have been called before.
func (s *Store) Append(events []link.Event) error {
	if len(events) == 0 {
		return nil
	}
	var b bytes.Buffer
	hash := s.hash
	for i, e := range events {
		r := record{
			Seq: e.Seq, Time: e.Time.UTC(), Actor: e.Actor, Kind: e.Kind, Run: e.Run, Link: e.Link, SourceA: e.SourceA, SourceB: e.SourceB,
			Path: e.Path, Decision: e.Decision, Weight: e.Weight, Probability: e.Probability, Reasons: e.Reasons, Report: e.Report,
			Left: len(events) - 1 - i, Before: hash,
		}
		if e.Seq == 1 {
			r.Format = Format
		}
		if e.Kind == link.Found {
			r.A, r.B = s.box.Seal(place(e.Seq, "a"), []byte(e.A.Reveal())), s.box.Seal(place(e.Seq, "b"), []byte(e.B.Reveal()))
		}
		if e.Why != "" {
			r.Why = s.box.Seal(place(e.Seq, "why"), []byte(e.Why))
		}
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write links: %w", err)
		}
		if len(line) > longestLine {
			return galien.Errorf(galien.Invalid, "write links: an entry is too long; shorten the reason")
		}
		hash = hashOf(line)
		b.Write(append(line, '\n'))
	}
	if err := s.f.Truncate(s.good); err != nil {
		return fmt.Errorf("write links: %w", err)
	}
	if _, err := s.f.WriteAt(b.Bytes(), s.good); err != nil {
		return fmt.Errorf("write links: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("write links: %w", err)
	}
	if s.good == 0 {
		if err := durable.SyncFolder(filepath.Dir(s.path)); err != nil {
			return err
		}
	}
	s.good, s.hash = s.good+int64(b.Len()), hash
	return nil
}

// Forget takes out what tells whom some links are of: the ids, the reasons, and
// what a human wrote. The lines stay, so that the numbers do, and are chained
// anew; the file takes the place of the former in one step. Load must have been
// called before, and no event of another batch is lost.
func (s *Store) Forget(links map[int64]bool) error {
	fail := func(err error) error { return fmt.Errorf("forget links: %w", err) }
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	lines := bufio.NewScanner(io.LimitReader(s.f, s.good))
	lines.Buffer(make([]byte, 0, 1<<16), longestLine+1)
	var b bytes.Buffer
	hash := ""
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fail(galien.Errorf(galien.Corrupt, "a line is not what was written; restore the vault from a backup"))
		}
		if r.Format != 0 {
			r.Format = formatAfter
		}
		if links[r.Link] {
			r.A, r.B, r.Why, r.Reasons, r.Forgotten = nil, nil, nil, nil, true
		}
		r.Before = hash
		line, err := json.Marshal(r)
		if err != nil {
			return fail(err)
		}
		hash = hashOf(line)
		b.Write(append(line, '\n'))
	}
	if err := lines.Err(); err != nil {
		return fail(err)
	}
	path := s.path
	fresh, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fail(err)
	}
	// Whoever opens the file after the renaming finds it locked.
	err = lock(fresh)
	if err == nil {
		_, err = fresh.Write(b.Bytes())
	}
	if err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fail(errors.Join(err, fresh.Close(), os.Remove(path+".new")))
	}
	before := s.f
	s.f, s.good, s.hash = fresh, int64(b.Len()), hash
	return errors.Join(durable.SyncFolder(filepath.Dir(path)), before.Close())
}
