package main

import "github.com/spf13/cobra"

func newVaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Work with the identities of a hub",
		Long: `The vault alone holds what tells who a person is. What these commands write of
it is for the vault's steward: files that only their owner may read.`,
	}
	cmd.AddCommand(newVaultLinkCommand(), newVaultLinksCommand(), newVaultDecideCommand())
	return cmd
}
