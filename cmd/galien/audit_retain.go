package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
)

// leastKept is how long entries of a class are kept at least, in months, and
// where that is said.
var leastKept = map[audit.Class]struct {
	months int
	source string
}{
	audit.Access:     {12, "Regulation (EU) 2025/327, article 73(1)(e): at least one year"},
	audit.Governance: {12, "it says who allowed the access, whose entries are kept a year"},
	audit.Operations: {6, "CNIL, deliberation 2021-122: at least six months"},
}

var keepPattern = regexp.MustCompile(`^(access|governance|operations)=([0-9]{1,3})([ym])$`)

func newAuditRetainCommand() *cobra.Command {
	var keep []string
	var apply bool
	cmd := &cobra.Command{
		Use:   "retain HUB --keep CLASS=PERIOD...",
		Short: "Remove the content of entries whose time is over",
		Long: `Show how many entries are older than the period of their class and, with --apply,
remove their content: their hashes stay, so that the log verifies as before. The
removal is an entry of its own, which says what was removed, by which periods. The
lists of the persons in an answer go with the entry of the answer. A class that is
not named is kept for ever, and so is everything without this command.

  access      questions about persons and their answers; at least 1y: Regulation
              (EU) 2025/327 (EHDS), article 73(1)(e), access logs
  governance  permits, roles, oppositions, the vault; at least 1y
  operations  loading and maintenance; at least 6m: CNIL, deliberation 2021-122
              of 14 October 2021, which recommends 6 months to 1 year for logs, and
              up to 3 years where misuse by those with access is to be found

A period is a number of years (3y) or months (6m). What was removed can no longer
be proved to the persons concerned. Blocks of the disk may hold it until they are
written again: keep the hub on an encrypted disk.`,
		Example: `  galien audit retain HUB --keep access=3y --keep operations=1y
  galien audit retain HUB --keep access=3y --keep operations=1y --apply`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			now := h.now()
			limits, err := keepLimits(keep, now)
			if err != nil {
				return err
			}
			log, err := h.audit()
			if err != nil {
				return err
			}
			entry := audit.Entry{Time: now, Actor: h.actor, Details: map[string]string{"keep": strings.Join(keep, " ")}}
			r, err := log.Retain(cmd.Context(), entry, limits, apply)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			verb := "would be removed; --apply removes it"
			if apply {
				verb = "was removed"
			}
			for _, class := range []audit.Class{audit.Access, audit.Governance, audit.Operations} {
				if limit, ok := limits[class]; ok {
					fmt.Fprintf(out, "%s: %d entries before %s\n", class, r.Entries[class], galien.DateOf(limit))
				}
			}
			fmt.Fprintf(out, "Their content, and %d lists of persons, %s.\n", r.Uses, verb)
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&keep, "keep", nil, "`CLASS=PERIOD`, as access=3y or operations=6m; may be repeated (required)")
	cmd.Flags().BoolVar(&apply, "apply", false, "remove it")
	_ = cmd.MarkFlagRequired("keep")
	return cmd
}

// keepLimits reads the values of --keep: the instant before which a class's
// entries are too old.
func keepLimits(keep []string, now time.Time) (map[audit.Class]time.Time, error) {
	limits := map[audit.Class]time.Time{}
	for _, k := range keep {
		part := keepPattern.FindStringSubmatch(k)
		if part == nil {
			return nil, galien.Errorf(galien.Invalid, "--keep %s cannot be read: write access, governance or operations, =, and a period as 3y or 6m", k)
		}
		class := audit.Class(part[1])
		if _, twice := limits[class]; twice {
			return nil, galien.Errorf(galien.Invalid, "--keep names %s twice", class)
		}
		months, err := strconv.Atoi(part[2])
		if err != nil {
			return nil, galien.Errorf(galien.Invalid, "--keep %s cannot be read: %w", k, err)
		}
		if part[3] == "y" {
			months *= 12
		}
		if least := leastKept[class]; months < least.months {
			return nil, galien.Errorf(galien.Invalid, "--keep %s is too short: %d months at least (%s)", k, least.months, least.source)
		}
		limits[class] = now.AddDate(0, -months, 0)
	}
	return limits, nil
}
