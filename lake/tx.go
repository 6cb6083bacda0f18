package lake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galien"
	"galien/durable"
)

// Tx is the making of one snapshot. It holds the lake's lock: at most one Tx
// exists for a lake, over all processes. A Tx is used from one goroutine.
type Tx struct {
	lake  *Lake
	lock  *os.File
	temp  string
	head  head
	base  *Snapshot
	added map[string]string // base name of a file to be published -> its path
}

// Begin takes the lock and removes what an interrupted commit left behind. It
// fails with Busy when another process writes.
func (l *Lake) Begin() (*Tx, error) {
	lock, err := l.lock()
	if err != nil {
		return nil, err
	}
	t := &Tx{lake: l, lock: lock, added: map[string]string{}}
	if err := t.start(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return t, nil
}

func (t *Tx) start() error {
	l := t.lake
	var err error
	if t.head, err = l.head(); err != nil {
		return err
	}
	if t.head.seq > 0 {
		if t.base, err = l.Current(); err != nil {
			return err
		}
	}
	if err := l.clean(t.head); err != nil {
		return err
	}
	t.temp = l.path(tempDir, "tx")
	if err := os.MkdirAll(t.temp, 0o700); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}

// Base returns the snapshot that the commit will follow, nil when it is the
// first.
func (t *Tx) Base() *Snapshot { return t.base }

// TempDir returns a folder for the files of this transaction, on the volume of
// the lake. Whatever is left in it at Close is removed.
func (t *Tx) TempDir() string { return t.temp }

// Add takes a finished Parquet file from TempDir into the transaction: it
// checks that the file holds rows rows, makes it durable and returns what the
// manifest says of it. The file is published by Commit.
func (t *Tx) Add(path, table string, order Order, bucket int, rows int64) (File, error) {
	fail := func(err error) (File, error) {
		return File{}, fmt.Errorf("add file of table %s: %w", table, err)
	}
	size, sum, err := t.seal("add "+table, path, rows)
	if err != nil {
		return fail(err)
	}
	f := File{Order: order, Bucket: bucket, Rows: rows, Bytes: size, SHA256: sum}
	f.Name = fileName(table, order, bucket, f.SHA256)
	t.added[f.Name] = path
	return f, nil
}

// Remove takes a finished removal file from TempDir into the transaction and
// returns f as it is with it: the rows at those positions, and no others, have
// left f. It checks that the file is about f and makes it durable.
func (t *Tx) Remove(path string, f File, rows int64) (File, error) {
	fail := func(err error) (File, error) {
		return File{}, fmt.Errorf("add removal of %s: %w", f.Name, err)
	}
	size, sum, err := t.seal("remove "+f.Name, path, rows)
	if err != nil {
		return fail(err)
	}
	f.Removed = Removal{Rows: rows, Bytes: size, SHA256: sum}
	f.Removed.Name = removalName(f)
	b, err := os.ReadFile(path)
	if err != nil {
		return fail(err)
	}
	positions, from, err := readRemoval(path, b)
	if err == nil {
		err = f.admits(positions, from)
	}
	if err != nil {
		return fail(galien.Errorf(galien.Internal, "%w", err))
	}
	t.added[f.Removed.Name] = path
	return f, nil
}

// seal checks the rows of a finished file, makes it durable and returns its
// size and hash.
func (t *Tx) seal(step, path string, rows int64) (size int64, sum string, err error) {
	if err := t.lake.step(step); err != nil {
		return 0, "", err
	}
	fd, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, "", err
	}
	defer fd.Close()
	n, err := parquetRows(path)
	if err != nil {
		return 0, "", err
	}
	if n != rows {
		return 0, "", galien.Errorf(galien.Internal, "%d rows were written of %d", n, rows)
	}
	h := sha256.New()
	if size, err = io.Copy(h, fd); err != nil {
		return 0, "", err
	}
	if err := fd.Chmod(fileMode); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(h.Sum(nil)), fd.Sync()
}

// Commit makes the snapshot of m the current one. The files of m are those
// that were added, and any of the base. When m says what the current snapshot
// says, nothing is written and changed is false. After an error the current
// snapshot is what it was; only an error after the last step, the sync of a
// folder, leaves it unknown which of the two it is, and both are whole.
func (t *Tx) Commit(m Manifest, note string, now time.Time) (snap *Snapshot, changed bool, err error) {
	snap, changed, err = t.commit(m, note, now)
	if err != nil {
		return nil, false, fmt.Errorf("commit snapshot: %w", err)
	}
	return snap, changed, nil
}

