package vault

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"

	"galien"
)

// protocol is the version of what a vault and its callers say to each other.
// Both are the same program, so there is one at a time.
const protocol = 2

// A connection does one thing: its first message says which, and those that it
// sends after belong to it.
const (
	opStatus     = "status"
	opUnseal     = "unseal"
	opRotate     = "rotate"
	opSplit      = "split"
	opBackup     = "backup"
	opCheck      = "check"
	opKeys       = "keys"
	opIntake     = "intake"
	opRawRows    = "raw rows"
	opRetire     = "retire"
	opSourceIDs  = "source ids"
	opPseudonyms = "pseudonyms"
	opStoreKey   = "store key"
	opPublic     = "public key"
	opEvaluate   = "evaluate"
	opIdentities = "identities"
	opElement    = "element"
	opElementOf  = "element of"
	opSurrogate  = "surrogate"
	opForget     = "forget"
	opForgotten  = "forgotten"
	opPurged     = "purged"

	// within keys and intake
	opAssign = "assign"
	opLookup = "lookup"
	opPut    = "put"
	opFile   = "file"
	opCommit = "commit"
)

// request is what a caller says.
type request struct {
	Protocol      int
	Op            string
	Source        string
	Load          string
	Kind          Kind
	Person        galien.PersonID
	Text          string // a permit, a path, a share or a source's id
	Needed, Total int
	Tables        []string
	File          RawFile
	Values        []putValue
	Rows          []putRow
	Blinded       [][]byte
	IDs           []string
	Forgotten     Forgotten
}

// putValue is an identity on its way into the vault.
type putValue struct{ Table, Key, Column, Value string }

// putRow is a quarantined row: on its way in by the number of its file, on its
// way out with its text.
type putRow struct {
	FileID, Line int64
	File         RawFile
	Raw          []byte
}

// response is what the vault answers. A kind with a text is a failure; More
// says that another response follows.
type response struct {
	Kind     galien.Kind
	Failed   string
	More     bool
	Known    bool
	Number   int64
	Missing  int
	IDs      map[galien.PersonID]string
	Rows     []putRow
	Values   []putValue
	Element  string
	Key      []byte
	Shares   []string
	Status   Status
	Rotation Rotation
	Public   PublicKey
	Answer   Evaluation

	Forgot    Forgot
	Forgotten Forgotten
}

// messages is one end of a connection.
type messages struct {
	conn net.Conn
	w    *bufio.Writer
	enc  *gob.Encoder
	dec  *gob.Decoder
	lost func() // called when the other end is found to be gone; may be nil
	told bool   // the other end said why it goes
}

func newMessages(conn net.Conn) *messages {
	w := bufio.NewWriterSize(conn, 1<<16)
	return &messages{conn, w, gob.NewEncoder(w), gob.NewDecoder(bufio.NewReaderSize(conn, 1<<16)), nil, false}
}

// send writes a message; flush sends what was written.
func (m *messages) send(v any) error { return m.enc.Encode(v) }

func (m *messages) flush() error { return m.w.Flush() }

// errGone says that the other end is not there any more.
var errGone = galien.Errorf(galien.Busy, "the vault's server ended or refused the connection; look at its log, and try again")

// ask sends a request and reads its response.
func (m *messages) ask(q request) (response, error) {
	// A server that refuses before it reads has said why all the same.
	_ = errors.Join(m.send(q), m.flush())
	return m.next()
}

// next reads a response; a failure is an error of its kind.
func (m *messages) next() (r response, err error) {
	if err := m.dec.Decode(&r); err != nil {
		if m.lost != nil && !m.told {
			m.lost()
		}
		return response{}, fmt.Errorf("ask the vault: %w", errGone)
	}
	if r.Failed != "" {
		m.told = true
		return response{}, galien.Errorf(r.Kind, "%s", r.Failed)
	}
	return r, nil
}

// fail is the response that tells of an error.
func fail(err error) response { return response{Kind: galien.KindOf(err), Failed: err.Error()} }

// ended reports whether an error says no more than that the caller is done.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) }
