package vault

import (
	"bytes"
	"context"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"

	"github.com/cloudflare/circl/oprf"

	"galien"
)

// TestBlind has the pseudonyms of identities that the vault does not see: they
// are what the vault itself derives. An answer of another key, or of an altered
// element, is refused.
func TestBlind(t *testing.T) {
	ctx := context.Background()
	v, _ := newVault(t, 1)
	w, _ := newVault(t, 2)
	public, err := v.PublicKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ids := []Identity{Seal("2 55 08 14 168 025"), Seal("184052A004003")}
	blinded, err := public.Blind(NIR, "", ids)
	if err != nil {
		t.Fatal(err)
	}
	again, err := public.Blind(NIR, "", ids)
	if err != nil {
		t.Fatal(err)
	}
	if string(blinded.Elements()[0]) == string(again.Elements()[0]) {
		t.Error("the same identity is blinded in the same way twice")
	}
	answer, err := v.Evaluate(ctx, blinded.Elements())
	if err != nil {
		t.Fatal(err)
	}
	got, err := blinded.Finish(answer)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if want, err := v.Element(ctx, NIR, "", id); err != nil || got[i] != want {
			t.Errorf("identity %d has another pseudonym when it is blinded (%v)", i, err)
		}
	}
	wrong, err := w.Evaluate(ctx, blinded.Elements())
	if err != nil {
		t.Fatal(err)
	}
	swapped := Evaluation{answer.Version, [][]byte{answer.Elements[1], answer.Elements[0]}, answer.Proof}
	for name, a := range map[string]Evaluation{"another vault": wrong, "swapped": swapped, "none": {}, "short": {answer.Version, answer.Elements[:1], answer.Proof}} {
		if _, err := blinded.Finish(a); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	for _, bad := range [][][]byte{nil, {nil}, {make([]byte, 32)}, {[]byte(strings.Repeat("\xff", 32))}} {
		if _, err := v.Evaluate(ctx, bad); galien.KindOf(err) != galien.Invalid {
			t.Errorf("evaluate %x: %v, want Invalid", bad, err)
		}
	}
}

// TestHashing holds the vectors of RFC 9497, A.1.2 (ristretto255, VOPRF): input
// 00, blind and key of the RFC give its evaluated element.
func TestHashing(t *testing.T) {
	var key oprf.PrivateKey
	if err := key.UnmarshalBinary(suite, unhex(t, "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909")); err != nil {
		t.Fatal(err)
	}
	scalar, blind := curve.NewScalar(), curve.NewScalar()
	if err := scalar.UnmarshalBinary(unhex(t, "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909")); err != nil {
		t.Fatal(err)
	}
	if err := blind.UnmarshalBinary(unhex(t, "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706")); err != nil {
		t.Fatal(err)
	}
	b := encode(curve.NewElement().Mul(hashed([]byte{0}), blind))
	if got, want := fmt.Sprintf("%x", b), "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"; got != want {
		t.Errorf("blinded element %s, want %s", got, want)
	}
	e, err := convert(scalar, b[:])
	if got, want := fmt.Sprintf("%x", e), "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"; err != nil || got != want {
		t.Errorf("evaluated element %s, want %s (%v)", got, want, err)
	}
}

// TestVectorsOfVOPRF goes through an exchange with the numbers of RFC 9497, A.1.2:
// the elements that the client sends, the server's answer with the RFC's own
// proof, and the outputs, which hash what Finish returns.
func TestVectorsOfVOPRF(t *testing.T) {
	key := PublicKey{1, unhex(t, "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e")}
	if k, err := ParsePublicKey(key.Text()); err != nil || !bytes.Equal(k.Element, key.Element) || k.Version != 1 {
		t.Errorf("the key read back: %v, %v", k, err)
	}
	for _, bad := range []string{"", "galien-vault-key.1", "galien-vault-key.0." + key.Text()[19:], key.Text() + "00", strings.Repeat("0", 64)} {
		if _, err := ParsePublicKey(bad); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%q is read as a key: %v", bad, err)
		}
	}
	var public oprf.PublicKey
	if err := public.UnmarshalBinary(suite, key.Element); err != nil {
		t.Fatal(err)
	}
	blind := curve.NewScalar()
	if err := blind.UnmarshalBinary(unhex(t, "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706")); err != nil {
		t.Fatal(err)
	}
	b := &Blinded{key: key, client: oprf.NewVerifiableClient(suite, &public)}
	var err error
	if b.finalize, b.request, err = b.client.DeterministicBlind([][]byte{{0}}, []oprf.Blind{blind}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", b.Elements()[0]); got != "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945" {
		t.Errorf("the client sends %s", got)
	}
	answer := Evaluation{1, [][]byte{unhex(t, "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e")},
		unhex(t, "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd066d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d")}
	elements, err := b.Finish(answer)
	if err != nil {
		t.Fatal(err)
	}
	// The RFC's output is a hash of the input and of the unblinded element, each
	// after its length.
	h := sha512.New()
	h.Write([]byte{0, 1, 0, 0, 32})
	h.Write(elements[0].value[:])
	h.Write([]byte("Finalize"))
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7da4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c" {
		t.Errorf("the output is %s", got)
	}
	answer.Proof[5] ^= 1
	if _, err := b.Finish(answer); galien.KindOf(err) != galien.Invalid {
		t.Errorf("another proof: %v", err)
	}
}

func TestElementText(t *testing.T) {
	v, _ := newVault(t, 1)
	e, err := v.Element(context.Background(), Name, "", Seal("x"))
	if err != nil {
		t.Fatal(err)
	}
	s := e.String()
	if !strings.HasPrefix(s, "ristretto255-1.1.") {
		t.Errorf("%s does not say its algorithm and key", s)
	}
	if got, err := ParseElement(s); err != nil || got != e {
		t.Errorf("read back: %v, %v", got, err)
	}
	for _, bad := range []string{"", s + "0", "ristretto255-2" + s[14:], strings.Replace(s, ".1.", ".0.", 1), s[:len(s)-64] + strings.Repeat("f", 64)} {
		if _, err := ParseElement(bad); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%q: %v, want Invalid", bad, err)
		}
	}
}