func (t *Tx) commit(m Manifest, note string, now time.Time) (*Snapshot, bool, error) {
	l := t.lake
	m = m.canonical()
	if err := m.check(); err != nil {
		return nil, false, galien.Errorf(galien.Internal, "%w", err)
	}
	manifest, err := encode(m)
	if err != nil {
		return nil, false, err
	}
	c := Commit{Seq: t.head.seq + 1, Snapshot: snapshotID(manifest), Manifest: hash(manifest), Previous: t.head.record, Time: now.UTC(), Note: note}
	if t.base != nil {
		c.Parent = t.base.ID
	}
	if c.Snapshot == c.Parent {
		return t.base, false, nil
	}
	there := map[string]bool{}
	if t.base != nil {
		for _, table := range t.base.Manifest.Tables {
			for _, name := range table.names() {
				there[name] = true
			}
		}
	}
	if err := t.publish(m, there); err != nil {
		return nil, false, err
	}
	if err := l.writeDurably(filepath.Join(snapshotsDir, c.Snapshot+".json"), manifest); err != nil {
		return nil, false, err
	}
	if err := t.record(c); err != nil {
		return nil, false, err
	}
	t.base = &Snapshot{ID: c.Snapshot, Manifest: m, lake: l}
	return t.base, true, nil
}

// record writes the record of a commit, and makes it the last.
func (t *Tx) record(c Commit) error {
	l := t.lake
	record, err := encode(c)
	if err != nil {
		return err
	}
	if err := l.writeDurably(filepath.Join(commitsDir, commitName(c.Seq)+".json"), record); err != nil {
		return err
	}
	last := head{seq: c.Seq, record: hash(record)}
	if err := l.writeDurably(currentName, last.bytes()); err != nil {
		return err
	}
	t.head = last
	t.added = map[string]string{}
	return nil
}

// publish moves the added files of m among the lake's files, and checks that
// every other file of m is there already; it adds what it moves to there.
func (t *Tx) publish(m Manifest, there map[string]bool) error {
	moved := false
	for _, table := range m.Tables {
		for _, name := range table.names() {
			from, ok := t.added[name]
			if !ok {
				if !there[name] {
					return galien.Errorf(galien.Internal, "file %s was neither added nor in the snapshot before", name)
				}
				continue
			}
			if err := t.lake.step("publish " + table.Name); err != nil {
				return err
			}
			if err := os.Rename(from, t.lake.path(filesDir, name)); err != nil {
				return err
			}
			delete(t.added, name)
			there[name] = true
			moved = true
		}
	}
	if !moved {
		return nil
	}
	if err := t.lake.step("sync files"); err != nil {
		return err
	}
	return durable.SyncFolder(t.lake.path(filesDir))
}

// Close releases the lock and removes what was not committed.
func (t *Tx) Close() error {
	if t.lock == nil {
		return nil
	}
	err := os.RemoveAll(t.temp)
	if e := t.lock.Close(); err == nil {
		err = e
	}
	t.lock = nil
	if err != nil {
		return fmt.Errorf("end transaction: %w", err)
	}
	return nil
}

// clean removes what interrupted commits left: temporary files, commit records
// after the current one, and manifests and files of no commit. Where the
// history cannot be read, nobody can tell what is in use, and only temporary
// files go.
func (l *Lake) clean(h head) error {
	if err := removeEntries(l.path(tempDir), func(string) bool { return true }); err != nil {
		return err
	}
	if err := l.cleanFiles(h); galien.KindOf(err) != galien.Corrupt {
		return err
	}
	return nil
}

// cleanFiles removes what no commit names. It fails with Corrupt where nobody
// can tell what is in use.
func (l *Lake) cleanFiles(h head) error {
	used, err := l.used()
	if err != nil {
		return err
	}
	err = removeEntries(l.path(commitsDir), func(name string) bool {
		var seq int64
		_, err := fmt.Sscanf(name, "%08d.json", &seq)
		return err == nil && seq > h.seq
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{snapshotsDir, filesDir} {
		err := removeEntries(l.path(dir), func(name string) bool { return !used[name] && isOurs(name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// isOurs reports whether a name has the form of a manifest or data file: what
// else lies there was put there by someone, and stays.
func isOurs(name string) bool {
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".parquet")
}

// used returns the base names of the manifests and files of the snapshots kept.
func (l *Lake) used() (map[string]bool, error) {
	kept, err := l.Kept()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, s := range kept {
		used[s.ID+".json"] = true
		for _, t := range s.Manifest.Tables {
			for _, name := range t.names() {
				used[name] = true
			}
		}
	}
	return used, nil
}

func removeEntries(dir string, which func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clean lake: %w", err)
	}
	for _, e := range entries {
		if !which(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("clean lake: %w", err)
		}
	}
	return nil
}

// writeDurably gives a file of the lake its content, all or nothing: after a
// crash it holds the old content or the new.
func (l *Lake) writeDurably(name string, content []byte) error {
	if err := l.step("write " + name); err != nil {
		return err
	}
	temp := l.path(tempDir, filepath.Base(name))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := l.step("rename " + name); err != nil {
		return err
	}
	path := l.path(name)
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	if err := l.step("sync " + name); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// step lets a test stop the commit before a durable step.
func (l *Lake) step(name string) error {
	if l.fault == nil {
		return nil
	}
	return l.fault(name)
}
