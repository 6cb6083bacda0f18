// Package release writes what leaves the hub. Of a table it takes only a
// disclosure.Cleared one, which holds no withheld number, and makes the files of
// a release: the table, what was decided, where it comes from, and a note for
// whoever opens it. The same table and provenance always give the same bytes.
// What people made leaves through release/airlock. Both end here, in a new
// folder that is written whole or not at all.
//
// It refuses the zero value of a table, a folder that is not empty, and any
// provenance that is not complete. The scorecard of the attacks on the table,
// which the note names, is the caller's to add (docs/attack.md). The format is
// docs/formats/release.md.
//
//	cleared, _, err := disclosure.Clear(table, rule)
//	...
//	files, out, err := release.Make(cleared, release.Provenance{
//		Snapshot: snapshot.ID, Definition: hash, Permit: permitID, Engine: "duckdb 1.5.5", Galien: version,
//	})
//	// out.SHA256 names the bytes of table.csv
//	err = release.Place("asthma-2024", files)
package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"galien"
	"galien/disclosure"
	"galien/durable"
	"galien/study"
)

// The files of a release.
const (
	TableFile      = "table.csv"
	DecisionFile   = "decision.json"
	ProvenanceFile = "provenance.json"
	ReadmeFile     = "README.txt"
)

// Withheld is what stands for each number of a withheld row.
const Withheld = "withheld"

// Provenance says where the numbers come from; every field is required.
type Provenance struct {
	// Snapshot is the id of the lake's snapshot.
	Snapshot string `json:"snapshot"`
	// Definition is the hash of the canonical cohort definition and options.
	Definition string `json:"definition"`
	// Permit is the id of the permit that allowed the question.
	Permit string `json:"permit"`
	// Engine names the engine that answered, and its version.
	Engine string `json:"engine"`
	// Galien is the version of Galien.
	Galien string `json:"galien"`
}

// Decision is what a release says of its clearing. It tells nothing of why a
// row is withheld, since to know which of two withheld rows is the small one
// narrows both.
type Decision struct {
	// Threshold is the smallest count of persons that could leave.
	Threshold int `json:"threshold"`
	// RoundTo is the base that its counts are rounded to; 0 for none.
	RoundTo int `json:"round_to,omitempty"`
	// Rows counts the rows of the table, margins included; each is published
	// or withheld.
	Rows      int `json:"rows"`
	Published int `json:"published"`
	Withheld  int `json:"withheld"`
	// SHA256 is the hash of table.csv, in hexadecimal.
	SHA256 string `json:"table_sha256"`
}

// File is one file that leaves.
type File struct {
	// Name is the path inside the folder, with slashes.
	Name    string
	Content []byte
}

// Make returns the files of the release of c, and what decision.json holds. It
// fails with Denied for a table that was not cleared and Invalid for incomplete
// provenance.
func Make(c disclosure.Cleared, p Provenance) ([]File, Decision, error) {
	if err := c.Check(); err != nil {
		return nil, Decision{}, err
	}
	for _, f := range []struct{ name, value string }{
		{"snapshot", p.Snapshot}, {"definition", p.Definition}, {"permit", p.Permit}, {"engine", p.Engine}, {"galien", p.Galien},
	} {
		if f.value == "" {
			return nil, Decision{}, galien.Errorf(galien.Invalid, "release: provenance has no %s", f.name)
		}
	}
	table, d, err := render(c)
	if err != nil {
		return nil, Decision{}, err
	}
	decision, err := document(d)
	if err != nil {
		return nil, Decision{}, err
	}
	provenance, err := document(p)
	if err != nil {
		return nil, Decision{}, err
	}
	return []File{{TableFile, table}, {DecisionFile, decision}, {ProvenanceFile, provenance}, {ReadmeFile, []byte(readme(d.Threshold, d.RoundTo))}}, d, nil
}

