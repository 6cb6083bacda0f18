package lake

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"galien"
	"galien/durable"
)

// A purge takes rows out of every snapshot that is kept. A snapshot is named by
// its content, so each that loses rows becomes another, under another id; the
// record of the commit says which became which. The chain of commits stays as it
// was: what a commit made current before can still be named, and is told to have
// become something else.

// Purge is what the record of a commit says of a purge. It names no person.
type Purge struct {
	// Persons is how many were to be taken out.
	Persons int64 `json:"persons"`
	// Snapshots are those that lost rows, oldest first.
	Snapshots []Purged `json:"snapshots"`
	// Files are the data files and removals that are no more, sorted by name,
	// each with what holds the rest of it.
	Files []PurgedFile `json:"files"`
}

// Purged is a snapshot that lost rows.
type Purged struct {
	// Was is the id that it had, Is the id of what is left of it, and Manifest
	// the SHA-256 of that manifest.
	Was      string `json:"was"`
	Is       string `json:"is"`
	Manifest string `json:"manifest_sha256"`
	// Tables are those that lost rows, by name.
	Tables []PurgedTable `json:"tables"`
}

// PurgedTable counts the rows that a table of a snapshot lost.
type PurgedTable struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// PurgedFile is a file that is no more.
type PurgedFile struct {
	Before       string `json:"before"`
	BeforeSHA256 string `json:"before_sha256"`
	// After is the file of the rows that are left, empty when none is.
	After       string `json:"after,omitempty"`
	AfterSHA256 string `json:"after_sha256,omitempty"`
	// Rows is how many rows of the file went; those of a removal are positions.
	Rows int64 `json:"rows"`
}

// Rewritten is a snapshot, the manifest of what is left of it, and what it lost.
type Rewritten struct {
	Was      string
	Manifest Manifest
	Tables   []PurgedTable
}

// ref names a snapshot and its manifest.
type ref struct{ id, manifest string }

// resolve works out of the commits which snapshots are kept, oldest first, and what
// each of the others became.
func resolve(history []Commit) (kept []ref, became map[string]string) {
	became = map[string]string{}
	seen := map[string]bool{}
	keep := func(r ref) {
		if _, gone := became[r.id]; !gone && !seen[r.id] {
			seen[r.id] = true
			kept = append(kept, r)
		}
	}
	for _, c := range slices.Backward(history) {
		keep(ref{c.Snapshot, c.Manifest})
		if c.Purge == nil {
			continue
		}
		for _, p := range slices.Backward(c.Purge.Snapshots) {
			keep(ref{p.Is, p.Manifest})
		}
		for _, p := range c.Purge.Snapshots {
			if _, newer := became[p.Was]; !newer && !seen[p.Was] {
				became[p.Was] = p.Is
			}
		}
	}
	slices.Reverse(kept)
	return kept, became
}

// Became returns what the snapshots that a purge took rows out of are now, by
// the ids that they had. The id of every other snapshot is its own.
func Became(history []Commit) map[string]string {
	_, became := resolve(history)
	for was := range became {
		for next, more := became[became[was]]; more; next, more = became[became[was]] {
			became[was] = next
		}
	}
	return became
}

// Kept returns every snapshot of which the lake has the rows, oldest first, each
// once.
func (l *Lake) Kept() ([]*Snapshot, error) {
	history, err := l.History()
	if err != nil {
		return nil, err
	}
	refs, _ := resolve(history)
	list := make([]*Snapshot, len(refs))
	for i, r := range refs {
		if list[i], err = l.load(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Purge commits what is left of the snapshots that lose rows, all in one step,
// and then removes the manifests and files that nothing names any more. Every
// snapshot that is not in list stays as it is. The files of the manifests are
// those that were added and those of the snapshots kept; files says what became
// of the others. With an empty list nothing is committed, and what an
// interrupted purge left is removed.
//
// A process that dies leaves the lake of before, or the purged one with files
// that the next Begin removes.
func (t *Tx) Purge(list []Rewritten, files []PurgedFile, persons int64, note string, now time.Time) error {
	if len(list) > 0 {
		if err := t.purge(list, files, persons, note, now); err != nil {
			return fmt.Errorf("purge: %w", err)
		}
	}
	if err := t.lake.step("remove what was purged"); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	if err := t.lake.cleanFiles(t.head); err != nil {
		return err
	}
	for _, dir := range []string{filesDir, snapshotsDir} {
		if err := durable.SyncFolder(t.lake.path(dir)); err != nil {
			return fmt.Errorf("purge: %w", err)
		}
	}
	return nil
}

func (t *Tx) purge(list []Rewritten, files []PurgedFile, persons int64, note string, now time.Time) error {
	if t.base == nil {
		return galien.Errorf(galien.Internal, "there is no snapshot")
	}
	l := t.lake
	kept, err := l.Kept()
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, s := range kept {
		for _, table := range s.Manifest.Tables {
			for _, name := range table.names() {
				there[name] = true
			}
		}
	}
	current, err := encode(t.base.Manifest)
	if err != nil {
		return err
	}
	c := Commit{Seq: t.head.seq + 1, Snapshot: t.base.ID, Manifest: hash(current), Parent: t.base.ID, Previous: t.head.record, Time: now.UTC(), Note: note,
		Purge: &Purge{Persons: persons, Snapshots: []Purged{}, Files: files}}
	base := t.base
	manifests := map[string][]byte{}
	for _, r := range list {
		m := r.Manifest.canonical()
		if err := m.check(); err != nil {
			return galien.Errorf(galien.Internal, "%w", err)
		}
		b, err := encode(m)
		if err != nil {
			return err
		}
		p := Purged{Was: r.Was, Is: snapshotID(b), Manifest: hash(b), Tables: r.Tables}
		if p.Was == p.Is {
			return galien.Errorf(galien.Internal, "the snapshot %s loses nothing", p.Was)
		}
		manifests[p.Is] = b
		c.Purge.Snapshots = append(c.Purge.Snapshots, p)
		if r.Was == t.base.ID {
			c.Snapshot, c.Manifest = p.Is, p.Manifest
			base = &Snapshot{ID: p.Is, Manifest: m, lake: l}
		}
		if err := t.publish(m, there); err != nil {
			return err
		}
	}
	for _, p := range c.Purge.Snapshots {
		if err := l.writeDurably(filepath.Join(snapshotsDir, p.Is+".json"), manifests[p.Is]); err != nil {
			return err
		}
	}
	if err := t.record(c); err != nil {
		return err
	}
	t.base = base
	return nil
}
