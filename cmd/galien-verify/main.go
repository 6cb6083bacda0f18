// Command galien-verify checks a bundle of `galien audit prove`, with nothing of
// Galien in it. README.md says what it checks, and how to write another one.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// bundle is the file that is checked.
type bundle struct {
	Format, Checkpoint string
	Secret             []byte
	Earlier, Uses      []item
}

// item is an earlier checkpoint, an entry of the log, a list of persons that an
// entry states, or a token in a list.
type item struct {
	Checkpoint, Entry string
	Index             int64
	Token             []byte
	Proof             [][]byte
	Read, Answer, In  *item
	Between           []item // the neighbours between whom the person is not
}

// must ends the program when a condition does not hold.
func must(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf("NOT VERIFIED: "+format+"\n", args...)
		os.Exit(1)
	}
}

func read(file string) string {
	b, err := os.ReadFile(file)
	must(err == nil, "%v", err)
	return string(b)
}

func main() {
	key := flag.String("log", "", "`file` of the log's public key, from somebody you trust (required)")
	from := flag.String("from", "", "`file` of a checkpoint that you kept")
	witnesses := map[string]int64{} // how many entries each has seen
	flag.Func("witness", "`file` of the public key of a witness that is to have cosigned; may be repeated",
		func(file string) error { witnesses[file] = -1; return nil })
	flag.Parse()
	must(flag.NArg() == 1 && *key != "", "usage: galien-verify -log KEY.pub [-witness KEY.pub]... [-from CHECKPOINT] BUNDLE")
	var b bundle
	dec := json.NewDecoder(strings.NewReader(read(flag.Arg(0))))
	dec.DisallowUnknownFields()
	must(dec.Decode(&b) == nil && b.Format == "galien/uses/1", "this is no bundle of the form galien/uses/1")
	log := read(*key)
	size, root, _ := checkpoint(b.Checkpoint, log, 1)
	kept := *from == ""
	for _, e := range b.Earlier {
		n, was, _ := checkpoint(e.Checkpoint, log, 1)
		must(grew(n, was, size, root, e.Proof), "the log did not grow from an earlier checkpoint of %d entries", n)
		if !kept {
			m, then, _ := checkpoint(read(*from), log, 1)
			kept = m == n && bytes.Equal(then, was)
		}
		for file := range witnesses {
			if _, _, at := checkpoint(e.Checkpoint, read(file), 4); at >= 0 {
				witnesses[file] = max(n, witnesses[file])
			}
		}
	}
	must(kept, "the bundle does not show that the log grew from %s", *from)
	witnessed := size // by all of them
	for file, n := range witnesses {
		must(n >= 0, "the witness of %s has not cosigned", file)
		witnessed = min(witnessed, n)
	}
	last := int64(-1)
	for _, u := range b.Uses {
		must(u.Index > last && included(sum([]byte{0}, []byte(u.Entry)), u.Index, size, root, u.Proof), "entry %d is not in the log", u.Index)
		last = u.Index
		var e struct {
			Time, Actor, Action, Permit, Outcome string
			Details                              map[string]string
		}
		must(json.Unmarshal([]byte(u.Entry), &e) == nil, "entry %d cannot be read", u.Index)
		fmt.Printf("%d\t%s\t%q\t%q\t%q\t%q\tread: %s\tin the answer: %s\twitnessed: %t\n", u.Index, e.Time, e.Actor, e.Action, e.Permit, e.Outcome,
			b.in(u.Read, e.Details["persons_read"]), b.in(u.Answer, e.Details["persons_in_answer"]), len(witnesses) > 0 && u.Index < witnessed)
	}
	fmt.Printf("VERIFIED: these %d answers are in the log of %d entries.\n", len(b.Uses), size)
}

