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
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

// format is the first line of a checkpoint, and the name of the key that signed
// it, up to the slash that the log's own random number follows. The first logs
// had no number: theirs is format, and the key's name firstKeyName.
const (
	format       = "galien/audit/1"
	firstKeyName = "galien/audit"
)

var keyName = regexp.MustCompile(`^` + format + `/[0-9a-f]{16}$`)

// originOf returns the first line of the checkpoints that a key signs; there is
// one for each log, so that a witness can tell logs apart.
func originOf(key string) (origin string, ok bool) {
	if key == firstKeyName {
		return format, true
	}
	return key, keyName.MatchString(key)
}

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
	hashes, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(line), t)
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
	// There is one spelling of each file, so that no bit of it can change unseen.
	hash := fmt.Sprintf("+%08x+", verifier.KeyHash())
	for name, b := range map[string][]byte{keyFile: private, publicKeyFile: public} {
		if !bytes.Contains(b, []byte(hash)) || !bytes.HasSuffix(b, []byte("\n")) {
			return nil, galien.Errorf(galien.Corrupt, "audit log: the file %s is not written as Galien writes it", name)
		}
	}
	origin, ok := originOf(verifier.Name())
	if !ok {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the file %s does not hold the key of an audit log", publicKeyFile)
	}
	probe := []byte("probe\n")
	sig, err := signer.Sign(probe)
	if err != nil || !verifier.Verify(probe, sig) {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the files %s and %s do not belong together", keyFile, publicKeyFile)
	}
	return &Log{dir: dir, signer: signer, verifier: verifier, key: key, origin: origin}, nil
}

// writeCheckpoint signs and publishes a checkpoint: a new file, synced, renamed
// over the old one, and the folder synced. It returns the signed note.
func (l *Log) writeCheckpoint(entries, size int64, root tlog.Hash) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\nbytes %d\n", l.origin, entries, root, size)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "sign audit checkpoint: %w", err)
	}
	if err := replaceFile(l.dir, checkpointFile, signed, l.step); err != nil {
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

// parseCheckpoint reads a checkpoint as this log writes it, signed by it alone.
// Exactly one byte sequence stands for each checkpoint: other spellings of the
// same signature are refused too.
func (l *Log) parseCheckpoint(b []byte) (Checkpoint, error) {
	cp, n, err := openCheckpoint(b, l.verifier)
	if err == nil && len(n.Sigs)+len(n.UnverifiedSigs) != 1 {
		return Checkpoint{}, galien.Errorf(galien.Corrupt, "audit log: the checkpoint carries other signatures than this hub's")
	}
	return cp, err
}

// openCheckpoint reads a checkpoint that the log's key signed, with the
// signatures of any of the others on it. A signature of one of them that does
// not verify is Corrupt; signatures by others are not looked at.
func openCheckpoint(b []byte, log note.Verifier, others ...note.Verifier) (Checkpoint, *note.Note, error) {
	n, err := note.Open(b, note.VerifierList(append([]note.Verifier{log}, others...)...))
	if err != nil || len(n.Sigs) == 0 || n.Sigs[0].Name != log.Name() || n.Sigs[0].Hash != log.KeyHash() {
		return Checkpoint{}, nil, galien.Errorf(galien.Corrupt, "audit log: the checkpoint is not one that this hub's key signed")
	}
	for _, sig := range append(slices.Clone(n.Sigs), n.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, nil, galien.Errorf(galien.Corrupt, "audit log: a signature of the checkpoint is not in its canonical form")
		}
	}
	origin, known := originOf(log.Name())
	bad := galien.Errorf(galien.Corrupt, "audit log: the checkpoint is signed but not of a form this version reads (%s)", format)
	lines := strings.Split(n.Text, "\n")
	if !known || len(lines) != 5 || lines[0] != origin || lines[4] != "" || !strings.HasPrefix(lines[3], "bytes ") {
		return Checkpoint{}, nil, bad
	}
	cp := Checkpoint{Root: lines[2], Note: b}
	if cp.Entries, err = strconv.ParseInt(lines[1], 10, 64); err != nil || cp.Entries < 0 {
		return Checkpoint{}, nil, bad
	}
	if cp.Bytes, err = strconv.ParseInt(strings.TrimPrefix(lines[3], "bytes "), 10, 64); err != nil || cp.Bytes < 0 {
		return Checkpoint{}, nil, bad
	}
	if _, err := tlog.ParseHash(cp.Root); err != nil {
		return Checkpoint{}, nil, bad
	}
	return cp, n, nil
}
