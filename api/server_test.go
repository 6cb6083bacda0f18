package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"galien"
)

// log collects what a server tells the operator.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a server on a socket of its own.
type running struct {
	folder string
	server *Server
	log    *log
	stop   func() error // stops and waits
}

type answer func(ctx context.Context, uid int, q CountQuestion) (CountAnswer, error)

// echo answers with what it was asked.
func echo(_ context.Context, uid int, q CountQuestion) (CountAnswer, error) {
	return CountAnswer{Persons: uid, Periods: "<11", Permit: q.Permit, Engine: string(q.Definition), Attrition: []Step{{Step: q.File, Events: int64(9007199254740993), Persons: "<11"}}}, nil
}

func config(l *log, count answer) Config {
	return Config{Version: "1", Now: time.Now, Log: slog.New(slog.NewTextHandler(l, nil)), AtOnce: 1,
		Allow:    func(int, string) error { return nil },
		Snapshot: func() (string, error) { return "s", nil }, Count: count}
}

func start(t *testing.T, count answer) *running {
	t.Helper()
	r := &running{folder: t.TempDir(), log: &log{}}
	var err error
	if r.server, err = NewServer(config(r.log, count)); err != nil {
		t.Fatal(err)
	}
	socket, err := Listen(r.folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.server.Serve(ctx, socket)
		socket.Release()
	}()
	var once sync.Once
	var result error
	r.stop = func() error {
		cancel()
		once.Do(func() { result = <-ended })
		return result
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func (r *running) ask(ctx context.Context, permit string) (CountAnswer, error) {
	return NewClient(r.folder, "1").Count(ctx, CountQuestion{Permit: permit, File: "1.json", Definition: []byte("{}\n")})
}

func TestCount(t *testing.T) {
	r := start(t, echo)
	a, err := r.ask(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a.Persons) != fmt.Sprint(os.Getuid()) {
		t.Errorf("asked by user %v, want %d", a.Persons, os.Getuid())
	}
	if a.Permit != "p" || a.Engine != "{}\n" || a.Periods != "<11" || a.Attrition[0].Step != "1.json" {
		t.Errorf("%+v", a)
	}
	if b, err := json.Marshal(a.Attrition[0].Events); err != nil || string(b) != "9007199254740993" {
		t.Errorf("a large number comes back as %s", b)
	}
	h, err := NewClient(r.folder, "1").Health(t.Context())
	if want := (Health{Version: "1", Snapshot: "s", Questions: 1}); err != nil || h != want {
		t.Errorf("health %+v, %v", h, err)
	}
	if _, err := NewClient(r.folder, "2").Count(t.Context(), CountQuestion{Permit: "p", Definition: []byte("{}")}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a client of another version: %v", err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	var fault error
	r := start(t, func(context.Context, int, CountQuestion) (CountAnswer, error) { return CountAnswer{}, fault })
	for kind := galien.Internal; kind <= galien.Corrupt; kind++ {
		fault = fmt.Errorf("around: %w", galien.Errorf(kind, "why"))
		want, text := kind, "around: why"
		if kind == galien.Withheld {
			want, text = galien.NotFound, "not found"
		}
		if _, err := r.ask(t.Context(), "p"); galien.KindOf(err) != want || err.Error() != text {
			t.Errorf("%s comes back as %s: %v", kind, galien.KindOf(err), err)
		}
	}
}

// A fault of the program answers that question, and no other suffers.
func TestPanic(t *testing.T) {
	broken := true
	r := start(t, func(ctx context.Context, uid int, q CountQuestion) (CountAnswer, error) {
		if broken {
			panic("secret text")
		}
		return echo(ctx, uid, q)
	})
	if _, err := r.ask(t.Context(), "p"); galien.KindOf(err) != galien.Internal || errors.Is(err, ErrNoServer) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if s := r.log.String(); !strings.Contains(s, "msg=panic") || strings.Contains(s, "secret") {
		t.Errorf("log: %s", s)
	}
	broken = false
	if _, err := r.ask(t.Context(), "p"); err != nil {
		t.Errorf("the next question: %v", err)
	}
}

// gated answers one question at a time, when it is let.
type gated struct {
	began, let chan string
	cancelled  chan string
}

func newGated() *gated {
	return &gated{began: make(chan string, 100), let: make(chan string, 100), cancelled: make(chan string, 100)}
}

func (g *gated) count(ctx context.Context, uid int, q CountQuestion) (CountAnswer, error) {
	g.began <- q.Permit
	select {
	case <-g.let:
		return echo(ctx, uid, q)
	case <-ctx.Done():
		g.cancelled <- q.Permit
		return CountAnswer{}, ctx.Err()
	}
}

type result struct {
	a   CountAnswer
	err error
}

func (r *running) asking(ctx context.Context, permit string) chan result {
	c := make(chan result, 1)
	go func() {
		a, err := r.ask(ctx, permit)
		c <- result{a, err}
	}()
	return c
}

// The second question waits for the first, and learns how long it did.
func TestOneAfterTheOther(t *testing.T) {
	g := newGated()
	r := start(t, g.count)
	first := r.asking(t.Context(), "first")
	<-g.began
	second := r.asking(t.Context(), "second")
	until(t, "the second waits", r.server.queue.waits(1))
	h, err := NewClient(r.folder, "1").Health(t.Context())
	if err != nil || h.Running != 1 || h.Waiting != 1 || h.Questions != 0 {
		t.Errorf("health %+v, %v", h, err)
	}
	select {
	case p := <-g.began:
		t.Errorf("%s runs beside the first", p)
	case <-time.After(20 * time.Millisecond):
	}
	g.let <- ""
	if a := <-first; a.err != nil || a.a.WaitedMS != 0 || a.a.Milliseconds < 20 {
		t.Errorf("first: %+v", a)
	}
	g.let <- ""
	if a := <-second; a.err != nil || a.a.WaitedMS < 20 {
		t.Errorf("second: %+v", a)
	}
}

func TestTooManyWait(t *testing.T) {
	g := newGated()
	r := start(t, g.count)
	var all []chan result
	for range 1 + maxWaiting {
		all = append(all, r.asking(t.Context(), "p"))
	}
	until(t, "the queue is full", r.server.queue.waits(64))
	if _, err := r.ask(t.Context(), "late"); galien.KindOf(err) != galien.Busy {
		t.Errorf("one more: %v", err)
	}
	for range all {
		g.let <- ""
	}
	for i, c := range all {
		if a := <-c; a.err != nil {
			t.Errorf("question %d: %v", i, a.err)
		}
	}
}

// A client that goes away leaves the queue, and the engine when it has it.
func TestClientsGoAway(t *testing.T) {
	g := newGated()
	r := start(t, g.count)
	runs, stopRunning := context.WithCancel(t.Context())
	first := r.asking(runs, "runs")
	<-g.began
	waits, stopWaiting := context.WithCancel(t.Context())
	second := r.asking(waits, "waits")
	until(t, "the second waits", r.server.queue.waits(1))
	third := r.asking(t.Context(), "stays")
	until(t, "the third waits", r.server.queue.waits(2))

	stopWaiting()
	if a := <-second; !errors.Is(a.err, context.Canceled) {
		t.Errorf("who stopped waiting: %v", a.err)
	}
	until(t, "the second left", r.server.queue.waits(1))
	stopRunning()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Errorf("who stopped its question: %v", a.err)
	}
	if p := <-g.cancelled; p != "runs" {
		t.Errorf("%s was cancelled", p)
	}
	g.let <- ""
	if a := <-third; a.err != nil || a.a.Permit != "stays" {
		t.Errorf("who stayed: %+v", a)
	}
	until(t, "the log says how each ended", func() bool {
		s := r.log.String()
		return strings.Count(s, "outcome=cancelled") == 2 && strings.Count(s, "outcome=answered") == 1
	})
}

// The time to send a body is no time to answer in: the engine may take longer.
func TestSlowAnswerOutlivesTheReadDeadline(t *testing.T) {
	g := newGated()
	s, err := NewServer(config(&log{}, g.count))
	if err != nil {
		t.Fatal(err)
	}
	s.arrive = 100 * time.Millisecond
	folder := t.TempDir()
	socket, err := Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Release()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, socket) }()
	r := &running{folder: folder}
	answer := r.asking(t.Context(), "p")
	<-g.began
	time.Sleep(300 * time.Millisecond)
	g.let <- ""
	if a := <-answer; a.err != nil {
		t.Errorf("%v", a.err)
	}

	// A body that does not come is not waited for.
	conn, err := net.Dial("unix", filepath.Join(folder, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\n{", countPath)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if b, _ := io.ReadAll(conn); !bytes.HasPrefix(b, []byte("HTTP/1.1 400 ")) {
		t.Errorf("half a body: %q", b)
	}
	cancel()
	<-ended
}

// A stopping server lets a running question end, and tells the others.
func TestStop(t *testing.T) {
	g := newGated()
	r := start(t, g.count)
	first := r.asking(t.Context(), "runs")
	<-g.began
	second := r.asking(t.Context(), "waits")
	until(t, "the second waits", r.server.queue.waits(1))
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	if a := <-second; galien.KindOf(a.err) != galien.Busy {
		t.Errorf("who waited: %v", a.err)
	}
	until(t, "the socket is gone", func() bool {
		_, err := os.Lstat(filepath.Join(r.folder, SocketFile))
		return errors.Is(err, os.ErrNotExist)
	})
	if _, err := Listen(r.folder); galien.KindOf(err) != galien.Busy {
		t.Errorf("another server while a question runs: %v", err)
	}
	if _, err := r.ask(t.Context(), "late"); !errors.Is(err, ErrNoServer) {
		t.Errorf("a late question: %v", err)
	}
	g.let <- ""
	if a := <-first; a.err != nil {
		t.Errorf("who ran: %v", a.err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if s := r.log.String(); !strings.Contains(s, "msg=stop questions=2 graceful=true") {
		t.Errorf("log:\n%s", s)
	}
}

// A question that does not end in time is cancelled, and told so.
func TestStopCancels(t *testing.T) {
	g := newGated()
	r := start(t, g.count)
	r.server.grace = 50 * time.Millisecond
	first := r.asking(t.Context(), "runs")
	<-g.began
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if a := <-first; galien.KindOf(a.err) != galien.Busy {
		t.Errorf("who ran: %v", a.err)
	}
	if s := r.log.String(); !strings.Contains(s, "graceful=false") {
		t.Errorf("log:\n%s", s)
	}
}

func TestListen(t *testing.T) {
	folder := t.TempDir()
	// What a killed server leaves: its socket, and one that is not ready.
	for _, name := range []string{SocketFile, SocketFile + newSocket} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewClient(folder, "1").Health(t.Context()); !errors.Is(err, ErrNoServer) {
		t.Errorf("a socket that nobody has: %v", err)
	}
	s, err := Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(folder, SocketFile))
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != os.ModeSocket {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(folder); galien.KindOf(err) != galien.Busy || !strings.Contains(err.Error(), "another galien serve") {
		t.Errorf("a second server: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(folder, SocketFile)); err != nil {
		t.Errorf("a second server took the socket away: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	s.Release()
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 || entries[0].Name() != LockFile {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if s, err = Listen(folder); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	s.Release()

	deep := filepath.Join(folder, strings.Repeat("d", 120))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(deep); galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), "too many for a socket") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := NewClient(deep, "1").Count(t.Context(), CountQuestion{Permit: "p", Definition: []byte("{}")}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a client with a long path: %v", err)
	}
}

// A server that accepts and says nothing is none, after a second.
func TestSilentServer(t *testing.T) {
	folder := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(folder, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	if _, err := NewClient(folder, "1").Count(t.Context(), CountQuestion{Permit: "p", Definition: []byte("{}")}); !errors.Is(err, ErrNoServer) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("waited %v", took)
	}
}

func TestOtherRoutes(t *testing.T) {
	r := start(t, echo)
	for _, c := range []struct{ method, path string }{{"GET", "/"}, {"GET", countPath}, {"POST", healthPath}, {"POST", "/v2/cohort/count"}, {"GET", "/v1/health/"}} {
		req := httptest.NewRequest(c.method, c.path, nil)
		w := httptest.NewRecorder()
		r.server.mux.ServeHTTP(w, req)
		var f Fault
		if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != http.StatusNotFound || f.Kind != "not found" {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	// A question that did not come through a socket has no asker.
	w := httptest.NewRecorder()
	r.server.mux.ServeHTTP(w, httptest.NewRequest("POST", countPath, strings.NewReader(`{"permit":"p","definition":{}}`)))
	if w.Code != http.StatusForbidden {
		t.Errorf("without a socket: %d %s", w.Code, w.Body)
	}
}

func TestBodyLimit(t *testing.T) {
	r := start(t, echo)
	req := httptest.NewRequest("POST", countPath, io.LimitReader(endless{}, MaxBody+1))
	req = req.WithContext(context.WithValue(req.Context(), peerKey{}, peer{uid: 1}))
	w := httptest.NewRecorder()
	r.server.mux.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "over 64 MiB") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// endless is blank space without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// FuzzCountBody sends any body: the answer is JSON, of a known status, nothing
// is let through that was not understood, and the log holds none of it.
func FuzzCountBody(f *testing.F) {
	for _, s := range []string{``, `{}`, `null`, `{"permit":"p","definition":{}}`, `{"permit":"p","file":"x","definition":"{}"}`, `{"permit":"p","definition":"\ud800"}`, `{"permit":"p","definition":[[[[]]]]}`} {
		f.Add([]byte(s))
	}
	var l log
	var asked *CountQuestion
	s, err := NewServer(config(&l, func(_ context.Context, _ int, q CountQuestion) (CountAnswer, error) {
		asked = &q
		return echo(context.Background(), 0, q)
	}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked = nil
		l.b.Reset()
		req := httptest.NewRequest("POST", countPath, bytes.NewReader(body))
		req = req.WithContext(context.WithValue(req.Context(), peerKey{}, peer{uid: 1}))
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, req)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %q", w.Body)
		}
		switch {
		case asked == nil && w.Code != http.StatusBadRequest, asked != nil && w.Code != http.StatusOK:
			t.Errorf("status %d, %s", w.Code, w.Body)
		case asked != nil && (asked.Permit == "" || asked.File == "" || !json.Valid(body)):
			t.Errorf("%q was let through as %+v", body, asked)
		}
		if n := strings.Count(l.b.String(), "\n"); n != 1 {
			t.Errorf("%d lines in the log:\n%s", n, l.b.String())
		}
		if len(body) > 60 && bytes.Contains(l.b.Bytes(), body) {
			t.Error("the log holds the question")
		}
	})
}
