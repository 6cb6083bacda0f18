package link

import (
	"fmt"
	"io"

	"galien"
	"galien/vault"
)

// Sex is the sex in an identity.
type Sex uint8

const (
	UnknownSex Sex = iota
	Male
	Female
)

func (s Sex) digit() string { return string('0' + byte(s)) }

// SexOf reads 1 or M, 2 or F; anything else is not known.
func SexOf(text string) Sex {
	switch text {
	case "1", "M", "m", "H", "h":
		return Male
	case "2", "F", "f":
		return Female
	}
	return UnknownSex
}

// Birth is a date of birth of which parts may not be known: they are 0.
type Birth struct {
	Year  uint16
	Month uint8
	Day   uint8
}

// BirthOf returns a birth from its parts. A month outside 1 to 12 (a NIR says
// 20 and more) or a day outside 1 to 31 is not known, and neither is a day
// without its month, nor a year before 1850.
func BirthOf(year, month, day int) Birth {
	var b Birth
	if year >= 1850 && year <= 2300 {
		b.Year = uint16(year)
	}
	if month >= 1 && month <= 12 {
		b.Month = uint8(month)
		if day >= 1 && day <= 31 {
			b.Day = uint8(day)
		}
	}
	return b
}

// swapped returns the birth with day and month exchanged; false when that is
// no date, or the same one.
func (b Birth) swapped() (Birth, bool) {
	if b.Day == 0 || b.Day > 12 || b.Day == b.Month {
		return b, false
	}
	return Birth{b.Year, b.Day, b.Month}, true
}

func (b Birth) compact() string { return fmt.Sprintf("%04d%02d%02d", b.Year, b.Month, b.Day) }

// System is a kind of number.
type System uint8

const (
	// Own is a person's own registration number, with or without its key: NIR,
	// NIA or INS.
	Own System = iota
	// HolderOf is the registration number of the holder of rights under whom
	// the person is insured, perhaps the person's own.
	HolderOf
	// OwnChain is a chaining number made of a person's own number: BEN_NIR_ANO.
	OwnChain
	// HolderChain is a chaining number made of the holder's number, birth and
	// sex: BEN_NIR_PSA, NIR_ANO_17. Twins of one sex share it.
	HolderChain
	// Local is an establishment's own number of a patient (IPP).
	Local
	systems
)

// Number is one number of a person.
type Number struct {
	System System
	Value  string
	// Issuer is the object identifier of an INS, or the establishment of a
	// Local number.
	Issuer string
	// Birth and Sex are what stands beside a holder's number, when it is not
	// what is known of the person otherwise.
	Birth Birth
}

// Place is where a person lives: a postcode, or a commune's INSEE code.
type Place struct {
	Postcode bool
	Code     string
}

// Stay is a stay in an establishment.
type Stay struct {
	Establishment string
	Entry, Exit   galien.Date
	// ID is the number of the stay in its source.
	ID string
}

// Traits is what a source says of a person. Any of it may be missing, and
// there may be several values: each is compared. It prints as "[identity]".
type Traits struct {
	// BirthNames and UsedNames are family names; a field that holds both
	// ("DURAND NEE MARTIN") may stand in BirthNames.
	BirthNames, UsedNames []string
	// FirstNames are lists of first names, the one in use first.
	FirstNames  []string
	Sex         Sex
	Births      []Birth
	BirthPlaces []string // INSEE codes
	Places      []Place
	Numbers     []Number
	Stays       []Stay
}

const hidden = "[identity]"

// String returns "[identity]".
func (Traits) String() string { return hidden }

// GoString returns "[identity]".
func (Traits) GoString() string { return hidden }

// Format writes "[identity]" whatever the verb.
func (Traits) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalJSON writes "[identity]".
func (Traits) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Warnings count what a source wrote that is not right and was worked with all
// the same, or that was set aside.
type Warnings struct {
	// WrongKeys are numbers whose key is not that of the number.
	WrongKeys int `json:"wrong_keys"`
	// Unreadable are numbers that have not the form of one.
	Unreadable int `json:"unreadable_numbers"`
	// Contradicted are persons whose own number says another sex or another
	// year or month of birth.
	Contradicted int `json:"contradicted_numbers"`
	// Quarantined are persons with a TEST or DEMO identifier: they take no part.
	Quarantined int `json:"test_identities"`
	// Unnamed are persons without a first name that says anything.
	Unnamed int `json:"without_first_name"`
}

// list holds a slice of values for each record, in one piece of memory.
type list[T any] struct {
	ends   []uint32
	values []T
}

func (l *list[T]) add(values ...T) {
	l.values = append(l.values, values...)
	l.ends = append(l.ends, uint32(len(l.values)))
}

func (l *list[T]) of(i int32) []T {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.values[from:l.ends[i]]
}

// token is the number of a text in the dictionary that both sides share.
type token int32

// name is a family name by its tokens.
type name struct {
	whole, core token
	used        bool
}

// number is a number as it is compared.
type number struct {
	value  token
	system System
	issuer token
	// swapped is set for a chaining number made with day and month exchanged,
	// wrongKey for one whose key is not right.
	swapped, wrongKey bool
}

// stay is a stay by its tokens.
type stay struct {
	establishment token
	entry, exit   galien.Date
}

// side is one of the two sources.
type side struct {
	name     string
	ids      []vault.Identity
	known    map[string]bool
	names    list[name]
	parts    list[token]
	firsts   list[token]
	sexes    []Sex
	births   list[Birth]
	origins  list[token] // communes of birth
	homes    list[home]
	numbers  list[number]
	stays    list[stay]
	stayIDs  list[string]
	warnings Warnings
	order    []int32 // records by their ids
}

// home is a place of residence by its tokens.
type home struct {
	code       token
	department token
	postcode   bool
}

// dictionary numbers texts from 1.
type dictionary struct {
	tokens map[string]token
	texts  []string
}

func (d *dictionary) token(text string) token {
	if text == "" {
		return 0
	}
	t, ok := d.tokens[text]
	if !ok {
		d.texts = append(d.texts, text)
		t = token(len(d.texts))
		d.tokens[text] = t
	}
	return t
}

func (d *dictionary) text(t token) string {
	if t == 0 {
		return ""
	}
	return d.texts[t-1]
}

// departmentOf returns the department of a postcode or of an INSEE code. That
// of Corsica is 20, since postcodes do not tell 2A from 2B; beyond the sea it
// has three characters.
func departmentOf(code string) string {
	if len(code) < 5 {
		return ""
	}
	switch d := code[:2]; d {
	case "2A", "2B":
		return "20"
	case "97", "98":
		return code[:3]
	default:
		return d
	}
}

// foreign reports whether an INSEE code of birth is of a country; unknown that
// it says nothing at all.
func foreign(code string) (foreign, unknown bool) {
	return len(code) == 5 && code[:2] == "99", len(code) != 5 || code == "99999" || code == "00000"
}
