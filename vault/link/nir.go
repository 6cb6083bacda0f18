package link

import "strings"

// The object identifiers under which an INS number is written (ANS, référentiel
// INS; the two last ones are those of invented persons).
const (
	oidNIR  = "1.2.250.1.213.1.4.8"
	oidNIA  = "1.2.250.1.213.1.4.9"
	oidTest = "1.2.250.1.213.1.4.10"
	oidDemo = "1.2.250.1.213.1.4.11"
)

// KeyState says what the key of a NIR is worth.
type KeyState uint8

const (
	// NoKey is a number without its key.
	NoKey KeyState = iota
	// RightKey is a key that the number gives.
	RightKey
	// WrongKey is another. It is a warning: a digit of the key or of the number
	// was mistyped, and which one nobody knows.
	WrongKey
)

// NIR is a registration number (NIR, or NIA while it waits), without its key.
type NIR struct {
	number string // 13 characters
	Key    KeyState
}

// ParseNIR reads a number of 13 characters, or of 15 with its key; blanks,
// points and hyphens do not count. ok is false for what has not the form of
// one, and for fillings: all zeros, all nines, all ones.
//
// In Corsica the department is 2A or 2B; the key then counts them as 19 and 18
// (INSEE).
func ParseNIR(text string) (n NIR, ok bool) {
	s := strings.ToUpper(strings.NewReplacer(" ", "", ".", "", "-", "").Replace(text))
	if len(s) != 13 && len(s) != 15 {
		return NIR{}, false
	}
	sum, ok := nirValue(s[:13])
	if !ok || strings.Trim(s[:13], s[:1]) == "" {
		return NIR{}, false
	}
	n.number = s[:13]
	if len(s) == 15 {
		n.Key = WrongKey
		if key, isNumber := smallNumber(s[13:]); isNumber && key == int(97-sum%97) {
			n.Key = RightKey
		}
	}
	return n, true
}

// nirValue returns the 13 characters as a number; false when they are no NIR.
func nirValue(s string) (uint64, bool) {
	var v uint64
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
		case i == 6 && s[5] == '2' && (c == 'A' || c == 'B'):
			// 2A is 19 and 2B is 18: the 2 that was read becomes a 1.
			v--
			c = '9' - (c - 'A')
		default:
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return v, true
}

// birth returns what the number says of the birth. A month above 12 means that
// it was not known (20, 30 to 42, 50 to 99).
func (n NIR) birth() (yearInCentury, month int) {
	yearInCentury, _ = smallNumber(n.number[1:3])
	month, _ = smallNumber(n.number[3:5])
	if month > 12 {
		month = 0
	}
	return yearInCentury, month
}

// sex returns the sex that the first digit says: 1, 3, 7 men, 2, 4, 8 women.
func (n NIR) sex() Sex {
	switch n.number[0] {
	case '1', '3', '7':
		return Male
	case '2', '4', '8':
		return Female
	}
	return UnknownSex
}

// smallNumber reads digits and nothing else.
func smallNumber(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}

// dummyChain reports whether a chaining number stands for nobody: nothing, or
// one character repeated (sixteen x, then x or D, in the PMSI).
func dummyChain(s string) bool {
	s = strings.ToUpper(s)
	return len(s) < 2 || strings.Trim(s[:len(s)-1], s[:1]) == ""
}
