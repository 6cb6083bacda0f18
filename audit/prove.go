package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

// bundleFormat is the version of a bundle.
const bundleFormat = "galien/uses/1"

// Bundle is what shows the uses of one person's data to whoever has the log's
// public key (docs/formats/audit.md). It names nobody: the person is whoever
// has the secret.
type Bundle struct {
	Format     string     `json:"format"`
	Checkpoint string     `json:"checkpoint"` // of the whole log
	Earlier    []Earlier  `json:"earlier"`    // checkpoints that the log grew from: cosigned ones, and one that was asked for
	Secret     []byte     `json:"secret"`     // of the person
	Uses       []UseProof `json:"uses"`
}

// Earlier is a checkpoint and the proof that the log grew from it.
type Earlier struct {
	Checkpoint string   `json:"checkpoint"`
	Proof      [][]byte `json:"proof"`
}

// UseProof is an answer that was ready: its entry, as the line of the log, with
// the proof that the line is in the log, and whether the person was among those
// whose data were read and among those in the answer. A list that the entry
// does not state is nil: the answer is from before lists were kept.
type UseProof struct {
	Index  int64      `json:"index"`
	Entry  string     `json:"entry"`
	Proof  [][]byte   `json:"proof"`
	Read   *ListProof `json:"read,omitempty"`
	Answer *ListProof `json:"answer,omitempty"`
}

// ListProof shows that a person is in a list, or that the list holds nobody
// between two neighbours that the person would stand between.
type ListProof struct {
	In      *Place  `json:"in,omitempty"`
	Between []Place `json:"between,omitempty"`
}

// Place is a token's place in the tree of a list. The person's own token is not
// stated: it is computed from the secret.
type Place struct {
	Index int64    `json:"index"`
	Token []byte   `json:"token,omitempty"`
	Proof [][]byte `json:"proof"`
}

// Prove collects the answers of the log and shows of each whether the person's
// data were read for it and are in it. earlier, unless nil, is a checkpoint that
// the asker kept: the bundle shows that the log grew from it. done is told of
// each answer looked at. It costs what it cost to make the lists.
func (l *Log) Prove(ctx context.Context, person galien.PersonID, earlier []byte, done func(answers int64)) (Bundle, error) {
	u, err := l.Uses(nil)
	if err != nil {
		return Bundle{}, galien.Errorf(galien.NotFound, "prove uses: no answer of this hub has a list of persons yet")
	}
	v, err := l.view(ctx)
	if err != nil {
		return Bundle{}, err
	}
	defer v.close()
	b := Bundle{Format: bundleFormat, Checkpoint: string(v.cp.Note), Earlier: []Earlier{}, Uses: []UseProof{}}
	secret := u.Secret(person)
	b.Secret = secret[:]
	cosignatures, err := l.Cosignatures()
	if err != nil {
		return Bundle{}, err
	}
	for _, c := range append(cosignatures, Cosignature{Note: earlier}) {
		if c.Note == nil {
			continue
		}
		n, err := v.extends(l, c.Note)
		if err != nil {
			return Bundle{}, err
		}
		proof, err := v.grewFrom(n)
		if err != nil {
			return Bundle{}, err
		}
		b.Earlier = append(b.Earlier, Earlier{string(c.Note), bytesOf(proof)})
	}
	lists := map[use]*ListProof{} // of lists that many entries state
	answers := int64(0)
	err = eachLine(ctx, v.entries, v.cp, func(i int64, line []byte) error {
		e, _, err := readLine(line)
		if err != nil {
			return galien.Errorf(galien.Corrupt, "audit log: entry %d cannot be read", i)
		}
		if ClassOf(e.Action) != Access || e.Outcome != "delivered" && e.Outcome != "withdrawn" || e.Details["explain"] == "true" {
			return nil // an explanation is made of the definition alone
		}
		proof, err := tlog.ProveRecord(v.cp.Entries, i, hashTree{v.hashes})
		if err != nil {
			return fmt.Errorf("prove entry %d: %w", i, err)
		}
		p := UseProof{Index: i, Entry: string(line), Proof: bytesOf(proof)}
		if p.Read, err = u.prove(e, detailRead, secret, lists); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if p.Answer, err = u.prove(e, detailAnswer, secret, lists); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		b.Uses = append(b.Uses, p)
		answers++
		done(answers)
		return nil
	})
	return b, err
}

// prove shows whether the person who has a secret is in the list that an entry
// states.
func (u *Uses) prove(e Entry, detail string, secret [32]byte, lists map[use]*ListProof) (*ListProof, error) {
	stated, err := e.use(detail)
	if err != nil || stated.Nonce == "" {
		return nil, err
	}
	if p, ok := lists[stated]; ok {
		return p, nil
	}
	got, err := u.log.listOf(stated)
	if err != nil {
		return nil, err
	}
	persons, err := DecodePersons(got.runs, got.Persons)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", stated.Nonce, err)
	}
	nonce, err := hex.DecodeString(stated.Nonce)
	if err != nil {
		return nil, galien.Errorf(galien.Corrupt, "list %s: %w", stated.Nonce, err)
	}
	tree := levels(u.tokens(nonce, persons.Sorted()))
	tokens := tree[0]
	if top := tree[len(tree)-1]; len(top) > 0 && top[0] != stated.Root || len(top) == 0 && stated.Root != treeRoot(nil) {
		return nil, galien.Errorf(galien.Corrupt, "audit log: the list %s and the key of the lists do not give the root that the entry states", stated.Nonce)
	}
	place := func(i int) Place {
		return Place{int64(i), slices.Clone(tokens[i][:]), bytesOf(path(tree, i))}
	}
	var p ListProof
	i, in := find(tokens, personToken(secret, nonce))
	if in {
		at := place(i)
		at.Token = nil
		p.In = &at
	} else {
		for _, near := range []int{i - 1, i} {
			if near >= 0 && near < len(tokens) {
				p.Between = append(p.Between, place(near))
			}
		}
	}
	if detail == detailRead {
		lists[stated] = &p
	}
	return &p, nil
}

func bytesOf[S ~[]tlog.Hash](hashes S) [][]byte {
	all := make([][]byte, len(hashes))
	for i, h := range hashes {
		all[i] = slices.Clone(h[:])
	}
	return all
}
