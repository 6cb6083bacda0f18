package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"galien"
	"galien/durable"
)

// Class is a kind of events that are kept for the same time.
type Class string

// The classes of events.
const (
	Access     Class = "access"     // questions about persons, and their answers
	Governance Class = "governance" // permits, roles, oppositions, the vault: who decided what
	Operations Class = "operations" // loading and maintenance
	// LogItself is what was done to the log: witnesses, and entries removed. Verify
	// needs them, and they are kept for ever.
	LogItself Class = "log"
)

// The actions of the log's own entries.
const (
	actionRetain  = "audit retain"
	actionWitness = "audit witness"
)

// ClassOf returns the class of an action. What it does not know is Governance.
func ClassOf(action string) Class {
	if action == actionRetain || action == actionWitness {
		return LogItself
	}
	switch first, _, _ := strings.Cut(action, " "); first {
	case "cohort", "table", "extract", "export", "release", "attack":
		return Access
	case "ingest", "compact", "quarantine", "vocab":
		return Operations
	}
	return Governance
}

// What a line is when its content was removed: the hash of what it was, padded
// with spaces to the length that it had, so that nothing else in the log moves.
const (
	prunedStart = `{"pruned":"`
	prunedEnd   = `"}`
)

// pruned returns the line that stands for one whose content is removed.
func pruned(line []byte) ([]byte, error) {
	h := tlog.RecordHash(line)
	short := prunedStart + h.String() + prunedEnd
	fill := len(line) - 1 - len(short)
	if fill < 0 {
		return nil, galien.Errorf(galien.Internal, "remove audit entry: its line is shorter than its hash")
	}
	return []byte(short + strings.Repeat(" ", fill) + "\n"), nil
}

// prunedHash returns the hash that such a line holds; ok is false for any other
// line, and for one in another spelling.
func prunedHash(line []byte) (h tlog.Hash, ok bool) {
	const encoded = 44
	if !bytes.HasPrefix(line, []byte(prunedStart)) || len(line) < len(prunedStart)+encoded+len(prunedEnd)+1 {
		return h, false
	}
	text, rest := line[len(prunedStart):][:encoded], line[len(prunedStart)+encoded:]
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(raw) != tlog.HashSize {
		return h, false
	}
	return tlog.Hash(raw), string(rest) == prunedEnd+strings.Repeat(" ", len(rest)-len(prunedEnd)-1)+"\n"
}

// readLine reads a line of the entries file: an entry and its hash, or the zero
// Entry and the hash that is left of one.
func readLine(line []byte) (Entry, tlog.Hash, error) {
	if h, ok := prunedHash(line); ok {
		return Entry{}, h, nil
	}
	e, err := decodeEntry(line)
	return e, tlog.RecordHash(line), err
}

// Pruned reports whether the entry's content was removed.
func (e Entry) Pruned() bool { return e.Time.IsZero() }

// span is consecutive entries, the last one included.
type span struct{ first, last int64 }

// spans collects entries in ascending order.
type spans []span

func (s *spans) add(i int64) {
	if n := len(*s); n > 0 && (*s)[n-1].last == i-1 {
		(*s)[n-1].last = i
		return
	}
	*s = append(*s, span{i, i})
}

func (s spans) has(i int64) bool {
	at, found := slices.BinarySearchFunc(s, i, func(p span, i int64) int {
		switch {
		case p.last < i:
			return -1
		case p.first > i:
			return 1
		}
		return 0
	})
	return found && at >= 0
}

func (s spans) count() (n int64) {
	for _, p := range s {
		n += p.last - p.first + 1
	}
	return n
}

func (s spans) String() string {
	var all []string
	for _, p := range s {
		text := strconv.FormatInt(p.first, 10)
		if p.last > p.first {
			text += "-" + strconv.FormatInt(p.last, 10)
		}
		all = append(all, text)
	}
	return strings.Join(all, ",")
}

// parseSpans reads what String writes.
func parseSpans(text string) (s spans, err error) {
	for _, part := range strings.Split(text, ",") {
		first, last, several := strings.Cut(part, "-")
		var p span
		if p.first, err = strconv.ParseInt(first, 10, 64); err != nil {
			return nil, err
		}
		p.last = p.first
		if several {
			if p.last, err = strconv.ParseInt(last, 10, 64); err != nil {
				return nil, err
			}
		}
		if p.last < p.first {
			return nil, galien.Errorf(galien.Corrupt, "%q is no range of entries", part)
		}
		s = append(s, p)
	}
	return s, nil
}

