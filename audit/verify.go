package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

// Verify recomputes the whole tree from the entries and compares it with every
// stored hash and with the signed checkpoint; every list of persons with the
// entry that vouches for it; the witnesses with the entry that made them so, and
// what they cosigned with the tree. An entry whose content was removed counts as
// its hash, and must have been announced. It fails with Corrupt naming the first
// damaged entry, or the first damaged hash when the entries are whole. Its memory
// does not grow with the entries.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	v, err := l.view(ctx)
	if err != nil {
		return Report{}, err
	}
	defer v.close()

	count := tlog.StoredHashCount(v.cp.Entries)
	stored := storedHashes{r: io.NewSectionReader(v.hashes, 0, count*tlog.HashSize)}
	tree := recomputed{}
	badEntry, badHash, unreadable := int64(-1), int64(-1), int64(-1) // the first of each
	said := testimony{lists: map[use]bool{}}
	err = eachLine(ctx, v.entries, v.cp, func(i int64, line []byte) error {
		e, record, err := readLine(line)
		if err != nil && unreadable < 0 {
			unreadable = i
		}
		if err == nil {
			l.hear(&said, i, e)
		}
		added, err := tlog.StoredHashesForRecordHash(i, record, &tree)
		if err != nil {
			return galien.Errorf(galien.Internal, "verify audit log: %w", err)
		}
		for level, h := range added {
			tree.last[level] = h
			was, err := stored.next()
			if err != nil {
				return err
			}
			if h != was && level == 0 && badEntry < 0 {
				badEntry = i
			}
			if h != was && badHash < 0 {
				badHash = tlog.StoredHashIndex(level, i>>level)
			}
		}
		return nil
	})
	if err != nil {
		if badEntry >= 0 && galien.KindOf(err) == galien.Corrupt {
			return Report{}, entryError(badEntry)
		}
		return Report{}, err
	}

	root, err := tlog.TreeHash(v.cp.Entries, &tree)
	if err != nil {
		return Report{}, galien.Errorf(galien.Internal, "verify audit log: %w", err)
	}
	whole := root.String() == v.cp.Root
	switch {
	case whole && badHash >= 0:
		return Report{}, galien.Errorf(galien.Corrupt, "audit log: hash %d in %s is damaged; the entries themselves are whole", badHash, hashesFile)
	case !whole && badEntry >= 0:
		return Report{}, entryError(badEntry)
	case !whole:
		return Report{}, galien.Errorf(galien.Corrupt, "audit log: entries and hashes agree with each other and not with the signed checkpoint: both were replaced, or the checkpoint was")
	case unreadable >= 0:
		return Report{}, galien.Errorf(galien.Corrupt, "audit log: entry %d is as it was signed and cannot be read by this version", unreadable)
	}
	if said.damage != nil {
		return Report{}, said.damage
	}
	if len(said.lists) > 0 {
		if _, err := l.Uses(nil); errors.Is(err, fs.ErrNotExist) {
			return Report{}, missing(usesDir+"/"+usesKey, err)
		} else if err != nil {
			return Report{}, err
		}
	}
	for _, p := range said.pruned {
		if !said.announced.covers(p) {
			return Report{}, galien.Errorf(galien.Corrupt, "audit log: the content of entries %d to %d was removed, and no entry announces it", p.first, p.last)
		}
	}
	r := Report{Entries: v.cp.Entries, Root: v.cp.Root, Key: l.key, Tail: int64(len(v.tail)), Pruned: said.pruned.count()}
	if r.Witnesses, err = l.Witnesses(); err != nil {
		return Report{}, err
	}
	if said.witnesses != r.Witnesses.encode() && (said.witnesses != "" || len(r.Witnesses.Keys)+len(r.Witnesses.Former) > 0) {
		return Report{}, galien.Errorf(galien.Corrupt, "audit log: the file %s is not what the log says of the witnesses; set them again with galien audit witness", witnessesFile)
	}
	if r.Cosignatures, err = l.Cosignatures(); err != nil {
		return Report{}, err
	}
	for _, c := range r.Cosignatures {
		if c.Note == nil {
			continue
		}
		if _, err := v.extends(l, c.Note); err != nil {
			return Report{}, fmt.Errorf("as %s saw it: %w", c.Witness, err)
		}
	}
	return r, nil
}

