package vault

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"galien"
)

// Kind is how an identity is read, so that what is written in several ways is
// one identity and has one pseudonym.
type Kind byte

const (
	// Opaque is a number of its source alone, such as a person id or a hashed
	// identifier of the SNDS: byte by byte, but for spaces around it.
	Opaque Kind = 'o'
	// NIR is the French national number (NIR, INS-NIR): thirteen characters,
	// with or without the two of the key. Spaces, hyphens and dots between them
	// and the case of Corsica's letter do not count.
	NIR Kind = 'n'
	// Name is what people write by hand: case, accents, spaces, hyphens,
	// apostrophes and ligatures do not count.
	Name Kind = 't'
)

// Normal returns the one way in which an identity of a kind is written. It
// fails with Invalid for what is none: an empty value, a NIR that has not the
// form of one. A NIR whose key is wrong is a NIR; package link
// tells.
func Normal(kind Kind, value string) (string, error) {
	var s string
	switch kind {
	case Opaque:
		s = strings.TrimSpace(value)
	case NIR:
		s = digits(value)
		if !isNIR(s) {
			return "", galien.Errorf(galien.Invalid, "read NIR: not thirteen or fifteen characters of the form of one")
		}
		s = s[:nirLength]
	case Name:
		s = folded(value)
	default:
		return "", galien.Errorf(galien.Internal, "read identity: %q is no kind", kind)
	}
	if s == "" {
		return "", galien.Errorf(galien.Invalid, "read identity: there is none")
	}
	return s, nil
}

const nirLength = 13

// digits drops what people put between the digits of a NIR.
func digits(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c), unicode.Is(unicode.Dash, c), c == '.', c == '/':
			return -1
		}
		return unicode.ToUpper(c)
	}, s)
}

// isNIR reports whether s has the form of a NIR, with or without its key:
// digits, but for the department of Corsica, 2A or 2B, in the sixth and seventh
// place.
func isNIR(s string) bool {
	if len(s) != nirLength && len(s) != nirLength+2 {
		return false
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		if !digit && !(i == 6 && s[5] == '2' && (s[i] == 'A' || s[i] == 'B')) {
			return false
		}
	}
	return true
}

var ligatures = strings.NewReplacer("Œ", "OE", "Æ", "AE", "ß", "SS", "ẞ", "SS")

// folded keeps the letters and digits of a name, in capitals without marks.
func folded(s string) string {
	s = ligatures.Replace(strings.ToUpper(norm.NFKC.String(s)))
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, norm.NFKD.String(s))
}

// message is what is hashed for an identity: its kind, the domain within which
// it means one person ("" when it means the same everywhere), and its one way
// of being written.
func message(kind Kind, domain, normal string) []byte {
	b := make([]byte, 0, 2+len(domain)+len(normal))
	b = append(b, byte(kind))
	b = append(b, domain...)
	b = append(b, 0)
	return append(b, normal...)
}
