package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"galien"
)

const (
	headTimeout = 5 * time.Second  // to send the head of a request
	bodyTimeout = 30 * time.Second // to send it whole, and to take the answer
	idleTimeout = time.Minute      // between two requests of a connection
	graceTime   = 10 * time.Second // for running questions when the server stops
	abortTime   = 2 * time.Second  // for cancelled questions to end
	maxHead     = 64 << 10
)

// Config is what a server is made of.
type Config struct {
	Version string
	Now     func() time.Time // the machine's clock
	Log     *slog.Logger     // for the operator: kinds and times, no content
	AtOnce  int              // questions that are answered at once, at least 1
	// Allow decides whether the account with that user id may ask a route ("GET
	// /v1/health"). It is asked before anything else of a request.
	Allow func(uid int, route string) error
	// Snapshot returns the id of the current snapshot; NotFound before the
	// first load.
	Snapshot func() (string, error)
	// Count answers a question of the account with that user id. It fails with
	// a kind of error that the asker is told, text included.
	Count func(ctx context.Context, uid int, q CountQuestion) (CountAnswer, error)
}

// Server answers for one hub. It is safe for several goroutines.
type Server struct {
	c         Config
	mux       *http.ServeMux
	queue     *queue
	arrive    time.Duration // bodyTimeout, but for tests
	grace     time.Duration // graceTime, but for tests
	started   time.Time
	questions atomic.Int64
}

// NewServer returns a server that is not yet listening. It fails with Invalid
// when fewer than one question could be answered at once.
func NewServer(c Config) (*Server, error) {
	if c.AtOnce < 1 {
		return nil, galien.Errorf(galien.Invalid, "serve: %d questions at once; at least 1", c.AtOnce)
	}
	s := &Server{c: c, mux: http.NewServeMux(), queue: newQueue(c.AtOnce), arrive: bodyTimeout, grace: graceTime, started: c.Now()}
	for _, r := range Routes {
		route := r.Method + " " + r.Path
		s.mux.HandleFunc(route, func(w http.ResponseWriter, req *http.Request) {
			uid, err := peerOf(req.Context())
			if err == nil {
				err = c.Allow(uid, route)
			}
			if err != nil {
				s.fail(w, err)
				return
			}
			r.handle(s, w, req)
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		s.fail(w, galien.Errorf(galien.NotFound, "there is no such route; docs/api.md lists those there are"))
	})
	return s, nil
}

// Serve answers until the context ends, and then stops: nothing new is
// accepted, whoever waits is told Busy, and what runs has ten seconds to end
// before it is cancelled.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	background := context.WithoutCancel(ctx)
	running, abort := context.WithCancelCause(background)
	defer abort(errStopping)
	h := &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       s.arrive,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(s.c.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return running },
		ConnContext:       withPeer,
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	s.c.Log.Info("start", "version", s.c.Version, "at_once", s.c.AtOnce)
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.queue.close()
	graceful := shutdown(background, h, s.grace) == nil
	if !graceful {
		abort(errStopping)
		if shutdown(background, h, abortTime) != nil {
			_ = h.Close()
		}
	}
	s.c.Log.Info("stop", "questions", s.questions.Load(), "graceful", graceful)
	return nil
}

// shutdown stops accepting and waits for what runs, for a time.
func shutdown(ctx context.Context, h *http.Server, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return h.Shutdown(ctx)
}

// count answers POST /v1/cohort/count.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	began := s.c.Now()
	var waited time.Duration
	answer, err := s.counted(w, r, &waited)
	outcome := "answered"
	if errors.Is(err, context.Canceled) {
		outcome = "cancelled"
	} else if err != nil {
		outcome = galien.KindOf(err).String()
	}
	took := s.c.Now().Sub(began) - waited
	s.questions.Add(1)
	s.c.Log.Info("question", "route", countPath, "outcome", outcome, "milliseconds", took.Milliseconds(), "waited_ms", waited.Milliseconds())
	if err != nil {
		s.fail(w, err)
		return
	}
	answer.Milliseconds, answer.WaitedMS = took.Milliseconds(), waited.Milliseconds()
	s.reply(w, http.StatusOK, answer)
}

// counted reads the question, waits for its turn and answers it. A fault of the
// program is an error like another, and tells the asker nothing of itself.
func (s *Server) counted(w http.ResponseWriter, r *http.Request, waited *time.Duration) (answer CountAnswer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.c.Log.Error("panic", "type", fmt.Sprintf("%T", fault), "stack", string(debug.Stack()))
			err = galien.Errorf(galien.Internal, "answer the question: a fault of galien; the server's log says where")
		}
	}()
	uid, err := peerOf(r.Context())
	if err != nil {
		return CountAnswer{}, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return CountAnswer{}, err
	}
	q, err := decodeCount(body)
	if err != nil {
		return CountAnswer{}, err
	}
	came := s.c.Now()
	leave, err := s.queue.enter(r.Context())
	*waited = s.c.Now().Sub(came)
	if err != nil {
		return CountAnswer{}, cause(r.Context(), err)
	}
	defer leave()
	answer, err = s.c.Count(r.Context(), uid, q)
	return answer, cause(r.Context(), err)
}

// cause returns why a question failed that was cancelled: the client went away,
// or the server stops. Other errors stay.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// readBody reads the whole body of a request, within the limit of size; the
// server's is that of time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		w.Header().Set("Connection", "close") // the rest is not waited for
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, galien.Errorf(galien.Invalid, "read request: over %d MiB", MaxBody>>20)
	case err != nil:
		return nil, galien.Errorf(galien.Invalid, "read request: the body did not arrive")
	}
	return b, nil
}

// health answers GET /v1/health.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	id, err := s.c.Snapshot()
	if err != nil && galien.KindOf(err) != galien.NotFound {
		s.fail(w, err)
		return
	}
	running, waiting := s.queue.length()
	s.reply(w, http.StatusOK, Health{
		Version: s.c.Version, Snapshot: id, UptimeSeconds: int64(s.c.Now().Sub(s.started).Seconds()),
		Questions: s.questions.Load(), Running: running, Waiting: waiting,
	})
}

func (s *Server) fail(w http.ResponseWriter, err error) { s.reply(w, statusOf(err), faultOf(err)) }

func (s *Server) reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"kind":"internal","message":"the answer cannot be written"}`)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(s.c.Now().Add(bodyTimeout))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that is gone has no use for an error
}
