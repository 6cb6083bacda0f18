package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/durable"
)

func newAuditWitnessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Who outside the hub watches its log",
		Long: `A witness keeps, away from the hub, a key of its own and the last checkpoint it
saw. It signs a new one only when that proves that the log grew from the old one;
so a log that was rolled back or written anew is noticed by each witness, whoever
holds the hub's key. A witness needs this program and a folder, and can be a person
with a USB stick:

  galien audit witness key NAME --out witness.key         at the witness, once
  galien audit witness add HUB witness.key.pub            at the hub, once
  galien audit checkpoint HUB --witness NAME --out F      at the hub
  galien audit cosign --key witness.key --state S F --out G   at the witness
  galien audit add-cosignature HUB G                      at the hub

Where there is a network, galien audit witness ask does the last three at once, with
a witness that galien audit witness serve or another program runs.`,
	}
	cmd.AddCommand(newWitnessKeyCommand(), newWitnessAddCommand(), newWitnessRemoveCommand(), newWitnessQuorumCommand(), newWitnessAskCommand(), newWitnessServeCommand())
	return cmd
}

func newWitnessKeyCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "key NAME --out FILE",
		Short: "Make a witness's key: FILE, and FILE.pub for the hub",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, public, err := audit.GenerateWitnessKey(rand.Reader, args[0])
			if err != nil {
				return err
			}
			for _, path := range []string{out, out + ".pub"} {
				if _, err := os.Lstat(path); err == nil {
					return galien.Errorf(galien.Conflict, "%s is there already: a key is never replaced", path)
				}
			}
			if err := durable.Create(out, []byte(secret+"\n"), 0o600); err != nil {
				return err
			}
			if err := durable.Create(out+".pub", []byte(public+"\n"), 0o600); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The key is in %s: keep it away from the hub. Give %s.pub to the hub.\n", out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file of the key (required)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func newWitnessAddCommand() *cobra.Command {
	var quorum int
	cmd := &cobra.Command{
		Use:   "add HUB KEY.pub",
		Short: "Make a witness known by its public key",
		Long: `Make a witness known by its public key. --quorum says how many witnesses are to
have seen an entry from now on; without it, one more than before.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := readInput(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			return changeWitnesses(cmd, args[0], func(w *audit.Witnesses) error {
				w.Keys = append(w.Keys, strings.TrimSpace(string(key)))
				w.Quorum++
				if cmd.Flags().Changed("quorum") {
					w.Quorum = quorum
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&quorum, "quorum", 0, "how many witnesses are to have seen an entry")
	return cmd
}

func newWitnessRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove HUB NAME",
		Short: "Ask a witness no longer; what it signed is still read",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeWitnesses(cmd, args[0], func(w *audit.Witnesses) error {
				i := slices.IndexFunc(w.Keys, func(k string) bool { return strings.HasPrefix(k, args[1]+"+") })
				if i < 0 {
					return galien.Errorf(galien.NotFound, "the hub has no witness of that name; galien audit verify lists them")
				}
				w.Former = append(w.Former, w.Keys[i])
				w.Keys = slices.Delete(w.Keys, i, i+1)
				w.Quorum = min(w.Quorum, len(w.Keys))
				return nil
			})
		},
	}
}

func newWitnessQuorumCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "quorum HUB N",
		Short: "Say how many witnesses are to have seen an entry",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return galien.Errorf(galien.Invalid, "a quorum is a number of witnesses, as 2")
			}
			return changeWitnesses(cmd, args[0], func(w *audit.Witnesses) error {
				w.Quorum = n
				return nil
			})
		},
	}
}

// changeWitnesses changes the witnesses of a hub, by an entry of its log.
func changeWitnesses(cmd *cobra.Command, dir string, change func(*audit.Witnesses) error) error {
	return with(dir, (*hub).audit, func(h *hub, log *audit.Log) error {
		w, err := log.Witnesses()
		if err != nil {
			return err
		}
		if err := change(&w); err != nil {
			return err
		}
		if err := log.SetWitnesses(cmd.Context(), audit.Entry{Time: h.now(), Actor: h.actor}, w); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d witnesses, of whom %d are to have seen an entry.\n", len(w.Keys), w.Quorum)
		return nil
	})
}

// witnessLines says what each witness has seen, how long ago, and whether they
// are enough.
func witnessLines(entries int64, quorum int, all []audit.Cosignature, now time.Time) []string {
	if len(all) == 0 {
		return []string{"No witness watches this log: whoever holds its key could write it anew unnoticed (galien audit witness --help)."}
	}
	var lines []string
	var seen []int64
	for _, c := range all {
		if c.Note == nil {
			lines = append(lines, fmt.Sprintf("Witness %s has not cosigned yet.", c.Witness))
			continue
		}
		seen = append(seen, c.Entries)
		lines = append(lines, fmt.Sprintf("Witness %s saw %d of %d entries on %s, %s.", c.Witness, c.Entries, entries, c.Time.In(now.Location()).Format("2006-01-02 15:04"), ago(now.Sub(c.Time))))
	}
	slices.Sort(seen)
	slices.Reverse(seen)
	switch {
	case quorum == 0:
	case len(seen) < quorum:
		lines = append(lines, fmt.Sprintf("The quorum of %d witnesses is not met.", quorum))
	default:
		lines = append(lines, fmt.Sprintf("The quorum of %d witnesses has seen the first %d entries.", quorum, seen[quorum-1]))
	}
	return lines
}

// ago says for people how old something is.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future: a clock is wrong"
	case d < time.Hour:
		return "less than an hour ago"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

func newAuditCheckpointCommand() *cobra.Command {
	var out, witness string
	var old int64
	cmd := &cobra.Command{
		Use:   "checkpoint HUB --out FILE",
		Short: "Write the checkpoint for a witness, with the proof that the log grew",
		Long: `Write to FILE the present checkpoint and the proof that the log grew from what the
witness saw last: what it cosigned for this hub (--witness NAME), or --old entries,
as the witness says. Without either it starts from nothing, for a new witness. The
form is that of an add-checkpoint request of c2sp.org/tlog-witness.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).audit, func(_ *hub, log *audit.Log) error {
				if witness != "" {
					c, err := witnessed(log, witness)
					if err != nil {
						return err
					}
					old = c.Entries
				}
				b, err := log.Request(cmd.Context(), old)
				if err != nil {
					return err
				}
				if err := durable.Create(out, b, 0o600); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Written to %s, as grown from %d entries. Take it to the witness.\n", out, old)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write, which must not be there (required)")
	cmd.Flags().StringVar(&witness, "witness", "", "the witness it is for")
	cmd.Flags().Int64Var(&old, "old", 0, "how many entries the witness saw last")
	cmd.MarkFlagsMutuallyExclusive("witness", "old")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

