package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"

	"galien"
)

var suite = oprf.SuiteRistretto255

// PublicKey is what another party needs of a vault to have the pseudonyms of
// its own identities without showing them (RFC 9497, verifiable mode).
type PublicKey struct {
	Version int
	Element []byte // 32 bytes
}

// Evaluation is the vault's answer to blinded elements: each multiplied by the
// key, and the proof that it was this key.
type Evaluation struct {
	Version  int      `json:"key_version"`
	Elements [][]byte `json:"elements"`
	Proof    []byte   `json:"proof"`
}

// maxBlinded bounds the elements of one evaluation.
const maxBlinded = 65535

// PublicKey returns the public half of the current key.
func (v *Vault) PublicKey(ctx context.Context) (PublicKey, error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opPublic})
		return a.Public, err
	}
	ring, err := v.ring(ctx)
	if err != nil {
		return PublicKey{}, err
	}
	e := encode(curve.NewElement().MulGen(ring.scalar))
	return PublicKey{ring.version, e[:]}, nil
}

// Evaluate multiplies blinded elements by the current key. It sees nothing of
// the identities; whoever may ask it can try identities one by one, so its
// caller decides who may, and writes it down. Bytes that are no element are
// Invalid.
func (v *Vault) Evaluate(ctx context.Context, blinded [][]byte) (Evaluation, error) {
	if v.remote != nil {
		a, err := v.remote.once(ctx, request{Op: opEvaluate, Blinded: blinded})
		return a.Answer, err
	}
	ring, err := v.ring(ctx)
	if err != nil {
		return Evaluation{}, err
	}
	if len(blinded) == 0 || len(blinded) > maxBlinded {
		return Evaluation{}, galien.Errorf(galien.Invalid, "evaluate: %d elements; send from 1 to %d", len(blinded), maxBlinded)
	}
	req := &oprf.EvaluationRequest{Elements: make([]group.Element, len(blinded))}
	for i, b := range blinded {
		if req.Elements[i], err = decode(b); err != nil {
			return Evaluation{}, galien.Errorf(galien.Invalid, "evaluate: element %d is none of ristretto255", i)
		}
	}
	var key oprf.PrivateKey
	b, err := ring.scalar.MarshalBinary()
	if err == nil {
		err = key.UnmarshalBinary(suite, b)
	}
	if err != nil {
		return Evaluation{}, galien.Errorf(galien.Internal, "evaluate: the key cannot be used")
	}
	e, err := oprf.NewVerifiableServer(suite, &key).Evaluate(req)
	if err != nil {
		return Evaluation{}, galien.Errorf(galien.Internal, "evaluate: %w", err)
	}
	out := Evaluation{Version: ring.version}
	for _, x := range e.Elements {
		b := encode(x)
		out.Elements = append(out.Elements, b[:])
	}
	if out.Proof, err = e.Proof.MarshalBinary(); err != nil {
		return Evaluation{}, galien.Errorf(galien.Internal, "evaluate: %w", err)
	}
	return out, nil
}

// Blinded is identities on their way to a vault, each multiplied by a number
// that only their owner knows.
type Blinded struct {
	key      PublicKey
	client   oprf.VerifiableClient
	finalize *oprf.FinalizeData
	request  *oprf.EvaluationRequest
}

// publicKeyName begins the text of a public key.
const publicKeyName = "galien-vault-key"

// Text returns the key as people hand it on: "galien-vault-key.3.9f…".
func (k PublicKey) Text() string {
	return fmt.Sprintf("%s.%d.%x", publicKeyName, k.Version, k.Element)
}

// ParsePublicKey reads what Text writes. Another text is Invalid.
func ParsePublicKey(s string) (k PublicKey, err error) {
	bad := galien.Errorf(galien.Invalid, "read public key: not of the form %s.VERSION.ELEMENT, as galien vault public-key prints it", publicKeyName)
	part := strings.Split(strings.TrimSpace(s), ".")
	if len(part) != 3 || part[0] != publicKeyName {
		return k, bad
	}
	if k.Version, err = strconv.Atoi(part[1]); err != nil || k.Version < 1 {
		return k, bad
	}
	if k.Element, err = hex.DecodeString(part[2]); err != nil {
		return k, bad
	}
	if _, err := decode(k.Element); err != nil {
		return k, bad
	}
	return k, nil
}

