package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"galien"
	"galien/durable"
)

// The files of a log folder.
const (
	entriesFile    = "entries.ndjson"
	hashesFile     = "hashes"
	checkpointFile = "checkpoint"
	keyFile        = "key"
	publicKeyFile  = "key.pub"
	lockFile       = "lock"
)

// lockWait is how long an operation waits for another process's turn.
const lockWait = 30 * time.Second

// Log is an open audit log. Several goroutines, and several processes, may
// use the same folder at once.
type Log struct {
	dir      string
	signer   note.Signer
	verifier note.Verifier
	key      string // public key, as in key.pub
	origin   string // first line of the checkpoints

	mu sync.Mutex // one operation at a time in this process; the file lock does the rest

	fault func(step string) // for tests: called before each step that is to last
}

// step tells a test of the step that comes.
func (l *Log) step(name string) {
	if l.fault != nil {
		l.fault(name)
	}
}

// Create makes an empty log in dir, which must not hold one, with a new
// signing key taken from rand. It fails with Conflict when a log is there.
func Create(dir string, rand io.Reader) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create audit log: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, checkpointFile)); err == nil {
		return nil, galien.Errorf(galien.Conflict, "create audit log: %s already holds one", dir)
	}
	var number [8]byte
	if _, err := io.ReadFull(rand, number[:]); err != nil {
		return nil, fmt.Errorf("create audit key: %w", err)
	}
	private, public, err := note.GenerateKey(rand, format+"/"+hex.EncodeToString(number[:]))
	if err != nil {
		return nil, fmt.Errorf("create audit key: %w", err)
	}
	for _, f := range []struct{ name, content string }{
		{keyFile, private + "\n"}, {publicKeyFile, public + "\n"},
		{lockFile, ""}, {entriesFile, ""}, {hashesFile, ""},
	} {
		if err := createFile(filepath.Join(dir, f.name), f.content); err != nil {
			return nil, fmt.Errorf("create audit log: %w", err)
		}
	}
	l, err := openKeys(dir)
	if err != nil {
		return nil, err
	}
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return nil, fmt.Errorf("create audit log: %w", err)
	}
	if _, err := l.writeCheckpoint(0, 0, empty); err != nil {
		return nil, err
	}
	return l, nil
}

// Open opens the log in dir and checks its keys and its checkpoint. It writes
// nothing. It fails with NotFound when there is no log, and with Corrupt when
// the checkpoint is not one that the log's key signed or the files are shorter
// than it says; Verify is the full check.
func Open(dir string) (*Log, error) {
	l, err := openKeys(dir)
	if err != nil {
		return nil, err
	}
	unlock, err := l.lock(context.Background(), unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer unlock()
	cp, err := l.readCheckpoint()
	if err != nil {
		return nil, err
	}
	for name, want := range map[string]int64{
		entriesFile: cp.Bytes,
		hashesFile:  tlog.StoredHashCount(cp.Entries) * tlog.HashSize,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, missing(name, err)
		}
		if info.Size() < want {
			return nil, galien.Errorf(galien.Corrupt, "audit log: %s is cut short: %d of the %d bytes that the checkpoint vouches for", name, info.Size(), want)
		}
	}
	return l, nil
}

// Head returns the log's present checkpoint.
func (l *Log) Head() (Checkpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readCheckpoint()
}

