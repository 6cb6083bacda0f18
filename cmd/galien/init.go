package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newInitCommand() *cobra.Command {
	var zone string
	cmd := &cobra.Command{
		Use:   "init HUB",
		Short: "Make a new hub folder",
		Long: `Make a new hub in the folder HUB, which must be empty or not exist.

The hub starts with no data and no permit: nothing can be asked of it until
` + "`galien permit grant`" + `. Whoever can open the folder can read it, so keep it on
a disk that is encrypted and to the accounts that need it (the folder is made
for the owner alone). What tells who a person is lies sealed in HUB/vault; the share
that opens it is in HUB/vault.key, to be moved to another disk (see galien vault).

--zone is the time zone of the hub's days: permits begin and end in it, whatever the
environment of whoever asks says.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := createHub(args[0], zone, time.Now(), rand.Reader); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Hub made in %s. Next: galien ingest %s KIND DIR, where KIND is omop, snds or pmsi\n", args[0], args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&zone, "zone", "", "time `ZONE` of the hub's days, as Europe/Paris (default: the machine's)")
	return cmd
}
