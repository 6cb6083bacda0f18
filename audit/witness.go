package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"galien"
)

// The files of witnesses in a log folder, and what they start with.
const (
	witnessesFile   = "witnesses"
	cosignedDir     = "cosigned"
	witnessesFormat = "galien/witnesses/1"
	stateFormat     = "galien/witness/1"
)

// cosignature is the type of a witness's key, in the first byte of its text, and
// the header of what it signs (c2sp.org/tlog-cosignature).
const (
	cosignature     = 4
	cosignatureLine = "cosignature/v1"
)

// witnessKey is a witness's public key.
type witnessKey struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

// Name implements note.Verifier.
func (k witnessKey) Name() string { return k.name }

// KeyHash implements note.Verifier.
func (k witnessKey) KeyHash() uint32 { return k.hash }

// Verify implements note.Verifier.
func (k witnessKey) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at < 1<<63 && ed25519.Verify(k.public, cosigned(text, at), sig[8:])
}

// cosigned is what a witness signs: when, and the checkpoint.
func cosigned(text []byte, at uint64) []byte {
	return append(fmt.Appendf(nil, "%s\ntime %d\n", cosignatureLine, at), text...)
}

// cosigner signs for a witness at one moment.
type cosigner struct {
	witnessKey
	private ed25519.PrivateKey
	at      uint64
}

// Sign implements note.Signer.
func (c cosigner) Sign(text []byte) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(nil, c.at), ed25519.Sign(c.private, cosigned(text, c.at))...), nil
}

func newWitnessKey(name string, public ed25519.PublicKey) witnessKey {
	sum := sha256.Sum256(append([]byte(name+"\n\x04"), public...))
	return witnessKey{name, binary.BigEndian.Uint32(sum[:]), public}
}

// String returns the key as people pass it on.
func (k witnessKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(append([]byte{cosignature}, k.public...)))
}

// parseWitnessKey reads what String writes.
func parseWitnessKey(text string) (witnessKey, error) {
	bad := galien.Errorf(galien.Invalid, "that is no public key of a witness: give the file that `galien audit witness key` wrote beside the key, ending in .pub")
	part := strings.SplitN(text, "+", 3)
	if len(part) != 3 || witnessName(part[0]) != nil {
		return witnessKey{}, bad
	}
	b, err := base64.StdEncoding.Strict().DecodeString(part[2])
	if err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != cosignature {
		return witnessKey{}, bad
	}
	k := newWitnessKey(part[0], b[1:])
	if k.String() != text {
		return witnessKey{}, bad
	}
	return k, nil
}

// witnessName fails for a name that a signature cannot carry.
func witnessName(name string) error {
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '+' }) {
		return galien.Errorf(galien.Invalid, "a witness's name is 1 to 100 printable ASCII characters without spaces and without +, such as example.org/dpo")
	}
	return nil
}

// secretStart is what the text of a witness's secret key starts with.
const secretStart = "PRIVATE+KEY+"

// GenerateWitnessKey makes the key of a witness, both parts as text.
func GenerateWitnessKey(rand io.Reader, name string) (secret, public string, err error) {
	if err := witnessName(name); err != nil {
		return "", "", err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return "", "", fmt.Errorf("make a witness's key: %w", err)
	}
	k := newWitnessKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	secret = fmt.Sprintf("%s%s+%08x+%s", secretStart, k.name, k.hash, base64.StdEncoding.EncodeToString(append([]byte{cosignature}, seed...)))
	return secret, k.String(), nil
}

