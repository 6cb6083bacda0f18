package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"galien"
	"galien/durable"
	"galien/vault"
)

// The files of a blind exchange (docs/formats/vault.md): what the owner of
// identities keeps, what it sends, and the answer, which is a vault.Evaluation.
type (
	blindKept struct {
		Format int      `json:"format"`
		Key    string   `json:"key"`
		Kind   string   `json:"kind"`
		Domain string   `json:"domain"`
		Blinds [][]byte `json:"blinds"`
	}
	blindSent struct {
		Format   int      `json:"format"`
		Version  int      `json:"key_version"`
		Elements [][]byte `json:"elements"`
	}
	blindAnswer struct {
		Format int `json:"format"`
		vault.Evaluation
	}
)

const blindFormat = 1

// blindKinds are the kinds of identities, by their name on the command line.
var blindKinds = map[string]vault.Kind{"opaque": vault.Opaque, "nir": vault.NIR, "name": vault.Name}

func newVaultPublicKey() *cobra.Command {
	return &cobra.Command{
		Use:   "public-key HUB",
		Short: "Print what others need to have pseudonyms without showing identities",
		Long: `Print the public half of the vault's current key. Whoever has it can blind its own
identities (galien vault blind) so that this vault gives their pseudonyms without
seeing them, and can check that the answer was made with this key.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault public-key", func(v *vault.Vault) (map[string]string, error) {
				key, err := v.PublicKey(cmd.Context())
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), key.Text())
				}
				return nil, err
			})
		},
	}
}

func newVaultBlind() *cobra.Command {
	var key, kind, domain, keep, out string
	cmd := &cobra.Command{
		Use:   "blind --key KEY --keep FILE --out FILE",
		Short: "Prepare identities for a vault that is not to see them",
		Long: `Read identities from standard input, one a line, and write to --out what to send to
whoever holds the vault of --key: each identity as an element multiplied by a number
of its own (RFC 9497), which tells nothing of it. The numbers go to --keep, for
galien vault unblind: keep that file, and the identities with their order, here. At
most 65,535 at a time. No hub is needed.`,
		Example: `  galien vault blind --key galien-vault-key.1.9f... --kind nir --keep kept.json --out request.json < numbers.txt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			public, err := vault.ParsePublicKey(key)
			if err != nil {
				return err
			}
			ids, err := blindIdentities(cmd.InOrStdin(), kind)
			if err != nil {
				return err
			}
			b, err := public.Blind(blindKinds[kind], domain, ids)
			if err != nil {
				return err
			}
			if err := writeNewJSON(keep, blindKept{blindFormat, public.Text(), kind, domain, b.Blinds()}); err != nil {
				return err
			}
			if err := writeNewJSON(out, blindSent{blindFormat, public.Version, b.Elements()}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d identities blinded: send %s, and keep %s for galien vault unblind.\n", len(ids), out, keep)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&key, "key", "", "the vault's public key, as galien vault public-key prints it (required)")
	f.StringVar(&kind, "kind", "nir", "how identities are read: nir, name (case, accents and hyphens do not count), opaque (byte by byte)")
	f.StringVar(&domain, "domain", "", "the source within which an opaque number means one person (default: it means the same everywhere)")
	f.StringVar(&keep, "keep", "", "new file for the numbers that stay here (required)")
	f.StringVar(&out, "out", "", "new file to send (required)")
	for _, name := range []string{"key", "keep", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func newVaultEvaluate() *cobra.Command {
	var in, out string
	cmd := &cobra.Command{
		Use:   "evaluate HUB --in FILE --out FILE",
		Short: "Multiply blinded elements by the vault's key, without seeing identities",
		Long: `Read --in, which another party made with galien vault blind, and write the answer to
--out: each element multiplied by the vault's key, and the proof that it was this
key. The vault sees no identity. But who has answers can try identities one by one:
the audit log says how many elements each answer had.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withVault(cmd, args[0], "vault evaluate", func(v *vault.Vault) (map[string]string, error) {
				var sent blindSent
				if err := readJSONFile(in, &sent); err != nil {
					return nil, err
				}
				if sent.Format != blindFormat {
					return nil, galien.Errorf(galien.Invalid, "read %s: its format is %d and this galien reads %d", in, sent.Format, blindFormat)
				}
				answer, err := v.Evaluate(cmd.Context(), sent.Elements)
				if err != nil {
					return nil, err
				}
				if answer.Version != sent.Version {
					return nil, galien.Errorf(galien.Conflict, "evaluate: the elements are for keys of version %d, and those of version %d hold: ask for them with the key that galien vault public-key prints now", sent.Version, answer.Version)
				}
				if err := writeNewJSON(out, blindAnswer{blindFormat, answer}); err != nil {
					return nil, err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d elements evaluated: send %s back.\n", len(answer.Elements), out)
				return map[string]string{"elements": fmt.Sprint(len(answer.Elements))}, nil
			})
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "file that galien vault blind wrote (required)")
	cmd.Flags().StringVar(&out, "out", "", "new file to send back (required)")
	for _, name := range []string{"in", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func newVaultUnblind() *cobra.Command {
	var keep, in, out string
	cmd := &cobra.Command{
		Use:   "unblind --keep FILE --in FILE --out FILE",
		Short: "Read a vault's answer to blinded identities",
		Long: `Read the identities that were blinded once more from standard input, in the same
order, and the vault's answer from --in; check that it was made with the key that was
asked for, and write the pseudonyms to --out, one a line in the order of the
identities. They are those that the vault itself has of the same identities.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var kept blindKept
			if err := readJSONFile(keep, &kept); err != nil {
				return err
			}
			var answer blindAnswer
			if err := readJSONFile(in, &answer); err != nil {
				return err
			}
			if kept.Format != blindFormat || answer.Format != blindFormat {
				return galien.Errorf(galien.Invalid, "unblind: %s is of format %d and %s of format %d; this galien reads %d", keep, kept.Format, in, answer.Format, blindFormat)
			}
			public, err := vault.ParsePublicKey(kept.Key)
			if err != nil {
				return err
			}
			ids, err := blindIdentities(cmd.InOrStdin(), kept.Kind)
			if err != nil {
				return err
			}
			b, err := public.Resume(blindKinds[kept.Kind], kept.Domain, ids, kept.Blinds)
			if err != nil {
				return err
			}
			elements, err := b.Finish(answer.Evaluation)
			if err != nil {
				return err
			}
			var text []byte
			for _, e := range elements {
				text = append(text, e.String()+"\n"...)
			}
			if err := durable.Create(out, text, 0o600); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d pseudonyms in %s.\n", len(elements), out)
			return nil
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "file that galien vault blind kept (required)")
	cmd.Flags().StringVar(&in, "in", "", "the answer of galien vault evaluate (required)")
	cmd.Flags().StringVar(&out, "out", "", "new file for the pseudonyms (required)")
	for _, name := range []string{"keep", "in", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// blindIdentities reads identities of a kind, one a line.
func blindIdentities(in io.Reader, kind string) ([]vault.Identity, error) {
	if _, ok := blindKinds[kind]; !ok {
		return nil, galien.Errorf(galien.Invalid, "%q is no kind of identity; use nir, name or opaque", kind)
	}
	lines, _, err := readNumbers(in, "")
	if err != nil {
		return nil, err
	}
	ids := make([]vault.Identity, len(lines))
	for i, s := range lines {
		ids[i] = vault.Seal(s)
	}
	return ids, nil
}

// writeNewJSON writes a value to a new file for its owner alone.
func writeNewJSON(path string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return durable.Create(path, append(b, '\n'), 0o600)
}

func readJSONFile(path string, value any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return galien.Errorf(galien.Invalid, "read %s: %w", path, err)
	}
	if err := json.Unmarshal(b, value); err != nil {
		return galien.Errorf(galien.Invalid, "read %s: not such a file: %w", path, err)
	}
	return nil
}