// witnessed returns what the hub knows of a witness.
func witnessed(log *audit.Log, name string) (audit.Cosignature, error) {
	all, err := log.Cosignatures()
	if err != nil {
		return audit.Cosignature{}, err
	}
	i := slices.IndexFunc(all, func(c audit.Cosignature) bool { return c.Witness == name })
	if i < 0 {
		return audit.Cosignature{}, galien.Errorf(galien.NotFound, "the hub has no witness of that name; galien audit verify lists them")
	}
	return all[i], nil
}

// readState reads what a witness remembers of a log, nil before the first time.
func readState(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "read the witness's state: %w", err)
	}
	return b, nil
}

func newAuditCosignCommand() *cobra.Command {
	var key, state, logKey, out string
	cmd := &cobra.Command{
		Use:   "cosign --key WITNESS.key --state STATE FILE --out SIGNED",
		Short: "At the witness: verify that the log grew, and sign its checkpoint",
		Long: `Verify that the checkpoint in FILE is signed by the log's key and that the log grew
from the last checkpoint this witness signed, which STATE holds, and write the
checkpoint to SIGNED with the witness's signature. It needs no hub.

The first time there is no STATE, and --log names the log's public key, a copy of
HUB/audit/key.pub from somebody you trust. Keep one STATE for each log, and keep it:
it is what the witness knows. A log that was rolled back or is another than it was
ends with exit code 7; then keep FILE and STATE, which together are the evidence.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			unlock, err := lockState(cmd.Context(), state)
			if err != nil {
				return err
			}
			defer unlock()
			secret, err := os.ReadFile(key)
			if err != nil {
				return galien.Errorf(galien.Invalid, "read the witness's key: %w", err)
			}
			was, err := readState(state)
			if err != nil {
				return err
			}
			var log []byte
			if logKey != "" {
				if log, err = readInput(cmd.InOrStdin(), logKey); err != nil {
					return err
				}
			}
			request, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			signed, next, err := audit.Cosign(string(secret), was, string(log), request, time.Now())
			if err != nil {
				return err
			}
			if err := durable.Replace(state, next); err != nil {
				return err
			}
			if err := durable.Create(out, signed, 0o600); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Signed: the log grew from what this witness saw last. Take %s to the hub.\n", out)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the witness's key (required)")
	cmd.Flags().StringVar(&state, "state", "", "what the witness remembers of this log (required)")
	cmd.Flags().StringVar(&logKey, "log", "", "the log's public key, the first time")
	cmd.Flags().StringVar(&out, "out", "", "file of the signed checkpoint, which must not be there (required)")
	for _, name := range []string{"key", "state", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// lockState lets one process at a time be the witness.
func lockState(ctx context.Context, state string) (unlock func(), err error) {
	f, err := os.OpenFile(state+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "lock the witness's state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, galien.Errorf(galien.Busy, "another process signs with this state; try again")
	}
	return func() { _ = f.Close() }, nil
}

func newAuditAddCosignatureCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add-cosignature HUB SIGNED",
		Short: "Keep what a witness signed",
		Long: `Keep the checkpoint that a witness signed, after verifying the signature and that
the log has the entries it covers. galien audit verify and galien status then show
what the witness saw, and galien audit prove hands it on.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).audit, func(_ *hub, log *audit.Log) error {
				b, err := readInput(cmd.InOrStdin(), args[1])
				if err != nil {
					return err
				}
				added, err := log.AddCosignature(cmd.Context(), b)
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
}
