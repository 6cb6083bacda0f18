package link

import (
	"math/bits"
	"strings"
)

// folds gives the capital letters without accent of the letters of European
// names.
var folds = func() map[rune]string {
	m := map[rune]string{}
	for plain, accented := range map[string]string{
		"A": "ÀÁÂÃÄÅĀĂĄ", "AE": "Æ", "C": "ÇĆĈĊČ", "D": "ÐĎĐ", "E": "ÈÉÊËĒĔĖĘĚ", "G": "ĜĞĠĢ", "H": "ĤĦ", "I": "ÌÍÎÏĨĪĬĮİ",
		"J": "Ĵ", "K": "Ķ", "L": "ĹĻĽĿŁ", "N": "ÑŃŅŇ", "O": "ÒÓÔÕÖØŌŎŐ", "OE": "Œ", "R": "ŔŖŘ", "S": "ŚŜŞŠȘ", "SS": "ß",
		"T": "ŢŤŦȚ", "U": "ÙÚÛÜŨŪŬŮŰŲ", "W": "Ŵ", "Y": "ÝŶŸ", "Z": "ŹŻŽ",
	} {
		for _, r := range accented {
			m[r] = plain
		}
	}
	return m
}()

// words returns the words of a name in plain capitals: without accents, cut at
// blanks, hyphens, apostrophes and every other sign.
func words(name string) []string {
	var b strings.Builder
	for _, r := range strings.ToUpper(name) {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= 0x300 && r <= 0x36f: // an accent that follows its letter
		case folds[r] != "":
			b.WriteString(folds[r])
		case r == 'ẞ':
			b.WriteString("SS")
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// particles stand before a name, and are written or left out.
var particles = map[string]bool{"DE": true, "DU": true, "DES": true, "D": true, "LA": true, "LE": true, "LES": true, "L": true, "VAN": true, "VON": true, "DER": true, "DEN": true}

// family is a family name as it is compared.
type family struct {
	// whole is the name in one piece, core the same without what stands before
	// it and without particles; parts are the words of a double name.
	whole, core string
	parts       []string
}

// familyName normalises a family name; false when nothing is left of it.
func familyName(name string) (family, bool) {
	w := words(name)
	for i := range w {
		switch w[i] {
		case "SAINT":
			w[i] = "ST"
		case "SAINTE":
			w[i] = "STE"
		}
	}
	if len(w) == 0 || len(w) == 1 && (strings.Trim(w[0], "X") == "" || w[0] == "INCONNU" || w[0] == "INCONNUE" || w[0] == "NEANT") {
		return family{}, false
	}
	f := family{whole: strings.Join(w, "")}
	core := w
	for len(core) > 1 && particles[core[0]] {
		core = core[1:]
	}
	f.core = strings.Join(core, "")
	if len(core) > 1 {
		for _, p := range core {
			if len(p) >= 4 {
				f.parts = append(f.parts, p)
			}
		}
	}
	return f, true
}

// marriages are the words between a married and a birth name written in one
// field: the name after NEE is the birth name, that after EPOUSE the married.
var marriages = map[string]bool{"EPOUSE": true, "EP": true, "EPSE": true, "VEUVE": true, "VVE": true, "NEE": false, "NE": false}

// splitMarried cuts "DURAND NEE MARTIN" or "MARTIN EPOUSE DURAND" into birth
// and married name.
func splitMarried(name string) (birth, married string) {
	w := words(name)
	for i := 1; i < len(w)-1; i++ {
		if second, ok := marriages[w[i]]; ok {
			before, after := strings.Join(w[:i], " "), strings.Join(w[i+1:], " ")
			if second {
				return before, after
			}
			return after, before
		}
	}
	return name, ""
}

// unnamed are the texts of a first name that is not known.
var unnamed = map[string]bool{"X": true, "XX": true, "XXX": true, "INCONNU": true, "INCONNUE": true, "SANS": true, "BEBE": true, "NOUVEAU": true, "NEANT": true, "ENFANT": true, "PRENOM": true}

// firstNames returns the words of first names, in their order; none when they
// are not known, as of a newborn ("X", "SANS PRENOM", "BEBE").
func firstNames(names string) []string {
	w := words(names)
	if len(w) == 0 || unnamed[w[0]] {
		return nil
	}
	return w
}

// jaroWinkler is the similarity of two texts, from 0 to 1: that of Jaro (1989),
// raised by a common beginning of up to four letters, a tenth of what is
// missing for each (Winkler 1990; half of an odd number of letters out of place
// is rounded down, as in strcmp95).
func jaroWinkler(a, b string) float64 {
	if a == b {
		return 1
	}
	if len(a) == 0 || len(b) == 0 || len(a) > 64 || len(b) > 64 {
		return 0
	}
	window := max(len(a), len(b))/2 - 1
	window = max(window, 0)
	var seenA, seenB uint64
	matches := 0
	for i := range len(a) {
		for j := max(0, i-window); j < min(len(b), i+window+1); j++ {
			if seenB&(1<<j) == 0 && a[i] == b[j] {
				seenA |= 1 << i
				seenB |= 1 << j
				matches++
				break
			}
		}
	}
	if matches == 0 {
		return 0
	}
	swapped, j := 0, 0
	for i := range len(a) {
		if seenA&(1<<i) == 0 {
			continue
		}
		for seenB&(1<<j) == 0 {
			j++
		}
		if a[i] != b[j] {
			swapped++
		}
		j++
	}
	m := float64(matches)
	jaro := (m/float64(len(a)) + m/float64(len(b)) + (m-float64(swapped/2))/m) / 3
	prefix := 0
	for prefix < min(4, len(a), len(b)) && a[prefix] == b[prefix] {
		prefix++
	}
	return jaro + float64(prefix)*0.1*(1-jaro)
}

// lettersOf returns the letters of a text, one bit each.
func lettersOf(text string) (bits uint32) {
	for i := range len(text) {
		bits |= 1 << (text[i] & 31)
	}
	return bits
}

// mayBeAlike bounds the similarity of two texts from their lengths and letters:
// false when jaroWinkler is below 0.85 and more than one slip lies between
// them. With a common beginning of four letters 0.85 asks for a similarity of
// Jaro of 0.75, hence for m matches with m/a + m/b >= 1.25.
func mayBeAlike(a, b int, lettersA, lettersB uint32) bool {
	if a == 0 || b == 0 {
		return false
	}
	m := min(a-bits.OnesCount32(lettersA&^lettersB), b-bits.OnesCount32(lettersB&^lettersA))
	return 4*m*(a+b) >= 5*a*b
}

// oneSlip reports whether one letter was changed, left out, added, or exchanged
// with its neighbour.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		if i == len(a) {
			return false // the same
		}
		return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}

