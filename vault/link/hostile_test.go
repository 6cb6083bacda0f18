package link

import (
	"testing"

	"galien/vault"
)

// TestHostile puts persons who are easily confused among many others, and says
// what must become of each pair.
func TestHostile(t *testing.T) {
	who := func(family, first string, sex Sex, birth Birth, origin, home string) Traits {
		x := Traits{Sex: sex, Births: []Birth{birth}}
		if family != "" {
			x.BirthNames = []string{family}
		}
		if first != "" {
			x.FirstNames = []string{first}
		}
		if origin != "" {
			x.BirthPlaces = []string{origin}
		}
		if home != "" {
			x.Places = []Place{{Code: home}}
		}
		return x
	}
	born := BirthOf(1987, 3, 14)
	baby := BirthOf(2021, 6, 2)
	type named struct {
		id string
		t  Traits
	}
	for _, c := range []struct {
		name string
		a, b []named
		// accepted are the pairs that are linked; no other pair of the case is.
		accepted map[string]string
		// review are pairs that wait for a human.
		review map[string]string
	}{
		{
			name:     "twins of one sex, both on each side: the first names tell",
			a:        []named{{"L", who("GARNIER", "LUCIEN", Male, born, "31555", "31100")}, {"M", who("GARNIER", "MATHURIN", Male, born, "31555", "31100")}},
			b:        []named{{"l", who("GARNIER", "LUCIEN", Male, born, "31555", "31100")}, {"m", who("GARNIER", "MATHURIN", Male, born, "31555", "31100")}},
			accepted: map[string]string{"L": "l", "M": "m"},
		},
		{
			name:   "twins of one sex, another one on each side: a human decides",
			a:      []named{{"L", who("GARNIER", "LUCIEN", Male, born, "31555", "31100")}},
			b:      []named{{"m", who("GARNIER", "MATHURIN", Male, born, "31555", "31100")}},
			review: map[string]string{"L": "m"},
		},
		{
			name:   "twins of one sex who share a second first name, another one on each side",
			a:      []named{{"L", who("GARNIER", "LUCIEN MATHURIN", Male, born, "31555", "31100")}},
			b:      []named{{"m", who("GARNIER", "MATHURIN ANSELME", Male, born, "31555", "31100")}},
			review: map[string]string{"L": "m"},
		},
		{
			name:     "first names in another order",
			a:        []named{{"1", who("VERMOREL", "LUCIEN MATHURIN", Male, born, "31555", "31100")}},
			b:        []named{{"2", who("VERMOREL", "MATHURIN LUCIEN", Male, born, "31555", "31100")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name: "newborn twins without first names",
			a:    []named{{"1", who("GARNIER", "X", Male, baby, "31555", "31100")}, {"2", who("GARNIER", "X", Male, baby, "31555", "31100")}},
			b:    []named{{"3", who("GARNIER", "X", Male, baby, "31555", "31100")}, {"4", who("GARNIER", "LUCIEN", Male, baby, "31555", "31100")}},
		},
		{
			name:   "a newborn without a first name, then with it",
			a:      []named{{"1", who("VERMOREL", "X", Female, baby, "69387", "69003")}},
			b:      []named{{"2", who("VERMOREL", "CAPUCINE", Female, baby, "69387", "69003")}},
			review: map[string]string{"1": "2"},
		},
		{
			name: "homonyms of another day",
			a:    []named{{"1", who("MARTIN", "MARIE", Female, BirthOf(1950, 2, 3), "13055", "13008")}},
			b:    []named{{"2", who("MARTIN", "MARIE", Female, BirthOf(1957, 11, 24), "59350", "59000")}},
		},
		{
			name:     "homonyms of the same day: the places tell",
			a:        []named{{"1", who("MARTIN", "MARIE", Female, born, "13055", "13008")}},
			b:        []named{{"2", who("MARTIN", "MARIE", Female, born, "13055", "13008")}, {"3", who("MARTIN", "MARIE", Female, born, "59350", "59000")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name: "homonyms of the same day, nothing else known: nobody is chosen",
			a:    []named{{"1", who("MARTIN", "MARIE", Female, born, "", "")}},
			b:    []named{{"2", who("MARTIN", "MARIE", Female, born, "13055", "")}, {"3", who("MARTIN", "MARIE", Female, born, "59350", "")}},
			review: map[string]string{
				"1": "2",
			},
		},
		{
			name:     "born abroad, country unknown (99999), day unknown",
			a:        []named{{"1", who("TRAORE", "AMINATA", Female, BirthOf(1961, 1, 0), "99999", "93066")}},
			b:        []named{{"2", who("TRAORÉ", "AMINATA", Female, BirthOf(1961, 1, 1), "99335", "93066")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name:     "month not known (20 in a NIR)",
			a:        []named{{"1", who("OUEDRAOGO", "ISSOUFOU", Male, BirthOf(1948, 20, 0), "99331", "93066")}},
			b:        []named{{"2", who("OUEDRAOGO", "ISSOUFOU", Male, BirthOf(1948, 7, 9), "99331", "93066")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name:     "day and month exchanged",
			a:        []named{{"1", who("LEMOINE", "HIPPOLYTE", Male, BirthOf(1972, 4, 9), "35238", "35000")}},
			b:        []named{{"2", who("LEMOINE", "HIPPOLYTE", Male, BirthOf(1972, 9, 4), "35238", "35000")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name:     "a name misspelt, the day wrong by one",
			a:        []named{{"1", who("DELACROIX", "APOLLINE", Female, BirthOf(1972, 4, 19), "35238", "35000")}},
			b:        []named{{"2", who("DELACOIX", "APOLLINE", Female, BirthOf(1972, 4, 18), "35238", "35000")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name:     "married name on one side",
			a:        []named{{"1", who("CHARPENTIER NEE VASSEUR", "BERENICE", Female, BirthOf(1972, 4, 19), "80021", "80000")}},
			b:        []named{{"2", who("CHARPENTIER", "Bérénice", Female, BirthOf(1972, 4, 19), "80021", "80000")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name:     "name and first name exchanged",
			a:        []named{{"1", who("VASSEUR", "ARISTIDE", Male, BirthOf(1944, 8, 25), "80021", "80000")}},
			b:        []named{{"2", who("ARISTIDE", "VASSEUR", Male, BirthOf(1944, 8, 25), "80021", "80000")}},
			accepted: map[string]string{"1": "2"},
		},
		{
			name: "father and son of one name",
			a:    []named{{"1", who("PASTOUREAU", "GONTRAN", Male, BirthOf(1950, 5, 6), "64445", "64000")}},
			b:    []named{{"2", who("PASTOUREAU", "GONTRAN", Male, BirthOf(1980, 10, 21), "64445", "64000")}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New("a", "b", Options{Sample: 40_000})
			newPopulation(31, 700).files(usual, 0.6, 0.6, false, l)
			mine := map[string]bool{}
			for _, x := range c.a {
				mine[x.id] = true
				must(l.A.Add(vault.Seal(x.id), x.t))
			}
			for _, x := range c.b {
				must(l.B.Add(vault.Seal(x.id), x.t))
			}
			accepted, review := map[string]string{}, map[string][]string{}
			for _, x := range run(t, l).Links {
				if !mine[x.A.Reveal()] {
					continue
				}
				if x.Decision == Accepted {
					accepted[x.A.Reveal()] = x.B.Reveal()
				} else {
					review[x.A.Reveal()] = append(review[x.A.Reveal()], x.B.Reveal())
				}
			}
			for a, b := range c.accepted {
				if accepted[a] != b {
					t.Errorf("%s is to be linked to %s: linked to %q, to review %v", a, b, accepted[a], review[a])
				}
			}
			if len(accepted) != len(c.accepted) {
				t.Errorf("%v are linked, want %v", accepted, c.accepted)
			}
			for a, b := range c.review {
				if len(review[a]) == 0 || review[a][0] != b {
					t.Errorf("%s and %s are to be reviewed; for review are %v", a, b, review[a])
				}
			}
		})
	}
}

// TestNumbers says what the deterministic rules make of shared numbers.
func TestNumbers(t *testing.T) {
	third := Invented{"test"}
	nir := func(text string) NIR {
		n, ok := ParseNIR(text)
		if !ok {
			t.Fatal(text)
		}
		return n
	}
	born := BirthOf(1987, 3, 4)
	own, mother := "187033155512367", "262053155504504"
	chain := func(holder string, b Birth, sex Sex) Number {
		return Number{System: HolderChain, Value: third.Holder(nir(holder), b, sex)}
	}
	ano := func(text string) Number { return Number{System: OwnChain, Value: third.Person(nir(text))} }
	other := "187033155512436"
	for _, c := range []struct {
		name     string
		a        []Traits
		b        []Traits
		accepted [][2]int
		review   int
		note     string
	}{
		{"own number, key wrong", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: Own, Value: own[:13] + "11"}}}},
			[]Traits{{Sex: Male, Births: []Birth{BirthOf(1987, 3, 0)}, Numbers: []Number{ano(own)}}}, [][2]int{{0, 0}}, 0, "the key of a shared number is wrong"},
		{"holder's number", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: born}}}},
			[]Traits{{Sex: Male, Births: []Birth{BirthOf(1987, 3, 0)}, Numbers: []Number{chain(mother, born, Male)}}}, [][2]int{{0, 0}}, 0, ""},
		{"holder's number, day and month exchanged", []Traits{{Sex: Male, Births: []Birth{BirthOf(1987, 4, 3)}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: BirthOf(1987, 4, 3)}}}},
			[]Traits{{Sex: Male, Births: []Birth{BirthOf(1987, 3, 0)}, Numbers: []Number{chain(mother, born, Male)}}}, [][2]int{{0, 0}}, 0, "a holder's number is shared once day and month of birth are exchanged"},
		{"twins under their mother's number", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: born}}}},
			[]Traits{{Sex: Male, Numbers: []Number{chain(mother, born, Male), ano(own)}}, {Sex: Male, Numbers: []Number{chain(mother, born, Male), ano(other)}}}, nil, 2, "several records share the number, as twins do"},
		{"twins, one with an own number", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: born}, {System: Own, Value: own}}}},
			[]Traits{{Sex: Male, Numbers: []Number{chain(mother, born, Male), ano(own)}}, {Sex: Male, Numbers: []Number{chain(mother, born, Male), ano(other)}}}, [][2]int{{0, 0}}, 0, ""},
		{"a twin whose twin alone is there", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: born}, {System: Own, Value: own}}}},
			[]Traits{{Sex: Male, Numbers: []Number{chain(mother, born, Male), ano(other)}}}, nil, 1, "a holder's number is shared and the own numbers differ"},
		{"a number of somebody else", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: Own, Value: own}}}},
			[]Traits{{Sex: Female, Births: []Birth{BirthOf(1950, 7, 0)}, Numbers: []Number{ano(own)}}}, nil, 1, "the number is shared and sex or birth contradict it"},
		{"a provisional and a final number", []Traits{{Sex: Male, Births: []Birth{born}, Numbers: []Number{{System: HolderOf, Value: mother, Birth: born}, {System: HolderOf, Value: own, Birth: born}}}},
			[]Traits{{Sex: Male, Numbers: []Number{chain(mother, born, Male)}}, {Sex: Male, Numbers: []Number{chain(own, born, Male)}}}, [][2]int{{0, 0}, {0, 1}}, 0, ""},
		{"the hospital's own number", []Traits{{Numbers: []Number{{System: Local, Value: "42", Issuer: "750000001"}}}},
			[]Traits{{Numbers: []Number{{System: Local, Value: "42", Issuer: "750000001"}}}, {Numbers: []Number{{System: Local, Value: "42", Issuer: "750000002"}}}}, [][2]int{{0, 0}}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New("a", "b", Options{ThirdParty: third})
			for i, x := range c.a {
				must(l.A.Add(vault.Seal(string(rune('0'+i))), x))
			}
			for i, x := range c.b {
				must(l.B.Add(vault.Seal(string(rune('0'+i))), x))
			}
			r := run(t, l)
			var accepted [][2]int
			noted := c.note == ""
			for _, x := range r.Links {
				if x.Decision == Accepted {
					accepted = append(accepted, [2]int{int(x.A.Reveal()[0] - '0'), int(x.B.Reveal()[0] - '0')})
				}
				for _, reason := range x.Reasons {
					noted = noted || reason.Level == c.note
				}
			}
			if len(accepted) != len(c.accepted) || r.Report.Review != c.review || !noted {
				t.Errorf("linked %v and %d to review, want %v and %d; the note is there: %v", accepted, r.Report.Review, c.accepted, c.review, noted)
			}
			for i := range accepted {
				if i < len(c.accepted) && accepted[i] != c.accepted[i] {
					t.Errorf("linked %v, want %v", accepted, c.accepted)
				}
			}
		})
	}
}