// testimony is what entries say that other entries and files are checked with.
type testimony struct {
	pruned    spans // entries without content
	announced spans // and those that an entry says to be without
	witnesses string
	lists     map[use]bool // sound lists that many entries state
	damage    error        // the first
}

// hear takes down what an entry says.
func (l *Log) hear(said *testimony, i int64, e Entry) {
	if e.Pruned() {
		said.pruned.add(i)
		return
	}
	if err := l.checkUses(e, said.lists); err != nil && said.damage == nil {
		said.damage = fmt.Errorf("entry %d: %w", i, err)
	}
	switch e.Action {
	case actionWitness:
		said.witnesses = e.Details["witnesses"]
	case actionRetain:
		gone, err := parseSpans(e.Details["entries"])
		if err != nil && said.damage == nil {
			said.damage = galien.Errorf(galien.Corrupt, "audit log: entry %d does not say which entries it removed", i)
		}
		for _, p := range gone {
			if p.last < i { // nothing announces what comes after it
				said.announced = append(said.announced, p)
			}
		}
	}
}

// covers reports whether every entry of p is in one of the spans, in any order.
func (s spans) covers(p span) bool {
	for at := p.first; at <= p.last; {
		next := at
		for _, q := range s {
			if q.first <= at && q.last >= at {
				next = max(next, q.last+1)
			}
		}
		if next == at {
			return false
		}
		at = next
	}
	return true
}

// Extends proves that the log grew from an earlier checkpoint, a copy of the
// checkpoint file that was kept elsewhere, with cosignatures or without: that what the checkpoint covered is
// still there, unchanged and in its place. It reads a number of hashes that
// grows with the logarithm of the log, and relies on Verify for the rest. It
// returns the number of entries that the checkpoint covered. It fails with
// Corrupt when the log did not grow from it.
func (l *Log) Extends(ctx context.Context, earlier []byte) (entries int64, err error) {
	v, err := l.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	return v.extends(l, earlier)
}

func (v view) extends(l *Log, earlier []byte) (entries int64, err error) {
	was, _, err := openCheckpoint(earlier, l.verifier)
	if err != nil {
		return 0, fmt.Errorf("earlier checkpoint: %w", err)
	}
	if was.Entries > v.cp.Entries {
		return 0, galien.Errorf(galien.Corrupt, "audit log: it has %d entries and had %d at the earlier checkpoint: entries were removed, or an older log was put back", v.cp.Entries, was.Entries)
	}
	root, err := tlog.TreeHash(was.Entries, hashTree{v.hashes})
	if err != nil {
		return 0, err
	}
	if root.String() != was.Root {
		return 0, galien.Errorf(galien.Corrupt, "audit log: its first %d entries are not those of the earlier checkpoint", was.Entries)
	}
	return was.Entries, nil
}

func entryError(i int64) error {
	return galien.Errorf(galien.Corrupt, "audit log: entry %d (line %d of %s) is not what was written, or an entry before it was removed or moved", i, i+1, entriesFile)
}

// recomputed holds, for each level of the tree, the last subtree hash computed
// there. Adding entries in order needs no other.
type recomputed struct{ last [64]tlog.Hash }

// ReadHashes implements tlog.HashReader for the right edge of the tree.
func (t *recomputed) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, _ := tlog.SplitStoredHashIndex(x)
		out[i] = t.last[level]
	}
	return out, nil
}

// storedHashes reads the hashes file from front to back.
type storedHashes struct {
	r   io.Reader
	buf []byte
}

func (s *storedHashes) next() (tlog.Hash, error) {
	if len(s.buf) == 0 {
		buf := make([]byte, 1024*tlog.HashSize)
		n, err := io.ReadFull(s.r, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return tlog.Hash{}, fmt.Errorf("read audit hashes: %w", err)
		}
		if n < tlog.HashSize {
			return tlog.Hash{}, galien.Errorf(galien.Corrupt, "audit log: %s is cut short", hashesFile)
		}
		s.buf = buf[:n-n%tlog.HashSize]
	}
	h := tlog.Hash(s.buf)
	s.buf = s.buf[tlog.HashSize:]
	return h, nil
}
