package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"galien"
	"galien/vault"
)

// takeKey moves the key of a hub's vault out of the hub, and returns what brings
// it back; doing so again does nothing.
func (d *demo) takeKey(hub string) (give func() error, err error) {
	key := vault.KeyFile(filepath.Join(hub, vaultDir))
	away := d.path("elsewhere", filepath.Base(key))
	if err := os.MkdirAll(filepath.Dir(away), 0o700); err != nil {
		return nil, fmt.Errorf("take the vault's key away: %w", err)
	}
	fmt.Fprintf(d.out, "  $ mv %s %s\n", key, away)
	if err := os.Rename(key, away); err != nil {
		return nil, fmt.Errorf("take the vault's key away: %w", err)
	}
	return func() error {
		err := os.Rename(away, key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("bring the vault's key back: %w", err)
		}
		fmt.Fprintf(d.out, "  $ mv %s %s\n", away, key)
		return nil
	}, nil
}

// serveVault starts the vault's server, which alone reads the key: it is in the
// hub until the server has it. stop ends the server and waits for it.
func (d *demo) serveVault(ctx context.Context, hub string, give func() error) (stop func() error, err error) {
	d.heading("Keep the vault open in a process of its own, which alone has the key")
	began := time.Now()
	if err := give(); err != nil {
		return nil, err
	}
	fmt.Fprintf(d.out, "  $ galien vault serve %s &\n", hub)
	cmd := exec.CommandContext(ctx, d.self, "vault", "serve", hub)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start galien vault serve: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error {
		fmt.Fprintf(d.out, "\nThe vault's process ends, and its key comes back into the hub.\n  $ kill %d\n", cmd.Process.Pid)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil && ctx.Err() == nil {
			return galien.Errorf(galien.Internal, "demo: galien vault serve ended with %w:\n%s", err, said.String())
		}
		return nil
	}
	for {
		if v, err := vault.Dial(filepath.Join(hub, vaultSocket)); err == nil {
			_ = v.Close()
			break
		}
		select {
		case err := <-ended:
			return nil, galien.Errorf(galien.Internal, "demo: galien vault serve ended (%v):\n%s", err, said.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	if _, err := d.takeKey(hub); err != nil {
		return nil, errors.Join(err, stop())
	}
	d.done(time.Since(began), "the key is read once, and is elsewhere again")
	return stop, nil
}
