// Package audit is the hub's evidence: an append-only log in which every use
// of a person's data is written down before it is answered.
//
// It owns the folder HUB/audit: entries (one JSON object a line), the hashes
// of a Merkle tree over them (RFC 6962, by golang.org/x/mod/sumdb/tlog), a
// checkpoint signed with the hub's own Ed25519 key, what outside witnesses
// cosigned, and for each answer a list of the persons whose data were in it.
// docs/formats/audit.md is the page of the format, docs/audit.md says who can
// check what.
//
// It refuses to append to a log that is not what it wrote: there is no repair
// and no way to change or remove an entry; Retain takes the content of entries
// whose time is over and leaves their hashes. An entry says who did what under
// which permit, to which snapshot and question; it never names a person, a row
// or a value of one.
//
//	log, err := audit.Open(filepath.Join(hub, "audit"))
//	if err != nil {
//		return err
//	}
//	index, err := log.Append(ctx, audit.Entry{
//		Time: now, Actor: "marie", Action: "cohort count", Permit: id, Outcome: "allowed",
//	})
//	if err != nil {
//		return err // not written down, so not to be answered
//	}
//	report, err := log.Verify(ctx)
package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"galien"
)

// Entry is one line of the log. It holds no person, no row and no value of
// one: a caller puts names of things (permit, snapshot, hashes, file and step
// names) and counts that the permit's holder was given, nothing else.
type Entry struct {
	Time     time.Time         `json:"time"`               // when it was asked, in UTC, to the nanosecond
	Actor    string            `json:"actor"`              // the operating system account
	Action   string            `json:"action"`             // what was asked: "cohort count", "permit grant"
	Permit   string            `json:"permit,omitempty"`   // the permit's id
	Snapshot string            `json:"snapshot,omitempty"` // the lake snapshot's id
	Subject  string            `json:"subject,omitempty"`  // hash of what was asked: definitions and options
	Outcome  string            `json:"outcome"`            // "allowed", "denied", "delivered", ...
	Details  map[string]string `json:"details,omitempty"`
}

// maxEntry is the largest encoded entry, in bytes, its newline included.
const maxEntry = 1 << 20

// encode returns the entry's line, newline included. Equal entries give equal
// bytes.
func (e Entry) encode() ([]byte, error) {
	if e.Time.IsZero() || e.Actor == "" || e.Action == "" || e.Outcome == "" {
		return nil, galien.Errorf(galien.Internal, "append audit entry: time, actor, action and outcome must be set")
	}
	e.Time = e.Time.UTC().Round(0)
	line, err := json.Marshal(e)
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "append audit entry: %w", err)
	}
	line = append(line, '\n')
	if len(line) > maxEntry {
		return nil, galien.Errorf(galien.Invalid, "append audit entry: %d bytes is over the limit of %d", len(line), maxEntry)
	}
	return line, nil
}

// decodeEntry reads one line, refusing fields it does not know.
func decodeEntry(line []byte) (Entry, error) {
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Entry{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Entry{}, galien.Errorf(galien.Corrupt, "more than one value on the line")
	}
	return e, nil
}

// Checkpoint is a signed statement of the whole log at one moment: whoever
// keeps a copy elsewhere can show later that nothing before it was changed.
type Checkpoint struct {
	Entries int64  // how many entries it covers
	Bytes   int64  // length of those entries' lines in the entries file
	Root    string // Merkle tree head over them, base64
	Note    []byte // the signed note as stored
}

// Report is what Verify found in a whole log.
type Report struct {
	Entries int64  // entries checked
	Root    string // Merkle tree head over them, base64
	Key     string // the public key that the checkpoint was checked with
	Tail    int64  // bytes after the last acknowledged entry, left by a crash; the next Append settles them
	Pruned  int64  // entries whose content was removed when its time was over

	Witnesses    Witnesses
	Cosignatures []Cosignature // the last of each witness
}
