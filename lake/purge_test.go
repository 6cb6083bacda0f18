package lake

import (
	"maps"
	"slices"
	"testing"
)

// TestBecame resolves histories by hand: what is kept of each, and what the other
// ids became.
func TestBecame(t *testing.T) {
	plain := func(id string) Commit { return Commit{Snapshot: id} }
	purge := func(id string, pairs ...string) Commit {
		c := Commit{Snapshot: id, Purge: &Purge{}}
		for i := 0; i < len(pairs); i += 2 {
			c.Purge.Snapshots = append(c.Purge.Snapshots, Purged{Was: pairs[i], Is: pairs[i+1]})
		}
		return c
	}
	for name, c := range map[string]struct {
		history []Commit
		kept    []string
		became  map[string]string
	}{
		"none":                     {nil, nil, map[string]string{}},
		"no purge":                 {[]Commit{plain("a"), plain("b"), plain("a")}, []string{"b", "a"}, map[string]string{}},
		"a purge":                  {[]Commit{plain("a"), plain("b"), purge("B", "a", "A", "b", "B")}, []string{"A", "B"}, map[string]string{"a": "A", "b": "B"}},
		"one that loses nothing":   {[]Commit{plain("a"), plain("b"), purge("B", "b", "B")}, []string{"a", "B"}, map[string]string{"b": "B"}},
		"only an old one":          {[]Commit{plain("a"), plain("b"), purge("b", "a", "A")}, []string{"A", "b"}, map[string]string{"a": "A"}},
		"twice":                    {[]Commit{plain("a"), purge("b", "a", "b"), plain("x"), purge("y", "b", "c", "x", "y")}, []string{"c", "y"}, map[string]string{"a": "c", "b": "c", "x": "y"}},
		"back to one that is kept": {[]Commit{plain("a"), plain("b"), purge("a", "b", "a")}, []string{"a"}, map[string]string{"b": "a"}},
		"and a commit after":       {[]Commit{plain("a"), purge("b", "a", "b"), plain("c")}, []string{"b", "c"}, map[string]string{"a": "b"}},
	} {
		refs, _ := resolve(c.history)
		var kept []string
		for _, r := range refs {
			kept = append(kept, r.id)
		}
		slices.Sort(kept)
		slices.Sort(c.kept)
		if !slices.Equal(kept, c.kept) {
			t.Errorf("%s: kept are %v, want %v", name, kept, c.kept)
		}
		if got := Became(c.history); !maps.Equal(got, c.became) {
			t.Errorf("%s: the others became %v, want %v", name, got, c.became)
		}
	}
}
