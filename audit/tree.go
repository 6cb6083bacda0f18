package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

// origin is the first line of every checkpoint: the format and its version.
const origin = "galien/audit/1"

// hashTree reads and adds to the hashes file, in the dense order of tlog.
type hashTree struct{ f *os.File }

// ReadHashes implements tlog.HashReader.
func (t hashTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if _, err := t.f.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, galien.Errorf(galien.Corrupt, "audit log: %s is cut short: it ends before hash %d", hashesFile, x)
			}
			return nil, fmt.Errorf("read audit hashes: %w", err)
		}
	}
	return out, nil
}

// add writes the hashes that record n completes.
func (t hashTree) add(n int64, line []byte) error {
	hashes, err := tlog.StoredHashes(n, line, t)
	if err != nil {
		return fmt.Errorf("append audit hashes: %w", err)
	}
	var b bytes.Buffer
	for _, h := range hashes {
		b.Write(h[:])
	}
	if _, err := t.f.WriteAt(b.Bytes(), tlog.StoredHashIndex(0, n)*tlog.HashSize); err != nil {
		return fmt.Errorf("append audit hashes: %w", err)
	}
	return nil
}

// matches checks the stored hashes that the next append builds on against the
// checkpoint: a damaged log takes no more entries.
func (t hashTree) matches(cp Checkpoint) error {
	root, err := tlog.TreeHash(cp.Entries, t)
	if err != nil {
		return err
	}
	if root.String() != cp.Root {
		return galien.Errorf(galien.Corrupt, "audit log: %s does not give the root that the checkpoint vouches for; run `galien audit verify` for the place", hashesFile)
	}
	return nil
}

// openKeys opens a log folder's keys and checks that they belong together.
func openKeys(dir string) (*Log, error) {
	private, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if _, errDir := os.Stat(filepath.Join(dir, checkpointFile)); errDir == nil {
				return nil, missing(keyFile, err)
			}
			return nil, galien.Errorf(galien.NotFound, "open audit log: there is none in %s", dir)
		}
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	public, err := os.ReadFile(filepath.Join(dir, publicKeyFile))
	if err != nil {
		return nil, missing(publicKeyFile, err)
	}
	// The key's own text never reaches an error.
	signer, err := note.NewSigner(strings.TrimSuffix(string(private), "\n"))
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the file %s does not hold a signing key", keyFile)
	}
	key := strings.TrimSuffix(string(public), "\n")
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the file %s does not hold a public key", publicKeyFile)
	}
	probe := []byte("probe\n")
	sig, err := signer.Sign(probe)
	if err != nil || !verifier.Verify(probe, sig) {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the files %s and %s do not belong together", keyFile, publicKeyFile)
	}
	return &Log{dir: dir, signer: signer, verifier: verifier, key: key}, nil
}

// writeCheckpoint signs and publishes a checkpoint: a new file, synced, renamed
// over the old one, and the folder synced. It returns the signed note.
func (l *Log) writeCheckpoint(entries, size int64, root tlog.Hash) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\nbytes %d\n", origin, entries, root, size)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "sign audit checkpoint: %w", err)
	}
	tmp := filepath.Join(l.dir, checkpointFile+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("write audit checkpoint: %w", err)
	}
	if err := createFile(tmp, string(signed)); err != nil {
		return nil, fmt.Errorf("write audit checkpoint: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(l.dir, checkpointFile)); err != nil {
		return nil, fmt.Errorf("write audit checkpoint: %w", err)
	}
	d, err := os.Open(l.dir)
	if err != nil {
		return nil, fmt.Errorf("write audit checkpoint: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return nil, fmt.Errorf("write audit checkpoint: %w", err)
	}
	return signed, nil
}

// readCheckpoint reads the present checkpoint and checks its signature.
func (l *Log) readCheckpoint() (Checkpoint, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, checkpointFile))
	if err != nil {
		return Checkpoint{}, missing(checkpointFile, err)
	}
	return l.parseCheckpoint(b)
}

// parseCheckpoint reads a signed checkpoint. Exactly one byte sequence stands
// for each checkpoint: other spellings of the same signature are refused too.
func (l *Log) parseCheckpoint(b []byte) (Checkpoint, error) {
	n, err := note.Open(b, note.VerifierList(l.verifier))
	if err != nil {
		return Checkpoint{}, galien.Errorf(galien.Corrupt, "audit log: the checkpoint is not one that this hub's key signed")
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Checkpoint{}, galien.Errorf(galien.Corrupt, "audit log: the checkpoint carries other signatures than this hub's")
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return Checkpoint{}, galien.Errorf(galien.Corrupt, "audit log: the checkpoint's signature is not written as this hub writes it")
	}
	bad := galien.Errorf(galien.Corrupt, "audit log: the checkpoint is signed but not of a form this version reads (%s)", origin)
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 || lines[0] != origin || lines[4] != "" || !strings.HasPrefix(lines[3], "bytes ") {
		return Checkpoint{}, bad
	}
	cp := Checkpoint{Root: lines[2], Note: b}
	if cp.Entries, err = strconv.ParseInt(lines[1], 10, 64); err != nil || cp.Entries < 0 {
		return Checkpoint{}, bad
	}
	if cp.Bytes, err = strconv.ParseInt(strings.TrimPrefix(lines[3], "bytes "), 10, 64); err != nil || cp.Bytes < 0 {
		return Checkpoint{}, bad
	}
	if _, err := tlog.ParseHash(cp.Root); err != nil {
		return Checkpoint{}, bad
	}
	return cp, nil
}
