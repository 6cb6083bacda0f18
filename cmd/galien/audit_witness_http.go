package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/durable"
)

// What c2sp.org/tlog-witness calls the request, and the kind of an answer that gives
// the number of entries that the witness saw.
const (
	addCheckpoint = "/add-checkpoint"
	sizeContent   = "text/x.tlog.size"
)

// maxWitnessBody is the largest request or answer, in bytes.
const maxWitnessBody = 64 << 10

// witnessWait is how long a request may take.
const witnessWait = 30 * time.Second

func newWitnessAskCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "ask HUB NAME --url URL",
		Short: "Have a witness on the network sign the present checkpoint",
		Long: `Send the present checkpoint to the witness NAME, with the proof that the log grew
from what it saw last, and keep its signature: as galien audit checkpoint, cosign
and add-cosignature do with files. URL is the witness's submission prefix; the
request is URL/add-checkpoint of c2sp.org/tlog-witness, so that any such witness
can be asked. It is shown the checkpoint and nothing of an entry.

A witness that saw more entries than the log has, or others, ends with exit code 7:
the log was rolled back or written anew, or the witness is of another log.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := url.Parse(address)
			if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.RawQuery != "" || to.User != nil {
				return galien.Errorf(galien.Invalid, "--url must be the address of the witness, such as https://witness.example.org")
			}
			return with(args[0], (*hub).audit, func(_ *hub, log *audit.Log) error {
				known, err := witnessed(log, args[1])
				if err != nil {
					return err
				}
				added, err := askWitness(cmd.Context(), log, known.Entries, to.JoinPath(addCheckpoint).String())
				if err != nil {
					return err
				}
				for _, c := range added {
					fmt.Fprintf(cmd.OutOrStdout(), "Witness %s saw the first %d entries.\n", c.Witness, c.Entries)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "where the witness is (required)")
	_ = cmd.MarkFlagRequired("url")
	return cmd
}

// askWitness has the present checkpoint signed, as grown from what the witness saw
// last: that which the hub knows of, or else what the witness says.
func askWitness(ctx context.Context, log *audit.Log, old int64, address string) ([]audit.Cosignature, error) {
	for again := false; ; again = true {
		request, err := log.Request(ctx, old)
		if err != nil {
			return nil, err
		}
		status, kind, body, err := sendCheckpoint(ctx, address, request)
		if err != nil {
			return nil, err
		}
		_, checkpoint, _ := bytes.Cut(request, []byte("\n\n"))
		if status == http.StatusOK {
			return log.AddCosignature(ctx, append(checkpoint, body...))
		}
		seen, isSize := sizeOf(kind, body)
		entries, err := strconv.ParseInt(strings.Split(string(checkpoint), "\n")[1], 10, 64)
		if err != nil {
			return nil, galien.Errorf(galien.Internal, "ask the witness: the checkpoint has no number of entries")
		}
		switch {
		case status == http.StatusConflict && isSize && seen > entries:
			return nil, galien.Errorf(galien.Corrupt, "the witness saw %d entries, and the log has %d: the log was rolled back, or this witness is of another log. Keep a copy of both", seen, entries)
		case status == http.StatusConflict && isSize && seen != old && !again:
			old = seen
		case status == http.StatusConflict && !isSize, status == http.StatusUnprocessableEntity:
			return nil, galien.Errorf(galien.Corrupt, "the witness saw another log than this one: the log was written anew, or this witness is of another log. Keep a copy of both")
		case status == http.StatusForbidden, status == http.StatusNotFound:
			return nil, galien.Errorf(galien.Denied, "the witness does not know this log (status %d): give it HUB/audit/key.pub", status)
		default:
			return nil, galien.Errorf(galien.Conflict, "the witness signed nothing (status %d); ask again later", status)
		}
	}
}

// sendCheckpoint sends a request to a witness and returns what it answers.
func sendCheckpoint(ctx context.Context, address string, request []byte) (status int, kind string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, witnessWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(request))
	if err != nil {
		return 0, "", nil, galien.Errorf(galien.Invalid, "ask the witness: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", nil, galien.Errorf(galien.Busy, "ask the witness: %w", err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxWitnessBody))
	if err != nil {
		return 0, "", nil, galien.Errorf(galien.Busy, "ask the witness: %w", err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), body, nil
}

// sizeOf reads how many entries a witness says that it saw.
func sizeOf(kind string, body []byte) (int64, bool) {
	text, ok := strings.CutSuffix(string(body), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, kind == sizeContent && ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

func newWitnessServeCommand() *cobra.Command {
	w := &witnessServer{now: time.Now}
	var key, logKey, listen string
	cmd := &cobra.Command{
		Use:   "serve --key WITNESS.key --state STATE",
		Short: "At the witness: sign checkpoints that are sent over the network",
		Long: `Answer add-checkpoint requests of c2sp.org/tlog-witness for one log until