// parseSecret reads a witness's secret key. Its text never reaches an error.
func parseSecret(text string) (cosigner, error) {
	bad := galien.Errorf(galien.Invalid, "that is no key of a witness; `galien audit witness key` makes one")
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), secretStart)
	part := strings.SplitN(rest, "+", 3)
	if !ok || len(part) != 3 || witnessName(part[0]) != nil {
		return cosigner{}, bad
	}
	b, err := base64.StdEncoding.DecodeString(part[2])
	if err != nil || len(b) != 1+ed25519.SeedSize || b[0] != cosignature {
		return cosigner{}, bad
	}
	private := ed25519.NewKeyFromSeed(b[1:])
	k := newWitnessKey(part[0], private.Public().(ed25519.PublicKey))
	if fmt.Sprintf("%08x", k.hash) != part[1] {
		return cosigner{}, bad
	}
	return cosigner{witnessKey: k, private: private}, nil
}

// Request returns what a witness is asked with: a proof that the present log
// grew from its first entries, old of them, and the present checkpoint, in the
// form of c2sp.org/tlog-witness.
func (l *Log) Request(ctx context.Context, old int64) ([]byte, error) {
	v, err := l.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if old < 0 || old > v.cp.Entries {
		return nil, galien.Errorf(galien.Invalid, "the log has %d entries, and so cannot have grown from %d", v.cp.Entries, old)
	}
	proof, err := v.grewFrom(old)
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		b = fmt.Appendf(b, "%s\n", h)
	}
	return append(append(b, '\n'), v.cp.Note...), nil
}

// grewFrom proves that the log of the view grew from its first entries.
func (v view) grewFrom(old int64) (tlog.TreeProof, error) {
	if old == 0 || old == v.cp.Entries {
		return nil, nil
	}
	return tlog.ProveTree(v.cp.Entries, old, hashTree{v.hashes})
}

// witnessState is what a witness remembers of one log.
type witnessState struct {
	log  string // its public key
	last []byte // the last checkpoint cosigned; nil before the first
}

func parseState(b []byte) (witnessState, error) {
	head, rest, ok := strings.Cut(string(b), "\n")
	log, last, whole := strings.Cut(rest, "\n")
	if !ok || !whole || head != stateFormat || log == "" {
		return witnessState{}, galien.Errorf(galien.Corrupt, "the witness's state cannot be read: it starts with %s and the log's public key", stateFormat)
	}
	return witnessState{log, []byte(last)}, nil
}

// Refusal is an error of Cosign about what is asked, as c2sp.org/tlog-witness tells
// them apart.
type Refusal struct {
	Why Reason
	// Seen is how many entries the witness saw last.
	Seen int64
	err  error
}

// Reason is why a witness signs nothing.
type Reason int

// The reasons.
const (
	// Unsigned checkpoints are not of the log's key, or not of a known form.
	Unsigned Reason = iota
	// Stale requests do not start from the checkpoint that the witness saw last.
	Stale
	// OtherRoot is another log of as many entries.
	OtherRoot
	// NotGrown is a proof that does not show that the log grew.
	NotGrown
)

func (r *Refusal) Error() string { return r.err.Error() }
func (r *Refusal) Unwrap() error { return r.err }

