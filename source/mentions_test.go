package source

import "testing"

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		name, header string
		delimiter    byte
		raw          string
		numbers      []string
		want         bool
	}{
		{"the person's column", "a,person_id,b", ',', "42,7,x", []string{"7"}, true},
		{"another column has the number", "a,person_id,b", ',', "42,7,x", []string{"42"}, false},
		{"zeros before it", "Person_ID,b", ',', " 007 ,x", []string{"7"}, true},
		{"a sign before it", "person_id,b", ',', "+7,x", []string{"7"}, true},
		{"another sign", "person_id,b", ',', "-7,x", []string{"7"}, false},
		{"a negative number", "person_id,b", ',', "-07,x", []string{"-7"}, true},
		{"quoted", "person_id,b", ',', "\"7\",\"x,y\"", []string{"7"}, true},
		{"too few fields: any of them", "a,person_id,b", ',', "42,7", []string{"42"}, true},
		{"a quote that does not close", "a,person_id,b", ',', "\"42,7,x", []string{"7"}, false},
		{"no column of that name: any field", "BEN_NIR_PSA;BEN_RNG_GEM", ';', "abcdefg;1", []string{"abcdefg"}, true},
		{"part of a field", "BEN_NIR_PSA;BEN_RNG_GEM", ';', "xabcdefg;1", []string{"abcdefg"}, false},
		{"zeros that count", "BEN_NIR_PSA;BEN_RNG_GEM", ';', "00123;1", []string{"00123"}, true},
		{"tabs", "a\tperson_id", '\t', "\"\t7", []string{"7"}, true},
		{"a fixed-width line", "", 0, "1120000000012345678  ", []string{"12345678"}, true},
		{"a short number in it", "", 0, "1120000000012345678  ", []string{"1"}, false},
		{"the text was not kept", "person_id", ',', "", []string{""}, false},
	} {
		if got := Mentions(c.header, c.delimiter, []byte(c.raw), c.numbers); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
