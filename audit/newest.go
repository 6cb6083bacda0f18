package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"galien"
)

// newestBytes is how much of the end of the log Newest reads at first.
const newestBytes = 8 << 10

// Newest returns the latest time among the last entries of the log, zero when it
// is empty: whoever reads a clock that is behind it reads a clock that went back.
// Entries before one of the action reset do not count. It reads the last whole
// entries of some kilobytes, and checks no hash.
func (l *Log) Newest(ctx context.Context, reset string) (time.Time, error) {
	v, err := l.view(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer v.close()
	var newest time.Time
	for size := min(newestBytes, v.cp.Bytes); size > 0; size = min(size*16, v.cp.Bytes) {
		tail := make([]byte, size)
		if _, err := v.entries.ReadAt(tail, v.cp.Bytes-size); err != nil && err != io.EOF {
			return time.Time{}, fmt.Errorf("read audit entries: %w", err)
		}
		if size < v.cp.Bytes { // the first line may be cut
			_, tail, _ = bytes.Cut(tail, []byte{'\n'})
		}
		lines := bytes.Split(bytes.TrimSuffix(tail, []byte{'\n'}), []byte{'\n'})
		for i := len(lines) - 1; i >= 0 && len(lines[i]) > 0; i-- {
			var e struct {
				Time   time.Time `json:"time"`
				Action string    `json:"action"`
			}
			if err := json.Unmarshal(lines[i], &e); err != nil {
				return time.Time{}, galien.Errorf(galien.Corrupt, "audit log: one of the last entries cannot be read; run galien audit verify for the place")
			}
			if e.Time.After(newest) {
				newest = e.Time
			}
			if e.Action == reset {
				break
			}
		}
		if !newest.IsZero() || size == v.cp.Bytes {
			break
		}
	}
	return newest, nil
}
