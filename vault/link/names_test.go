package link

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestJaroWinkler compares with the values that Winkler publishes (1990, and
// the strcmp95 tables).
func TestJaroWinkler(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"MARTHA", "MARHTA", 0.9611}, {"DWAYNE", "DUANE", 0.84}, {"DIXON", "DICKSONX", 0.8133}, {"JONES", "JOHNSON", 0.8324}, {"ABCVWXYZ", "CABVWXYZ", 0.9583},
		{"MARTIN", "MARTIN", 1}, {"ABC", "XYZ", 0}, {"", "A", 0}, {"A", "A", 1},
	} {
		for _, got := range []float64{jaroWinkler(c.a, c.b), jaroWinkler(c.b, c.a)} {
			if math.Abs(got-c.want) > 0.0001 {
				t.Errorf("%s, %s: %.4f, want %.4f", c.a, c.b, got, c.want)
			}
		}
	}
}

func TestOneSlip(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"DUPONT", "DUPOND", true}, {"DUPONT", "DUPON", true}, {"DUPONT", "DUPPONT", true}, {"DUPONT", "DUPOTN", true}, {"XUPONT", "DUPONT", true},
		{"DUPONT", "DUPONT", false}, {"DUPONT", "DURAND", false}, {"DUPONT", "DUPO", false}, {"ABCD", "BADC", false},
	} {
		if oneSlip(c.a, c.b) != c.want || oneSlip(c.b, c.a) != c.want {
			t.Errorf("%s, %s: one slip %v, want %v", c.a, c.b, !c.want, c.want)
		}
	}
}

// TestBoundOfLikeness holds the quick bound to its word: what it throws away is
// not alike.
func TestBoundOfLikeness(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	word := func() string {
		b := make([]byte, 1+r.IntN(9))
		for i := range b {
			b[i] = "AEINRST"[r.IntN(7)]
		}
		return string(b)
	}
	thrown := 0
	for range 200_000 {
		a, b := word(), word()
		if mayBeAlike(len(a), len(b), lettersOf(a), lettersOf(b)) {
			continue
		}
		thrown++
		if jaroWinkler(a, b) >= 0.85 || len(a) > 3 && len(b) > 3 && oneSlip(a, b) {
			t.Fatalf("%s and %s are alike and were thrown away", a, b)
		}
	}
	if thrown < 50_000 {
		t.Errorf("only %d pairs were thrown away: the bound is of no use", thrown)
	}
}

// TestFamilyNames lists ways of writing one name, and what is not one.
func TestFamilyNames(t *testing.T) {
	for _, same := range [][]string{
		{"Lefèvre", "LEFEVRE", "lefe\u0300vre", " LEFEVRE "},
		{"Le Goff", "LE-GOFF", "LEGOFF", "le  goff"},
		{"Saint-Étienne", "ST ETIENNE", "SAINT ETIENNE"},
		{"O'Connor", "O CONNOR", "OCONNOR", "O’Connor"},
		{"Bœuf", "BOEUF"}, {"Weiß", "WEISS"}, {"Łukasz", "LUKASZ"}, {"Nuñez", "NUNEZ"},
	} {
		first, _ := familyName(same[0])
		for _, text := range same[1:] {
			if f, ok := familyName(text); !ok || f.whole != first.whole {
				t.Errorf("%q is %q, want %q", text, f.whole, first.whole)
			}
		}
	}
	for text, core := range map[string]string{"DE LA TOUR": "TOUR", "D'ALEMBERT": "ALEMBERT", "DU PONT": "PONT", "VAN DER BERG": "BERG", "DE": "DE"} {
		if f, _ := familyName(text); f.core != core {
			t.Errorf("%q without particles is %q, want %q", text, f.core, core)
		}
	}
	if f, _ := familyName("MARTIN-DURAND"); !slices.Equal(f.parts, []string{"MARTIN", "DURAND"}) {
		t.Errorf("the parts of a double name are %v", f.parts)
	}
	for _, text := range []string{"", " - ", "X", "XXX", "INCONNU"} {
		if f, ok := familyName(text); ok {
			t.Errorf("%q was taken for the name %q", text, f.whole)
		}
	}
	for text, want := range map[string][2]string{
		"DURAND NEE MARTIN": {"MARTIN", "DURAND"}, "MARTIN épouse DURAND": {"MARTIN", "DURAND"}, "MARTIN EP DURAND": {"MARTIN", "DURAND"},
		"DURAND née LE GOFF": {"LE GOFF", "DURAND"}, "MARTIN": {"MARTIN", ""}, "NEE": {"NEE", ""},
	} {
		if birth, married := splitMarried(text); birth != want[0] || married != want[1] {
			t.Errorf("%q: birth name %q, married name %q, want %q", text, birth, married, want)
		}
	}
}

