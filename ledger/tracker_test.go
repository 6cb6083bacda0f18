package ledger

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"galien/refdata"
)

// The attacks on a count endpoint, over the Adult table (refdata
// "privacy-adult"): a target is a person alone with eight quasi-identifiers that
// the attacker knows; the secret is the salary class.

const threshold = 11

// people is a set of persons, a bit each.
type people []uint64

func (p people) and(q people) people { return p.each(q, func(a, b uint64) uint64 { return a & b }) }
func (p people) or(q people) people  { return p.each(q, func(a, b uint64) uint64 { return a | b }) }
func (p people) not(q people) people { return p.each(q, func(a, b uint64) uint64 { return a &^ b }) }

func (p people) each(q people, f func(a, b uint64) uint64) people {
	out := make(people, len(p))
	for i := range p {
		out[i] = f(p[i], q[i])
	}
	return out
}

func (p people) count() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

func (p people) vector() Vector {
	b := roaring.New()
	b.FromDense(slices.Clone(p), false)
	if b.IsEmpty() {
		return Vector{}
	}
	return Vector{[]level{{1, b}}}
}

// census is the table, as the sets of its attributes' values.
type census struct {
	everyone people
	names    []string            // of the quasi-identifiers
	values   [][]string          // of each person
	with     []map[string]people // by quasi-identifier
	rich     people              // the secret
}

func adult(t *testing.T) *census {
	t.Helper()
	f, err := os.Open(filepath.Join(refdata.Dir(t, "privacy-adult"), "adult.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Scan()
	c := &census{names: strings.Split(lines.Text(), ";")[:8]}
	var secret []bool
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ";")
		c.values = append(c.values, fields[:8])
		secret = append(secret, fields[8] == ">50K")
	}
	words := (len(c.values) + 63) / 64
	c.everyone, c.rich = make(people, words), make(people, words)
	c.with = make([]map[string]people, 8)
	for a := range c.with {
		c.with[a] = map[string]people{}
	}
	for i, v := range c.values {
		set := func(p people) { p[i/64] |= 1 << (i % 64) }
		set(c.everyone)
		if secret[i] {
			set(c.rich)
		}
		for a, x := range v {
			if c.with[a][x] == nil {
				c.with[a][x] = make(people, words)
			}
			set(c.with[a][x])
		}
	}
	return c
}

// of is the persons who have a target's values of some quasi-identifiers.
func (c *census) of(target int, attributes []int) people {
	p := c.everyone
	for _, a := range attributes {
		p = p.and(c.with[a][c.values[target][a]])
	}
	return p
}

var all8 = []int{0, 1, 2, 3, 4, 5, 6, 7}

