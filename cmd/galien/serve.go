package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"galien/api"
	"galien/audit"
	"galien/lake"
	"galien/permit"
)

func newServeCommand() *cobra.Command {
	var q question
	var atOnce int
	cmd := &cobra.Command{
		Use:   "serve HUB",
		Short: "Keep an engine running, so that counts come while editing",
		Long: `Answer counts of cohorts until interrupted, with one engine that is kept from
question to question. galien cohort count uses it by itself.

The server listens on the socket HUB/galien.sock, for this account alone, and
opens no port. The operating system says which account asks; every question
passes that account's permit and is written down, as without a server. Questions
are answered in turn, --at-once at a time; at most 64 wait. A new snapshot, a new
permit and a revoked one count from the next question on.

Standard error tells the operator of each question how it ended and how long it
took, and nothing of what was asked. The routes are in docs/api.md.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if q.hub, err = openHub(args[0]); err != nil {
				return err
			}
			defer q.close()
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			h, err := newServedHub(&q, log)
			if err != nil {
				return err
			}
			s, err := api.NewServer(api.Config{
				Version: version(), Now: time.Now, Log: log, AtOnce: atOnce, Snapshot: h.snapshotID, Count: h.count,
				Allow: h.authoriseRoute(cmd),
			})
			if err != nil {
				return err
			}
			socket, err := api.Listen(args[0])
			if err != nil {
				return err
			}
			defer socket.Release()
			defer h.engine.close()
			return s.Serve(cmd.Context(), socket)
		},
	}
	cmd.Flags().StringVar(&q.memory, "memory", "2GiB", "most memory for the engine and what it keeps")
	cmd.Flags().IntVar(&q.threads, "threads", 0, "cores for the engine (0: all)")
	cmd.Flags().IntVar(&atOnce, "at-once", 1, "questions answered at once; one takes every core")
	return cmd
}

// servedHub answers a server's questions from one hub.
type servedHub struct {
	hub    *hub
	store  *permit.Store
	log    *audit.Log
	engine *keptEngine
}

// newServedHub opens what questions need of q's hub, and no vault.
func newServedHub(q *question, log *slog.Logger) (*servedHub, error) {
	h := &servedHub{hub: q.hub}
	var err error
	if h.store, err = q.hub.permits(); err != nil {
		return nil, err
	}
	if h.log, err = q.hub.audit(); err != nil {
		return nil, err
	}
	if _, err = q.hub.lake(); err != nil {
		return nil, err
	}
	if _, err = q.hub.released(); err != nil {
		return nil, err
	}
	h.engine = &keptEngine{open: func(s *lake.Snapshot) (servedEngine, error) {
		e, err := q.columnar(s)
		if err != nil {
			return nil, err
		}
		log.Info("engine", "snapshot", s.ID)
		return e, nil
	}}
	return h, nil
}

func (h *servedHub) snapshotID() (string, error) {
	s, err := h.hub.snapshot()
	if err != nil {
		return "", err
	}
	return s.ID, nil
}

// count answers one question of the account with that user id.
func (h *servedHub) count(ctx context.Context, uid int, ask api.CountQuestion) (api.CountAnswer, error) {
	d, err := parseDefinition(ask.File, ask.Definition, 1)
	if err != nil {
		return api.CountAnswer{}, err
	}
	actor := accountOf(uid)
	q := question{permitID: ask.Permit, hub: h.hub, actor: actor, gate: permit.NewGate(h.store, h.log, actor, h.hub.now)}
	if q.snapshot, err = h.hub.snapshot(); err != nil {
		return api.CountAnswer{}, err
	}
	var engine string
	c, err := q.count(ctx, d, func() (counter, func(), error) {
		e, leave, err := h.engine.use(q.snapshot)
		if err != nil {
			return nil, nil, err
		}
		if engine, err = e.Version(ctx); err != nil {
			leave()
			return nil, nil, err
		}
		return e, leave, nil
	})
	if err != nil {
		return api.CountAnswer{}, err
	}
	last := c.steps[len(c.steps)-1]
	a := api.CountAnswer{Persons: last.Persons, Periods: last.Events, Attrition: c.steps, Snapshot: c.snapshot, Permit: c.permit, Engine: engine}
	for _, m := range c.inclusion {
		a.Inclusion = append(a.Inclusion, api.MaskCount{Mode: m.Mode, Mask: m.Mask, Persons: m.Persons})
	}
	return a, nil
}
