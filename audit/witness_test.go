package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"galien"
)

// witness is one person with a USB stick.
type witness struct {
	secret, public string
	log            string // the log's public key
	state, signed  []byte
}

func newWitness(t *testing.T, l *Log) *witness {
	t.Helper()
	w := &witness{log: l.key}
	var err error
	if w.secret, w.public, err = GenerateWitnessKey(rand.Reader, "example.org/dpo"); err != nil {
		t.Fatal(err)
	}
	return w
}

// seen is how many entries the witness has seen.
func (w *witness) seen() int64 {
	if w.state == nil {
		return 0
	}
	s, err := parseState(w.state)
	if err != nil {
		panic(err)
	}
	v, _ := note.NewVerifier(s.log)
	cp, _, err := openCheckpoint(s.last, v)
	if err != nil {
		panic(err)
	}
	return cp.Entries
}

// cosign asks the witness about the log as it is.
func (w *witness) cosign(t *testing.T, l *Log) error {
	t.Helper()
	head, err := l.Head()
	if err != nil {
		t.Fatal(err)
	}
	request, err := l.Request(context.Background(), min(w.seen(), head.Entries))
	if err != nil {
		t.Fatal(err)
	}
	signed, state, err := Cosign(w.secret, w.state, w.log, request, testTime)
	if err == nil {
		w.signed, w.state = signed, state
	}
	return err
}

// visit has the witness sign, and hands the hub what it signed.
func (w *witness) visit(t *testing.T, l *Log) {
	t.Helper()
	if err := w.cosign(t, l); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddCosignature(context.Background(), w.signed); err != nil {
		t.Fatal(err)
	}
}

func (w *witness) mustRefuse(t *testing.T, l *Log, kind galien.Kind) {
	t.Helper()
	state := bytes.Clone(w.state)
	if err := w.cosign(t, l); galien.KindOf(err) != kind {
		t.Errorf("the witness says %v, want %v", err, kind)
	}
	if !bytes.Equal(state, w.state) {
		t.Error("the witness forgot what it had seen")
	}
}

// A cosignature is what c2sp.org/tlog-cosignature says, worked out here by hand.
func TestCosignatureByHand(t *testing.T) {
	l, _ := newLog(t, 3)
	w := newWitness(t, l)
	if err := w.cosign(t, l); err != nil {
		t.Fatal(err)
	}
	text, sigs, _ := strings.Cut(string(w.signed), "\n\n")
	text += "\n"
	lines := strings.Split(strings.TrimSpace(sigs), "\n")
	if len(lines) != 2 {
		t.Fatalf("signatures:\n%s", sigs)
	}
	name, encoded, _ := strings.Cut(strings.TrimPrefix(lines[1], "— "), " ")
	sig, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || name != "example.org/dpo" || len(sig) != 4+8+64 {
		t.Fatalf("%q", lines[1])
	}
	public, err := base64.StdEncoding.DecodeString(w.public[strings.LastIndex(w.public, "+B")+1:]) // B: type 4
	if err != nil || public[0] != 4 {
		t.Fatal(w.public, err)
	}
	id := sha256.Sum256(append([]byte(name+"\n\x04"), public[1:]...))
	if !bytes.Equal(id[:4], sig[:4]) {
		t.Error("another key id")
	}
	if got := binary.BigEndian.Uint64(sig[4:]); got != 1772355600 { // 2026-03-01 09:00 UTC
		t.Errorf("signed at %d", got)
	}
	if !ed25519.Verify(public[1:], []byte("cosignature/v1\ntime 1772355600\n"+text), sig[12:]) {
		t.Error("the signature is of something else")
	}
}

