package columnar

import "testing"

// What a criterion that failed midway had picked is not in the next one's
// events.
func TestPickingBeginsAnew(t *testing.T) {
	w := &worker{}
	// Two rows of different persons, and then, say, a column that cannot be read.
	failing := w.picking()
	for person := range uint16(2) {
		if err := failing.offer(nil, nil, person, 10, place{segment: 7, row: uint32(person)}); err != nil {
			t.Fatal(err)
		}
	}
	next := w.picking()
	if err := next.offer(nil, nil, 1, 20, place{segment: 0, row: 5}); err != nil {
		t.Fatal(err)
	}
	if got := next.take(); len(got) != 1 || got[0] != (place{segment: 0, row: 5}) {
		t.Errorf("picked %v", got)
	}
}