// sound returns a code of how a French name sounds: names that are written
// otherwise and said alike have the same. It serves to find pairs, not to
// decide.
func sound(name string) string {
	s := strings.NewReplacer("PH", "F", "TH", "T", "CH", "8", "SCH", "8", "SH", "8", "GN", "N", "QU", "K", "EAU", "O", "AU", "O", "OU", "U",
		"CE", "SE", "CI", "SI", "CY", "SI", "GE", "JE", "GI", "JI", "GY", "JI", "CK", "K", "AI", "E", "EI", "E").Replace(name)
	var b []byte
	for i := range len(s) {
		c := s[i]
		switch c {
		case 'H':
			continue
		case 'C', 'Q':
			c = 'K'
		case 'Z':
			c = 'S'
		case 'W':
			c = 'V'
		case 'M':
			c = 'N'
		case 'Y':
			c = 'I'
		}
		vowel := strings.IndexByte("AEIOU", c) >= 0
		if vowel && len(b) > 0 || len(b) > 0 && b[len(b)-1] == c {
			continue
		}
		b = append(b, c)
	}
	for len(b) > 2 && strings.IndexByte("STXDP", b[len(b)-1]) >= 0 {
		b = b[:len(b)-1]
	}
	if len(b) > 5 {
		b = b[:5]
	}
	return string(b)
}
