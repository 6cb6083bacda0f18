package attack

// Bound bounds the withheld rows of a table as a scorecard does.
func Bound(t ReleasedTable, upTo int64, r Random) ([]Bounds, error) {
	return t.bound(upTo, boundedRows, r)
}
