package lake

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"galien"
)

// Order says by what the rows of a file are sorted, and so what the file is
// good for.
type Order string

const (
	// ByConcept sorts by concept, person, date and key: for questions about
	// few concepts and many persons.
	ByConcept Order = "concept"
	// ByPerson sorts by person, date, concept and key: for whole records.
	ByPerson Order = "person"
	// Plain sorts by the key, or by all columns: for tables without a person.
	Plain Order = "plain"
)

// BucketPersons is how many consecutive person keys share a bucket.
const BucketPersons = 1 << 18

// NoBucket is the bucket of the files of tables without a person.
const NoBucket = -1

// BucketOf returns the bucket of a person, from 0. Person keys start at 1.
func BucketOf(p galien.PersonID) int { return int((p - 1) / BucketPersons) }

// The versions of the manifest. A snapshot without layers and removals has the
// first, so that equal content keeps its id and older programs read it.
const (
	formatWhole   = 1
	formatLayered = 2
)

// Manifest says what a snapshot holds. Two snapshots of the same content have
// the same manifest, byte for byte, whenever and by whomever written.
type Manifest struct {
	// Format is the version of the manifest's own layout.
	Format int `json:"format"`
	// Sources are sorted by name.
	Sources []Source `json:"sources"`
	// Vocabulary is the version of the vocabulary, as its own table states it;
	// empty when none was loaded.
	Vocabulary string `json:"vocabulary"`
	// Vocabularies is the load of vocabularies that the vocabulary tables hold;
	// nil when they came with a source, or not at all.
	Vocabularies *Vocabularies `json:"vocabularies,omitempty"`
	// Persons is the number of persons in the table person.
	Persons int64 `json:"persons"`
	// Tables are sorted by name.
	Tables []Table `json:"tables"`
}

// Vocabularies is what one load of vocabularies brought. Who loaded it, and when,
// is in the hub's ledger under the same delivery: it is not part of the content.
type Vocabularies struct {
	// Delivery names the content of the files and the rules of their reading.
	Delivery string `json:"delivery"`
	// Loaded are the vocabularies of which there are concepts, sorted by id.
	Loaded []Vocabulary `json:"loaded"`
}

// Vocabulary is one vocabulary of a load.
type Vocabulary struct {
	// ID is the vocabulary_id, and Version what the vocabulary's own row states;
	// empty when it states none.
	ID      string `json:"id"`
	Version string `json:"version"`
	// Licence is the class that its publisher states ("open", ...).
	Licence string `json:"licence"`
	// Concepts is how many concepts were loaded.
	Concepts int64 `json:"concepts"`
}

// Source is one origin of the rows.
type Source struct {
	// Name is how the hub calls the source, and Kind its format ("omop").
	Name string `json:"name"`
	Kind string `json:"kind"`
	// CDMVersion is the version of the model that the source states or shows.
	CDMVersion string `json:"cdm_version"`
	// Reader is the version of the rules by which the source was read: the same
	// files under another version may give other rows.
	Reader string `json:"reader"`
	// Quarantined is how many of its rows were kept out.
	Quarantined int64 `json:"quarantined"`
	// Quarantine names the index of those rows, by its content; empty when
	// there are none.
	Quarantine string `json:"quarantine"`
	// Delivery names the content of the files, for a source that reads many.
	Delivery string `json:"delivery,omitempty"`
	// Units are, sorted by name, what the rows were made of, for a source whose
	// deliveries add to one another.
	Units []Unit `json:"units,omitempty"`
	// Rules say what each cleaning rule of the source did, by rule and table;
	// Without are the rules that were switched off. Sources without named rules
	// have neither.
	Rules   []RuleCount `json:"rules,omitempty"`
	Without []string    `json:"without,omitempty"`
}

// Unit is a part of a source that a delivery brings whole, such as a month of
// claims; a later delivery of the same name replaces it.
type Unit struct {
	Name string `json:"name"`
	// Content names the files and the rules by which they were read.
	Content string `json:"content"`
	// Files are sorted by name.
	Files []Input `json:"files"`
}

// RuleCount is what a cleaning rule did in one load with the rows of one of the
// source's tables.
type RuleCount struct {
	Rule  string `json:"rule"`
	Table string `json:"table"`
	// Touched counts the rows that the rule was about, and Removed how many of
	// them it removed, netted or merged.
	Touched int64 `json:"touched"`
	Removed int64 `json:"removed"`
}

