package vault

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"galien"
)

// Dial opens a vault that another process serves on a socket. It fails with
// NotFound when nobody answers there. Workspaces are made beside the socket.
func Dial(socket string) (*Vault, error) {
	v := &Vault{dir: filepath.Dir(socket), remote: &remote{socket: socket}}
	conn, err := v.remote.dial()
	if err != nil {
		return nil, galien.Errorf(galien.NotFound, "open vault: no server answers for it")
	}
	return v, conn.Close()
}

// remote asks the vault's server. Each thing asked takes its own connection.
type remote struct {
	socket string

	mu         sync.Mutex
	surrogates *messages   // open once something was asked there
	failed     error       // of a function that cannot say so; ends everything
	lost       atomic.Bool // the server went in the middle of something
}

// Lost returns why nothing could be asked any more, where the vault's server
// ended in the middle of something; nil otherwise. Whatever failed after it failed
// for that, whatever it says itself.
func (v *Vault) Lost() error {
	if v.remote == nil || !v.remote.lost.Load() {
		return nil
	}
	return galien.Errorf(galien.Busy, "the vault's server ended in the middle of this command, or was stopped: its log says why; start it again (galien vault serve), and give the same command again: what was committed is not done twice")
}

func (r *remote) dial() (net.Conn, error) { return net.DialTimeout("unix", r.socket, 5*time.Second) }

// begin opens a connection for one thing.
func (r *remote) begin(ctx context.Context, q request) (*messages, response, error) {
	r.mu.Lock()
	failed := r.failed
	r.mu.Unlock()
	if failed != nil {
		return nil, response{}, failed
	}
	conn, err := r.dial()
	if err != nil {
		r.lost.Store(true)
		return nil, response{}, galien.Errorf(galien.Busy, "ask the vault: no server answers for it any more; start it again")
	}
	m := newMessages(conn)
	m.lost = func() {
		if ctx.Err() == nil {
			r.lost.Store(true)
		}
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	q.Protocol = protocol
	answer, err := m.ask(q)
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, response{}, err
	}
	return m, answer, nil
}

// once asks for one thing that has one answer.
func (r *remote) once(ctx context.Context, q request) (response, error) {
	m, answer, err := r.begin(ctx, q)
	if err != nil {
		return response{}, err
	}
	return answer, m.conn.Close()
}

// Unseal gives the server of a vault one share, and returns how many are still
// missing.
func (v *Vault) Unseal(ctx context.Context, share Share) (missing int, err error) {
	if v.remote == nil {
		return 0, galien.Errorf(galien.Conflict, "unseal: no server keeps this vault open: start galien vault serve first")
	}
	a, err := v.remote.once(ctx, request{Op: opUnseal, Text: share.Text()})
	return a.Missing, err
}

func (r *remote) rotate(ctx context.Context, progress func(done int64)) (Rotation, error) {
	m, a, err := r.begin(ctx, request{Op: opRotate})
	if err != nil {
		return Rotation{}, err
	}
	defer m.conn.Close()
	for a.More {
		if progress != nil {
			progress(a.Number)
		}
		if a, err = m.next(); err != nil {
			return Rotation{}, err
		}
	}
	return a.Rotation, nil
}

func (r *remote) split(ctx context.Context, needed, total int, keep func([]Share) error) error {
	m, a, err := r.begin(ctx, request{Op: opSplit, Needed: needed, Total: total})
	if err != nil {
		return err
	}
	defer m.conn.Close()
	var shares []Share
	for _, text := range a.Shares {
		s, err := ParseShare(text)
		if err != nil {
			return err
		}
		shares = append(shares, s)
	}
	if err := keep(shares); err != nil {
		return err
	}
	_, err = m.ask(request{Op: opCommit})
	return err
}

// rawRows calls yield for the rows that follow an answer.
func rawRows(m *messages, a response, yield func(f RawFile, line int64, raw []byte) error) error {
	for {
		for _, row := range a.Rows {
			if err := yield(row.File, row.Line, row.Raw); err != nil {
				return err
			}
		}
		if !a.More {
			return nil
		}
		var err error
		if a, err = m.next(); err != nil {
			return err
		}
	}
}

