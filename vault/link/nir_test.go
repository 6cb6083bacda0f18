package link

import (
	"testing"

	"galien/vault"
)

// TestKeys compares keys with those of published specimens (the two first) and
// with keys worked out by hand from 97 - n mod 97, Corsica as 19 and 18.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		text string
		key  int
	}{
		{"2 55 08 14 168 025", 38}, {"2.69.05.49.588.157", 80}, {"1850578006084", 91},
		{"184122A004123", 23}, {"2910 72b 033 777", 90}, {"2481099999001", 81}, {"1201001075003", 51},
	} {
		n, ok := ParseNIR(c.text)
		if !ok || n.Key != NoKey || keyOf(n) != c.key {
			t.Errorf("%s: read %v, key %d, want %d", c.text, ok, keyOf(n), c.key)
		}
	}
	for text, want := range map[string]KeyState{
		"255081416802538": RightKey, "2 55 08 14 168 025 38": RightKey, "255081416802539": WrongKey, "2550814168025XX": WrongKey,
		"255081416802538 ": RightKey, "184122A00412323": RightKey, "184122B00412323": WrongKey,
	} {
		if n, ok := ParseNIR(text); !ok || n.Key != want {
			t.Errorf("%s: read %v, key state %d, want %d: a wrong key warns, it does not refuse", text, ok, n.Key, want)
		}
	}
	for _, text := range []string{"", "0", "0000000000000", "9999999999999", "1111111111111", "255081416802", "25508141680253", "2550814C68025", "255082A1A8025", "25508141680253899"} {
		if _, ok := ParseNIR(text); ok {
			t.Errorf("%q was taken for a number", text)
		}
	}
}

// keyOf returns the key of a NIR.
func keyOf(n NIR) int {
	sum, _ := nirValue(n.number)
	return int(97 - sum%97)
}

// TestBirthOfNumber reads months that are not known: 20, 30 to 42, 50 and more.
func TestBirthOfNumber(t *testing.T) {
	for text, want := range map[string][2]int{
		"1850578006084": {85, 5}, "1852078006084": {85, 0}, "1853178006084": {85, 0}, "1859978006084": {85, 0}, "1001278006084": {0, 12},
	} {
		n, ok := ParseNIR(text)
		if year, month := n.birth(); !ok || year != want[0] || month != want[1] {
			t.Errorf("%s: year %d, month %d, want %v", text, year, month, want)
		}
	}
}

// TestTestIdentities keeps persons with a TEST or DEMO number out, and counts
// them.
func TestTestIdentities(t *testing.T) {
	l := New("a", "b", Options{})
	nir := "255081416802538"
	for i, issuer := range []string{oidNIR, oidNIA, oidTest, oidDemo, ""} {
		must(l.A.Add(vault.Seal(string(rune('a'+i))), Traits{Numbers: []Number{{System: Own, Value: nir, Issuer: issuer}}}))
	}
	if w := l.A.Warnings(); l.A.Len() != 3 || w.Quarantined != 2 {
		t.Errorf("%d records take part and %d are in quarantine, want 3 and 2", l.A.Len(), w.Quarantined)
	}
}

func TestDummyChain(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "xxxxxxxxxxxxxxxxx": true, "XXXXXXXXXXXXXXXXD": true, "00000000000000000": true,
		"UziN0Kg5ha8GXYg7P": false, "XXXXXXXXXXXXXXXXXXaD": false,
	} {
		if dummyChain(text) != want {
			t.Errorf("%q stands for nobody: %v, want %v", text, !want, want)
		}
	}
}
