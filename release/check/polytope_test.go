package check

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPolytope compares the bounds with those that every table of whole numbers
// gives, over small random tables with cells withheld.
func TestPolytope(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	for round := range 100 {
		const rows, columns, most = 3, 3, 3
		var table [rows][columns]int
		unknown := map[[2]int]int{}
		var order [][2]int
		for i := range rows {
			for j := range columns {
				table[i][j] = r.IntN(most + 1)
				if r.IntN(3) > 0 {
					unknown[[2]int{i, j}] = len(order)
					order = append(order, [2]int{i, j})
				}
			}
		}
		if len(order) == 0 {
			continue
		}
		var equations []equation
		line := func(cells [][2]int) {
			e := equation{terms: map[int]float64{}}
			for _, c := range cells {
				if k, ok := unknown[c]; ok {
					e.terms[k] = 1
					e.sum += float64(table[c[0]][c[1]])
				}
			}
			if len(e.terms) > 0 {
				equations = append(equations, e)
			}
		}
		for i := range rows {
			line([][2]int{{i, 0}, {i, 1}, {i, 2}})
			line([][2]int{{0, i}, {1, i}, {2, i}})
		}
		p, ok := newPolytope(len(order), equations)
		if !ok || p == nil {
			t.Fatalf("round %d: no table agrees, or no end (%v)", round, ok)
		}
		// Every table of whole numbers: a transportation problem has its extremes
		// at whole numbers.
		low, high := make([]float64, len(order)), make([]float64, len(order))
		for k := range low {
			low[k], high[k] = math.Inf(1), math.Inf(-1)
		}
		values := make([]int, len(order))
		var try func(k int)
		try = func(k int) {
			if k == len(order) {
				for _, e := range equations {
					s := 0.0
					for x, f := range e.terms {
						s += f * float64(values[x])
					}
					if s != e.sum {
						return
					}
				}
				for x, v := range values {
					low[x], high[x] = min(low[x], float64(v)), max(high[x], float64(v))
				}
				return
			}
			// No cell exceeds the smaller of its two lines.
			limit := 0
			for _, e := range equations {
				if e.terms[k] != 0 && (limit == 0 || int(e.sum) < limit) {
					limit = int(e.sum)
				}
			}
			for v := range limit + 1 {
				values[k] = v
				ok := true
				for _, e := range equations {
					s := 0.0
					for x := range k + 1 {
						s += e.terms[x] * float64(values[x])
					}
					ok = ok && s <= e.sum
				}
				if ok {
					try(k + 1)
				}
			}
			values[k] = 0
		}
		try(0)
		for k := range order {
			gotLow, gotHigh, ok := p.bounds(k)
			if !ok || math.Abs(gotLow-low[k]) > 1e-6 || math.Abs(gotHigh-high[k]) > 1e-6 {
				t.Fatalf("round %d: %v: cell %v: %v to %v (%v), want %v to %v", round, table, order[k], gotLow, gotHigh, ok, low[k], high[k])
			}
		}
	}
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		text     string
		comma    bool
		v        float64
		decimals int
		ok       bool
	}{
		{"412", false, 412, 0, true}, {"1,412", false, 1412, 0, true}, {"1,41", false, 0, 0, false}, {"1 412", true, 1412, 0, true},
		{"1\u202f412,5", true, 1412.5, 1, true}, {"33.30", false, 33.3, 2, true}, {"51.3 %", false, 51.3, 1, true}, {"1e3", false, 1000, -3, true},
		{"-4", false, -4, 0, true}, {"", false, 0, 0, false}, {"NaN", false, 0, 0, false}, {"0x10", false, 0, 0, false}, {"1e999", false, 0, 0, false}, {"<5", false, 0, 0, false},
	} {
		n, ok := parseNumber(c.text, c.comma)
		if ok != c.ok || ok && (n.v != c.v || n.decimals != c.decimals) {
			t.Errorf("%q: %+v, %v", c.text, n, ok)
		}
	}
}

// TestNIR counts the keys of numbers that cannot be those of a person: none is
// born in a month 13.
func TestNIR(t *testing.T) {
	for body, key := range map[string]int64{"1851399999999": 97 - 1851399999999%97, "2991319999001": 97 - 2991319999001%97, "2991318999001": 97 - 2991318999001%97} {
		text := body
		switch body {
		case "2991319999001":
			text = "299132A999001" // 2A counts as 19
		case "2991318999001":
			text = "299132B999001"
		}
		for _, line := range []string{fmt.Sprintf("%s%02d", text, key), fmt.Sprintf("a;%s %02d;b", text, key), fmt.Sprintf("1851399999999 00,%s%02d", text, key)} {
			if !hasNIR(line) {
				t.Errorf("%q is not seen", line)
			}
		}
		if wrong := fmt.Sprintf("%s%02d", text, key%97+1); hasNIR(wrong) {
			t.Errorf("%q has another key", wrong)
		}
		if within := fmt.Sprintf("9%s%02d", text, key); hasNIR(within) {
			t.Errorf("%q is longer", within)
		}
	}
}

func TestContact(t *testing.T) {
	for text, want := range map[string]bool{
		"01 99 00 12 34": true, "+33 1 99 00 12 34": true, "0199001234": true, "somebody@example.org": true, "3, rue de la Paix": true, "12 bis avenue Foch": true,
		"1990012345": false, "0.0199001234": false, "10 persons on the road": false, "a@b": false, "12 rue": false, "2021-01-02 03:04": false,
	} {
		c := &run{findings: map[[2]string]*Finding{}}
		c.persons("x.txt", text)
		if got := len(c.findings) > 0; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestMasks tells number formats that show the number from those that do not.
func TestMasks(t *testing.T) {
	for code, want := range map[string]bool{
		"": false, "0": false, "#,##0.00": false, "0.0%": false, "General": false, "yyyy-mm-dd": false, `#,##0 "persons"`: false, "#,##0;[Red]-#,##0": false,
		";;;": true, `"*"`: true, `[<11]"*";0`: true, `0;0;"-"`: true, `0;-0;;@`: true,
	} {
		if got := masks(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

func TestHides(t *testing.T) {
	for style, want := range map[string]bool{
		"display:none": true, "DISPLAY : None": true, "visibility:hidden": true, "opacity: 0": true, "opacity:0.0;": true, "opacity:.01": true, "font-size:1px": true, "font-size: 0": true,
		"font-size:0.1em": true, "color:#fff": true, "color: white": true, "color:transparent": true, "left:-9999px": true, "height:0;overflow:hidden": true,
		"opacity:1": false, "opacity:0.8": false, "opacity:1.0": false, "font-size:12px": false, "font-size:1em": false, "font-size: 0.9em": false, "color:#222": false,
		"background-color:white": false, "line-height:0.9": false, "border-color: white": false, "max-width: 40em": false, "stroke-width: 0": false, "font-size: 8.80px": false,
	} {
		if got := hides(style); got != want {
			t.Errorf("%q: %v", style, got)
		}
	}
}