// Cosign is what a witness does, away from the hub. It reads what Request
// returned, verifies that the checkpoint is signed by the log's key and that the
// log grew from the last checkpoint that this witness cosigned, and returns the
// checkpoint with the witness's signature, and the state to remember. The state
// is to be on the disk before the signature is handed over.
//
// state is what was returned the last time, or nil the first time; then logKey
// is the log's public key, as its key.pub. It fails with Corrupt when the log
// was rolled back or is another than it was (a fork): the request is then the
// evidence, together with the state. It fails with Conflict when the request
// starts from another checkpoint than the one remembered. Both, and a checkpoint
// that the log's key did not sign, are a Refusal.
func Cosign(secret string, state []byte, logKey string, request []byte, now time.Time) (cosignedNote, next []byte, err error) {
	signer, err := parseSecret(secret)
	if err != nil {
		return nil, nil, err
	}
	signer.at = uint64(now.Unix())
	logKey = strings.TrimSpace(logKey)
	was := witnessState{log: logKey}
	if state != nil {
		if was, err = parseState(state); err != nil {
			return nil, nil, err
		}
		if logKey != "" && logKey != was.log {
			return nil, nil, galien.Errorf(galien.Conflict, "this state is of another log: keep one state for each log")
		}
	}
	if was.log == "" {
		return nil, nil, galien.Errorf(galien.Invalid, "the first time, name the file of the log's public key, given to you by somebody you trust: HUB/audit/key.pub")
	}
	log, err := note.NewVerifier(was.log)
	if err != nil {
		return nil, nil, galien.Errorf(galien.Invalid, "that is no public key of an audit log")
	}
	old, proof, text, err := parseRequest(request)
	if err != nil {
		return nil, nil, err
	}
	cp, n, err := openCheckpoint(text, log)
	if err != nil {
		return nil, nil, &Refusal{Why: Unsigned, err: err}
	}
	var last Checkpoint
	if was.last != nil {
		if last, _, err = openCheckpoint(was.last, log); err != nil {
			return nil, nil, galien.Errorf(galien.Corrupt, "the witness's state is damaged: %w", err)
		}
	}
	switch {
	case cp.Entries < last.Entries:
		return nil, nil, &Refusal{Stale, last.Entries, galien.Errorf(galien.Corrupt, "the log has %d entries here, and this witness has seen %d: it was rolled back, or this is an old file. Ask for a new one; if that says the same, keep both files: they are the evidence", cp.Entries, last.Entries)}
	case cp.Entries == last.Entries && was.last != nil && cp.Root != last.Root:
		return nil, nil, &Refusal{OtherRoot, last.Entries, forked(last.Entries)}
	case old != last.Entries && cp.Entries != last.Entries:
		return nil, nil, &Refusal{Stale, last.Entries, galien.Errorf(galien.Conflict, "this file starts from %d entries, and this witness has seen %d: ask for one with galien audit checkpoint HUB --old %d", old, last.Entries, last.Entries)}
	case last.Entries > 0 && cp.Entries > last.Entries:
		root, _ := tlog.ParseHash(cp.Root) // parsed before, with the checkpoint
		lastRoot, _ := tlog.ParseHash(last.Root)
		if tlog.CheckTree(proof, cp.Entries, root, last.Entries, lastRoot) != nil {
			return nil, nil, &Refusal{NotGrown, last.Entries, forked(last.Entries)}
		}
	case last.Entries == 0 && len(proof) > 0:
		return nil, nil, &Refusal{NotGrown, 0, galien.Errorf(galien.Invalid, "a request that starts from nothing proves nothing, and this one holds a proof")}
	}
	n.UnverifiedSigs = nil // what others signed is not this witness's to pass on
	cosignedNote, err = note.Sign(n, signer)
	if err != nil {
		return nil, nil, galien.Errorf(galien.Internal, "cosign: %w", err)
	}
	return cosignedNote, append([]byte(stateFormat+"\n"+was.log+"\n"), text...), nil
}

func forked(entries int64) error {
	return galien.Errorf(galien.Corrupt, "the log is not the one that this witness saw: its first %d entries are others (a fork). Sign nothing, and keep this file and the state: together they are the evidence", entries)
}

// parseRequest reads what Request writes.
func parseRequest(b []byte) (old int64, proof tlog.TreeProof, checkpoint []byte, err error) {
	bad := galien.Errorf(galien.Invalid, "that is no request for a cosignature: give the file that galien audit checkpoint wrote")
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	size, isOld := strings.CutPrefix(lines[0], "old ")
	if !ok || !isOld || len(lines) > 64 {
		return 0, nil, nil, bad
	}
	if old, err = strconv.ParseInt(size, 10, 64); err != nil || old < 0 || strconv.FormatInt(old, 10) != size {
		return 0, nil, nil, bad
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, nil, bad
		}
		proof = append(proof, h)
	}
	return old, proof, checkpoint, nil
}

