package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// connectTimeout is how long a server has to answer that it is there.
const connectTimeout = time.Second

// ErrNoServer says that no server answered the question: none is there, it is
// of another version, it ended meanwhile, or the question cannot be sent.
// Whoever asked can answer it in its own process.
var ErrNoServer = errors.New("no server answers for this hub")

// Client asks the server of a hub. Each question takes its own connection.
type Client struct {
	version string
	http    http.Client
}

// NewClient returns a client of the server that answers for a hub folder with
// the same version of Galien. Whether there is one is seen when it is asked.
func NewClient(folder, version string) *Client {
	dialer := net.Dialer{Timeout: connectTimeout}
	path := filepath.Join(folder, SocketFile)
	return &Client{version: version, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		},
	}}}
}

// Health asks how the server is. It fails with ErrNoServer when none answers in
// a second.
func (c *Client) Health(ctx context.Context) (Health, error) {
	short, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var h Health
	err := c.ask(short, http.MethodGet, healthPath, nil, &h)
	if err != nil && ctx.Err() != nil {
		return Health{}, ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Health{}, ErrNoServer
	}
	return h, err
}

// Count asks for the counts of a cohort. Its errors have the kind and the text
// of the server's; it fails with ErrNoServer when the question was not
// answered. Numbers of the answer are json.Number.
func (c *Client) Count(ctx context.Context, q CountQuestion) (CountAnswer, error) {
	h, err := c.Health(ctx)
	switch {
	case ctx.Err() != nil:
		return CountAnswer{}, ctx.Err()
	case err != nil || h.Version != c.version:
		return CountAnswer{}, ErrNoServer
	}
	body, ok := q.encode()
	if !ok {
		return CountAnswer{}, ErrNoServer
	}
	var a CountAnswer
	err = c.ask(ctx, http.MethodPost, countPath, body, &a)
	if err == nil && len(a.Attrition) == 0 {
		return CountAnswer{}, ErrNoServer
	}
	return a, err
}

// ask sends one request and reads its answer into v.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://hub"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	reply, err := c.http.Do(r)
	if err != nil {
		return unanswered(ctx)
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	if err != nil {
		return unanswered(ctx)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if reply.StatusCode != http.StatusOK {
		var f Fault
		if dec.Decode(&f) != nil || f.Kind == "" {
			return ErrNoServer
		}
		return f.err()
	}
	if dec.Decode(v) != nil {
		return ErrNoServer
	}
	return nil
}

// unanswered is the error of a request that brought no answer.
func unanswered(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrNoServer
}