func TestFirstNames(t *testing.T) {
	for text, want := range map[string][]string{
		"Jean-Pierre": {"JEAN", "PIERRE"}, "ÉLÉONORE, Anne": {"ELEONORE", "ANNE"}, "X": nil, "sans prénom": nil, "BEBE 1": nil, "Jeanne d’Arc": {"JEANNE", "D", "ARC"}, "": nil, "Xavier": {"XAVIER"},
	} {
		if got := firstNames(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestSounds finds names that are said alike under one key, and others not.
func TestSounds(t *testing.T) {
	for _, same := range [][2]string{{"DUPONT", "DUPOND"}, {"PHILIPPE", "FILIPE"}, {"GAUTIER", "GAUTHIER"}, {"BENOIT", "BENOI"}, {"MEYER", "MEIER"}, {"LEFEBVRE", "LEFEBVRE"}} {
		if sound(same[0]) != sound(same[1]) {
			t.Errorf("%s sounds %s and %s sounds %s", same[0], sound(same[0]), same[1], sound(same[1]))
		}
	}
	for _, other := range [][2]string{{"DUPONT", "DURAND"}, {"MARTIN", "BERNARD"}} {
		if sound(other[0]) == sound(other[1]) {
			t.Errorf("%s and %s sound the same", other[0], other[1])
		}
	}
}

// TestBirths gives the level of pairs of dates, in either order.
func TestBirths(t *testing.T) {
	b := func(y, m, d int) Birth { return BirthOf(y, m, d) }
	for _, c := range []struct {
		a, b Birth
		want uint8
	}{
		{b(1980, 5, 12), b(1980, 5, 12), birthSame},
		{b(1980, 5, 12), b(1980, 12, 5), birthSwapped},
		{b(1980, 5, 13), b(1980, 5, 12), birthTwoParts},
		{b(1980, 5, 12), b(1980, 6, 12), birthTwoParts},
		{b(1980, 5, 12), b(1981, 5, 12), birthTwoParts},
		{b(1980, 5, 12), b(1970, 5, 12), birthTwoParts},
		{b(1908, 5, 12), b(1980, 5, 12), birthTwoParts}, // 08 and 80
		{b(1980, 5, 12), b(1953, 5, 12), birthDiffers},
		{b(1980, 5, 12), b(1980, 6, 13), birthYear},
		{b(1980, 5, 12), b(1982, 6, 13), birthDiffers},
		{b(1980, 5, 0), b(1980, 5, 12), birthKnown},
		{b(1980, 5, 0), b(1980, 5, 0), birthKnown},
		{b(1980, 12, 0), b(1980, 5, 12), birthSwapped},
		{b(1980, 7, 0), b(1980, 5, 12), birthYear},
		{b(1981, 5, 0), b(1980, 5, 12), birthDiffers},
		{b(1980, 20, 0), b(1980, 5, 12), birthYear},
		{b(1980, 20, 0), b(1982, 5, 12), birthDiffers},
		{b(1600, 1, 1), b(1980, 5, 12), missing},
	} {
		if got := births([]Birth{c.a}, []Birth{c.b}); got != c.want {
			t.Errorf("%v and %v: level %d (%s), want %d", c.a, c.b, got, levelNames[birthField][got], c.want)
		}
		if got := births([]Birth{c.b}, []Birth{c.a}); got != c.want {
			t.Errorf("%v and %v, the other way round: level %d, want %d", c.b, c.a, got, c.want)
		}
	}
	if got := births([]Birth{b(1980, 5, 13), b(1980, 5, 12)}, []Birth{b(1980, 5, 12)}); got != birthSame {
		t.Errorf("of two dates, the better one is to count; level %d", got)
	}
}
