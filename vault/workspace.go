package vault

import (
	"fmt"
	"os"
	"path/filepath"

	"galien"
)

const workspacePrefix = "work-"

// Workspace makes a folder inside the vault for a load whose rows still carry
// identities while an engine sorts and joins them, so that what is written on
// the way is as protected as the vault. remove takes it away; a load that died
// leaves it to CleanWorkspaces.
func (v *Vault) Workspace() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(v.dir, workspacePrefix+"*")
	if err != nil {
		return "", nil, fmt.Errorf("make workspace: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// Store returns the folder, made when absent, in which a source keeps from one
// load to the next what still carries identities or numbers of professionals,
// sealed under StoreKey. It is beside the vault, so that it is the same whether
// the vault is served or not. The name must be that of a source.
func (v *Vault) Store(source string) (dir string, err error) {
	if source == "" || source != filepath.Base(source) || source[0] == '.' {
		return "", galien.Errorf(galien.Invalid, "open store: %q is no name of a source", source)
	}
	hub := v.dir
	if v.remote == nil {
		hub = filepath.Dir(v.dir)
	}
	dir = filepath.Join(hub, "store", source)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("open store: %w", err)
	}
	return dir, nil
}

// CleanWorkspaces removes the workspaces that died loads left, all but the one
// named. Only the holder of the lake's lock may call it.
func (v *Vault) CleanWorkspaces(but string) error {
	found, err := filepath.Glob(filepath.Join(v.dir, workspacePrefix+"*"))
	if err != nil {
		return fmt.Errorf("clean workspaces: %w", err)
	}
	for _, dir := range found {
		if dir == but {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clean workspaces: %w", err)
		}
	}
	return nil
}