// Append writes e at the end of the log and returns its index, counted from
// zero. When it returns without error the entry is on the disk, hashed and
// under a signed checkpoint; when it returns an error the caller must not
// answer. It costs a number of reads that grows with the logarithm of the
// log's length. It fails with Corrupt when the log is damaged and with Busy
// when another process keeps it.
func (l *Log) Append(ctx context.Context, e Entry) (int64, error) {
	line, err := e.encode()
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, unix.LOCK_EX)
	if err != nil {
		return 0, err
	}
	defer unlock()

	cp, err := l.readCheckpoint()
	if err != nil {
		return 0, err
	}
	entries, err := os.OpenFile(filepath.Join(l.dir, entriesFile), os.O_RDWR, 0)
	if err != nil {
		return 0, missing(entriesFile, err)
	}
	defer entries.Close()
	hashes, err := os.OpenFile(filepath.Join(l.dir, hashesFile), os.O_RDWR, 0)
	if err != nil {
		return 0, missing(hashesFile, err)
	}
	defer hashes.Close()

	if err := (hashTree{hashes}).matches(cp); err != nil {
		return 0, err
	}
	tail, err := settleTail(entries, cp.Bytes)
	if err != nil {
		return 0, err
	}

	// What a crash left becomes an entry of its own before anything follows it,
	// so that there is never more than one line after the committed ones.
	if len(tail) > 0 {
		if cp, err = l.commit(cp, hashes, tail); err != nil {
			return 0, err
		}
	}
	// The entry first, then what is computed from it, the checkpoint last.
	l.step("write entry")
	if _, err := entries.WriteAt(line, cp.Bytes); err != nil {
		return 0, fmt.Errorf("append audit entry: %w", err)
	}
	l.step("sync entry")
	if err := entries.Sync(); err != nil {
		return 0, fmt.Errorf("append audit entry: %w", err)
	}
	if _, err := l.commit(cp, hashes, line); err != nil {
		return 0, err
	}
	return cp.Entries, nil
}

// commit makes an entry of a line that is on the disk after the committed
// ones: its hashes, then a checkpoint, whose rename is the moment the entry
// exists. It returns that checkpoint.
func (l *Log) commit(cp Checkpoint, hashes *os.File, line []byte) (Checkpoint, error) {
	tree := hashTree{hashes}
	l.step("write hashes")
	if err := tree.add(cp.Entries, line); err != nil {
		return Checkpoint{}, err
	}
	l.step("sync hashes")
	if err := hashes.Sync(); err != nil {
		return Checkpoint{}, fmt.Errorf("append audit hashes: %w", err)
	}
	root, err := tlog.TreeHash(cp.Entries+1, tree)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("append audit hashes: %w", err)
	}
	next := Checkpoint{Entries: cp.Entries + 1, Bytes: cp.Bytes + int64(len(line)), Root: root.String()}
	if next.Note, err = l.writeCheckpoint(next.Entries, next.Bytes, root); err != nil {
		return Checkpoint{}, err
	}
	return next, nil
}

// settleTail deals with what a crash left after the committed bytes of the
// entries file. A whole line is kept: it was written and never acknowledged,
// and to record too much is safe; it is synced and returned to be committed. A torn line is
// cut off. More than one line cannot come from a crash, and is Corrupt.
func settleTail(f *os.File, committed int64) ([]byte, error) {
	tail, err := readTail(f, committed)
	if err != nil || len(tail) == 0 {
		return nil, err
	}
	if _, err := decodeEntry(tail); err == nil && tail[len(tail)-1] == '\n' {
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("recover audit log: %w", err)
		}
		return tail, nil
	}
	if err := f.Truncate(committed); err != nil {
		return nil, fmt.Errorf("recover audit log: %w", err)
	}
	return nil, nil
}

// readTail returns the bytes of the entries file after the committed ones.
func readTail(f *os.File, committed int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read audit entries: %w", err)
	}
	n := info.Size() - committed
	if n < 0 {
		return nil, galien.Errorf(galien.Corrupt, "audit log: %s is cut short: %d of the %d bytes that the checkpoint vouches for", entriesFile, info.Size(), committed)
	}
	if n > maxEntry {
		return nil, tailError(n)
	}
	tail := make([]byte, n)
	if _, err := f.ReadAt(tail, committed); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read audit entries: %w", err)
	}
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i != len(tail)-1 {
		return nil, tailError(n)
	}
	return tail, nil
}

func tailError(n int64) error {
	return galien.Errorf(galien.Corrupt, "audit log: %d bytes of entries follow the last one that the checkpoint vouches for, more than a crash can leave: lines were added, or an older checkpoint was put back", n)
}

