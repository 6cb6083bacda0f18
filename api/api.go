// Package api is the hub's HTTP face: `galien serve` answers through it, and
// the commands ask through it. docs/api.md is its page.
//
// It owns the routes, the JSON of questions and answers, the limits on what is
// read, the queue before the engine, the socket and its lock, and the client.
// It refuses a network: a server listens on a Unix socket in the hub folder,
// and the operating system says which account asks. It knows no permit and no
// engine: what a question does is a function that the wiring hands over.
//
//	s, err := api.NewServer(api.Config{
//		Version: "1.0", AtOnce: 1, Now: time.Now, Log: log, Snapshot: current,
//		Count: func(ctx context.Context, uid int, q api.CountQuestion) (api.CountAnswer, error) { ... },
//	})
//	socket, err := api.Listen(hub) // Busy when another server answers for the hub
//	defer socket.Release()
//	err = s.Serve(ctx, socket)
//
// and on the other side:
//
//	answer, err := api.NewClient(hub, "1.0").Count(ctx, api.CountQuestion{Permit: id, File: "2.json", Definition: text})
//	if errors.Is(err, api.ErrNoServer) {
//		// answer in this process
//	}
package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"unicode/utf8"

	"galien"
)

// MaxBody is the most bytes that the body of a request may have.
const MaxBody = 64 << 20

// Route is one thing that can be asked of a server.
type Route struct {
	Method, Path string
	// Permit is set where the answer is given under a permit only.
	Permit bool

	handle func(*Server, http.ResponseWriter, *http.Request)
}

// Routes are all routes. There is no other way in.
var Routes = []Route{
	{Method: http.MethodPost, Path: countPath, Permit: true, handle: (*Server).count},
	{Method: http.MethodGet, Path: healthPath, handle: (*Server).health},
}

const (
	countPath  = "/v1/cohort/count"
	healthPath = "/v1/health"
)

// CountQuestion asks for the counts of a cohort.
type CountQuestion struct {
	// Permit is the id of the permit under which it is asked.
	Permit string
	// File is what errors call the definition.
	File string
	// Definition is Circe JSON, as it stands in a file.
	Definition []byte
}

// countBody is a CountQuestion on its way. The definition is an object, or a
// string that holds the text of a file: its hash is then that of the file.
type countBody struct {
	Permit     string          `json:"permit"`
	File       string          `json:"file,omitempty"`
	Definition json.RawMessage `json:"definition"`
}

// encode writes the question with its definition byte for byte, which JSON can
// do for UTF-8 only.
func (q CountQuestion) encode() ([]byte, bool) {
	if len(q.Definition) > MaxBody || !utf8.Valid(q.Definition) || !utf8.ValidString(q.File) {
		return nil, false
	}
	text, err := json.Marshal(string(q.Definition))
	if err != nil {
		return nil, false
	}
	b, err := json.Marshal(countBody{q.Permit, q.File, text})
	return b, err == nil && len(b) <= MaxBody
}

// decodeCount reads a question. What it does not know is an error.
func decodeCount(b []byte) (CountQuestion, error) {
	var body countBody
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return CountQuestion{}, galien.Errorf(galien.Invalid, "read request: not a question in JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return CountQuestion{}, galien.Errorf(galien.Invalid, "read request: more than one JSON value")
	}
	if body.Permit == "" {
		return CountQuestion{}, galien.Errorf(galien.Invalid, "read request: permit is missing; name the permit under which to ask")
	}
	if len(body.Definition) == 0 {
		return CountQuestion{}, galien.Errorf(galien.Invalid, "read request: definition is missing; give Circe JSON")
	}
	q := CountQuestion{Permit: body.Permit, File: body.File, Definition: body.Definition}
	if body.Definition[0] == '"' {
		var text string
		if err := json.Unmarshal(body.Definition, &text); err != nil {
			return CountQuestion{}, galien.Errorf(galien.Invalid, "read request: definition: %w", err)
		}
		q.Definition = []byte(text)
	}
	if q.File == "" {
		q.File = "definition"
	}
	return q, nil
}

// CountAnswer is the counts of a cohort, as the permit lets them be shown.
type CountAnswer struct {
	// Persons and Periods are numbers, or texts such as "<11".
	Persons   any    `json:"persons"`
	Periods   any    `json:"periods"`
	Attrition []Step `json:"attrition"`
	// Inclusion is there under a permit that lets rows out.
	Inclusion []MaskCount `json:"inclusion,omitempty"`
	Snapshot  string      `json:"snapshot"`
	Permit    string      `json:"permit"`
	Engine    string      `json:"engine"`
	// Milliseconds is how long the question took, WaitedMS how long it stood in
	// the queue before that.
	Milliseconds int64 `json:"milliseconds"`
	WaitedMS     int64 `json:"waited_ms"`
}

// Step is a step of attrition as a permit lets it be shown: numbers, or texts
// such as "<11".
type Step struct {
	Step    string `json:"step"`
	Reason  string `json:"reason"`
	Events  any    `json:"events"`
	Persons any    `json:"persons"`
	// Note says why a number is withheld that is not small, or where it stands
	// from.
	Note string `json:"note,omitempty"`
}

// MaskCount counts what met exactly the inclusion rules of a mask: events in
// mode 0, persons' best events in mode 1.
type MaskCount struct {
	Mode    int   `json:"mode_id"`
	Mask    int64 `json:"inclusion_rule_mask"`
	Persons int64 `json:"person_count"`
}

// Health says how a server is.
type Health struct {
	Version       string `json:"version"`
	Snapshot      string `json:"snapshot"` // empty before the first load
	UptimeSeconds int64  `json:"uptime_seconds"`
	Questions     int64  `json:"questions"` // ended since the start, however they ended
	Running       int    `json:"running"`
	Waiting       int    `json:"waiting"`
}

// Fault is an error on its way.
type Fault struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// faultOf writes an error for outside: what is withheld looks like what does
// not exist.
func faultOf(err error) Fault {
	if galien.KindOf(err) == galien.Withheld {
		return Fault{galien.NotFound.String(), "not found"}
	}
	return Fault{galien.KindOf(err).String(), err.Error()}
}

// err is the error that was written. A kind that is not known is Internal.
func (f Fault) err() error {
	for k := galien.Internal; k <= galien.Corrupt; k++ {
		if k.String() == f.Kind {
			return galien.Errorf(k, "%s", f.Message)
		}
	}
	return galien.Errorf(galien.Internal, "%s", f.Message)
}

// statusOf is the one place where an error becomes an HTTP status.
func statusOf(err error) int {
	switch galien.KindOf(err) {
	case galien.Invalid:
		return http.StatusBadRequest
	case galien.NotFound, galien.Withheld:
		return http.StatusNotFound
	case galien.Denied:
		return http.StatusForbidden
	case galien.Conflict:
		return http.StatusConflict
	case galien.Busy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
