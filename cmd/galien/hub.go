package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"
	_ "time/tzdata" // the time zones, for machines that have none

	"galien"
	"galien/audit"
	"galien/durable"
	"galien/lake"
	"galien/ledger"
	"galien/permit"
	"galien/vault"
)

// hubFormat is the version of a hub folder's layout.
const hubFormat = 1

// The contents of a hub folder.
const (
	hubFile       = "hub.json"
	lakeDir       = "lake"
	vaultDir      = "vault"
	auditDir      = "audit"
	quarantineDir = "quarantine"
	ledgerFile    = "vocabularies.ndjson"
	metaFile      = "meta.db"
	releasedDir   = "ledger"

	vaultSocket = "vault.sock"
	vaultLock   = "vault.lock"
)

// marker is hub.json: it says that the folder is a hub, and of which layout.
type marker struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	Galien  string    `json:"galien"`
	// Zone is the time zone of the hub's days, as Europe/Paris; empty is the
	// machine's.
	Zone string `json:"zone,omitempty"`
}

// hub is an open hub folder. Its parts are opened when first asked for, and
// closed together.
type hub struct {
	dir   string
	actor string // the operating system account
	now   func() time.Time

	lakeOpen    *lake.Lake
	vaultOpen   *vault.Vault
	auditOpen   *audit.Log
	permitsOpen *permit.Store
	ledgerOpen  *ledger.Ledger
}

// createHub makes a hub in a folder that is empty or does not exist. The
// marker is written last, so that an interrupted creation is not a hub.
func createHub(dir, zone string, now time.Time, random io.Reader) error {
	if _, err := clockIn(zone); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("create hub: %w", err)
	case len(entries) > 0:
		return galien.Errorf(galien.Conflict, "create hub: %s is not empty: give a new or empty folder", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	if _, err := lake.Create(filepath.Join(dir, lakeDir)); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	v, err := vault.Create(filepath.Join(dir, vaultDir), random)
	if err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	if err := v.Close(); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	if _, err := audit.Create(filepath.Join(dir, auditDir), random); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	s, err := permit.CreateStore(filepath.Join(dir, metaFile))
	if err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, quarantineDir), 0o700); err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	b, err := json.MarshalIndent(marker{hubFormat, now.UTC().Truncate(time.Second), version(), zone}, "", "  ")
	if err != nil {
		return fmt.Errorf("create hub: %w", err)
	}
	return durable.Create(filepath.Join(dir, hubFile), append(b, '\n'), 0o600)
}

// openHub opens a hub folder as the account that runs the process.
func openHub(dir string) (*hub, error) {
	b, err := os.ReadFile(filepath.Join(dir, hubFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.NotFound, "open hub: %s is not a hub (it has no %s); `galien init` makes one", dir, hubFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open hub: %w", err)
	}
	var m marker
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, galien.Errorf(galien.Corrupt, "open hub: %s cannot be read: %w", hubFile, err)
	}
	if m.Format != hubFormat {
		return nil, galien.Errorf(galien.Invalid, "open hub: its layout is version %d and this galien reads version %d", m.Format, hubFormat)
	}
	now, err := clockIn(m.Zone)
	if err != nil {
		return nil, err
	}
	return &hub{dir: dir, actor: account(), now: now}, nil
}

// with opens a hub and one part of it for one command.
func with[T any](dir string, part func(*hub) (T, error), do func(h *hub, part T) error) error {
	h, err := openHub(dir)
	if err != nil {
		return err
	}
	defer h.close()
	p, err := part(h)
	if err != nil {
		return err
	}
	return do(h, p)
}

// clockIn returns the machine's clock, telling the time of a zone; of the
// machine's own when none is named.
func clockIn(zone string) (func() time.Time, error) {
	if zone == "" {
		return time.Now, nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil || location == time.Local {
		return nil, galien.Errorf(galien.Invalid, "there is no time zone %q; name one as Europe/Paris", zone)
	}
	return func() time.Time { return time.Now().In(location) }, nil
}

// account returns the operating system account of the process, by its real
// user id and not by what the environment says.
func account() string { return accountOf(os.Getuid()) }

// accountOf returns the operating system account of a user id.
func accountOf(uid int) string {
	id := strconv.Itoa(uid)
	u, err := user.LookupId(id)
	if err != nil {
		return "uid-" + id
	}
	return u.Username
}

// close releases whatever was opened.
func (h *hub) close() error {
	var err error
	if h.vaultOpen != nil {
		err = errors.Join(err, h.vaultOpen.Close())
	}
	if h.permitsOpen != nil {
		err = errors.Join(err, h.permitsOpen.Close())
	}
	return err
}

// path returns the path of a part of the hub.
func (h *hub) path(name string) string { return filepath.Join(h.dir, name) }

func (h *hub) lake() (l *lake.Lake, err error) {
	if h.lakeOpen == nil {
		h.lakeOpen, err = lake.Open(h.path(lakeDir))
	}
	return h.lakeOpen, err
}

// snapshot returns the current snapshot; NotFound before the first ingest.
func (h *hub) snapshot() (*lake.Snapshot, error) {
	l, err := h.lake()
	if err != nil {
		return nil, err
	}
	return l.Current()
}

// vault opens the vault: through its server where one answers, else in this
// process.
func (h *hub) vault() (v *vault.Vault, err error) {
	if h.vaultOpen != nil {
		return h.vaultOpen, nil
	}
	if h.vaultOpen, err = vault.Dial(h.path(vaultSocket)); err != nil {
		h.vaultOpen, err = vault.Open(h.path(vaultDir))
	}
	return h.vaultOpen, err
}

func (h *hub) audit() (l *audit.Log, err error) {
	if h.auditOpen == nil {
		h.auditOpen, err = audit.Open(h.path(auditDir))
	}
	return h.auditOpen, err
}

func (h *hub) permits() (s *permit.Store, err error) {
	if h.permitsOpen == nil {
		h.permitsOpen, err = permit.OpenStore(h.path(metaFile))
	}
	return h.permitsOpen, err
}

// released opens the ledger of everything released, and makes it the first time.
func (h *hub) released() (l *ledger.Ledger, err error) {
	if h.ledgerOpen == nil {
		h.ledgerOpen, err = ledger.Open(h.path(releasedDir))
	}
	return h.ledgerOpen, err
}

// gate returns the gate of the account that runs the process.
func (h *hub) gate() (*permit.Gate, error) {
	store, err := h.permits()
	if err != nil {
		return nil, err
	}
	if err := h.ledgerNotBehind(context.Background()); err != nil {
		return nil, err
	}
	log, err := h.audit()
	if err != nil {
		return nil, err
	}
	return permit.NewGate(store, log, h.actor, h.now), nil
}
