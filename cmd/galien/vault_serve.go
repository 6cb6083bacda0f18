package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"galien"
	"galien/api"
	"galien/audit"
	"galien/durable"
	"galien/vault"
)

func newVaultServe() *cobra.Command {
	var allow []string
	cmd := &cobra.Command{
		Use:   "serve HUB",
		Short: "Keep the vault open in a process of its own",
		Long: `Keep the vault open until interrupted, in a process that alone has its keys, and
answer on the socket HUB/vault.sock; no port is opened. Loads and extracts of this
hub then go through it. The operating system says which account asks: this account
may do everything, those that --allow names may bring loads and have pseudonyms
made. Every request is written down in the audit log before it is done.

Without a key file the server starts sealed, and waits for shares
(galien vault unseal). In production, run it under an account of its own that owns
HUB/vault, and --allow the account that loads.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			log, err := h.audit()
			if err != nil {
				return err
			}
			loaders, mode, err := loaderAccounts(allow)
			if err != nil {
				return err
			}
			operator := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			s, err := vault.NewServer(vault.ServerConfig{
				Dir: h.path(vaultDir), Peer: api.PeerUID, Owner: os.Geteuid(), Loaders: loaders, Log: operator,
				Record: func(ctx context.Context, uid int, op, outcome string) error {
					_, err := log.Append(ctx, audit.Entry{Time: h.now(), Actor: accountOf(uid), Action: "vault: " + op, Outcome: outcome})
					return err
				},
			})
			if err != nil {
				return err
			}
			socket, err := api.ListenAs(args[0], vaultSocket, vaultLock, "galien vault serve", mode)
			if err != nil {
				return err
			}
			defer socket.Release()
			operator.Info("start", "sealed", s.Sealed())
			err = s.Serve(cmd.Context(), socket)
			operator.Info("stop")
			return err
		},
	}
	cmd.Flags().StringSliceVar(&allow, "allow", nil, "accounts that may bring loads and have pseudonyms made")
	return cmd
}

// loaderAccounts returns the user ids of accounts, and the mode of a socket for
// them: who connects is checked by the kernel's word, not by the mode.
func loaderAccounts(names []string) (uids []int, mode fs.FileMode, err error) {
	if len(names) == 0 {
		return nil, 0o600, nil
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			return nil, 0, galien.Errorf(galien.Invalid, "--allow %s: there is no such account", name)
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, 0, galien.Errorf(galien.Invalid, "--allow %s: the account has no number", name)
		}
		uids = append(uids, uid)
	}
	return uids, 0o666, nil
}

func newVaultUnseal() *cobra.Command {
	return &cobra.Command{
		Use:   "unseal HUB",
		Short: "Give shares to a sealed vault server",
		Long: `Read shares from standard input, one a line, and give them to the server of the
vault (galien vault serve). Each keeper may do so alone: the server keeps the shares
it was given until there are enough, and forgets them when it ends.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			return h.audited(cmd.Context(), "vault unseal", func() (string, map[string]string, error) {
				v, err := vault.Dial(h.path(vaultSocket))
				if err != nil {
					return "", nil, galien.Errorf(galien.Conflict, "unseal: no server keeps this vault: start galien vault serve %s first", args[0])
				}
				given, missing := 0, -1
				lines := bufio.NewScanner(cmd.InOrStdin())
				for lines.Scan() && missing != 0 {
					share, err := vault.ParseShare(lines.Text())
					if err != nil {
						return "", nil, fmt.Errorf("line %d: %w", given+1, err)
					}
					if missing, err = v.Unseal(cmd.Context(), share); err != nil {
						return "", nil, err
					}
					given++
				}
				switch {
				case lines.Err() != nil:
					return "", nil, fmt.Errorf("read shares: %w", lines.Err())
				case given == 0:
					return "", nil, galien.Errorf(galien.Invalid, "unseal: no share on standard input; give one a line")
				case missing > 0:
					fmt.Fprintf(cmd.OutOrStdout(), "Still sealed: %d more shares are needed.\n", missing)
				default:
					fmt.Fprintln(cmd.OutOrStdout(), "The vault is open.")
				}
				return "", map[string]string{"shares": fmt.Sprint(given), "missing": fmt.Sprint(missing)}, nil
			})
		},
	}
}

func newVaultSplit() *cobra.Command {
	var needed, total int
	var out string
	cmd := &cobra.Command{
		Use:   "split HUB --needed K --shares N --out DIR",
		Short: "Divide the vault's key anew among keepers",
		Long: `Make a new key for the vault and write its shares to DIR, a new or empty folder, one
file each: give them to N keepers, any K of whom open the vault together, and remove
the files. The shares of before open nothing any more, and HUB/vault.key is removed:
from then on only galien vault serve opens the vault. Who loses more than N-K shares
loses the identities. A backup made before opens with the shares of before.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault split", func(v *vault.Vault) (map[string]string, error) {
				if err := emptyFolder(out); err != nil {
					return nil, err
				}
				err := v.Split(cmd.Context(), needed, total, func(shares []vault.Share) error {
					for _, s := range shares {
						if err := durable.Create(filepath.Join(out, fmt.Sprintf("share-%d-of-%d.txt", s.Index(), total)), []byte(s.Text()+"\n"), 0o600); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return nil, err
				}
				if err := os.Remove(vault.KeyFile(filepath.Join(args[0], vaultDir))); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, fmt.Errorf("remove the key file, which opens nothing now: %w", err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d shares in %s; %d of them open the vault: galien vault serve %s, then galien vault unseal.\n", total, out, needed, args[0])
				return map[string]string{"needed": strconv.Itoa(needed), "shares": strconv.Itoa(total)}, nil
			})
		},
	}
	cmd.Flags().IntVar(&needed, "needed", 0, "shares that open the vault (required)")
	cmd.Flags().IntVar(&total, "shares", 0, "shares in all (required)")
	cmd.Flags().StringVar(&out, "out", "", "folder for the shares, new or empty (required)")
	for _, name := range []string{"needed", "shares", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// emptyFolder makes a folder for its owner alone; one with files is a Conflict.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return galien.Errorf(galien.Conflict, "%s is not empty: name a new or empty folder", dir)
	}
	return err
}

// notServed fails while a server has the vault open.
func notServed(h *hub) error {
	conn, err := net.Dial("unix", h.path(vaultSocket))
	if err != nil {
		return nil
	}
	conn.Close()
	return galien.Errorf(galien.Conflict, "galien vault serve has the vault open: stop it first")
}
