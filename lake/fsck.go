package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"galien"
)

// Problem is something that fsck found.
type Problem struct {
	// Path is the file concerned, relative to the lake's folder.
	Path string
	// Text says what is wrong with it, and quotes no row.
	Text string
	// Damage is false for what harms nothing: leftovers of an interrupted
	// commit, which the next commit removes, and files that are not the lake's.
	Damage bool
}

// Fsck reads the whole lake, every committed snapshot of it, and calls report
// with each problem: hashes, sizes and row counts of the files, manifests, ids,
// the chain of commits, and files that belong to no snapshot. It returns how
// many files it checked, and Corrupt when any problem is damage; another error
// means that the check could not be finished.
func (l *Lake) Fsck(ctx context.Context, report func(Problem)) (checked int, err error) {
	f := &fsck{lake: l, seen: map[string]bool{}, report: report}
	if err := f.run(ctx); err != nil {
		return f.checked, fmt.Errorf("check lake: %w", err)
	}
	if f.damages > 0 {
		return f.checked, galien.Errorf(galien.Corrupt, "check lake: %d damaged or missing among the files of %s; restore them from a copy", f.damages, l.dir)
	}
	return f.checked, nil
}

// fsck is one check under way.
type fsck struct {
	lake    *Lake
	report  func(Problem)
	checked int
	damages int
	// seen holds the names in the folders of commits, manifests and files that
	// some commit accounts for.
	seen map[string]bool
	// blind is set when a part of the history cannot be read, so that files may
	// be in use without being known.
	blind bool
}

func (f *fsck) damage(path, format string, args ...any) {
	f.damages++
	f.report(Problem{Path: path, Text: fmt.Sprintf(format, args...), Damage: true})
}

// corrupt reports err as damage when it is that, and returns it otherwise.
func (f *fsck) corrupt(path string, err error) error {
	if galien.KindOf(err) != galien.Corrupt {
		return err
	}
	f.damage(path, "%v", err)
	return nil
}

func (f *fsck) run(ctx context.Context) error {
	l := f.lake
	f.checked++
	h, err := l.head()
	if err != nil {
		f.blind = true
		if err := f.corrupt(currentName, err); err != nil {
			return err
		}
	}
	// The chain is followed from its end; where it breaks, older commits are
	// read by number, so that one damaged record hides nothing else.
	parents := map[int64]string{}
	gone := map[string]bool{} // the ids of snapshots that a purge after them took rows out of
	for seq, record := h.seq, h.record; seq > 0; seq-- {
		name := commitName(seq) + ".json"
		f.seen[name] = true
		f.checked++
		c, err := l.commit(seq, record)
		if err != nil {
			if err := f.corrupt(commitsDir+"/"+name, err); err != nil {
				return err
			}
			if c, err = l.unchained(seq); err != nil {
				f.blind = true
				record = ""
				continue
			}
		}
		if want, ok := parents[seq]; ok && want != c.Snapshot {
			f.damage(commitsDir+"/"+name, "is not the commit that the next one follows")
		}
		parents[seq-1] = c.Parent
		record = c.Previous
		if seq == 1 && (c.Previous != "" || c.Parent != "") {
			f.damage(commitsDir+"/"+name, "the first commit follows another")
		}
		refs := []ref{{c.Snapshot, c.Manifest}}
		if c.Purge != nil {
			for _, p := range c.Purge.Snapshots {
				refs = append(refs, ref{p.Is, p.Manifest})
			}
		}
		for _, r := range refs {
			if gone[r.id] {
				continue
			}
			if err := f.snapshot(ctx, r); err != nil {
				return err
			}
		}
		for _, r := range purgedBy(c) {
			// One that came back after it is there.
			gone[r] = !f.seen[r+".json"]
		}
	}
	return f.strays()
}

// purgedBy returns the ids that a commit took out of use.
func purgedBy(c Commit) (ids []string) {
	if c.Purge != nil {
		for _, p := range c.Purge.Snapshots {
			ids = append(ids, p.Was)
		}
	}
	return ids
}