// in says whether the person is in the list that an entry states: its nonce, the
// number of persons, the root, and the hash of a file of the hub's.
func (b bundle) in(l *item, stated string) string {
	if stated == "" {
		return "not recorded"
	}
	part := strings.Split(stated, " ")
	must(l != nil && len(part) == 4 && len(part[0]) == 32 && len(b.Secret) == 32, "a list lacks its proof")
	nonce, _ := hex.DecodeString(part[0])
	n, _ := strconv.ParseInt(part[1], 10, 64)
	root, _ := base64.StdEncoding.DecodeString(part[2])
	own := sum([]byte{0}, b.Secret, nonce)
	if l.In != nil {
		must(included(own, l.In.Index, n, root, l.In.Proof), "the person is not where the bundle says in list %s", part[0])
		return fmt.Sprintf("yes, one of %d", n)
	}
	near := map[bool]int64{true: -1, false: n} // the neighbours before and after
	for _, p := range l.Between {
		must(included(p.Token, p.Index, n, root, p.Proof) && !bytes.Equal(p.Token, own), "a neighbour is not in list %s", part[0])
		near[bytes.Compare(p.Token, own) < 0] = p.Index
	}
	must(near[true]+1 == near[false], "others may stand between the neighbours in list %s", part[0])
	return fmt.Sprintf("no, %d others", n)
}

// checkpoint verifies the signature of a key on a checkpoint: the log's (kind 1)
// or a witness's (kind 4), whose time is -1 when it did not sign.
func checkpoint(note, key string, kind byte) (size int64, root []byte, when int64) {
	part := append(strings.SplitN(strings.TrimSpace(key), "+", 3), "", "")
	raw, _ := base64.StdEncoding.DecodeString(part[2])
	text, sigs, ok := strings.Cut(note, "\n\n")
	must(ok && len(raw) == 33 && raw[0] == kind, "that is no checkpoint, or no public key for it")
	text, when = text+"\n", -1
	for _, line := range strings.Split(sigs, "\n") {
		sig, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "— "+part[0]+" "))
		if len(sig) < 68 || !bytes.Equal(sig[:4], sum([]byte(part[0]+"\n"), raw)[:4]) {
			continue // another's
		}
		signed, at := text, int64(0)
		if sig = sig[4:]; kind == 4 {
			at, sig = int64(binary.BigEndian.Uint64(sig)), sig[8:]
			signed = fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
		}
		must(len(sig) == 64 && ed25519.Verify(raw[1:], []byte(signed), sig), "a signature of %s is false", part[0])
		when = at
	}
	line := strings.Split(text, "\n")
	must(kind == 4 || when == 0 && (line[0] == part[0] || part[0] == "galien/audit"), "a checkpoint is not signed by the log's key")
	size, err := strconv.ParseInt(line[1], 10, 64)
	root, _ = base64.StdEncoding.DecodeString(line[2])
	must(err == nil && len(root) == 32, "a checkpoint states no tree")
	return size, root, when
}

// sum is SHA-256.
func sum(parts ...[]byte) []byte {
	h := sha256.Sum256(bytes.Join(parts, nil))
	return h[:]
}

// climb goes from one hash to the root as both proofs do (RFC 9162, 2.1): all is
// the tree's root, and old the one of the tree that ended with entry i.
func climb(i, last int64, start []byte, proof [][]byte) (old, all []byte) {
	old, all = start, start
	for _, p := range proof {
		must(len(p) == 32 && len(start) == 32 && last > 0, "a proof is not of its form")
		if i%2 == 1 || i == last {
			old, all = sum([]byte{1}, p, old), sum([]byte{1}, p, all)
			for ; i%2 == 0 && i != 0; i, last = i/2, last/2 {
			}
		} else {
			all = sum([]byte{1}, all, p)
		}
		i, last = i/2, last/2
	}
	must(last == 0, "a proof is too short")
	return old, all
}

// included checks an inclusion proof (RFC 9162, 2.1.3.2).
func included(leaf []byte, index, size int64, root []byte, proof [][]byte) bool {
	_, all := climb(index, size-1, leaf, proof)
	return 0 <= index && index < size && len(all) == 32 && bytes.Equal(all, root)
}

// grew checks a consistency proof (RFC 9162, 2.1.4.2).
func grew(n int64, was []byte, size int64, root []byte, proof [][]byte) bool {
	if n == 0 || n == size {
		return n == 0 || bytes.Equal(was, root)
	}
	if n&(n-1) == 0 {
		proof = append([][]byte{was}, proof...)
	}
	i, last := n-1, size-1
	for ; i%2 == 1; i, last = i/2, last/2 {
	}
	must(0 < n && n < size && len(proof) > 0, "the log did not grow")
	old, all := climb(i, last, proof[0], proof[1:])
	return bytes.Equal(old, was) && bytes.Equal(all, root)
}