// A witness follows a log through every pair of sizes, whether or not its
// signature reaches the hub.
func TestWitnessFollows(t *testing.T) {
	ctx := context.Background()
	l, dir := newLog(t, 0)
	w := newWitness(t, l)
	if err := l.SetWitnesses(ctx, sample(0), Witnesses{Keys: []string{w.public}}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 20; i++ {
		if i%3 > 0 {
			w.visit(t, l)
		} else if err := w.cosign(t, l); err != nil {
			t.Fatal(err)
		}
		for range i % 4 {
			if _, err := l.Append(ctx, sample(i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := check(dir); err != nil {
			t.Fatal(err)
		}
	}
	all, err := l.Cosignatures()
	if err != nil || len(all) != 1 || !all[0].Time.Equal(testTime) || all[0].Entries == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	// An earlier signature does not replace a later one.
	first := newWitness(t, l)
	first.secret, first.public = w.secret, w.public
	early, _, err := Cosign(w.secret, nil, w.log, request(t, dir, l), testTime.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	w.visit(t, l)
	if got, err := l.AddCosignature(ctx, early); err != nil || !got[0].Time.Equal(testTime) {
		t.Errorf("%+v, %v", got, err)
	}
}

// request is the file for a witness that has seen nothing.
func request(t *testing.T, _ string, l *Log) []byte {
	t.Helper()
	b, err := l.Request(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWitnessRefuses(t *testing.T) {
	ctx := context.Background()
	l, _ := newLog(t, 5)
	w := newWitness(t, l)
	if err := w.cosign(t, l); err != nil {
		t.Fatal(err)
	}
	appendSample(t, l, 5)
	good, err := l.Request(ctx, 5)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newLog(t, 6)
	refused := func(what string, kind galien.Kind, state []byte, log string, request []byte) {
		t.Helper()
		if _, _, err := Cosign(w.secret, state, log, request, testTime); galien.KindOf(err) != kind {
			t.Errorf("%s: %v, want %v", what, err, kind)
		}
	}
	if _, _, err := Cosign(w.secret, w.state, "", good, testTime); err != nil {
		t.Fatal(err)
	}
	refused("no log's key, the first time", galien.Invalid, nil, "", good)
	refused("another log's key", galien.Conflict, w.state, other.key, good)
	refused("another log", galien.Corrupt, w.state, "", request(t, "", other))
	refused("from nothing, when something was seen", galien.Conflict, w.state, "", request(t, "", l))
	refused("from something, when nothing was seen", galien.Conflict, nil, l.key, good)
	refused("a damaged state", galien.Corrupt, w.state[:20], "", good)
	for i := range good { // any bit: refused, or it says the same
		damaged := bytes.Clone(good)
		damaged[i] ^= 1 << (i % 8)
		if signed, _, err := Cosign(w.secret, w.state, "", damaged, testTime); err == nil {
			t.Errorf("byte %d of the request changed and signed:\n%s", i, signed)
		}
	}
	if _, err := parseSecret(strings.Replace(w.secret, "dpo", "dpp", 1)); err == nil || strings.Contains(err.Error(), w.secret[40:]) {
		t.Errorf("a key under another name: %v", err)
	}
	for _, name := range []string{"", "a b", "a+b", "é", strings.Repeat("x", 101)} {
		if _, _, err := GenerateWitnessKey(rand.Reader, name); galien.KindOf(err) != galien.Invalid {
			t.Errorf("a witness called %q: %v", name, err)
		}
	}
}

func TestWitnessesOfALog(t *testing.T) {
	ctx := context.Background()
	l, dir := newLog(t, 1)
	a, b := newWitness(t, l), newWitness(t, l)
	var err error
	if b.secret, b.public, err = GenerateWitnessKey(rand.Reader, "example.org/association"); err != nil {
		t.Fatal(err)
	}
	bad := func(kind galien.Kind, w Witnesses) {
		t.Helper()
		if err := l.SetWitnesses(ctx, sample(1), w); galien.KindOf(err) != kind {
			t.Errorf("%+v: %v, want %v", w, err, kind)
		}
	}
	bad(galien.Invalid, Witnesses{Quorum: 1})
	bad(galien.Invalid, Witnesses{Quorum: -1, Keys: []string{a.public}})
	bad(galien.Conflict, Witnesses{Keys: []string{a.public, a.public}})
	bad(galien.Invalid, Witnesses{Keys: []string{l.key}})
	if w, err := l.Witnesses(); err != nil || len(w.Keys) != 0 {
		t.Fatalf("refused and kept: %+v, %v", w, err)
	}
	set := func(w Witnesses) {
		t.Helper()
		if err := l.SetWitnesses(ctx, sample(1), w); err != nil {
			t.Fatal(err)
		}
		if _, err := check(dir); err != nil {
			t.Fatal(err)
		}
	}
	set(Witnesses{Quorum: 2, Keys: []string{a.public, b.public}})
	if err := a.cosign(t, l); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddCosignature(ctx, read(t, dir, checkpointFile)); galien.KindOf(err) != galien.NotFound {
		t.Errorf("nobody's cosignature: %v", err)
	}
	a.visit(t, l)
	b.visit(t, l)
	r, err := check(dir)
	if err != nil || r.Witnesses.Quorum != 2 || len(r.Cosignatures) != 2 || r.Cosignatures[1].Entries != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	// One who is asked no longer stays readable, and their name is not given again.
	set(Witnesses{Quorum: 1, Keys: []string{b.public}, Former: []string{a.public}})
	bad(galien.Conflict, Witnesses{Keys: []string{a.public}, Former: []string{a.public}})
	if _, err := l.AddCosignature(ctx, a.signed); galien.KindOf(err) != galien.NotFound {
		t.Errorf("a former witness's cosignature: %v", err)
	}
	write(t, dir, witnessesFile, []byte(Witnesses{}.encode()))
	if _, err := check(dir); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("witnesses struck from the file alone: %v", err)
	}
}

// The first logs had a key and an origin without a number; they open, verify,
// grow and are witnessed as others are.
func TestFirstLogsStillOpen(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "audit")
	if err := os.CopyFS(dir, os.DirFS("testdata/first")); err != nil {
		t.Fatal(err)
	}
	kept := read(t, dir, checkpointFile)
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := l.Verify(ctx); err != nil || r.Entries != 3 || r.Root != "e18o3Fz12zMlX9gmgQLVa3D67DxV3sX9fOnw1yIhdtk=" {
		t.Fatalf("%+v, %v", r, err)
	}
	appendSample(t, l, 3)
	answered(t, l, 4, persons(1, 2), persons(2))
	if !strings.HasPrefix(string(read(t, dir, checkpointFile)), "galien/audit/1\n5\n") {
		t.Errorf("checkpoint:\n%s", read(t, dir, checkpointFile))
	}
	if n, err := l.Extends(ctx, kept); err != nil || n != 3 {
		t.Errorf("grown from %d entries: %v", n, err)
	}
	w := newWitness(t, l)
	if err := l.SetWitnesses(ctx, sample(5), Witnesses{Quorum: 1, Keys: []string{w.public}}); err != nil {
		t.Fatal(err)
	}
	w.visit(t, l)
	if r, err := check(dir); err != nil || r.Cosignatures[0].Entries != 6 {
		t.Fatalf("%+v, %v", r, err)
	}
}
