package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"galien"
	"galien/vault"
)

func newVaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Keys and identities: status, rotation, backup, linkage",
		Long: `What tells who a person is lies in HUB/vault, sealed: without the share in
HUB/vault.key it is of no use to anyone. Move that file to another disk, and leave
a symbolic link in its place, so that whoever takes the hub's disk has no key.
galien vault split divides the key among keepers instead: galien vault serve then
keeps the vault open once enough of them have given their shares (galien vault
unseal), and every other command reaches it there. docs/formats/vault.md says what each part protects against, and what not.`,
	}
	cmd.AddCommand(newVaultStatus(), newVaultRotate(), newVaultBackup(), newVaultRestore(), newVaultUpgrade(),
		newVaultServe(), newVaultUnseal(), newVaultSplit(), newVaultForget(),
		newVaultPublicKey(), newVaultBlind(), newVaultEvaluate(), newVaultUnblind(),
		newVaultLinkCommand(), newVaultLinksCommand(), newVaultDecideCommand())
	return cmd
}

func newVaultStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status HUB",
		Short: "Say which keys hold and how much is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault status", func(v *vault.Vault) (map[string]string, error) {
				s, err := v.Status(cmd.Context())
				if err != nil {
					return nil, err
				}
				if asJSON {
					return nil, writeJSON(cmd.OutOrStdout(), s)
				}
				w := cmd.OutOrStdout()
				fmt.Fprintf(w, "Vault %s, format %d, opened by %d of %d shares.\n", s.ID, s.Format, s.Needed, s.Total)
				fmt.Fprintf(w, "Keys of version %d; %d persons, %d identity values, %d quarantined rows.\n", s.Version, s.Persons, s.Identities, s.RawRows)
				if s.Forgotten > 0 {
					fmt.Fprintf(w, "%d persons were forgotten.\n", s.Forgotten)
				}
				if s.ToPurge > 0 {
					fmt.Fprintf(w, "The lake still has rows of %d of them: galien purge %s removes them.\n", s.ToPurge, args[0])
				}
				if s.Rotating {
					fmt.Fprintf(w, "A rotation to version %d was interrupted: galien vault rotate %s goes on with it.\n", s.Version+1, args[0])
				}
				return nil, nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func newVaultRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate HUB",
		Short: "Replace the vault's keys; no identity file is needed",
		Long: `Make new keys and take everything in the vault over to them: the pseudonyms of
identities by one multiplication each, the rest by sealing it again. The old keys
are destroyed. Person keys in the lake, and the pseudonyms that permits were given,
stay. An interrupted rotation goes on when the command is run again; loads wait
until it is done.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault rotate", func(v *vault.Vault) (map[string]string, error) {
				s, err := v.Status(cmd.Context())
				if err != nil {
					return nil, err
				}
				bar := newProgress(cmd.ErrOrStderr(), "rotating", "rows")
				defer bar.finish()
				r, err := v.Rotate(cmd.Context(), rand.Reader, func(done int64) {
					bar.set(done, s.Persons+s.Identities+s.RawRows)
				})
				if err != nil {
					return nil, err
				}
				bar.finish()
				resumed := ""
				if r.Resumed {
					resumed = " (resumed)"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Keys of version %d hold%s: %d rows taken over, %d of persons.\n", r.Version, resumed, r.Rows, r.Persons)
				return map[string]string{"version": fmt.Sprint(r.Version), "rows": fmt.Sprint(r.Rows)}, nil
			})
		},
	}
}

func newVaultBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup HUB FILE",
		Short: "Write a copy of the vault, as sealed as it is",
		Long: `Write a copy of the vault to FILE, a new file. It opens with the share in
HUB/vault.key, which is not in it: keep the two apart. At the same time copy the
rest of the hub: HUB/lake, whose keys mean nothing without the vault, HUB/meta.db
(permits and oppositions), HUB/generation.json (by which a part that is older than the
rest is found out), HUB/store (what the next load of claims goes on from; without it
every file has to come again) and HUB/vault/links.ndjson (the ledger of links).`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault backup", func(v *vault.Vault) (map[string]string, error) {
				if inside, err := insideHub(args[0], args[1]); err != nil {
					return nil, err
				} else if inside {
					return nil, galien.Errorf(galien.Invalid, "vault backup: %s is inside the hub, and would be lost with it: name a file elsewhere, best on another disk", args[1])
				}
				if err := v.Backup(cmd.Context(), args[1]); err != nil {
					return nil, err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Vault copied to %s.\n", args[1])
				return nil, nil
			})
		},
	}
}

func newVaultRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore HUB FILE",
		Short: "Put a copy of the vault in the place of a lost one",
		Long: `Put FILE, a copy that galien vault backup wrote, in the place of a vault that was
lost. Move what is left of it away first. The copy must not be older than the lake,
else galien ingest refuses: restore both from the same day. A copy made before persons
were forgotten holds them again; it is told, and is to be destroyed.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			if err := notServed(h); err != nil {
				return err
			}
			err = h.audited(cmd.Context(), "vault restore", func() (string, map[string]string, error) {
				return "", nil, vault.Restore(h.path(vaultDir), args[1])
			})
			if err != nil {
				return err
			}
			if _, err := h.vault(); err != nil {
				return fmt.Errorf("the copy is in its place; bring the key file or the shares that go with it: %w", err)
			}
			if err := h.notBehind(cmd.Context()); err != nil {
				return fmt.Errorf("the copy is in its place, and is not of this hub as it is now: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Vault restored. Next: galien fsck %s\n", args[0])
			return nil
		},
	}
}

func newVaultUpgrade() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade HUB",
		Short: "Seal a vault that an earlier galien made, which kept identities in clear",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			if err := notServed(h); err != nil {
				return err
			}
			err = h.audited(cmd.Context(), "vault upgrade", func() (string, map[string]string, error) {
				return "", nil, vault.Upgrade(cmd.Context(), h.path(vaultDir), rand.Reader)
			})
			if err != nil {
				return err
			}
			if _, err := os.Stat(vault.KeyFile(h.path(vaultDir))); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(cmd.OutOrStdout(), "The vault is sealed already, and its key file is not here: it stays as it is.")
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The vault is sealed. Its one share is in %s: back it up apart from the hub.\n", vault.KeyFile(h.path(vaultDir)))
			return nil
		},
	}
}

// withVault does something with the vault of a hub between two entries of the
// audit log.
func withVault(cmd *cobra.Command, dir, action string, do func(v *vault.Vault) (map[string]string, error)) error {
	h, err := openHub(dir)
	if err != nil {
		return err
	}
	defer h.close()
	return h.audited(cmd.Context(), action, func() (string, map[string]string, error) {
		v, err := h.vault()
		if err != nil {
			return "", nil, err
		}
		details, err := do(v)
		return "", details, err
	})
}
