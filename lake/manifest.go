package lake

import (
	"bytes"
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

// manifestFormat is the version of the manifest that this package writes.
const manifestFormat = 1

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
	// Persons is the number of persons in the table person.
	Persons int64 `json:"persons"`
	// Tables are sorted by name.
	Tables []Table `json:"tables"`
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
	// Rows counts each row once, however many copies the files hold.
	Rows int64 `json:"rows"`
	// Inputs are the files of the source from which the rows came, sorted.
	Inputs []Input `json:"inputs"`
	// Files are sorted by order and bucket. A table without rows has none.
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
	Bucket int   `json:"bucket"`
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
	// SHA256 is the hash of its bytes, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// canonical returns m with its lists sorted and never nil, so that equal
// content gives equal bytes.
func (m Manifest) canonical() Manifest {
	m.Sources = append([]Source{}, m.Sources...)
	sort.SliceStable(m.Sources, func(i, j int) bool { return m.Sources[i].Name < m.Sources[j].Name })
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
			return a.Order < b.Order || a.Order == b.Order && a.Bucket < b.Bucket
		})
	}
	return m
}

// check refuses a manifest that contradicts itself.
func (m Manifest) check() error {
	for i, t := range m.Tables {
		if strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return fmt.Errorf("table %d has a name that is none", i)
		}
		if t.Name == "" || i > 0 && m.Tables[i-1].Name == t.Name {
			return fmt.Errorf("table %q is nameless or named twice", t.Name)
		}
		rows := map[Order]int64{}
		for j, f := range t.Files {
			if f.Name != fileName(t.Name, f.Order, f.Bucket, f.SHA256) {
				return fmt.Errorf("table %s: file %q is not named by its content", t.Name, f.Name)
			}
			if j > 0 && t.Files[j-1].Order == f.Order && t.Files[j-1].Bucket == f.Bucket {
				return fmt.Errorf("table %s: two files of order %s in bucket %d", t.Name, f.Order, f.Bucket)
			}
			switch {
			case f.Order == Plain && f.Bucket == NoBucket:
			case (f.Order == ByConcept || f.Order == ByPerson) && f.Bucket >= 0:
			default:
				return fmt.Errorf("table %s: file of order %q in bucket %d", t.Name, f.Order, f.Bucket)
			}
			rows[f.Order] += f.Rows
		}
		if t.Rows > 0 && len(rows) == 0 {
			return fmt.Errorf("table %s: %d rows in no file", t.Name, t.Rows)
		}
		for order, n := range rows {
			if n != t.Rows {
				return fmt.Errorf("table %s: %d rows, %d in its files of order %s", t.Name, t.Rows, n, order)
			}
		}
		if t.Name == "person" && m.Persons != t.Rows {
			return fmt.Errorf("%d persons, %d rows in the table person", m.Persons, t.Rows)
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
	if version.Format != manifestFormat {
		return Manifest{}, galien.Errorf(galien.Invalid, "manifest format %d; this program reads format %d: use the program that wrote it, or a newer one", version.Format, manifestFormat)
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