func (r *remote) rawRows(ctx context.Context, source string, yield func(f RawFile, line int64, raw []byte) error) error {
	m, a, err := r.begin(ctx, request{Op: opRawRows, Source: source})
	if err != nil {
		return err
	}
	defer m.conn.Close()
	return rawRows(m, a, yield)
}

func (r *remote) identities(ctx context.Context, source string, yield func(IdentityValue) error) error {
	m, a, err := r.begin(ctx, request{Op: opIdentities, Source: source})
	if err != nil {
		return err
	}
	defer m.conn.Close()
	for {
		for _, x := range a.Values {
			if err := yield(IdentityValue{Table: x.Table, Column: x.Column, RowKey: Seal(x.Key), Value: Seal(x.Value)}); err != nil {
				return err
			}
		}
		if !a.More {
			return nil
		}
		if a, err = m.next(); err != nil {
			return err
		}
	}
}

func (r *remote) element(ctx context.Context, q request) (Element, error) {
	a, err := r.once(ctx, q)
	if err != nil {
		return Element{}, err
	}
	return ParseElement(a.Element)
}

func (r *remote) retire(ctx context.Context, source, load string, tables []string, keep func(f RawFile, line int64) bool) error {
	m, a, err := r.begin(ctx, request{Op: opRetire, Source: source, Load: load, Tables: tables})
	if err != nil {
		return err
	}
	defer m.conn.Close()
	var answer request
	err = rawRows(m, a, func(f RawFile, line int64, _ []byte) error {
		if keep(f, line) {
			f.Delimiter, f.Header = 0, ""
			answer.Rows = append(answer.Rows, putRow{File: f, Line: line})
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = m.ask(answer)
	return err
}

// surrogate asks over one connection that stays.
func (r *remote) surrogate(kind, value string) int64 {
	q := request{Op: opSurrogate, Source: kind, Text: value}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return 0
	}
	var a response
	var err error
	if r.surrogates != nil {
		a, err = r.surrogates.ask(q)
	} else {
		r.mu.Unlock()
		m, first, e := r.begin(context.Background(), q)
		r.mu.Lock()
		r.surrogates, a, err = m, first, e
	}
	r.failed = err
	return a.Number
}

// remoteKeys is the person keys of a source in the vault's server.
type remoteKeys struct {
	r      *remote
	m      *messages
	failed error
}

func (r *remote) keys(ctx context.Context, source string) (*remoteKeys, error) {
	m, _, err := r.begin(ctx, request{Op: opKeys, Source: source})
	if err != nil {
		return nil, err
	}
	return &remoteKeys{r: r, m: m}, nil
}

// ask remembers the first failure: Commit returns it, and nothing is asked
// after it.
func (k *remoteKeys) ask(op, id string) response {
	k.r.mu.Lock()
	k.failed = cmp.Or(k.failed, k.r.failed)
	k.r.mu.Unlock()
	if k.failed != nil {
		return response{}
	}
	a, err := k.m.ask(request{Op: op, Text: id})
	k.failed = err
	return a
}

func (k *remoteKeys) commit() error {
	k.ask(opCommit, "")
	if k.failed != nil {
		return fmt.Errorf("write person keys: %w", k.failed)
	}
	return nil
}

// remoteIntake gathers what is put, and sends it in lots.
type remoteIntake struct {
	m    *messages
	next request
}

func (r *remote) intake(ctx context.Context, source, load string) (*remoteIntake, error) {
	m, _, err := r.begin(ctx, request{Op: opIntake, Source: source, Load: load})
	if err != nil {
		return nil, err
	}
	return &remoteIntake{m: m}, nil
}

// put sends a full lot.
func (in *remoteIntake) put() error {
	if len(in.next.Values)+len(in.next.Rows) < rowsAtOnce {
		return nil
	}
	in.next.Op = opPut
	err := in.m.send(in.next)
	in.next = request{}
	if err != nil {
		// The server said why before it went.
		if _, told := in.m.next(); told != nil {
			err = told
		}
	}
	return err
}

// ask sends what was gathered and a question after it.
func (in *remoteIntake) ask(op string, f RawFile) (response, error) {
	q := in.next
	in.next = request{}
	q.Op, q.File = op, f
	return in.m.ask(q)
}