// targets are persons alone with their quasi-identifiers.
func (c *census) targets(n int) (list []int) {
	alone := map[string]int{}
	for _, v := range c.values {
		alone[strings.Join(v, ";")]++
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, i := range r.Perm(len(c.values)) {
		if alone[strings.Join(c.values[i], ";")] == 1 && len(list) < n {
			list = append(list, i)
		}
	}
	return list
}

// endpoint answers how many persons a definition has, if it answers.
type endpoint func(definition string, who people) (n int, ok bool)

// thresholdOnly withholds what is small, as others do.
func thresholdOnly(_ string, who people) (int, bool) {
	n := who.count()
	return n, n >= threshold
}

// judged is Galien's: every count passes the ledger. Each target is attacked on a
// hub where nothing was asked before, which is the attacker's best.
func judged(everyone people) endpoint {
	s := newState()
	whole := everyone.vector()
	keys := map[string]Key{}
	return func(definition string, who people) (int, bool) {
		key, ok := keys[definition]
		if !ok {
			binary.LittleEndian.PutUint64(key[:], uint64(len(keys)+1))
			keys[definition] = key
		}
		j := s.judge(Ask{Ground: Ground{Snapshot: "s"}, Threshold: threshold, Everyone: whole, Numbers: []Number{{Key: key, What: "persons", Of: who.vector()}}})
		if j.news {
			s.note(j.record)
		}
		d := j.decisions[0]
		return int(d.Value), d.Open()
	}
}

// counting counts the questions of an attack.
func counting(ask endpoint, n *int) endpoint {
	return func(definition string, who people) (int, bool) {
		*n++
		return ask(definition, who)
	}
}

// The attacks return 1 or 0 for the secret that they learnt, or -1.

// individual parts what is known of the target in A and B; C = A and B is the
// target alone, and A without B is asked in its place (Denning and Schlörer).
func individual(c *census, target int, ask endpoint, r *rand.Rand) int {
	for range 12 {
		order := r.Perm(8)
		cut := 1 + r.IntN(4)
		a, b := c.of(target, order[:cut]), c.of(target, order[cut:])
		name := fmt.Sprint(order[:cut])
		n, ok := ask("A "+name, a)
		if !ok {
			continue
		}
		rest, ok := ask("A but B "+name, a.not(b))
		if !ok || n-rest != 1 {
			continue
		}
		if more, ok := ask("A but B, or rich "+name, a.not(b).or(a.and(b).and(c.rich))); ok {
			return more - rest
		}
	}
	return -1
}

// general counts whatever it likes through a set G that is far from nobody and
// from everyone: C is (C or G) and (C or not G) less everyone.
func general(c *census, target int, ask endpoint, r *rand.Rand) int {
	who := c.of(target, all8).and(c.rich)
	for range 6 {
		a := r.IntN(8)
		values := make([]string, 0, len(c.with[a]))
		for v := range c.with[a] {
			values = append(values, v)
		}
		slices.Sort(values)
		v := values[r.IntN(len(values))]
		g := c.with[a][v]
		name := fmt.Sprint(c.names[a], "=", v)
		n, ok1 := ask(name, g)
		m, ok2 := ask("not "+name, c.everyone.not(g))
		if !ok1 || !ok2 {
			continue
		}
		x, ok1 := ask("C or "+name, who.or(g))
		y, ok2 := ask("C or not "+name, who.or(c.everyone.not(g)))
		if ok1 && ok2 {
			return x + y - n - m
		}
	}
	return -1
}

// border looks for the answer in whether there is one. It takes people off a
// base by padding, small groups of whom it does not know how many there are: once
// alone, and once with the target if the target is rich, off another base.
// Where the first is withheld and the second is not, the group had one person
// less than the threshold, and the target is rich.
func border(c *census, target int, ask endpoint, r *rand.Rand) int {
	rich, poor := c.of(target, all8).and(c.rich), c.of(target, all8).not(c.rich)
	for range 25 {
		pad, base, other := c.padding(target, r), c.base(target, r), c.base(target, r)
		for secret, who := range []people{poor, rich} {
			if _, ok := ask("with "+base.name+pad.name, base.who.or(pad.who)); !ok {
				continue
			}
			if _, ok := ask(fmt.Sprint("with ", other.name, pad.name, secret), other.who.or(pad.who).or(who)); !ok {
				continue
			}
			_, alone := ask("off "+base.name+pad.name, base.who.not(pad.who))
			_, with := ask(fmt.Sprint("off ", other.name, pad.name, secret), other.who.not(pad.who.or(who)))
			if !alone && with {
				return secret
			}
		}
	}
	return -1
}

// weighing asks for each padding with the target, if rich or if poor, once, and
// goes by which was answered more often.
func weighing(c *census, target int, ask endpoint, r *rand.Rand) int {
	of := []people{c.of(target, all8).not(c.rich), c.of(target, all8).and(c.rich)}
	answered := [2]int{}
	for n := range 40 {
		pad, base := c.padding(target, r), c.base(target, r)
		if _, ok := ask("base "+base.name, base.who); ok {
			if _, ok := ask(fmt.Sprint("off ", base.name, pad.name, n%2), base.who.not(pad.who.or(of[n%2]))); ok {
				answered[n%2]++
			}
		}
	}
	if answered[0] == answered[1] || max(answered[0], answered[1])-min(answered[0], answered[1]) < 4 {
		return -1 // it would be a guess worse than that of the majority
	}
	if answered[1] > answered[0] {
		return 1
	}
	return 0
}

type group struct {
	name string
	who  people
}

// padding is a small group without the target: people who share four values
// with a person drawn at random.
func (c *census) padding(target int, r *rand.Rand) group {
	for {
		p, order := r.IntN(len(c.values)), r.Perm(8)[:4]
		who := c.of(p, order)
		if n := who.count(); n > 0 && n < 60 && who[target/64]&(1<<(target%64)) == 0 {
			return group{fmt.Sprint(" pad ", p, order), who}
		}
	}
}

// base is a large group with the target: people who are unlike a person drawn
// at random in one value.
func (c *census) base(target int, r *rand.Rand) group {
	for {
		p, a := r.IntN(len(c.values)), r.IntN(8)
		if v := c.values[p][a]; v != c.values[target][a] {
			return group{fmt.Sprint(" not ", c.names[a], v), c.everyone.not(c.with[a][v])}
		}
	}
}

// TestTracker attacks a threshold-only endpoint, which gives up every target, and
// the ledger's, which gives up no more than a guess of the majority would.
// GALIEN_TRACKER=all takes 500 targets.
func TestTracker(t *testing.T) {
	c := adult(t)
	targets := c.targets(500)
	all := os.Getenv("GALIEN_TRACKER") == "all"
	if !all {
		targets = targets[:40]
	}
	secret := func(i int) int { return int(c.rich[i/64] >> (i % 64) & 1) }
	majority := 0
	for _, i := range targets {
		majority += 1 - secret(i)
	}
	t.Logf("%d targets; guessing the majority is right for %d (%.1f %%)", len(targets), majority, 100*float64(majority)/float64(len(targets)))
	for _, attack := range []struct {
		name string
		run  func(*census, int, endpoint, *rand.Rand) int
		must bool // a threshold alone gives up every target to it
	}{{"individual tracker", individual, true}, {"general tracker", general, true}, {"border with padding", border, false}, {"border, weighed", weighing, false}} {
		targets, majority := targets, majority
		if !attack.must {
			few := 5 // each has hundreds of questions
			if all {
				few = 100
			}
			targets, majority = targets[:few], 0
			for _, i := range targets {
				majority += 1 - secret(i)
			}
		}
		for _, e := range []struct {
			name string
			open func() endpoint
		}{{"threshold only", func() endpoint { return thresholdOnly }}, {"ledger", func() endpoint { return judged(c.everyone) }}} {
			learnt, right, claimed := 0, 0, 0
			var queries []int
			for _, i := range targets {
				n := 0
				said := attack.run(c, i, counting(e.open(), &n), rand.New(rand.NewPCG(uint64(i), 7)))
				queries = append(queries, n)
				guess := said
				if said < 0 {
					guess = 0
				} else {
					claimed++
					if said == secret(i) {
						learnt++
					}
				}
				if guess == secret(i) {
					right++
				}
			}
			slices.Sort(queries)
			t.Logf("%-20s %-15s says something of %3d, rightly of %3d; with guesses right for %3d of %d; median of %d questions",
				attack.name, e.name, claimed, learnt, right, len(targets), queries[len(queries)/2])
			switch {
			case e.name == "threshold only" && attack.must && learnt != len(targets):
				t.Errorf("%s: the control gave up %d of %d: the attack proves nothing", attack.name, learnt, len(targets))
			case e.name == "ledger" && attack.must && claimed > 0:
				t.Errorf("%s: the ledger gave up %d targets", attack.name, claimed)
			case e.name == "ledger" && right > majority:
				t.Errorf("%s: right for %d, guessing the majority for %d", attack.name, right, majority)
			}
		}
	}
}