// Table is one table of a snapshot.
type Table struct {
	Name string `json:"name"`
	// Rows counts each row that is there once, however many copies the files hold.
	Rows int64 `json:"rows"`
	// Inputs are the files of the source from which the rows came, sorted.
	Inputs []Input `json:"inputs"`
	// Files are sorted by order, bucket and layer. A table without rows has none.
	// A reader takes them from Snapshot.Files, with what has left each.
	Files []File `json:"files"`
}

// Input is a file that a source handed over.
type Input struct {
	// Name is the base name of the file.
	Name string `json:"name"`
	// SHA256 is the hash of its bytes, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// File is a Parquet file of the lake.
type File struct {
	// Name is the base name in the folder of files; it ends in the first 16
	// digits of the hash.
	Name  string `json:"name"`
	Order Order  `json:"order"`
	// Bucket is NoBucket for files of order Plain.
	Bucket int `json:"bucket"`
	// Layer counts the files of an order and bucket from 0, in the order in
	// which they came. The copies of a layer hold the same rows.
	Layer int `json:"layer,omitempty"`
	// Rows is how many rows the file holds, those that have left it since
	// included.
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
	// SHA256 is the hash of its bytes, in hexadecimal.
	SHA256 string `json:"sha256"`
	// Removed says which rows have left the file since; zero for none.
	Removed Removal `json:"removed,omitzero"`
}

// Present returns how many rows of the file are there.
func (f File) Present() int64 { return f.Rows - f.Removed.Rows }

// Removal is a Parquet file of the positions of the rows that have left one
// data file. It holds all of them: a later one of the same data file replaces
// it.
type Removal struct {
	// Name is the base name in the folder of files: that of the data file, and
	// the first 16 digits of the hash.
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Layers returns the most files that an order and bucket of the table has, and
// the rows that its files hold and that are not there any more, in one copy.
func (t Table) Layers() (layers int, removed int64) {
	for _, f := range t.Files {
		layers = max(layers, f.Layer+1)
		if f.Order == t.Files[0].Order {
			removed += f.Removed.Rows
		}
	}
	return layers, removed
}

// names returns the base names of the files of a table, removals included.
func (t Table) names() []string {
	var list []string
	for _, f := range t.Files {
		list = append(list, f.Name)
		if f.Removed.Name != "" {
			list = append(list, f.Removed.Name)
		}
	}
	return list
}

// canonical returns m with its lists sorted and never nil, so that equal
// content gives equal bytes.
func (m Manifest) canonical() Manifest {
	m.Sources = append([]Source{}, m.Sources...)
	sort.SliceStable(m.Sources, func(i, j int) bool { return m.Sources[i].Name < m.Sources[j].Name })
	if m.Vocabularies != nil {
		v := Vocabularies{Delivery: m.Vocabularies.Delivery, Loaded: append([]Vocabulary{}, m.Vocabularies.Loaded...)}
		sort.SliceStable(v.Loaded, func(i, j int) bool { return v.Loaded[i].ID < v.Loaded[j].ID })
		m.Vocabularies = &v
	}
	m.Tables = append([]Table{}, m.Tables...)
	sort.SliceStable(m.Tables, func(i, j int) bool { return m.Tables[i].Name < m.Tables[j].Name })
	for i := range m.Tables {
		t := &m.Tables[i]
		t.Inputs = append([]Input{}, t.Inputs...)
		sort.SliceStable(t.Inputs, func(i, j int) bool {
			a, b := t.Inputs[i], t.Inputs[j]
			return a.Name < b.Name || a.Name == b.Name && a.SHA256 < b.SHA256
		})
		t.Files = append([]File{}, t.Files...)
		sort.SliceStable(t.Files, func(i, j int) bool {
			a, b := t.Files[i], t.Files[j]
			return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Layer, b.Layer)) < 0
		})
	}
	m.Format = m.format()
	return m
}

// format returns the version of the manifest that m needs.
func (m Manifest) format() int {
	for _, t := range m.Tables {
		for _, f := range t.Files {
			if f.Layer > 0 || f.Removed != (Removal{}) {
				return formatLayered
			}
		}
	}
	return formatWhole
}

// check refuses a manifest that contradicts itself.
func (m Manifest) check() error {
	if m.Format != m.format() {
		return fmt.Errorf("format %d for what is format %d", m.Format, m.format())
	}
	for i, t := range m.Tables {
		if strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return fmt.Errorf("table %d has a name that is none", i)
		}
		if t.Name == "" || i > 0 && m.Tables[i-1].Name == t.Name {
			return fmt.Errorf("table %q is nameless or named twice", t.Name)
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		if t.Name == "person" && m.Persons != t.Rows {
			return fmt.Errorf("%d persons, %d rows in the table person", m.Persons, t.Rows)
		}
	}
	return nil
}