// spansPerEntry bounds the entry that announces a removal.
const spansPerEntry = 10_000

// Retained is what Retain found or did.
type Retained struct {
	Entries map[Class]int64 // expired entries, by class
	Uses    int             // lists of persons that went with them
}

// Retain finds the entries that are older than the limit of their class and,
// with apply, removes their content: each becomes its hash, so that the log
// verifies as before and every proof about the others holds. What goes is
// announced first, in an entry made of e, which gives time, actor and details.
// Lists of the persons in an answer go with the entry that vouched for them. A
// class without a limit is kept, and LogItself always is.
func (l *Log) Retain(ctx context.Context, e Entry, limits map[Class]time.Time, apply bool) (Retained, error) {
	found := Retained{Entries: map[Class]int64{}}
	var expired spans
	var lists, kept []string
	err := l.Entries(ctx, func(i int64, old Entry) error {
		if old.Pruned() {
			return nil
		}
		use, err := old.use(detailAnswer)
		if err != nil {
			return galien.Errorf(galien.Corrupt, "audit log: entry %d: %w", i, err)
		}
		class := ClassOf(old.Action)
		limit, limited := limits[class]
		if !limited || class == LogItself || !old.Time.Before(limit) {
			kept = append(kept, use.Nonce)
			return nil
		}
		expired.add(i)
		found.Entries[class]++
		if use.Nonce != "" {
			lists = append(lists, use.Nonce)
		}
		return nil
	})
	if err != nil {
		return Retained{}, err
	}
	slices.Sort(kept)
	lists, err = l.droppable(lists, kept, e.Time)
	if err != nil {
		return Retained{}, err
	}
	found.Uses = len(lists)
	if !apply || len(expired)+len(lists) == 0 {
		return found, nil
	}
	e.Action, e.Outcome = actionRetain, "pruned"
	for part := range slices.Chunk(expired, spansPerEntry) {
		announced := e
		announced.Details = map[string]string{"entries": part.String(), "number": strconv.FormatInt(part.count(), 10)}
		for k, v := range e.Details {
			announced.Details[k] = v
		}
		if _, err := l.Append(ctx, announced); err != nil {
			return Retained{}, err
		}
	}
	if err := l.prune(ctx, expired); err != nil {
		return Retained{}, err
	}
	for _, nonce := range lists {
		if err := os.Remove(filepath.Join(l.dir, usesDir, nonce)); err != nil {
			return Retained{}, fmt.Errorf("remove audit list: %w", err)
		}
	}
	return found, nil
}

// droppable returns the lists of answers that no kept entry vouches for: those of
// expired entries, and those that a crash left, known by being older than a day,
// so that an answer about to be delivered keeps its own.
func (l *Log) droppable(expired, kept []string, now time.Time) (lists []string, err error) {
	files, err := os.ReadDir(filepath.Join(l.dir, usesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read audit lists: %w", err)
	}
	for _, f := range files {
		nonce := f.Name()
		if _, needed := slices.BinarySearch(kept, nonce); needed || !answerName.MatchString(nonce) {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, fmt.Errorf("read audit lists: %w", err)
		}
		if slices.Contains(expired, nonce) || info.ModTime().Before(now.Add(-24*time.Hour)) {
			lists = append(lists, nonce)
		}
	}
	return lists, nil
}

// prune writes the entries file anew with hashes in the place of some lines,
// and moves it over the old one.
func (l *Log) prune(ctx context.Context, gone spans) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	cp, err := l.readCheckpoint()
	if err != nil {
		return err
	}
	old, err := os.Open(filepath.Join(l.dir, entriesFile))
	if err != nil {
		return missing(entriesFile, err)
	}
	defer old.Close()
	tmp := filepath.Join(l.dir, entriesFile+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	err = eachLine(ctx, old, cp, func(i int64, line []byte) error {
		if _, already := prunedHash(line); gone.has(i) && !already {
			if line, err = pruned(line); err != nil {
				return err
			}
		}
		_, err := w.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	// What a crash left after the last entry stays as it is.
	if _, err := old.Seek(cp.Bytes, io.SeekStart); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	if _, err := io.Copy(w, old); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	l.step("write pruned entries")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	l.step("rename pruned entries")
	if err := os.Rename(tmp, filepath.Join(l.dir, entriesFile)); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	l.step("sync pruned entries")
	if err := durable.SyncFolder(l.dir); err != nil {
		return fmt.Errorf("remove audit entries: %w", err)
	}
	return nil
}
