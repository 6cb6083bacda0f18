package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"galien"
	"galien/durable"
	"galien/lake"
)

// Statement is what an operator states by accepting a licence.
const Statement = "holds a licence for each of these vocabularies that covers their use in this hub"

// Entry is one line of the ledger: one load, who did it and what they stated.
type Entry struct {
	Time time.Time `json:"time"`
	// By is the operating system account.
	By string `json:"by"`
	// Delivery names the content of the files: the snapshot that holds it says
	// the same name.
	Delivery string       `json:"delivery"`
	Files    []lake.Input `json:"files"`
	// Vocabularies are those of which there are concepts.
	Vocabularies []lake.Vocabulary `json:"vocabularies"`
	// Accepted are the vocabularies whose licence the account stated to hold, and
	// Statement the words of it; both are empty when none needed one.
	Accepted  []string `json:"accepted"`
	Statement string   `json:"statement"`
}

// ReadLedger returns the entries of the ledger, oldest first; none when the file
// does not exist. A last line that an interrupted load did not finish is no
// entry. It fails with Corrupt for any other line that is none.
func ReadLedger(path string) ([]Entry, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger of vocabularies: %w", err)
	}
	var entries []Entry
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return entries, nil
		}
		b = rest
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var e Entry
		if err := d.Decode(&e); err != nil {
			return nil, galien.Errorf(galien.Corrupt, "read the ledger of vocabularies: line %d of %s is no entry; restore it from a backup", n, filepath.Base(path))
		}
		entries = append(entries, e)
	}
}

// appendLedger adds an entry, durably. The caller holds the lake's lock.
func appendLedger(path string, e Entry) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the ledger of vocabularies: %w", err)
		}
	}()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// What an interrupted load began to write is written over.
	end := int64(bytes.LastIndexByte(before, '\n') + 1)
	err = f.Truncate(end)
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), end)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// CheckLedger fails with Corrupt when the ledger has no entry of the
// vocabularies that a snapshot holds.
func CheckLedger(path string, s *lake.Snapshot) error {
	entries, err := ReadLedger(path)
	if err != nil || s == nil || s.Manifest.Vocabularies == nil {
		return err
	}
	for _, e := range entries {
		if e.Delivery == s.Manifest.Vocabularies.Delivery {
			return nil
		}
	}
	return galien.Errorf(galien.Corrupt, "the ledger of vocabularies has no entry of those that the lake holds (delivery %s); restore it from a backup", s.Manifest.Vocabularies.Delivery)
}
