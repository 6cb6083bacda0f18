package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"galien"
)

// servedVault is a vault whose server runs in this process.
type servedVault struct {
	*Vault
	socket string

	mu      sync.Mutex
	log     bytes.Buffer
	uid     int
	records []string
}

// Write takes a line of the operator's log.
func (s *servedVault) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// serve starts the server of the vault in dir.
func serve(t testing.TB, dir string) *servedVault {
	t.Helper()
	folder, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	s := &servedVault{socket: filepath.Join(folder, "s"), uid: 7}
	server, err := NewServer(ServerConfig{
		Dir: dir, Owner: 7, Loaders: []int{8}, Log: slog.New(slog.NewTextHandler(s, nil)),
		Peer: func(net.Conn) (int, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.uid, nil
		},
		Record: func(_ context.Context, uid int, op, outcome string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.records = append(s.records, fmt.Sprint(uid, " ", op, " ", outcome))
			if op == opBackup {
				return errors.New("the log is full")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		os.RemoveAll(folder)
	})
	if s.Vault, err = Dial(s.socket); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *servedVault) as(uid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uid = uid
}

// TestServed brings the same load to a vault in this process and to one that is
// served: both know the same afterwards, and keep it through a rotation.
func TestServed(t *testing.T) {
	local, _ := newVault(t, 1)
	other, dir := newVault(t, 1)
	other.Close()
	remote := serve(t, dir)
	load := func(v *Vault) (answers []string) {
		ctx := t.Context()
		say := func(format string, args ...any) { answers = append(answers, fmt.Sprintf(format, args...)) }
		keys, err := v.Keys(ctx, "omop")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"42", "-7", "42"} {
			say("assign %d", keys.Assign(id))
		}
		key, ok := keys.Lookup("43")
		say("lookup %d %v %v", key, ok, keys.Commit(ctx))
		for i, load := range []string{"a", "b"} {
			in, err := v.Begin(ctx, "omop", load)
			if err != nil {
				t.Fatal(err)
			}
			file, err := in.File(RawFile{Table: "person", Name: "p.csv", SHA256: "aa", Delimiter: ',', Header: "x"})
			say("file %d %v", file, err)
			for n := range 3 * rowsAtOnce / 2 {
				err = errors.Join(err, in.Identity("person", fmt.Sprint(n), "name", Seal(fmt.Sprint("value ", n, load))),
					in.Raw(file, int64(n), fmt.Append(nil, "row ", n)))
			}
			say("put %v", err)
			if i == 0 {
				say("close %v", in.Close())
			} else {
				say("commit %v", in.Commit())
			}
		}
		say("retire %v", v.Retire(ctx, "omop", "b", []string{"person"}, func(f RawFile, line int64) bool { return f.Name == "p.csv" && line%2 == 0 }))
		ids, err := v.SourceIDs(ctx)
		say("%d ids, %s, %v", len(ids), ids[2], err)
		values := 0
		say("identities %v", v.Identities(ctx, "omop", func(i IdentityValue) error {
			if i.Value.Reveal() != "value "+i.RowKey.Reveal()+"b" {
				return errors.New("another value")
			}
			values++
			return nil
		}))
		rows, sum := 0, int64(0)
		say("raw %v", v.RawRows(ctx, "omop", func(f RawFile, line int64, raw []byte) error {
			rows, sum = rows+1, sum+line
			if string(raw) != fmt.Sprint("row ", line) || f.Header != "x" || f.Delimiter != ',' {
				return errors.New("another row")
			}
			return nil
		}))
		say("%d values, %d rows, %d", values, rows, sum)
		p, err := v.Pseudonyms("study-1")
		say("pseudonym %d %v", p.Person(1), err)
		say("surrogates %d %d %d", v.Surrogate("professional", "1"), v.Surrogate("professional", "2"), v.Surrogate("professional", "1"))
		_, err = v.Pseudonyms("")
		say("no permit: %v", galien.KindOf(err))
		_, err = v.ElementOf(ctx, 99)
		say("no such person: %v", galien.KindOf(err))
		e, err := v.ElementOf(ctx, 1)
		f, err2 := v.Element(ctx, Opaque, "omop", Seal("42"))
		say("element %v %v %v", e == f, err, err2)
		r, err := v.Rotate(ctx, rand.Reader, nil)
		say("rotate %d %d %v", r.Version, r.Rows, err)
		n, err := v.Check(ctx)
		say("check %d %v", n, err)
		s, err := v.Status(ctx)
		say("status %d persons, version %d, %v", s.Persons, s.Version, err)
		return answers
	}
	want := load(local)
	got := load(remote.Vault)
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("answer %d: served %q, in this process %q", i, got[min(i, len(got)-1)], want[i])
		}
	}
	remote.mu.Lock()
	defer remote.mu.Unlock()
	if strings.Contains(remote.log.String(), "value ") || strings.Contains(remote.log.String(), "professional") {
		t.Error("the operator's log holds an identity")
	}
}

