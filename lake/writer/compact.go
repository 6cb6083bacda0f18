package writer

import (
	"context"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
)

// Compact rewrites the tables of the current snapshot that have layers or
// removed rows into one file per order and bucket, and commits the snapshot of
// them. The rows are the same, and so are the files as those that would have
// been written had the tables been staged whole. changed is false when there
// was nothing to do. progress, when set, is called as Meta says.
//
// It fails with NotFound for a lake without a snapshot, and with Busy while
// another writer has the lake. The files of the snapshots before stay.
func Compact(ctx context.Context, l *lake.Lake, c duck.Config, now time.Time, progress func(done, total int64)) (snap *lake.Snapshot, changed bool, err error) {
	w, err := Open(ctx, l, c)
	if err != nil {
		return nil, false, err
	}
	defer w.Close()
	base := w.Base()
	if base == nil {
		return nil, false, galien.Errorf(galien.NotFound, "compact: the lake has no snapshot yet; ingest a source first")
	}
	return w.Commit(ctx, Meta{
		Sources: base.Manifest.Sources, Vocabulary: base.Manifest.Vocabulary,
		Compact: true, Note: "compact", Now: now, Progress: progress,
	})
}
