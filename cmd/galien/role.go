package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
	"galien/permit/policy"
)

func newRoleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "role",
		Short: "Appoint people to roles, and say who holds which",
		Long: `A hub in which nobody was ever appointed is ungoverned: whoever can write to its
folder may do everything. The first appointment, of a security officer, makes it
governed, for good: from then on nobody may do anything that a role of theirs does
not allow, and a permit is applied for and decided on (docs/permits.md).

The roles are researcher, ethics, access-officer, steward, security-officer and
auditor; docs/authorisation.md says what each may do. An account is one of the
operating system, and may hold several roles.`,
	}
	cmd.AddCommand(newRoleAppoint(), newRoleEnd(), newRoleConfirm(), newRoleList())
	return cmd
}

func newRoleAppoint() *cobra.Command {
	return &cobra.Command{
		Use:   "appoint HUB ACCOUNT ROLE",
		Short: "Give an account a role",
		Long: `Give an account of the operating system a role. The first appointment of a hub is
that of a security officer, and any who can write to the hub folder may make it;
after it, security officers appoint. With two of them or more, one proposes and
another confirms (galien role confirm).`,
		Example: `  galien role appoint hub anne security-officer
  galien role appoint hub marie researcher`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				number, err := gate.Appoint(cmd.Context(), args[1], args[2])
				if err != nil {
					return err
				}
				if number > 0 {
					return printProposal(cmd, args[0], number)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is %s.\n", args[1], args[2])
				return nil
			})
		},
	}
}

// printProposal says what is to happen with a proposal.
func printProposal(cmd *cobra.Command, dir string, number int64) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "Proposed as number %d. Another security officer confirms: galien role confirm %s %d\n", number, dir, number)
	return err
}

func newRoleEnd() *cobra.Command {
	return &cobra.Command{
		Use:   "end HUB ACCOUNT ROLE",
		Short: "Take a role from an account",
		Long: `Take a role from an account, from the next command on. To take that of another
security officer is proposed by one and confirmed by another. The last security
officer stays.`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				number, err := gate.EndRole(cmd.Context(), args[1], args[2])
				if err != nil {
					return err
				}
				if number > 0 {
					return printProposal(cmd, args[0], number)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is %s no longer.\n", args[1], args[2])
				return nil
			})
		},
	}
}

func newRoleConfirm() *cobra.Command {
	return &cobra.Command{
		Use:   "confirm HUB NUMBER",
		Short: "Confirm what another security officer proposed",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return galien.Errorf(galien.Invalid, "%s is no number of a proposal; galien role list shows them", args[1])
			}
			return with(args[0], (*hub).gate, func(_ *hub, gate *permit.Gate) error {
				p, err := gate.ConfirmRole(cmd.Context(), number)
				if err != nil {
					return err
				}
				what := "is"
				if p.Ends {
					what = "is no longer"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s.\n", p.Account, what, p.Role)
				return nil
			})
		},
	}
}

func newRoleList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list HUB",
		Short: "Say who holds which role, and what waits to be confirmed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], (*hub).permits, func(h *hub, store *permit.Store) error {
				roles, err := store.Roles(cmd.Context())
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if asJSON {
					return writeJSON(out, roles)
				}
				if !roles.Governed {
					fmt.Fprintf(out, "The hub is ungoverned: nobody holds a role, and whoever can write to the folder may do everything.\nAppoint a security officer: galien role appoint %s ACCOUNT %s\n", args[0], policy.SecurityOfficer)
					return nil
				}
				zone := h.now().Location()
				w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ACCOUNT\tROLE\tSINCE\tAPPOINTED BY")
				for _, a := range roles.Appointments {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Account, a.Role, galien.DateOf(a.Since.In(zone)), strings.Join(a.By, ", "))
				}
				if len(roles.Proposals) > 0 {
					fmt.Fprintln(w, "\nNUMBER\tTO BE CONFIRMED\tPROPOSED\tBY")
				}
				for _, p := range roles.Proposals {
					what := "appoint"
					if p.Ends {
						what = "end"
					}
					fmt.Fprintf(w, "%d\t%s %s %s\t%s\t%s\n", p.Number, what, p.Account, p.Role, galien.DateOf(p.At.In(zone)), p.By)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
