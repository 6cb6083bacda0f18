package disclosure

import (
	"cmp"
	"slices"

	"galien"
)

// maxDepth bounds the levels of a hierarchy under its total.
const maxDepth = 8

// tree is a dimension as it is computed with: its categories in order of their
// names, whatever order the caller gave, so that the order of the input never
// changes what is withheld, and then the total, which is the root.
type tree struct {
	name     string
	labels   []string // the categories; the total has none
	parent   []int    // by node; -1 for the total
	children [][]int  // by node; none for a category that is not divided
	height   []int    // by node; 0 for a category that is not divided
	additive bool
	below    [][]int    // by node: a chain down to a category that is not divided
	fans     [][]bundle // by node that is divided
	frames   [][]frame  // by node
}

// bundle is a chain of nodes of one dimension, each the parent of the one
// before or after it, that change together: by node, what it adds to the number
// of a row. coef is its sign in the sums to zero: +1 for a category, -1 for a
// total.
type bundle struct {
	adds []int
	coef int64
}

// frame is one place where a node can give what it takes: the bundles of a
// node that is divided, one of which has the node in it.
type frame struct {
	bundles []bundle
	own     int
}

func (t *tree) root() int { return len(t.labels) }

// newTree checks d and orders its categories.
func newTree(d Dimension) (*tree, error) {
	if err := checkLabel("dimension", d.Name); err != nil {
		return nil, err
	}
	t := &tree{name: d.Name, labels: slices.Clone(d.Categories), additive: d.Additive}
	slices.Sort(t.labels)
	if len(t.labels) == 0 {
		return nil, galien.Errorf(galien.Invalid, "table: dimension %q has no category", d.Name)
	}
	for i, c := range t.labels {
		if err := checkLabel("category", c); err != nil {
			return nil, err
		}
		if i > 0 && t.labels[i-1] == c {
			return nil, galien.Errorf(galien.Invalid, "table: dimension %q has category %q twice", d.Name, c)
		}
	}
	root := t.root()
	t.parent = make([]int, root+1)
	t.children = make([][]int, root+1)
	t.height = make([]int, root+1)
	for v := range t.parent {
		t.parent[v] = root
	}
	t.parent[root] = -1
	for child, parent := range d.Parents {
		v, ok := slices.BinarySearch(t.labels, child)
		w, known := slices.BinarySearch(t.labels, parent)
		if !ok || !known {
			return nil, galien.Errorf(galien.Invalid, "table: the hierarchy of %q puts %q under %q, and one of them is no category; leave out those directly under the total", d.Name, child, parent)
		}
		t.parent[v] = w
	}
	for v := range root {
		t.children[t.parent[v]] = append(t.children[t.parent[v]], v)
		levels := 0
		for w := v; w != root; w = t.parent[w] {
			if levels++; levels > maxDepth {
				return nil, galien.Errorf(galien.Invalid, "table: the hierarchy of %q goes in circles or has more than %d levels", d.Name, maxDepth)
			}
			p := t.parent[w]
			t.height[p] = max(t.height[p], levels)
		}
	}
	return t, nil
}

// find returns the node of a key.
func (t *tree) find(key string) (int, bool) {
	if key == Total {
		return t.root(), true
	}
	return slices.BinarySearch(t.labels, key)
}

// divided says whether a node is the sum of others.
func (t *tree) divided(v int) bool { return len(t.children[v]) > 0 }

// weave works out the frames. size is what each node counts in all: where a
// change has to go down a level it may take the smallest category or the
// largest. stride is what one node adds to the number of a row.
func (t *tree) weave(size []int64, stride int) {
	join := func(coef int64, chains ...[]int) bundle {
		b := bundle{coef: coef}
		for _, v := range slices.Concat(chains...) {
			b.adds = append(b.adds, v*stride)
		}
		return b
	}
	bySize := func(a, b int) int { return cmp.Or(cmp.Compare(size[a], size[b]), cmp.Compare(a, b)) }
	// down lists chains from a node, excluded, to a category not divided: by
	// way of the smallest, and of the largest where that is another.
	var down func(v int) [][]int
	down = func(v int) [][]int {
		if !t.divided(v) {
			return [][]int{nil}
		}
		small, large := slices.MinFunc(t.children[v], bySize), slices.MaxFunc(t.children[v], bySize)
		out := [][]int{append([]int{small}, down(small)[0]...)}
		if tails := down(large); large != small || len(tails) > 1 {
			out = append(out, append([]int{large}, tails[len(tails)-1]...))
		}
		return out
	}
	t.below = make([][]int, len(t.parent))
	for v := range t.parent {
		t.below[v] = down(v)[0]
	}
	t.fans = make([][]bundle, len(t.parent))
	for w := range t.parent {
		if !t.divided(w) {
			continue
		}
		for _, c := range t.children[w] {
			for _, tail := range down(c) {
				t.fans[w] = append(t.fans[w], join(1, []int{c}, tail))
			}
		}
		t.fans[w] = append(t.fans[w], join(-1, t.above(w)))
	}
	t.frames = make([][]frame, len(t.parent))
	for v := range t.parent {
		if t.divided(v) {
			t.frames[v] = append(t.frames[v], frame{t.fans[v], len(t.fans[v]) - 1})
		}
		chain := []int{v} // from below the frame's node to v
		for w := t.parent[v]; w >= 0; w = t.parent[w] {
			if len(chain) == 1 && !t.divided(v) {
				i := slices.IndexFunc(t.fans[w], func(b bundle) bool { return b.adds[0] == v*stride })
				t.frames[v] = append(t.frames[v], frame{t.fans[w], i})
			} else {
				for _, tail := range down(v) {
					own := join(1, chain, tail)
					others := slices.DeleteFunc(slices.Clone(t.fans[w]), func(b bundle) bool { return b.coef > 0 && b.adds[0] == chain[0]*stride })
					t.frames[v] = append(t.frames[v], frame{append([]bundle{own}, others...), 0})
				}
			}
			chain = append([]int{w}, chain...)
		}
	}
}

// above lists a node and all it is part of.
func (t *tree) above(v int) []int {
	var out []int
	for ; v >= 0; v = t.parent[v] {
		out = append(out, v)
	}
	return out
}

// through lists a chain from the total to a category that is not divided, by
// way of v.
func (t *tree) through(v int) []int { return append(t.above(v), t.below[v]...) }
