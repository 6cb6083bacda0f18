package disclosure
import ("testing")
func benchO(b *testing.B, persons, years int) {
	t := overlapping(persons)
	for b.Loop() { if _,_,err := Clear(t, Rule{}); err != nil { b.Fatal(err) } }
}
func BenchmarkZ(b *testing.B) { benchO(b, 5000, 10) }
func BenchmarkZBig(b *testing.B) { benchO(b, 50000, 10) }
