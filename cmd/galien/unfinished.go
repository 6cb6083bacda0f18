package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/durable"
)

// unfinishedFormat is the version of the journal.
const unfinishedFormat = 1

// unfinished is the work on an answer of several definitions. It is kept in a
// folder beside the one asked for, so that the same command, given again after
// an interruption, goes on after the definitions that are finished
// (docs/formats/answer.md). One process has it at a time.
type unfinished struct {
	*output
	journal *os.File
	marks   map[string]mark // of the tables to go on with
	saved   time.Time       // when the last record was written
	cost    time.Duration   // what that took
	keep    bool            // whether discard leaves the folder for the next command
}

// unfinishedDir is the folder of the work on the answer dir.
func unfinishedDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", galien.Errorf(galien.Invalid, "output folder: %w", err)
	}
	return filepath.Join(filepath.Dir(abs), ".galien-unfinished-"+filepath.Base(abs)), nil
}

// openUnfinished takes the folder of the work on the answer dir, which must be
// absent or empty, and outside the hub.
func openUnfinished(hubDir, dir string) (*unfinished, error) {
	if _, err := outputParent(hubDir, dir); err != nil {
		return nil, err
	}
	at, err := unfinishedDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := holdScratch(at)
	if err != nil {
		return nil, err
	}
	// The process that had the folder may have delivered meanwhile.
	if err := checkOutput(hubDir, dir); err != nil {
		s.remove()
		return nil, err
	}
	if err := listUnfinished(hubDir, at); err != nil {
		s.remove()
		return nil, err
	}
	return &unfinished{output: &output{dir: dir, files: filepath.Join(at, "answer"), scratch: s}, keep: true}, nil
}

func (u *unfinished) journalPath() string { return filepath.Join(u.scratch.dir, "journal") }

// discard closes the work, and removes it unless it is kept.
func (u *unfinished) discard() {
	if u.journal != nil {
		_ = u.journal.Close()
	}
	if _, err := os.Lstat(u.journalPath()); u.keep && err == nil {
		u.scratch.release()
		return
	}
	u.scratch.remove()
}

// askedFor is what an answer depends on; work is taken up again only when all of
// it is the same.
type askedFor map[string]string

// differences names what is not the same, in order.
func (a askedFor) differences(b askedFor) []string {
	var names []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if a[k] != b[k] {
			names = append(names, strings.ReplaceAll(k, "_", " "))
		}
	}
	return names
}

// journalHead is the first line of a journal.
type journalHead struct {
	Format int      `json:"format"`
	Asked  askedFor `json:"asked"`
}

// record is a later line: how many definitions are finished, where each table
// stands, and the definitions that the engine refused since the record before.
type record struct {
	Done    int             `json:"done"`
	Tables  map[string]mark `json:"tables"`
	Refused []engineRefusal `json:"refused,omitempty"`
}

// engineRefusal is a definition, by its place among those asked, that the
// engine did not evaluate.
type engineRefusal struct {
	Question int    `json:"question"`
	Kind     string `json:"kind"`
	Reason   string `json:"reason"`
}

// err is the refusal as the engine gave it.
func (r engineRefusal) err() error {
	for k := galien.Internal; k <= galien.Corrupt; k++ {
		if k.String() == r.Kind {
			return galien.Errorf(k, "%s", r.Reason)
		}
	}
	return errors.New(r.Reason)
}

// resume reads what an earlier process finished of the same question: how many
// definitions, and those of them that were refused. It returns in words why
// there is nothing to go on from, when there was something.
func (u *unfinished) resume(asked askedFor) (done int, refused []engineRefusal, lost string, err error) {
	head, records, readErr := readJournal(u.journalPath())
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
	case readErr != nil:
		lost = "its journal cannot be read"
	case len(head.Asked.differences(asked))+len(asked.differences(head.Asked)) > 0:
		lost = "it was for another " + strings.Join(asked.differences(head.Asked), ", ")
	case len(records) > 0:
		if records = records[:u.sound(records)]; len(records) == 0 {
			lost = "its files are not what its journal says"
		}
	}
	if readErr != nil || lost != "" {
		records = nil
	}
	if len(records) == 0 {
		return 0, nil, lost, u.afresh(asked)
	}
	last := records[len(records)-1]
	u.marks = last.Tables
	for _, r := range records {
		refused = append(refused, r.Refused...)
	}
	if err := u.onlyTables(); err != nil {
		return 0, nil, "", err
	}
	// The journal is written anew, so that nothing follows its last record.
	return last.Done, refused, "", u.rewriteJournal(asked, record{last.Done, last.Tables, refused})
}