// Witnesses are those whose signatures on checkpoints count.
type Witnesses struct {
	Quorum int      // how many are to have seen an entry; 0 asks for none
	Keys   []string // public keys
	Former []string // those of earlier witnesses, whose signatures are still read
}

func (w Witnesses) encode() string {
	text := fmt.Sprintf("%s\nquorum %d\n", witnessesFormat, w.Quorum)
	for _, k := range w.Keys {
		text += "witness " + k + "\n"
	}
	for _, k := range w.Former {
		text += "former " + k + "\n"
	}
	return text
}

func (w Witnesses) check() error {
	names := map[string]bool{}
	for _, text := range slices.Concat(w.Keys, w.Former) {
		k, err := parseWitnessKey(text)
		if err != nil {
			return err
		}
		if names[k.name] {
			return galien.Errorf(galien.Conflict, "there is, or was, a witness of the name %s already: each key has its own name", k.name)
		}
		names[k.name] = true
	}
	if w.Quorum < 0 || w.Quorum > len(w.Keys) {
		return galien.Errorf(galien.Invalid, "a quorum of %d cannot be had of %d witnesses", w.Quorum, len(w.Keys))
	}
	return nil
}

// Witnesses returns the log's witnesses.
func (l *Log) Witnesses() (Witnesses, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, witnessesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Witnesses{}, nil
	}
	if err != nil {
		return Witnesses{}, fmt.Errorf("read witnesses: %w", err)
	}
	bad := galien.Errorf(galien.Corrupt, "audit log: the file %s cannot be read", witnessesFile)
	lines := strings.Split(string(b), "\n")
	if len(lines) < 3 || lines[0] != witnessesFormat || lines[len(lines)-1] != "" {
		return Witnesses{}, bad
	}
	var w Witnesses
	quorum, _ := strings.CutPrefix(lines[1], "quorum ")
	if w.Quorum, err = strconv.Atoi(quorum); err != nil {
		return Witnesses{}, bad
	}
	for _, line := range lines[2 : len(lines)-1] {
		if key, ok := strings.CutPrefix(line, "witness "); ok {
			w.Keys = append(w.Keys, key)
		} else if key, ok := strings.CutPrefix(line, "former "); ok {
			w.Former = append(w.Former, key)
		}
	}
	if w.check() != nil || w.encode() != string(b) {
		return Witnesses{}, bad
	}
	return w, nil
}

// SetWitnesses changes the witnesses. The change is an entry first, made of e,
// which gives time and actor; the entry holds all that is in force after it, so
// that the file of the witnesses cannot be changed alone.
func (l *Log) SetWitnesses(ctx context.Context, e Entry, w Witnesses) error {
	if err := w.check(); err != nil {
		return err
	}
	e.Action, e.Outcome, e.Details = actionWitness, "changed", map[string]string{"witnesses": w.encode()}
	if _, err := l.Append(ctx, e); err != nil {
		return err
	}
	if err := replaceFile(l.dir, witnessesFile, []byte(w.encode()), l.step); err != nil {
		return fmt.Errorf("write witnesses: %w", err)
	}
	return nil
}

