// Package linkfile keeps the ledger of links in one file of the vault's folder
// (docs/formats/links.md): JSON lines that are added and never changed, each
// with the hash of the one before.
//
// It owns the file and nothing else: what the events mean is vault/link's. It
// refuses a file in which a line was changed or taken out, and drops a batch
// whose writing was cut short.
//
//	store, err := linkfile.Open(filepath.Join(hub, "vault", linkfile.Name))
//	ledger, err := link.OpenLedger(store)
package linkfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	A           string        `json:"a,omitempty"`
	SourceB     string        `json:"source_b,omitempty"`
	B           string        `json:"b,omitempty"`
	Path        link.Path     `json:"path,omitempty"`
	Decision    link.Decision `json:"decision,omitempty"`
	Weight      float64       `json:"weight,omitempty"`
	Probability float64       `json:"probability,omitempty"`
	Reasons     []link.Reason `json:"reasons,omitempty"`
	Why         string        `json:"why,omitempty"`
	Report      *link.Report  `json:"report,omitempty"`
	// Left is how many lines of the same batch follow.
	Left int `json:"left,omitempty"`
	// Format is on the first line of the file.
	Format int `json:"format,omitempty"`
	// Before is the start of the SHA-256 of the line before.
	Before string `json:"before"`
}

// Store is the open file, locked: one process works with it at a time.
type Store struct {
	f    *os.File
	good int64  // bytes up to the end of the last whole batch
	hash string // of the last line
}

// Open opens and locks a file, and makes it if it does not exist. Busy when
// another process has it.
func Open(path string) (*Store, error) {
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
		return &Store{f: f}, nil
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
		batch = append(batch, r.event())
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

func (r record) event() link.Event {
	e := link.Event{
		Seq: r.Seq, Time: r.Time, Actor: r.Actor, Kind: r.Kind, Run: r.Run, Link: r.Link, SourceA: r.SourceA, SourceB: r.SourceB,
		Path: r.Path, Decision: r.Decision, Weight: r.Weight, Probability: r.Probability, Reasons: r.Reasons, Why: r.Why, Report: r.Report,
	}
	if r.Kind == link.Found {
		e.A, e.B = vault.Seal(r.A), vault.Seal(r.B)
	}
	return e
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
			Seq: e.Seq, Time: e.Time.UTC(), Actor: e.Actor, Kind: e.Kind, Run: e.Run, Link: e.Link, SourceA: e.SourceA, A: e.A.Reveal(), SourceB: e.SourceB, B: e.B.Reveal(),
			Path: e.Path, Decision: e.Decision, Weight: e.Weight, Probability: e.Probability, Reasons: e.Reasons, Why: e.Why, Report: e.Report,
			Left: len(events) - 1 - i, Before: hash,
		}
		if e.Seq == 1 {
			r.Format = Format
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
