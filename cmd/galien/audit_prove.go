package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/permit"
)

func newAuditProveCommand() *cobra.Command {
	var o opposer
	var person int64
	var from, out string
	cmd := &cobra.Command{
		Use:   "prove HUB (--source S | --person KEY) --out DIR",
		Short: "Show and prove the uses of one person's data",
		Long: `Write to DIR, a new or empty folder, what the log says of one person's data:

  usages.txt, uses.txt  who used them, when, under which permit and purpose and in
                        what form, in French and in English
  uses.json             the same with proofs, which galien-verify checks without
                        this program (cmd/galien-verify/README.md)
  checkpoint            to be kept, so that nobody can change the log later unseen
  log.pub               the log's public key

The person is named by the source's own number on standard input, or by --person,
the person key. The files tell the person's uses to whoever reads them, and nobody
else's. --from FILE proves that the log grew from a checkpoint kept earlier.`,
		Example: `  galien audit prove HUB --source snds --out DIR < number.txt
  galien-verify -log log.pub DIR/uses.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			h, err := openHub(args[0])
			if err != nil {
				return err
			}
			defer h.close()
			folder, err := newOutput(h.dir, out)
			if err != nil {
				return err
			}
			defer folder.discard()
			var earlier []byte
			if from != "" {
				if earlier, err = os.ReadFile(from); err != nil {
					return galien.Errorf(galien.Invalid, "read checkpoint: %w", err)
				}
			}
			bar := newProgress(cmd.ErrOrStderr(), "prove", "answers")
			defer bar.finish()
			var uses []personUse
			err = h.audited(ctx, "audit prove", func() (string, map[string]string, error) {
				key := galien.PersonID(person)
				if o.source != "" {
					persons, err := o.persons(ctx, h, cmd.InOrStdin())
					if err != nil {
						return "", nil, err
					}
					if len(persons) != 1 {
						return "", nil, galien.Errorf(galien.Invalid, "%d numbers on standard input; give the number of one person", len(persons))
					}
					key = persons[0]
				}
				uses, err = h.prove(ctx, key, earlier, folder, bar)
				return "", nil, err
			})
			if err != nil {
				return err
			}
			if err := folder.deliver(); err != nil {
				return err
			}
			bar.finish()
			in := 0
			for _, u := range uses {
				if u.in {
					in++
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d uses of the person's data, in %d of which they are in the answer; see %s\n", len(uses), in, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&o.source, "source", "", "the source whose number is read from standard input, as the hub calls it")
	cmd.Flags().Int64Var(&person, "person", 0, "the person key, instead of a source's number")
	cmd.Flags().StringVar(&from, "from", "", "prove that the log grew from the checkpoint in `FILE`, a kept copy")
	cmd.Flags().StringVar(&out, "out", "", "folder of the proofs, new or empty (required)")
	cmd.MarkFlagsOneRequired("source", "person")
	cmd.MarkFlagsMutuallyExclusive("source", "person")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

// prove writes the bundle of a person and the pages that tell it.
func (h *hub) prove(ctx context.Context, key galien.PersonID, earlier []byte, o *output, bar *progress) ([]personUse, error) {
	log, err := h.audit()
	if err != nil {
		return nil, err
	}
	b, err := log.Prove(ctx, key, earlier, func(n int64) { bar.set(n, n) })
	if err != nil {
		return nil, err
	}
	store, err := h.permits()
	if err != nil {
		return nil, err
	}
	uses, unrecorded, err := usesOf(ctx, b, store)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return nil, galien.Errorf(galien.Internal, "write proofs: %w", err)
	}
	report, err := log.Head()
	if err != nil {
		return nil, err
	}
	public, err := os.ReadFile(h.path(auditDir + "/key.pub"))
	if err != nil {
		return nil, fmt.Errorf("read the log's public key: %w", err)
	}
	var english, french strings.Builder
	tellUses(&english, inEnglish, uses, unrecorded, report.Entries, h.now())
	tellUses(&french, inFrench, uses, unrecorded, report.Entries, h.now())
	for name, content := range map[string]string{"uses.json": string(text) + "\n", "checkpoint": b.Checkpoint, "log.pub": string(public),
		"uses.txt": english.String(), "usages.txt": french.String()} {
		if err := os.WriteFile(o.path(name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return uses, nil
}

// personUse is one answer for which a person's data were read.
type personUse struct {
	entry     int64
	time      time.Time
	actor     string
	action    string
	questions int
	permit    string
	purpose   string // as the permit says; empty when the store has the permit no more
	rows      bool   // whether the permit lets rows out
	in        bool   // whether the person is in the answer
	delivered bool
}

// usesOf lists the uses that a bundle proves, and counts the answers without
// lists, in which the person may or may not be.
func usesOf(ctx context.Context, b audit.Bundle, store *permit.Store) (uses []personUse, unrecorded int, err error) {
	for _, u := range b.Uses {
		if u.Read == nil {
			unrecorded++
			continue
		}
		if u.Read.In == nil {
			continue // the person was not there, or had opposed
		}
		var e audit.Entry
		if err := json.Unmarshal([]byte(u.Entry), &e); err != nil {
			return nil, 0, galien.Errorf(galien.Corrupt, "audit log: entry %d cannot be read", u.Index)
		}
		questions, err := permit.Questions(e)
		if err != nil {
			return nil, 0, err
		}
		use := personUse{entry: u.Index, time: e.Time, actor: e.Actor, action: e.Action, questions: len(questions), permit: e.Permit,
			in: u.Answer != nil && u.Answer.In != nil, delivered: e.Outcome == "delivered"}
		p, err := store.Get(ctx, e.Permit)
		switch {
		case err == nil:
			use.purpose, use.rows = p.Terms.Purpose, p.Terms.Level == permit.LevelRows
		case galien.KindOf(err) != galien.NotFound:
			return nil, 0, err
		}
		uses = append(uses, use)
	}
	return uses, unrecorded, nil
}

// wording is the texts of the page in one language.
type wording struct {
	title, day, none, use, purpose, unknown, unrecorded, proof string
	forms                                                      map[string]string // by action; "rows" for a cohort whose rows came out
	in, out, withdrawn                                         string
}

var inEnglish = wording{
	title: "Uses of your data, as written in the hub's log on %s (%d entries)\n\n",
	day:   "2 January 2006, 15:04 UTC",
	none:  "No answer of this hub was made from your data.\n",
	use:   "%s: %s, under the permit %s (entry %d)\n  Form: %s%s.\n  %s\n",
	forms: map[string]string{
		"cohort count": "numbers of persons", "cohort run": "numbers of persons", "table": "a table of numbers", "release": "a table of numbers that left the hub",
		"extract": "rows of data about persons, under ids of this project alone", "rows": "a list of persons, under the hub's own numbers", "other": "another kind of answer",
	},
	in:         "Your data are in the answer.",
	out:        "Your data were read, and you are not among those whom the answer is about.",
	withdrawn:  "The answer was withdrawn before it was handed over.",
	purpose:    "  Purpose: %s\n",
	unknown:    "no longer in the store of permits",
	unrecorded: "\n%d answers are from before the hub kept lists of persons: you may be in them or not.\n",
	proof:      "\nuses.json proves each line: galien-verify checks it, with a public key that you got from somebody else than the hub.\nKeep the file checkpoint: with it, a log that is changed later is found out.\nThis list shows what the hub wrote down. It cannot show a use that was never written down.\n",
}

var inFrench = wording{
	title: "Utilisations de vos données, d'après le journal de l'entrepôt au %s (%d entrées)\n\n",
	day:   "02/01/2006, 15:04 UTC",
	none:  "Aucune réponse de cet entrepôt n'a été faite à partir de vos données.\n",
	use:   "%s : %s, sous le permis %s (entrée %d)\n  Forme : %s%s.\n  %s\n",
	forms: map[string]string{
		"cohort count": "des nombres de personnes", "cohort run": "des nombres de personnes", "table": "un tableau de nombres", "release": "un tableau de nombres, sorti de l'entrepôt",
		"extract": "des lignes de données sur des personnes, sous des identifiants propres à ce projet", "rows": "une liste de personnes, sous les numéros internes de l'entrepôt", "other": "une réponse d'une autre forme",
	},
	in:         "Vos données sont dans la réponse.",
	out:        "Vos données ont été lues, et vous n'êtes pas parmi les personnes dont parle la réponse.",
	withdrawn:  "La réponse a été retirée avant d'être remise.",
	purpose:    "  Finalité : %s\n",
	unknown:    "n'est plus dans le registre des permis",
	unrecorded: "\n%d réponses datent d'avant la tenue des listes de personnes : vous y êtes peut-être, ou non.\n",
	proof:      "\nuses.json prouve chaque ligne : galien-verify le vérifie, avec une clé publique obtenue d'un autre que l'entrepôt.\nGardez le fichier checkpoint : avec lui, un journal modifié plus tard est démasqué.\nCette liste montre ce que l'entrepôt a écrit. Elle ne peut montrer une utilisation qui n'a jamais été écrite.\n",
}

// tellUses writes the page of a person's uses.
func tellUses(w io.Writer, say wording, uses []personUse, unrecorded int, entries int64, now time.Time) {
	fmt.Fprintf(w, say.title, now.UTC().Format(say.day), entries)
	if len(uses) == 0 {
		fmt.Fprint(w, say.none)
	}
	for _, u := range uses {
		form, ok := say.forms[u.action]
		if !ok {
			form = say.forms["other"]
		}
		if u.action == string(permit.RunCohort) && u.rows {
			form = say.forms["rows"]
		}
		several := ""
		if u.questions > 1 {
			several = fmt.Sprintf(" (%d questions)", u.questions) // the same word in both languages
		}
		state := say.out
		switch {
		case !u.delivered:
			state = say.withdrawn
		case u.in:
			state = say.in
		}
		fmt.Fprintf(w, say.use, u.time.UTC().Format(say.day), printable(u.actor), u.permit, u.entry, form, several, state)
		purpose := u.purpose
		if purpose == "" {
			purpose = say.unknown
		}
		fmt.Fprintf(w, say.purpose, strings.Join(strings.Fields(printable(purpose)), " "))
	}
	if unrecorded > 0 {
		fmt.Fprintf(w, say.unrecorded, unrecorded)
	}
	fmt.Fprint(w, say.proof)
}
