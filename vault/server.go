package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"

	"galien"
)

// ServerConfig is what a vault's server is made of.
type ServerConfig struct {
	// Dir is the vault's folder.
	Dir string
	// Peer returns the account at the other end, as the kernel states it.
	Peer func(net.Conn) (uid int, err error)
	// Owner is the account that may do everything. The accounts of Loaders may
	// bring loads and have pseudonyms made, and nothing else.
	Owner   int
	Loaders []int
	// Record writes down that an account asks for something, before it is
	// done. What cannot be written down is not done.
	Record func(ctx context.Context, uid int, op, outcome string) error
	// Log is for the operator; no identity goes there.
	Log *slog.Logger
}

// Server keeps a vault open, and answers for it on a socket. It starts sealed
// when the vault has no key file.
type Server struct {
	c      ServerConfig
	mu     sync.Mutex
	vault  *Vault // nil while it is sealed
	shares []Share
}

// NewServer opens the vault, with its key file where it has one.
func NewServer(c ServerConfig) (*Server, error) {
	v, err := Open(c.Dir)
	if err != nil && galien.KindOf(err) != galien.Denied {
		return nil, err
	}
	return &Server{c: c, vault: v}, nil
}

// Sealed reports whether shares are needed.
func (s *Server) Sealed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vault == nil
}

// Serve answers until the context ends, and closes the vault.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var all sync.WaitGroup
	for {
		conn, err := l.Accept()
		if err != nil {
			all.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.vault != nil {
				err = errors.Join(err, s.vault.Close())
			}
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("serve the vault: %w", err)
		}
		all.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			s.answer(ctx, conn)
		})
	}
}

// loaderOps are what an account that loads may ask for.
var loaderOps = map[string]bool{
	opStatus: true, opKeys: true, opIntake: true, opRawRows: true, opRetire: true, opSourceIDs: true, opPseudonyms: true, opStoreKey: true, opPublic: true, opEvaluate: true, opSurrogate: true, opForgotten: true,
}