// Entries calls yield for each acknowledged entry in order, without checking
// hashes. An entry whose content was removed (Retain) is yielded as the zero
// Entry. It stops at the first error and returns it.
func (l *Log) Entries(ctx context.Context, yield func(index int64, e Entry) error) error {
	v, err := l.view(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	return eachLine(ctx, v.entries, v.cp, func(i int64, line []byte) error {
		e, _, err := readLine(line)
		if err != nil {
			return galien.Errorf(galien.Corrupt, "audit log: entry %d cannot be read", i)
		}
		return yield(i, e)
	})
}

// view is one state of the log to read from: what its checkpoint covers never
// changes afterwards, whatever is appended meanwhile.
type view struct {
	cp              Checkpoint
	entries, hashes *os.File
	tail            []byte // after the last acknowledged entry
}

func (v view) close() {
	v.entries.Close()
	v.hashes.Close()
}

func (l *Log) view(ctx context.Context) (v view, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, unix.LOCK_SH)
	if err != nil {
		return view{}, err
	}
	defer unlock()
	if v.cp, err = l.readCheckpoint(); err != nil {
		return view{}, err
	}
	if v.entries, err = os.Open(filepath.Join(l.dir, entriesFile)); err != nil {
		return view{}, missing(entriesFile, err)
	}
	if v.hashes, err = os.Open(filepath.Join(l.dir, hashesFile)); err != nil {
		v.entries.Close()
		return view{}, missing(hashesFile, err)
	}
	if v.tail, err = readTail(v.entries, v.cp.Bytes); err != nil {
		v.close()
		return view{}, err
	}
	return v, nil
}

// eachLine calls fn with every line, newline included, of the part of the
// entries file that cp covers, and checks that there are as many as it says.
func eachLine(ctx context.Context, entries io.Reader, cp Checkpoint, fn func(i int64, line []byte) error) error {
	r := bufio.NewReaderSize(io.LimitReader(entries, cp.Bytes), 1<<16)
	var read int64
	for i := int64(0); i < cp.Entries; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.ReadBytes('\n')
		read += int64(len(line))
		if err == io.EOF {
			return galien.Errorf(galien.Corrupt, "audit log: entry %d is not whole: %s ends before the %d entries that the checkpoint vouches for", i, entriesFile, cp.Entries)
		}
		if err != nil {
			return fmt.Errorf("read audit entries: %w", err)
		}
		if err := fn(i, line); err != nil {
			return err
		}
	}
	if read != cp.Bytes {
		return galien.Errorf(galien.Corrupt, "audit log: %s holds more than the %d entries that the checkpoint vouches for", entriesFile, cp.Entries)
	}
	return nil
}

// lock takes the folder's lock file, shared or exclusive, and returns what
// releases it.
func (l *Log) lock(ctx context.Context, how int) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		f, err = os.Open(filepath.Join(l.dir, lockFile))
	}
	if err != nil {
		return nil, fmt.Errorf("lock audit log: %w", err)
	}
	if err := durable.Lock(ctx, f, how == unix.LOCK_EX, lockWait); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock audit log: %w", err)
	}
	return func() { f.Close() }, nil
}

// createFile writes a new file, durably; it fails if there is one.
func createFile(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// replaceFile writes a new version of a file and moves it over the old one,
// durably. step is told of each step.
func replaceFile(dir, name string, content []byte, step func(string)) error {
	tmp := filepath.Join(dir, name+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	step("write " + name)
	if err := createFile(tmp, string(content)); err != nil {
		return err
	}
	step("rename " + name)
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	step("sync " + name)
	return durable.SyncFolder(dir)
}

// missing is the error of a log file that cannot be opened: Corrupt when it is
// not there, since a log is never without it.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return galien.Errorf(galien.Corrupt, "audit log: the file %s is missing", name)
	}
	return fmt.Errorf("open audit log: %w", err)
}