// check refuses a table whose files contradict one another.
func (t Table) check() error {
	type cut struct{ bucket, layer int }
	rows := map[Order]int64{}
	cuts := map[cut]int64{}
	names := map[string]bool{}
	for j, f := range t.Files {
		if f.Name != fileName(t.Name, f.Order, f.Bucket, f.SHA256) {
			return fmt.Errorf("file %q is not named by its content", f.Name)
		}
		if names[f.Name] {
			return fmt.Errorf("file %q twice", f.Name)
		}
		names[f.Name] = true
		switch {
		case f.Order == Plain && f.Bucket == NoBucket && f.Layer == 0 && f.Removed == Removal{}:
		case (f.Order == ByConcept || f.Order == ByPerson) && f.Bucket >= 0:
		default:
			return fmt.Errorf("file of order %q in layer %d of bucket %d", f.Order, f.Layer, f.Bucket)
		}
		next := 0
		if j > 0 && t.Files[j-1].Order == f.Order && t.Files[j-1].Bucket == f.Bucket {
			next = t.Files[j-1].Layer + 1
		}
		if f.Layer != next {
			return fmt.Errorf("a file of order %s in layer %d of bucket %d, where %d is next", f.Order, f.Layer, f.Bucket, next)
		}
		if r := f.Removed; r != (Removal{}) {
			if r.Name != removalName(f) {
				return fmt.Errorf("removal %q is not named by its file and content", r.Name)
			}
			if r.Rows < 1 || r.Rows >= f.Rows {
				return fmt.Errorf("%d of the %d rows of file %q have left", r.Rows, f.Rows, f.Name)
			}
		}
		rows[f.Order] += f.Present()
		c := cut{f.Bucket, f.Layer}
		if n, ok := cuts[c]; ok && n != f.Present() {
			return fmt.Errorf("copies of %d and %d rows in layer %d of bucket %d", n, f.Present(), c.layer, c.bucket)
		}
		cuts[c] = f.Present()
	}
	if t.Rows > 0 && len(rows) == 0 {
		return fmt.Errorf("%d rows in no file", t.Rows)
	}
	for order, n := range rows {
		if n != t.Rows {
			return fmt.Errorf("%d rows, %d in its files of order %s", t.Rows, n, order)
		}
	}
	return nil
}

// encode writes v as JSON, indented, in the order of its fields.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decode reads one JSON value and nothing after it, and refuses keys that v
// does not know.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// decodeManifest reads a manifest whose hash was already found right.
func decodeManifest(b []byte) (Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return Manifest{}, galien.Errorf(galien.Corrupt, "not a manifest: %w", err)
	}
	if version.Format != formatWhole && version.Format != formatLayered {
		return Manifest{}, galien.Errorf(galien.Invalid, "manifest format %d; this program reads formats %d and %d: use the program that wrote it, or a newer one", version.Format, formatWhole, formatLayered)
	}
	var m Manifest
	if err := decode(b, &m); err != nil {
		return Manifest{}, galien.Errorf(galien.Corrupt, "not a manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return Manifest{}, galien.Errorf(galien.Corrupt, "manifest contradicts itself: %w", err)
	}
	return m, nil
}

const (
	// hashLen is the length of a SHA-256 in hexadecimal, idLen that of the part
	// that names snapshots and files.
	hashLen = 2 * sha256.Size
	idLen   = 16
)

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// snapshotID returns the id of the snapshot of a manifest.
func snapshotID(manifest []byte) string { return hash(manifest)[:idLen] }

// fileName returns the base name of a file of the lake.
func fileName(table string, order Order, bucket int, sha string) string {
	if len(sha) != hashLen {
		return ""
	}
	if bucket == NoBucket {
		return fmt.Sprintf("%s-%s-all-%s.parquet", table, order, sha[:idLen])
	}
	return fmt.Sprintf("%s-%s-%d-%s.parquet", table, order, bucket, sha[:idLen])
}

// removalName returns the base name of the removal of a file.
func removalName(f File) string {
	if len(f.Removed.SHA256) != hashLen {
		return ""
	}
	return strings.TrimSuffix(f.Name, ".parquet") + "-removed-" + f.Removed.SHA256[:idLen] + ".parquet"
}