// verifiers returns the keys whose signatures are read, the present witnesses'
// first.
func (w Witnesses) verifiers() (keys []note.Verifier, err error) {
	for _, text := range slices.Concat(w.Keys, w.Former) {
		k, err := parseWitnessKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Cosignature is the last one that a witness gave.
type Cosignature struct {
	Witness string    // its name
	Entries int64     // how many entries it covers
	Time    time.Time // when; zero when there is none
	Note    []byte    // the checkpoint with it; nil when there is none
}

// Cosignatures returns the last cosignature of each present witness. A damaged
// one is Corrupt.
func (l *Log) Cosignatures() ([]Cosignature, error) {
	w, err := l.Witnesses()
	if err != nil {
		return nil, err
	}
	keys, err := w.verifiers()
	if err != nil {
		return nil, err
	}
	var all []Cosignature
	for i, k := range keys {
		c, err := l.cosignature(k)
		if err != nil {
			return nil, err
		}
		if i < len(w.Keys) {
			all = append(all, c)
		}
	}
	return all, nil
}

func cosignedName(k note.Verifier) string { return fmt.Sprintf("%08x", k.KeyHash()) }

// cosignature reads the last cosignature of one witness.
func (l *Log) cosignature(k note.Verifier) (Cosignature, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, cosignedDir, cosignedName(k)))
	if errors.Is(err, fs.ErrNotExist) {
		return Cosignature{Witness: k.Name()}, nil
	}
	if err != nil {
		return Cosignature{}, fmt.Errorf("read cosignature: %w", err)
	}
	cp, n, err := openCheckpoint(b, l.verifier, k)
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		return Cosignature{}, galien.Errorf(galien.Corrupt, "audit log: the file %s/%s does not hold a checkpoint cosigned by %s", cosignedDir, cosignedName(k), k.Name())
	}
	return Cosignature{k.Name(), cp.Entries, cosignedAt(n.Sigs[1]), b}, nil
}

// cosignedAt returns when a cosignature was made.
func cosignedAt(sig note.Signature) time.Time {
	b, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(b) < 12 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC()
}

// AddCosignature keeps the cosignatures on a checkpoint that are by the log's
// witnesses. It fails with NotFound when there is none, and with Corrupt when
// the log does not have the entries that were cosigned.
func (l *Log) AddCosignature(ctx context.Context, b []byte) ([]Cosignature, error) {
	w, err := l.Witnesses()
	if err != nil {
		return nil, err
	}
	keys, err := w.verifiers()
	if err != nil {
		return nil, err
	}
	keys = keys[:len(w.Keys)]
	_, n, err := openCheckpoint(b, l.verifier, keys...)
	if err != nil {
		return nil, err
	}
	if _, err := l.Extends(ctx, b); err != nil {
		return nil, err
	}
	var added []Cosignature
	for _, sig := range n.Sigs[1:] {
		k := keys[slices.IndexFunc(keys, func(k note.Verifier) bool { return k.Name() == sig.Name && k.KeyHash() == sig.Hash })]
		alone, err := note.Sign(&note.Note{Text: n.Text, Sigs: []note.Signature{n.Sigs[0], sig}})
		if err != nil {
			return nil, galien.Errorf(galien.Internal, "keep cosignature: %w", err)
		}
		c, err := l.keepCosignature(ctx, k, alone)
		if err != nil {
			return nil, err
		}
		added = append(added, c)
	}
	if len(added) == 0 {
		return nil, galien.Errorf(galien.NotFound, "none of the signatures is by a witness of this hub: galien audit witness add makes one known")
	}
	return added, nil
}

// keepCosignature stores a cosignature, unless a later one is there.
func (l *Log) keepCosignature(ctx context.Context, k note.Verifier, b []byte) (Cosignature, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, unix.LOCK_EX)
	if err != nil {
		return Cosignature{}, err
	}
	defer unlock()
	was, err := l.cosignature(k)
	if err != nil {
		return Cosignature{}, err
	}
	cp, n, err := openCheckpoint(b, l.verifier, k)
	if err != nil || len(n.Sigs) != 2 {
		return Cosignature{}, galien.Errorf(galien.Internal, "keep cosignature: it is not what was read")
	}
	c := Cosignature{k.Name(), cp.Entries, cosignedAt(n.Sigs[1]), b}
	if c.Entries < was.Entries || c.Entries == was.Entries && !c.Time.After(was.Time) {
		return was, nil
	}
	dir := filepath.Join(l.dir, cosignedDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Cosignature{}, fmt.Errorf("keep cosignature: %w", err)
	}
	if err := replaceFile(dir, cosignedName(k), b, l.step); err != nil {
		return Cosignature{}, fmt.Errorf("keep cosignature: %w", err)
	}
	return c, nil
}
