package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"galien"
	"galien/attack"
	"galien/cohort"
	"galien/disclosure"
	"galien/permit"
	"galien/release"
	"galien/release/check"
)

// onRelease attacks a released table. Without --cohort only the folder is read.
func (a *attackRun) onRelease(cmd *cobra.Command) (attack.Report, error) {
	ctx := cmd.Context()
	table, p, sum, err := readRelease(a.release)
	if err != nil {
		return attack.Report{}, err
	}
	if p.Permit != a.q.permitID {
		return attack.Report{}, galien.Errorf(galien.Invalid, "the release in %s was made under permit %s, not %s", a.release, printable(p.Permit), a.q.permitID)
	}
	if err := a.announce(cmd, attack.Released, p.Snapshot, sum); err != nil {
		return attack.Report{}, err
	}
	var truth []int64
	if a.cohort != "" {
		q := a.q
		t, err := tabulate(ctx, cmd, &q, a.q.hub.dir, a.cohort, strings.Join(table.Dimensions, ","), permit.Tabulate)
		if err != nil {
			return attack.Report{}, err
		}
		defer q.close()
		if q.snapshot.ID != p.Snapshot || t.definition.def.Hash() != p.Definition {
			return attack.Report{}, galien.Errorf(galien.Conflict, "the release in %s is of another definition or snapshot; leave --cohort out", a.release)
		}
		if truth, err = alignTruth(table, t.cells, ruleOf(t.permitted.Terms())); err != nil {
			return attack.Report{}, err
		}
		if err := q.deliver(ctx, t.permitted, nil, map[string]string{"by": strings.Join(table.Dimensions, ","), "for": "attack"}); err != nil {
			return attack.Report{}, err
		}
	}
	report, err := attack.OnRelease(table, truth, a.random())
	report.Attacked, report.Snapshot = sum, p.Snapshot
	return report, err
}

// readRelease reads the folder of a release (docs/formats/release.md), and the
// SHA-256 of its table.
func readRelease(dir string) (attack.ReleasedTable, release.Provenance, string, error) {
	var files []release.File
	for _, name := range []string{release.ProvenanceFile, release.DecisionFile, release.TableFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return attack.ReleasedTable{}, release.Provenance{}, "", galien.Errorf(galien.NotFound, "open release: %s has no %s; name a folder that galien release wrote", dir, name)
		}
		files = append(files, release.File{Name: name, Content: b})
	}
	return parseRelease(files)
}

// parseRelease reads the files of a release as who has nothing else does.
func parseRelease(files []release.File) (attack.ReleasedTable, release.Provenance, string, error) {
	var t attack.ReleasedTable
	var p release.Provenance
	var d release.Decision
	var table []byte
	fail := func(err error) (attack.ReleasedTable, release.Provenance, string, error) { return t, p, "", err }
	for _, f := range files {
		var err error
		switch f.Name {
		case release.ProvenanceFile:
			err = json.Unmarshal(f.Content, &p)
		case release.DecisionFile:
			err = json.Unmarshal(f.Content, &d)
		case release.TableFile:
			table = f.Content
		}
		if err != nil {
			return fail(galien.Errorf(galien.Corrupt, "open release: %s: %w", f.Name, err))
		}
	}
	hash := sha256.Sum256(table)
	sum := hex.EncodeToString(hash[:])
	if sum != d.SHA256 {
		return fail(galien.Errorf(galien.Corrupt, "open release: %s is not the table of its %s", release.TableFile, release.DecisionFile))
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || len(rows) == 0 {
		return fail(galien.Errorf(galien.Corrupt, "open release: %s is no table", release.TableFile))
	}
	persons := slices.Index(rows[0], "persons")
	if persons < 1 {
		return fail(galien.Errorf(galien.Corrupt, "open release: %s has no column persons after its dimensions", release.TableFile))
	}
	t.Threshold, t.Slack, t.Dimensions = d.Threshold, int64(d.RoundTo/2), rows[0][:persons]
	for _, name := range t.Dimensions {
		t.Additive = append(t.Additive, name == string(cohort.Sex))
	}
	for i, row := range rows[1:] {
		r := attack.ReleasedRow{Keys: row[:persons], Withheld: row[persons] == release.Withheld}
		if !r.Withheld {
			if r.Persons, err = strconv.ParseInt(row[persons], 10, 64); err != nil {
				return fail(galien.Errorf(galien.Corrupt, "open release: %s, line %d: persons is no number", release.TableFile, i+2))
			}
		}
		t.Rows = append(t.Rows, r)
	}
	return t, p, sum, nil
}

// releaseSeed draws which rows of a large table the scorecard of a release looks
// at: the same release has the same scorecard.
const releaseSeed = 1

// attackFiles attacks the files of a release before they leave, and returns the
// scorecard that goes with them. It fails with Denied when withheld numbers come
// back.
func attackFiles(files []release.File) ([]release.File, error) {
	table, p, sum, err := parseRelease(files)
	if err != nil {
		return nil, err
	}
	report, err := attack.OnRelease(table, nil, rand.New(rand.NewPCG(releaseSeed, 0)))
	if err != nil {
		return nil, err
	}
	if report.Leaks() {
		return nil, galien.Errorf(galien.Denied, "release: nothing leaves: the attacks of its scorecard get withheld numbers back; count by fewer dimensions, and tell the steward")
	}
	report.Attacked, report.Snapshot, report.Permit, report.Galien, report.Seed = sum, p.Snapshot, p.Permit, p.Galien, releaseSeed
	return scorecardFiles(report)
}

// attackGroup attacks the tables of a group of outputs, and returns its scorecard.
func attackGroup(permitID string, threshold int, attacked string, tables []check.Table, unread []string) ([]release.File, bool, error) {
	var all []attack.OutputTable
	for _, t := range tables {
		o := attack.OutputTable{On: t.File + ", " + t.Where, ReleasedTable: attack.ReleasedTable{Dimensions: t.Dimensions, Additive: t.Additive, Threshold: threshold, Slack: t.Slack()}}
		for _, r := range t.Rows {
			o.Rows = append(o.Rows, attack.ReleasedRow{Keys: r.Keys, Withheld: r.Hidden, Persons: r.Number})
		}
		all = append(all, o)
	}
	report, err := attack.OnGroup(all, unread, threshold, rand.New(rand.NewPCG(releaseSeed, 0)))
	if err != nil {
		return nil, false, err
	}
	report.Attacked, report.Permit, report.Galien, report.Seed = attacked, permitID, version(), releaseSeed
	files, err := scorecardFiles(report)
	return files, report.Leaks(), err
}

// alignTruth returns what the rows of a released table truly count.
func alignTruth(t attack.ReleasedTable, cells []cohort.Cell, rule disclosure.Rule) ([]int64, error) {
	count := map[string]int64{}
	for _, c := range cells {
		count[strings.Join(c.Keys, "\x00")] = c.Persons
	}
	truth := make([]int64, len(t.Rows))
	for i, r := range t.Rows {
		truth[i] = count[strings.Join(r.Keys, "\x00")]
		if !r.Withheld && r.Persons != rule.Round(truth[i]) {
			return nil, galien.Errorf(galien.Conflict, "the release shows other numbers than the hub counts now (an opposition since, or another definition); leave --cohort out")
		}
	}
	return truth, nil
}
