package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"galien"
	"galien/permit"
)

// decided says where it is decided whether somebody may run a command.
type decided int

const (
	// hereToo is decided before the command runs, here.
	hereToo decided = iota
	// byGate is decided by the gate when the command asks it.
	byGate
	// byNobody is open to all: it reads no hub, or makes one.
	byNobody
)

// act is what one command is to the policies: its own action, by its words.
type act struct {
	decided decided
	// hub is the place of the hub among the arguments.
	hub int
	// reads is set for what changes nothing and shows no person's data.
	reads bool
	// permit is set when the action is about the permit of the flag --permit.
	permit bool
}

// acts are all commands, by their words. A command that is not here does not run.
// What each role may do is in permit/policy/policies.cedar, and as a table in
// docs/authorisation.md; a new command needs its line in all three.
var acts = map[string]act{
	"init":                {decided: byNobody},
	"synth snds":          {decided: byNobody},
	"demo":                {decided: byNobody},
	"cohort check":        {decided: byNobody},
	"cohort describe":     {decided: byNobody},
	"ingest":              {},
	"source rules":        {hub: 1, reads: true},
	"vocab load":          {},
	"vocab list":          {reads: true},
	"quarantine":          {},
	"status":              {reads: true},
	"fsck":                {reads: true},
	"compact":             {},
	"purge":               {},
	"disclosure check":    {decided: byNobody},
	"airlock check":       {decided: byNobody},
	"airlock submit":      {decided: byGate},
	"airlock show":        {decided: byGate},
	"airlock review":      {decided: byGate},
	"airlock release":     {decided: byGate},
	"airlock list":        {reads: true},
	"airlock register":    {reads: true},
	"permit grant":        {decided: byGate},
	"permit draft":        {decided: byGate},
	"permit complete":     {decided: byGate},
	"permit opinion":      {decided: byGate},
	"permit extend":       {decided: byGate},
	"permit decide":       {decided: byGate},
	"permit refuse":       {decided: byGate},
	"permit agree":        {decided: byGate},
	"permit activate":     {decided: byGate},
	"permit withdraw":     {decided: byGate},
	"permit revoke":       {decided: byGate},
	"permit close":        {decided: byGate},
	"permit purge":        {decided: byGate},
	"permit clock":        {decided: byGate},
	"permit list":         {reads: true},
	"permit show":         {reads: true},
	"role appoint":        {decided: byGate},
	"role end":            {decided: byGate},
	"role confirm":        {decided: byGate},
	"role list":           {reads: true},
	"opposition add":      {},
	"opposition withdraw": {},
	"opposition list":     {},
	"opposition override": {permit: true},
	"cohort count":        {decided: byGate},
	"cohort run":          {decided: byGate},
	"table":               {decided: byGate},
	"release":             {decided: byGate},
	"extract":             {decided: byGate},
	"export":              {decided: byGate},
	"attack":              {permit: true},
	"ledger list":         {reads: true},
	"ledger show":         {reads: true},
	"audit show":          {reads: true},
	"audit verify":        {reads: true},
	"audit prove":         {},
	"audit retain":        {},
	"audit witness add":   {}, "audit witness remove": {}, "audit witness quorum": {},
	"audit checkpoint":      {reads: true},
	"audit add-cosignature": {},
	"audit witness ask":     {},
	"audit witness key":     {decided: byNobody},
	"audit witness serve":   {decided: byNobody},
	"audit cosign":          {decided: byNobody},
	"vault status":          {reads: true},
	"vault rotate":          {},
	"vault backup":          {},
	"vault restore":         {},
	"vault upgrade":         {},
	"vault link":            {},
	"vault links":           {},
	"vault decide":          {},
	"vault serve":           {},
	"vault unseal":          {},
	"vault split":           {},
	"vault forget":          {},
	"vault public-key":      {},
	"vault evaluate":        {},
	"vault blind":           {decided: byNobody},
	"vault unblind":         {decided: byNobody},
	"serve":                 {},
}

// authorise decides whether the account may run a command, before it does. What
// cannot be decided is refused, but for fsck on a damaged hub: it says what is
// damaged.
func authorise(cmd *cobra.Command, args []string) error {
	path := commandWords(cmd)
	a, known := acts[path]
	if !known {
		return galien.Errorf(galien.Internal, "galien %s is in no policy, and so nobody may run it", path)
	}
	if a.decided != hereToo || len(args) <= a.hub {
		return nil
	}
	h, err := openHub(args[a.hub])
	if err != nil {
		return nil // the command says what is wrong with the hub, and does nothing to it
	}
	defer h.close()
	gate, err := h.gate()
	if err == nil {
		var permitID string
		if a.permit {
			permitID = cmd.Flags().Lookup("permit").Value.String()
		}
		err = gate.Authorise(cmd.Context(), path, permitID, a.reads)
	}
	if path == "fsck" && slices.Contains([]galien.Kind{galien.Corrupt, galien.NotFound}, galien.KindOf(err)) {
		return nil
	}
	return err
}

// commandWords returns a command's words after galien.
func commandWords(cmd *cobra.Command) string {
	_, words, _ := strings.Cut(cmd.CommandPath(), " ")
	return words
}

// routeActions are the actions of the server's routes.
var routeActions = map[string]string{
	"POST /v1/cohort/count": "cohort count", // decided by the gate
	"GET /v1/health":        "health",
}

// authoriseRoute decides whether an account may ask a route of the server.
func (h *servedHub) authoriseRoute(cmd *cobra.Command) func(uid int, route string) error {
	return func(uid int, route string) error {
		action, known := routeActions[route]
		if !known {
			return galien.Errorf(galien.Internal, "%s is in no policy, and so nobody may ask it", route)
		}
		if action == string(permit.CountCohort) {
			return nil // the gate decides, under the permit
		}
		return permit.NewGate(h.store, h.log, accountOf(uid), h.hub.now).Authorise(cmd.Context(), action, "", true)
	}
}
