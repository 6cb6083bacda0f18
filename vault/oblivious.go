package vault

import (
	"context"

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
	Version  int
	Elements [][]byte
	Proof    []byte
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

// Blind prepares identities of a kind and domain for the vault of a public key.
func (k PublicKey) Blind(kind Kind, domain string, ids []Identity) (*Blinded, error) {
	var public oprf.PublicKey
	if err := public.UnmarshalBinary(suite, k.Element); err != nil {
		return nil, galien.Errorf(galien.Invalid, "blind identities: the public key cannot be read: %w", err)
	}
	var messages [][]byte
	for _, id := range ids {
		normal, err := Normal(kind, id.Reveal())
		if err != nil {
			return nil, err
		}
		messages = append(messages, message(kind, domain, normal))
	}
	b := &Blinded{key: k, client: oprf.NewVerifiableClient(suite, &public)}
	var err error
	if b.finalize, b.request, err = b.client.Blind(messages); err != nil {
		return nil, galien.Errorf(galien.Invalid, "blind identities: %w", err)
	}
	return b, nil
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