// unchained reads a commit record whose hash is not known.
func (l *Lake) unchained(seq int64) (Commit, error) {
	b, err := os.ReadFile(l.path(commitsDir, commitName(seq)+".json"))
	if err != nil {
		return Commit{}, err
	}
	return l.commit(seq, hash(b))
}

// snapshot checks a manifest and the files that no newer one named.
func (f *fsck) snapshot(ctx context.Context, r ref) error {
	name := r.id + ".json"
	if f.seen[name] {
		return nil
	}
	f.seen[name] = true
	f.checked++
	s, err := f.lake.load(r)
	if err != nil {
		f.blind = true
		return f.corrupt(snapshotsDir+"/"+name, err)
	}
	for _, t := range s.Manifest.Tables {
		for _, file := range t.Files {
			if !f.seen[file.Name] {
				f.seen[file.Name] = true
				f.checked++
				if err := f.file(ctx, s, file); err != nil {
					return err
				}
			}
			if r := file.Removed; r.Name != "" && !f.seen[r.Name] {
				f.seen[r.Name] = true
				f.checked++
				if err := f.removal(ctx, s, file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// file checks a data file against what the manifest says of it.
func (f *fsck) file(ctx context.Context, s *Snapshot, file File) error {
	path := filesDir + "/" + file.Name
	sound, err := f.bytes(ctx, file.Name, file.Bytes, file.SHA256)
	if !sound || err != nil {
		return err
	}
	rows, err := parquetRows(s.lake.path(filesDir, file.Name))
	if err != nil {
		return f.corrupt(path, err)
	}
	if rows != file.Rows {
		f.damage(path, "holds %d rows instead of %d", rows, file.Rows)
	}
	return nil
}

// removal checks the removal of a data file.
func (f *fsck) removal(ctx context.Context, s *Snapshot, file File) error {
	r := file.Removed
	sound, err := f.bytes(ctx, r.Name, r.Bytes, r.SHA256)
	if !sound || err != nil {
		return err
	}
	_, err = Part{file: file, dir: s.lake.path(filesDir)}.removed()
	if err != nil {
		return f.corrupt(filesDir+"/"+r.Name, err)
	}
	return nil
}

// bytes checks the size and hash of a file, and reports whether they are those
// that were written.
func (f *fsck) bytes(ctx context.Context, name string, bytes int64, sum string) (sound bool, err error) {
	path := filesDir + "/" + name
	fd, err := os.Open(f.lake.path(filesDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		f.damage(path, "is missing")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer fd.Close()
	h := sha256.New()
	size, err := io.Copy(h, reader{ctx, fd})
	if err != nil {
		return false, err
	}
	switch {
	case size != bytes:
		f.damage(path, "has %d bytes instead of %d", size, bytes)
	case hex.EncodeToString(h.Sum(nil)) != sum:
		f.damage(path, "does not have the bytes that were written")
	default:
		return true, nil
	}
	return false, nil
}

// reader stops reading when its context is done.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// strays notes the files that no commit accounts for.
func (f *fsck) strays() error {
	known := map[string]bool{currentName: true, lockName: true, commitsDir: true, snapshotsDir: true, filesDir: true, tempDir: true}
	for _, dir := range []string{"", commitsDir, snapshotsDir, filesDir, tempDir} {
		entries, err := os.ReadDir(f.lake.path(dir))
		if errors.Is(err, fs.ErrNotExist) {
			// What copies a lake may leave out the empty folder.
			if dir != tempDir {
				f.damage(dir, "is missing")
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			path := name
			if dir == "" && known[name] || dir != "" && f.seen[name] {
				continue
			}
			if dir != "" {
				path = dir + "/" + name
			}
			text := "belongs to no snapshot"
			switch {
			case dir != "" && f.blind:
				text += " that can be read"
			case dir == tempDir || dir != "" && isOurs(name):
				text += ": left by an interrupted commit, or by one under way; the next commit removes it"
			}
			f.report(Problem{Path: path, Text: text})
		}
	}
	return nil
}