// Blind prepares identities of a kind and domain for the vault of a public key.
func (k PublicKey) Blind(kind Kind, domain string, ids []Identity) (*Blinded, error) {
	blinds := make([]oprf.Blind, len(ids))
	for i := range blinds {
		blinds[i] = curve.RandomNonZeroScalar(rand.Reader)
	}
	return k.blind(kind, domain, ids, blinds)
}

// Resume is Blind with the numbers that an earlier one drew (Blinds), so that an
// answer can be finished by another process. The identities must be the same, in
// the same order.
func (k PublicKey) Resume(kind Kind, domain string, ids []Identity, blinds [][]byte) (*Blinded, error) {
	list := make([]oprf.Blind, len(blinds))
	for i, b := range blinds {
		list[i] = curve.NewScalar()
		if list[i].UnmarshalBinary(b) != nil || list[i].IsZero() {
			return nil, galien.Errorf(galien.Invalid, "unblind: number %d is none that was drawn", i+1)
		}
	}
	if len(ids) != len(blinds) {
		return nil, galien.Errorf(galien.Invalid, "unblind: %d identities, and %d were blinded: give the same, in the same order", len(ids), len(blinds))
	}
	return k.blind(kind, domain, ids, list)
}

func (k PublicKey) blind(kind Kind, domain string, ids []Identity, blinds []oprf.Blind) (*Blinded, error) {
	var public oprf.PublicKey
	if err := public.UnmarshalBinary(suite, k.Element); err != nil {
		return nil, galien.Errorf(galien.Invalid, "blind identities: the public key cannot be read: %w", err)
	}
	if len(ids) == 0 || len(ids) > maxBlinded {
		return nil, galien.Errorf(galien.Invalid, "blind identities: %d of them; give from 1 to %d at a time", len(ids), maxBlinded)
	}
	var messages [][]byte
	for i, id := range ids {
		normal, err := Normal(kind, id.Reveal())
		if err != nil {
			return nil, fmt.Errorf("identity %d: %w", i+1, err)
		}
		messages = append(messages, message(kind, domain, normal))
	}
	b := &Blinded{key: k, client: oprf.NewVerifiableClient(suite, &public)}
	var err error
	if b.finalize, b.request, err = b.client.DeterministicBlind(messages, blinds); err != nil {
		return nil, galien.Errorf(galien.Invalid, "blind identities: %w", err)
	}
	return b, nil
}

// Blinds returns the numbers by which the identities were multiplied. Whoever has
// them and the elements can try identities: they stay with the identities' owner.
func (b *Blinded) Blinds() [][]byte {
	var list [][]byte
	for _, x := range b.finalize.CopyBlinds() {
		raw, err := x.MarshalBinary()
		if err != nil {
			panic("vault: a scalar of ristretto255 has no bytes")
		}
		list = append(list, raw)
	}
	return list
}

// Elements returns what to send to the vault: numbers that are as likely for
// every identity.
func (b *Blinded) Elements() [][]byte {
	var list [][]byte
	for _, e := range b.request.Elements {
		x := encode(e)
		list = append(list, x[:])
	}
	return list
}

// Finish checks the proof of an answer and returns the pseudonyms, in the order
// of the identities. An answer made with another key is Invalid.
//
// It stops before the last hash of the RFC, which would need the identity again
// at each change of the key.
func (b *Blinded) Finish(answer Evaluation) ([]Element, error) {
	bad := galien.Errorf(galien.Invalid, "unblind: the answer is not of the key that was asked for")
	if answer.Version != b.key.Version || len(answer.Elements) != len(b.request.Elements) {
		return nil, bad
	}
	e := &oprf.Evaluation{Proof: new(dleq.Proof)}
	if e.Proof.UnmarshalBinary(curve, answer.Proof) != nil {
		return nil, bad
	}
	for _, x := range answer.Elements {
		p, err := decode(x)
		if err != nil {
			return nil, bad
		}
		e.Elements = append(e.Elements, p)
	}
	if _, err := b.client.Finalize(b.finalize, e); err != nil {
		return nil, bad
	}
	list := make([]Element, len(e.Elements))
	for i, blind := range b.finalize.CopyBlinds() {
		p := e.Elements[i]
		list[i] = Element{answer.Version, encode(p.Mul(p, blind.Inv(blind)))}
	}
	return list, nil
}
