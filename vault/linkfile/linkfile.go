// Package linkfile keeps the ledger of links in one file of the vault's folder
// (docs/formats/links.md): JSON lines that are added and never changed, each
// with the hash of the one before.
//
// It owns the file and nothing else: what the events mean is vault/link's. It
// refuses a file in which a line was changed or taken out, and drops a batch
// whose writing was cut short. Ids of records and what a human wrote are sealed
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
	"galien/vault"
	"galien/vault/link"
)

// Name is the name of the file in the vault's folder.
const Name = "links.ndjson"

// Format is the version of the file.
const Format = 1

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
	f    *os.File
	box  Box
	good int64  // bytes up to the end of the last whole batch
	hash string // of the last line
}

// Open opens and locks a file, and makes it if it does not exist. Busy when
// another process has it.
func Open(path string, box Box) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open links: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return &Store{f: f, box: box}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = galien.Errorf(galien.Busy, "open links: another process works with them; try again when it is done")
	} else {
		err = fmt.Errorf("open links: %w", err)
	}
	return nil, errors.Join(err, f.Close())
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
			return galien.Errorf(galien.Corrupt, "read links: line %d of %s is not what was written; restore the vault from a backup", n, filepath.Base(s.f.Name()))
		}
		if n == 1 && r.Format != Format {
			return galien.Errorf(galien.Corrupt, "read links: %s is of format %d, this program reads format %d", filepath.Base(s.f.Name()), r.Format, Format)
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
		Path: r.Path, Decision: r.Decision, Weight: r.Weight, Probability: r.Probability, Reasons: r.Reasons, Report: r.Report,
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
		if err := syncFolder(filepath.Dir(s.f.Name())); err != nil {
			return err
		}
	}
	s.good, s.hash = s.good+int64(b.Len()), hash
	return nil
}

// syncFolder makes a new file's place in its folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write links: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write links: %w", err)
	}
	return nil
}