// sound returns how many of the records, from the first, every table bears out.
func (u *unfinished) sound(records []record) int {
	good := len(records)
	if good == 0 {
		return 0
	}
	for name := range records[good-1].Tables {
		f, err := os.Open(u.path(name))
		if err != nil {
			return 0
		}
		r, sum, at := bufio.NewReaderSize(f, 1<<20), crc32.New(castagnoli), int64(0)
		for i := 0; i < good; i++ {
			want := records[i].Tables[name]
			n, err := io.CopyN(sum, r, want.Bytes-at)
			at += n
			if err != nil || (mark{at, sum.Sum32()}) != want {
				good = i
			}
		}
		_ = f.Close()
	}
	return good
}

// onlyTables removes from the answer whatever a record says nothing of.
func (u *unfinished) onlyTables() error {
	entries, err := os.ReadDir(u.files)
	if err != nil {
		return fmt.Errorf("go on with the unfinished answer: %w", err)
	}
	for _, e := range entries {
		if _, known := u.marks[e.Name()]; !known {
			if err := os.RemoveAll(u.path(e.Name())); err != nil {
				return fmt.Errorf("go on with the unfinished answer: %w", err)
			}
		}
	}
	return nil
}

// afresh empties the folder and starts a journal.
func (u *unfinished) afresh(asked askedFor) error {
	if err := errors.Join(os.RemoveAll(u.files), os.Mkdir(u.files, 0o700)); err != nil {
		return fmt.Errorf("start the answer: %w", err)
	}
	return u.rewriteJournal(asked)
}

// rewriteJournal replaces the journal in one step, and opens it.
func (u *unfinished) rewriteJournal(asked askedFor, records ...record) error {
	path := u.journalPath()
	text, err := journalLine(journalHead{unfinishedFormat, asked})
	for _, r := range records {
		var line []byte
		if err == nil {
			line, err = journalLine(r)
		}
		text = append(text, line...)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := durable.Create(path+".tmp", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	u.saved = time.Now()
	if u.journal, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// table starts a CSV file of the answer, or goes on with it.
func (u *unfinished) table(name string, header ...string) (*table, error) {
	if m, ok := u.marks[name]; ok {
		return reopenTable(u.path(name), m)
	}
	return u.output.table(name, header...)
}

// due reports whether the next record is worth its cost: after a second, or
// earlier where writing takes less than a twentieth of the time.
func (u *unfinished) due() bool { return time.Since(u.saved) >= min(time.Second, 20*u.cost) }

// save puts on the disk what the tables hold up to the marks, and then a record
// that says so.
func (u *unfinished) save(tables []*table, r record) error {
	began := time.Now()
	for _, t := range tables {
		if err := t.f.Sync(); err != nil {
			return fmt.Errorf("write %s: %w", t.name, err)
		}
	}
	line, err := journalLine(r)
	if err != nil {
		return err
	}
	if _, err := u.journal.Write(line); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := u.journal.Sync(); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	u.saved = time.Now()
	u.cost = u.saved.Sub(began)
	return nil
}

// journalLine is a value as a line: its CRC-32C in hex, a space, its JSON.
func journalLine(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "write journal: %w", err)
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(b, castagnoli), b), nil
}

// readJournal reads a journal up to the first line that is not whole.
func readJournal(path string) (journalHead, []record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return journalHead{}, nil, err
	}
	next := func(v any) bool {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		sum, text, ok := bytes.Cut(line, []byte(" "))
		want, err := strconv.ParseUint(string(sum), 16, 32)
		if !whole || !ok || err != nil || crc32.Checksum(text, castagnoli) != uint32(want) || json.Unmarshal(text, v) != nil {
			return false
		}
		b = rest
		return true
	}
	var head journalHead
	if !next(&head) || head.Format != unfinishedFormat {
		return journalHead{}, nil, galien.Errorf(galien.Corrupt, "read journal: its first line is not one of version %d", unfinishedFormat)
	}
	var records []record
	for {
		var r record
		if !next(&r) {
			return head, records, nil
		}
		records = append(records, r)
	}
}