// render writes the rows as CSV, and counts them.
func render(c disclosure.Cleared) ([]byte, Decision, error) {
	var header []string
	for _, d := range c.Dimensions() {
		header = append(header, d.Name)
	}
	numbers := []string{"persons"}
	if c.HasPopulation() {
		numbers = append(numbers, "population")
	}
	if c.HasPersonDays() {
		numbers = append(numbers, "person_years", "rate", "ci_low", "ci_high")
	}
	for _, n := range numbers {
		if slices.Contains(header, n) {
			return nil, Decision{}, galien.Errorf(galien.Invalid, "release: a dimension is named like the column %s; give it another name", n)
		}
	}
	d := Decision{Threshold: c.Rule().Threshold, RoundTo: c.Rule().RoundTo}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{append(header, numbers...)}
	for _, cell := range c.Cells() {
		d.Rows++
		row := cell.Keys
		if cell.Withheld {
			d.Withheld++
			rows = append(rows, append(row, slices.Repeat([]string{Withheld}, len(numbers))...))
			continue
		}
		d.Published++
		row = append(row, strconv.FormatInt(cell.Persons, 10))
		if c.HasPopulation() {
			row = append(row, strconv.FormatInt(cell.Population, 10))
		}
		if c.HasPersonDays() {
			row = append(row, strconv.FormatFloat(float64(cell.PersonDays)/study.DaysPerYear, 'f', 2, 64))
			rate, ok := study.PersonRate(cell.Persons, cell.PersonDays)
			for _, x := range []float64{rate.Estimate, rate.Low, rate.High} {
				text := "" // no time was observed, so there is no rate
				if ok {
					text = strconv.FormatFloat(x, 'f', 4, 64)
				}
				row = append(row, text)
			}
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, Decision{}, fmt.Errorf("write %s: %w", TableFile, err)
	}
	sum := sha256.Sum256(out.Bytes())
	d.SHA256 = hex.EncodeToString(sum[:])
	return out.Bytes(), d, nil
}

func document(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write release: %w", err)
	}
	return append(b, '\n'), nil
}

// readme explains the folder to whoever opens it.
func readme(threshold, base int) string {
	var rounded [2]string
	if base > 1 {
		rounded = [2]string{fmt.Sprintf("\n    Les effectifs sont arrondis au multiple de %d le plus proche, jamais sous le seuil, et les taux en viennent.", base),
			fmt.Sprintf("\n    Numbers of persons are rounded to the nearest multiple of %d, never under the threshold, and rates come from them.", base)}
	}
	return fmt.Sprintf(`FR  table.csv donne des nombres de personnes, et leurs taux pour 1 000 personnes-années, par catégorie ; « * » est le total d'une dimension, et decision.json et provenance.json disent ce qui a été décidé et d'où viennent ces nombres.
    « withheld » (retenu) veut dire que la ligne compte, ou laisse hors du compte, moins de %[1]d personnes, zéro compris, ou qu'elle permettrait de calculer une telle ligne ; ce n'est ni un zéro ni une donnée manquante.%[2]s
    scorecard.fr.html dit quelles attaques ont été tentées sur ce qui est retenu, et avec quel succès.

EN  table.csv gives numbers of persons, and their rates per 1,000 person-years, by category; "*" is the total of a dimension, and decision.json and provenance.json say what was decided and where the numbers come from.
    "withheld" means that the row counts, or leaves out of the count, fewer than %[1]d persons, zero included, or that such a row could be computed from it; it is neither a zero nor a missing value.%[3]s
    scorecard.en.html says which attacks were tried on what is withheld, and how they did.
`, threshold, rounded[0], rounded[1])
}

// Place writes the files into the folder dir, which must be absent or empty.
// Missing parent folders are made. The folder appears whole or not at all: it is
// written beside dir under another name and renamed when it is safe on disk. It
// fails with Conflict for a folder that is not empty.
func Place(dir string, files []File) (err error) {
	dir = filepath.Clean(dir)
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return galien.Errorf(galien.Conflict, "release: the folder %s is not empty; name a new one", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return galien.Errorf(galien.Invalid, "release: open folder: %w", err)
	}
	exists := err == nil
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("release: make folder: %w", err)
	}
	temp, err := os.MkdirTemp(parent, ".galien-release-")
	if err != nil {
		return fmt.Errorf("release: make folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return galien.Errorf(galien.Internal, "release: a file would be written outside of the folder")
		}
		if err := writeFile(temp, filepath.FromSlash(f.Name), f.Content); err != nil {
			return err
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if err := durable.SyncFolder(temp); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if exists { // empty: Remove refuses any other
		if err := os.Remove(dir); err != nil {
			return fmt.Errorf("release: replace the empty folder: %w", err)
		}
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("release: put the folder in place: %w", err)
	}
	if err := durable.SyncFolder(parent); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func writeFile(dir, name string, content []byte) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if err := durable.Create(path, content, 0o644); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}