interrupted: what galien audit cosign does with files. It needs no hub, and is not
to run where the hub does. STATE is what the witness remembers, and is on the disk
before a signature is handed over; the first time --log names the log's public key.

It speaks plain HTTP and signs for whoever sends a checkpoint that the log's key
signed. Put it behind a proxy that has a certificate.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			unlock, err := lockState(cmd.Context(), w.state)
			if err != nil {
				return err
			}
			defer unlock()
			secret, err := os.ReadFile(key)
			if err != nil {
				return galien.Errorf(galien.Invalid, "read the witness's key: %w", err)
			}
			w.secret = string(secret)
			if logKey != "" {
				b, err := readInput(cmd.InOrStdin(), logKey)
				if err != nil {
					return err
				}
				w.logKey = string(b)
			}
			if _, err := os.Lstat(w.state); logKey == "" && errors.Is(err, fs.ErrNotExist) {
				return galien.Errorf(galien.Invalid, "the first time, --log names the log's public key, given to you by somebody you trust: HUB/audit/key.pub")
			}
			at, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return galien.Errorf(galien.Invalid, "listen: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The witness answers at http://%s until it is interrupted.\n", at.Addr())
			mux := http.NewServeMux()
			mux.HandleFunc("POST "+addCheckpoint, w.add)
			server := &http.Server{Handler: mux, ReadTimeout: witnessWait, WriteTimeout: witnessWait}
			stopped := context.AfterFunc(cmd.Context(), func() { _ = server.Close() })
			defer stopped()
			if err := server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the witness: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the witness's key (required)")
	cmd.Flags().StringVar(&w.state, "state", "", "what the witness remembers of this log (required)")
	cmd.Flags().StringVar(&logKey, "log", "", "the log's public key, the first time")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8780", "address and port")
	for _, name := range []string{"key", "state"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// witnessServer is a witness of one log.
type witnessServer struct {
	secret, logKey, state string
	now                   func() time.Time
	mu                    sync.Mutex // one request at a time
}

// add answers an add-checkpoint request.
func (w *witnessServer) add(out http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxWitnessBody))
	if err != nil {
		http.Error(out, "the request cannot be read", http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was, err := readState(w.state)
	if err != nil {
		http.Error(out, "the state cannot be read", http.StatusInternalServerError)
		return
	}
	signed, next, err := audit.Cosign(w.secret, was, w.logKey, request, w.now())
	var refusal *audit.Refusal
	switch {
	case err == nil:
		if err := durable.Replace(w.state, next); err != nil {
			http.Error(out, "the state cannot be written", http.StatusInternalServerError)
			return
		}
		lines := strings.SplitAfter(strings.TrimSuffix(string(signed), "\n"), "\n")
		_, _ = io.WriteString(out, lines[len(lines)-1]+"\n")
	case !errors.As(err, &refusal):
		http.Error(out, "the request cannot be answered", http.StatusBadRequest)
	case refusal.Why == audit.Stale:
		out.Header().Set("Content-Type", sizeContent)
		out.WriteHeader(http.StatusConflict)
		fmt.Fprintf(out, "%d\n", refusal.Seen)
	case refusal.Why == audit.OtherRoot:
		http.Error(out, "another root of as many entries was seen", http.StatusConflict)
	case refusal.Why == audit.NotGrown:
		http.Error(out, "the proof does not show that the log grew", http.StatusUnprocessableEntity)
	default:
		http.Error(out, "the checkpoint is not signed by the log's key", http.StatusForbidden)
	}
}
