package airlock

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/disclosure"
	"galien/ledger"
	"galien/release"
	"galien/release/check"
)

// earlier reads what the register says left of the study of a group: of each line its
// manifest and its tables. The hub's own tables from before their bytes were kept are
// not there; the ledger has their numbers.
func (a *Airlock) earlier(register []Entry, m check.Manifest, permit string) ([]check.Earlier, error) {
	var out []check.Earlier
	for _, e := range register {
		x := check.Earlier{Number: e.Number, Permit: e.Permit}
		var v Version
		var err error
		if e.Kind == KindTable {
			x.Manifest.Cohort, x.Tables, err = a.counted(e)
		} else if v, err = a.Version(e.Group, e.Version); err == nil {
			x.Manifest, err = a.manifest(v)
		}
		if err != nil {
			return nil, galien.Errorf(galien.Corrupt, "airlock: line %d of the register: %w", e.Number, err)
		}
		if study, _ := x.SameStudy(m, permit); !study {
			continue
		}
		if e.Kind != KindTable {
			if x.Tables, _, err = a.tables(v, x.Manifest); err != nil {
				return nil, err
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// tables reads the tables of a version that leave with it, and names its files of
// other numbers.
func (a *Airlock) tables(v Version, m check.Manifest) (tables []check.Table, others []string, err error) {
	var files []check.File
	for _, f := range v.Files {
		if f.Kind == kindScorecard || f.Name == check.ManifestFile {
			continue
		}
		b, err := a.bytes(f)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, check.File{Name: f.Name, Bytes: b})
	}
	tables, others = check.Tables(m, files, v.rule())
	return tables, others, nil
}

// keptFiles are the files of a table of the hub whose bytes the airlock keeps.
var keptFiles = []string{release.TableFile, release.DecisionFile, release.ProvenanceFile}

// kept returns the files of a line whose bytes are kept; none of a line of before
// they were.
func (e Entry) kept() []File {
	var out []File
	for _, f := range e.Files {
		if e.FilesSHA256 != "" && slices.Contains(keptFiles, f.Name) {
			out = append(out, File{Name: f.Name, SHA256: f.SHA256, Size: f.Size})
		}
	}
	return out
}

// counted reads a table that the hub itself counted and let out.
func (a *Airlock) counted(e Entry) (cohort []string, tables []check.Table, err error) {
	kept := e.kept()
	if len(kept) == 0 {
		return nil, nil, nil
	}
	content := map[string][]byte{}
	for _, f := range kept {
		if content[f.Name], err = a.bytes(f); err != nil {
			return nil, nil, err
		}
	}
	var p release.Provenance
	err = json.Unmarshal(content[release.ProvenanceFile], &p)
	if err == nil {
		tables, err = tablesOf(content[release.TableFile], content[release.DecisionFile])
	}
	if err != nil {
		return nil, nil, galien.Errorf(galien.Corrupt, "airlock: the table of line %d of the register cannot be read", e.Number)
	}
	return []string{p.Definition}, tables, nil
}

// tablesOf reads the persons and the population of a table of the hub
// (docs/formats/release.md).
func tablesOf(b, decision []byte) ([]check.Table, error) {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	dims := slices.Index(rows[0], "persons")
	if dims < 1 {
		return nil, fs.ErrInvalid
	}
	var d release.Decision
	if err := json.Unmarshal(decision, &d); err != nil {
		return nil, err
	}
	var out []check.Table
	for _, c := range []struct {
		name string
		role check.Role
	}{{"persons", check.RoleCount}, {"population", check.RolePopulation}} {
		at := slices.Index(rows[0], c.name)
		if at < 0 {
			continue
		}
		t := check.Table{File: release.TableFile, Role: c.role, Dimensions: rows[0][:dims], Rounding: int64(d.RoundTo)}
		for _, row := range rows[1:] {
			r := check.TableRow{Keys: row[:dims], Hidden: row[at] == release.Withheld}
			if !r.Hidden {
				if r.Number, err = strconv.ParseInt(row[at], 10, 64); err != nil {
					return nil, err
				}
			}
			t.Rows = append(t.Rows, r)
		}
		out = append(out, t)
	}
	return out, nil
}

// against compares what a version would let out with what left before.
func (a *Airlock) against(v Version, m check.Manifest, tables []check.Table, register []Entry) ([]check.Finding, error) {
	left, err := a.earlier(register, m, v.Permit)
	if err != nil {
		return nil, err
	}
	return check.Against(m, v.Permit, tables, left, v.rule()), nil
}

// since looks for what left since a version was submitted and stands in its way: a
// finding that its reviewers did not have.
func (a *Airlock) since(v Version, m check.Manifest, tables []check.Table, register []Entry) error {
	findings, err := a.against(v, m, tables, register)
	if err != nil {
		return err
	}
	for _, f := range findings {
		known := slices.ContainsFunc(v.Findings, func(g check.Finding) bool {
			return g.Check == f.Check && g.File == f.File && g.Count == f.Count && slices.Equal(g.Where, f.Where)
		})
		if !known {
			return galien.Errorf(galien.Denied, "nothing of the group may leave: since it was submitted something left that its reviewers did not have before them (%s, %s); submit it again as another version", f.Check, f.File)
		}
	}
	return nil
}

// judged counts the numbers of a group that the ledger let out before under the
// same name: of the same definition, the same categories, and the same number, or
// what it is rounded to. They tell nothing new. All others left nothing in the
// ledger by which they could be judged.
func (a *Airlock) judged(ctx context.Context, m check.Manifest, tables []check.Table, others []string, threshold int64) (ledger.Reviewed, error) {
	out := ledger.Reviewed{Unread: len(others)}
	records, err := a.Ledger.Records(ctx)
	if err != nil {
		return out, err
	}
	// Rows of a table have their categories in the record, joined by commas.
	shown := map[string][]int64{}
	for _, r := range records {
		if !slices.ContainsFunc(m.Cohort, func(h string) bool { return check.Definition(h) == r.Definition }) {
			continue
		}
		for _, n := range r.Numbers {
			if role, keys, ok := strings.Cut(n.What, " of "); ok && (n.Outcome == ledger.Shown || n.Outcome == ledger.Standing) {
				name := cell(role, strings.Split(keys, ", "))
				shown[name] = append(shown[name], disclosure.Rule{Threshold: int(r.Threshold), RoundTo: int(r.Rounding)}.Round(n.Value))
			}
		}
	}
	roles := map[check.Role]string{check.RoleCount: "persons", check.RolePopulation: "population"}
	for _, t := range tables {
		for _, r := range t.Rows {
			if r.Hidden {
				continue
			}
			out.Numbers++
			for _, v := range shown[cell(roles[t.Role], r.Keys)] {
				if t.Stands(r.Number, v, threshold) {
					out.Judged++
					break
				}
			}
		}
	}
	return out, nil
}

// cell names a row of a table by what it counts and its categories.
func cell(role string, keys []string) string {
	return role + "\x00" + strings.Join(slices.Sorted(slices.Values(keys)), "\x00")
}