// TestServedAccounts lets an account that loads do that alone, and a stranger
// nothing; what cannot be written down is not done.
func TestServedAccounts(t *testing.T) {
	v, dir := filled(t, 20)
	v.Close()
	s := serve(t, dir)
	ctx := t.Context()
	for _, c := range []struct {
		uid  int
		kind galien.Kind
		do   func() error
	}{
		{8, galien.Internal, func() error { _, err := s.Keys(ctx, "omop"); return err }},
		{8, galien.Denied, func() error { _, err := s.Rotate(ctx, nil, nil); return err }},
		{8, galien.Denied, func() error { return s.Split(ctx, 1, 1, func([]Share) error { return nil }) }},
		{8, galien.Internal, func() error { _, err := s.Status(ctx); return err }},
		{9, galien.Denied, func() error { _, err := s.Keys(ctx, "omop"); return err }},
		{9, galien.Denied, func() error { _, err := s.SourceIDs(ctx); return err }},
		{7, galien.Internal, func() error { _, err := s.Status(ctx); return err }},
	} {
		s.as(c.uid)
		err := c.do()
		if (c.kind == galien.Internal) != (err == nil) || err != nil && galien.KindOf(err) != c.kind {
			t.Errorf("account %d: %v, want %v", c.uid, err, c.kind)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := s.Backup(ctx, copied); err == nil || !strings.Contains(err.Error(), "the log is full") {
		t.Errorf("what could not be written down: %v", err)
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("it was done all the same")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, want := range []string{"8 keys allowed", "8 rotate denied", "9 connect denied", "7 status allowed"} {
		if !slices.Contains(s.records, want) {
			t.Errorf("%q was not written down: %q", want, s.records)
		}
	}
}

// TestUnseal starts a server sealed, and opens it with two of three shares,
// given apart; the shares of before a split do not.
func TestUnseal(t *testing.T) {
	v, dir := filled(t, 20)
	ctx := t.Context()
	want := links(t, v)
	one, err := readKeyFile(KeyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unseal(ctx, one); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a vault without a server: %v, want Conflict", err)
	}
	v.Close()
	first := serve(t, dir)
	var shares []Share
	if err := first.Split(ctx, 2, 3, func(s []Share) error { shares = s; return nil }); err != nil {
		t.Fatal(err)
	}
	sameLinks(t, links(t, first.Vault), want)
	if err := os.Remove(KeyFile(dir)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir)
	if _, err := s.Keys(ctx, "omop"); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("sealed: %v, want Denied", err)
	}
	if _, err := s.Unseal(ctx, one); galien.KindOf(err) != galien.Denied {
		t.Errorf("a share of before: %v, want Denied", err)
	}
	for i, c := range []struct{ share, missing int }{{2, 1}, {2, 1}, {0, 0}, {1, 0}} {
		if missing, err := s.Unseal(ctx, shares[c.share]); err != nil || missing != c.missing {
			t.Errorf("share %d: %d missing, %v; want %d", i, missing, err, c.missing)
		}
	}
	sameLinks(t, links(t, s.Vault), want)
}