// answer does the one thing for which a connection was made.
func (s *Server) answer(ctx context.Context, conn net.Conn) {
	m := newMessages(conn)
	defer func() {
		if fault := recover(); fault != nil {
			s.c.Log.Error("panic", "type", fmt.Sprintf("%T", fault), "stack", string(debug.Stack()))
		}
	}()
	reply := func(r response) {
		if err := errors.Join(m.send(r), m.flush()); err != nil && !ended(err) {
			s.c.Log.Warn("reply", "error", err.Error())
		}
	}
	uid, err := s.c.Peer(conn)
	if err != nil {
		reply(fail(galien.Errorf(galien.Denied, "the operating system does not say which account asks")))
		return
	}
	var q request
	if uid != s.c.Owner && !contains(s.c.Loaders, uid) {
		// Nothing is read of what a stranger sends.
		err = s.refuse(ctx, uid, "connect")
		reply(fail(err))
		return
	}
	if err := m.dec.Decode(&q); err != nil {
		return
	}
	switch {
	case q.Protocol != protocol:
		err = galien.Errorf(galien.Conflict, "the vault's server is of another version of galien; start it again")
	case uid != s.c.Owner && !loaderOps[q.Op]:
		err = s.refuse(ctx, uid, q.Op)
	default:
		err = s.c.Record(ctx, uid, q.Op, "allowed")
	}
	if err == nil {
		err = s.do(ctx, m, q)
	}
	outcome := "done"
	if err != nil {
		outcome = galien.KindOf(err).String()
		reply(fail(err))
	}
	s.c.Log.Info("asked", "op", q.Op, "uid", uid, "outcome", outcome)
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// refuse writes down that an account may not do something.
func (s *Server) refuse(ctx context.Context, uid int, op string) error {
	if err := s.c.Record(ctx, uid, op, "denied"); err != nil {
		return err
	}
	return galien.Errorf(galien.Denied, "this account may not ask the vault for that: it is for the vault's own account, or `galien vault serve --allow` names yours")
}

// open returns the vault; sealed is Denied.
func (s *Server) open() (*Vault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.vault == nil {
		return nil, galien.Errorf(galien.Denied, "the vault is sealed: its keepers open it with galien vault unseal")
	}
	return s.vault, nil
}

// unseal takes a share, and opens the vault when there are enough. It returns
// how many are missing.
func (s *Server) unseal(text string) (missing int, err error) {
	share, err := ParseShare(text)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.vault != nil {
		return 0, nil
	}
	db, split, err := openStore(s.c.Dir)
	if err != nil {
		return 0, err
	}
	if err := db.Close(); err != nil {
		return 0, err
	}
	if _, err := split.check(share); err != nil {
		return 0, err
	}
	for _, x := range s.shares {
		if x.Index() == share.Index() {
			return split.Needed - len(s.shares), nil
		}
	}
	s.shares = append(s.shares, share)
	if missing := split.Needed - len(s.shares); missing > 0 {
		return missing, nil
	}
	s.vault, err = OpenWith(s.c.Dir, s.shares...)
	s.shares = nil
	return 0, err
}

// do answers a request; an error is the answer that was not given.
func (s *Server) do(ctx context.Context, m *messages, q request) error {
	reply := func(r response) error { return errors.Join(m.send(r), m.flush()) }
	if q.Op == opUnseal {
		missing, err := s.unseal(q.Text)
		if err != nil {
			return err
		}
		return reply(response{Missing: missing})
	}
	v, err := s.open()
	if err != nil {
		return err
	}
	var r response
	switch q.Op {
	case opStatus:
		r.Status, err = v.Status(ctx)
	case opRotate:
		r.Rotation, err = v.Rotate(ctx, rand.Reader, func(done int64) { _ = reply(response{More: true, Number: done}) })
	case opSplit:
		err = v.Split(ctx, q.Needed, q.Total, func(shares []Share) error {
			made := response{More: true}
			for _, x := range shares {
				made.Shares = append(made.Shares, x.Text())
			}
			if err := reply(made); err != nil {
				return err
			}
			var kept request
			if err := m.dec.Decode(&kept); err != nil || kept.Op != opCommit {
				return galien.Errorf(galien.Conflict, "split the key: the shares were not kept, and nothing changed")
			}
			return nil
		})
	case opBackup:
		err = v.Backup(ctx, q.Text)
	case opCheck:
		r.Number, err = v.Check(ctx)
	case opSourceIDs:
		r.IDs, err = v.SourceIDs(ctx)
	case opPseudonyms:
		r.Key, err = v.permitKey(q.Text)
	case opStoreKey:
		r.Key, err = v.StoreKey(q.Source, q.Text)
	case opPublic:
		r.Public, err = v.PublicKey(ctx)
	case opEvaluate:
		r.Answer, err = v.Evaluate(ctx, q.Blinded)
	case opForget:
		f := Forgetting{Source: q.Source}
		for _, id := range q.IDs {
			f.IDs = append(f.IDs, Seal(id))
		}
		for _, x := range q.Values {
			f.Values = append(f.Values, IdentityValue{Table: x.Table, Column: x.Column, RowKey: Seal(x.Key)})
		}
		for _, x := range q.Rows {
			f.Rows = append(f.Rows, RawPlace{x.File.Table, x.File.Name, x.File.SHA256, x.Line})
		}
		r.Forgot, err = v.Forget(ctx, f)
	case opForgotten:
		r.Forgotten, err = v.Forgotten(ctx)
	case opPurged:
		err = v.Purged(ctx, q.Forgotten)
	case opSurrogate:
		return s.surrogates(v, m, q)
	case opElement:
		var e Element
		e, err = v.Element(ctx, q.Kind, q.Source, Seal(q.Text))
		r.Element = e.String()
	case opElementOf:
		var e Element
		e, err = v.ElementOf(ctx, q.Person)
		r.Element = e.String()
	case opIdentities:
		return s.identities(ctx, v, m, q)
	case opRawRows:
		return s.rawRows(ctx, v, m, q)
	case opRetire:
		return s.retire(ctx, v, m, q)
	case opKeys:
		return s.keys(ctx, v, m, q)
	case opIntake:
		return s.intake(ctx, v, m, q)
	default:
		err = galien.Errorf(galien.Invalid, "the vault knows no %q", q.Op)
	}
	if err != nil {
		return err
	}
	return reply(r)
}

// rowsAtOnce is how many rows or values one message carries.
const rowsAtOnce = 512

func (s *Server) rawRows(ctx context.Context, v *Vault, m *messages, q request) error {
	batch := response{More: true}
	send := func() error {
		err := m.send(batch)
		batch.Rows = batch.Rows[:0]
		return err
	}
	err := v.RawRows(ctx, q.Source, func(f RawFile, line int64, raw []byte) error {
		batch.Rows = append(batch.Rows, putRow{Line: line, File: f, Raw: append([]byte(nil), raw...)})
		if len(batch.Rows) < rowsAtOnce {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	batch.More = false
	return errors.Join(send(), m.flush())
}

func (s *Server) identities(ctx context.Context, v *Vault, m *messages, q request) error {
	batch := response{More: true}
	send := func() error {
		err := m.send(batch)
		batch.Values = batch.Values[:0]
		return err
	}
	err := v.Identities(ctx, q.Source, func(i IdentityValue) error {
		batch.Values = append(batch.Values, putValue{i.Table, i.RowKey.Reveal(), i.Column, i.Value.Reveal()})
		if len(batch.Values) < rowsAtOnce {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	batch.More = false
	return errors.Join(send(), m.flush())
}

// retire tells the caller what raw rows there are, and is told which stay.
func (s *Server) retire(ctx context.Context, v *Vault, m *messages, q request) error {
	type place struct {
		f    RawFile
		line int64
	}
	kept := map[place]bool{}
	if err := s.rawRows(ctx, v, m, q); err != nil {
		return err
	}
	var answer request
	if err := m.dec.Decode(&answer); err != nil {
		return fmt.Errorf("retire: %w", err)
	}
	for _, r := range answer.Rows {
		kept[place{r.File, r.Line}] = true
	}
	err := v.Retire(ctx, q.Source, q.Load, q.Tables, func(f RawFile, line int64) bool {
		f.Delimiter, f.Header = 0, ""
		return kept[place{f, line}]
	})
	if err != nil {
		return err
	}
	return errors.Join(m.send(response{}), m.flush())
}

// surrogates answers for as long as the caller asks: a load does so for every
// professional.
func (s *Server) surrogates(v *Vault, m *messages, q request) error {
	for {
		if err := errors.Join(m.send(response{Number: v.Surrogate(q.Source, q.Text)}), m.flush()); err != nil {
			return err
		}
		q = request{}
		if err := m.dec.Decode(&q); err != nil {
			if ended(err) {
				return nil
			}
			return err
		}
	}
}

func (s *Server) keys(ctx context.Context, v *Vault, m *messages, q request) error {
	k, err := v.Keys(ctx, q.Source)
	if err != nil {
		return err
	}
	if err := errors.Join(m.send(response{}), m.flush()); err != nil {
		return err
	}
	for {
		var next request
		if err := m.dec.Decode(&next); err != nil {
			if ended(err) {
				return nil
			}
			return err
		}
		var r response
		switch next.Op {
		case opAssign:
			r.Number = int64(k.Assign(next.Text))
		case opLookup:
			var key galien.PersonID
			key, r.Known = k.Lookup(next.Text)
			r.Number = int64(key)
		case opCommit:
			if err := k.Commit(ctx); err != nil {
				return err
			}
		default:
			return galien.Errorf(galien.Invalid, "person keys know no %q", next.Op)
		}
		if err := errors.Join(m.send(r), m.flush()); err != nil {
			return err
		}
	}
}

func (s *Server) intake(ctx context.Context, v *Vault, m *messages, q request) error {
	in, err := v.Begin(ctx, q.Source, q.Load)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := errors.Join(m.send(response{}), m.flush()); err != nil {
		return err
	}
	for {
		var next request
		if err := m.dec.Decode(&next); err != nil {
			if ended(err) {
				return nil // dropped
			}
			return err
		}
		for _, x := range next.Values {
			if err := in.Identity(x.Table, x.Key, x.Column, Seal(x.Value)); err != nil {
				return err
			}
		}
		for _, x := range next.Rows {
			if err := in.Raw(x.FileID, x.Line, x.Raw); err != nil {
				return err
			}
		}
		var r response
		switch next.Op {
		case opPut:
			continue // not answered: a failure ends the connection
		case opFile:
			if r.Number, err = in.File(next.File); err != nil {
				return err
			}
		case opCommit:
			if err := in.Commit(); err != nil {
				return err
			}
		default:
			return galien.Errorf(galien.Invalid, "an intake knows no %q", next.Op)
		}
		if err := errors.Join(m.send(r), m.flush()); err != nil {
			return err
		}
	}
}
