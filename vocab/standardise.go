package vocab

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
)

//go:embed link.sql
var link string

// ofFrench is the condition that a concept is a local one of a French code.
const ofFrench = "concept_id >= 2000000000 AND vocabulary_id LIKE 'SNDS %'"

// Standardise gives the staged tables of a load of claims the vocabularies of
// the hub: Athena's rows of the current snapshot join the staged concepts, and
// the staged events get their standard concepts. It is called once the tables
// are staged, before the commit, and does nothing in a hub without a load of
// vocabularies.
func Standardise(ctx context.Context, w *writer.Writer) error {
	base := w.Base()
	if base == nil || base.Manifest.Vocabularies == nil {
		return nil
	}
	m := merger{w: w, base: base, loaded: base.Manifest.Vocabularies}
	if err := m.addAthena(ctx); err != nil {
		return err
	}
	if err := run(ctx, w.DB(), "link codes", link); err != nil {
		return err
	}
	for _, e := range translated {
		staged, err := m.staged(ctx, e.table)
		if err != nil {
			return err
		}
		if staged {
			if err := e.translate(ctx, w.DB()); err != nil {
				return err
			}
		}
	}
	return nil
}

// run executes SQL, statement by statement.
func run(ctx context.Context, db *sql.DB, action, text string) error {
	for _, s := range source.Statements(text) {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return duck.Error(action, err)
		}
	}
	return nil
}

// merger joins what Athena says with what sources say, in the staging tables of
// a writer. Of the rows of a hub those are the sources' own that speak of a
// local concept and, where the sources are French, the concepts in Galien's
// words of vocabularies that Athena was not asked for.
type merger struct {
	w      *writer.Writer
	base   *lake.Snapshot // nil before the first
	loaded *lake.Vocabularies
}

// staged reports whether a table is staged.
func (m merger) staged(ctx context.Context, table string) (bool, error) {
	var n int
	err := m.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE table_name = "+duck.Quote("stage_"+table)).Scan(&n)
	return n > 0, duck.Error("find stages", err)
}

// ofBase is the rows of a table in the current snapshot, as SQL; of a table that
// it lacks, none.
func (m merger) ofBase(table string) string {
	t, _ := cdm.Lookup(table)
	if m.base == nil {
		return duck.Table(t, nil)
	}
	return duck.Table(t, m.base.Whole(table))
}

// names is the ids of vocabularies as an SQL list, which may stand after IN.
func names(v *lake.Vocabularies) string {
	list := []string{"NULL"}
	if v != nil {
		for _, one := range v.Loaded {
			list = append(list, duck.Quote(one.ID))
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// named is the condition that a vocabulary is in a list, false for an empty one.
func named(list string) string { return "coalesce(vocabulary_id IN " + list + ", false)" }

// addAthena adds Athena's rows of the current snapshot to the staged tables of
// a French source, and takes out of these what Athena says too.
func (m merger) addAthena(ctx context.Context) error {
	const action = "merge vocabularies"
	for _, name := range needed {
		if staged, err := m.staged(ctx, name); err != nil || staged {
			if err != nil {
				return err
			}
			continue
		}
		t, _ := cdm.Lookup(name)
		s, err := m.w.Stage(t)
		if err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	athena := named(names(m.loaded))
	return run(ctx, m.w.DB(), action, strings.NewReplacer("$athena", athena, "$concept", m.ofBase("concept"), "$ancestor", m.ofBase("concept_ancestor"),
		"$relationship", m.ofBase("concept_relationship"), "$vocabulary", m.ofBase("vocabulary")).Replace(`
DELETE FROM stage_concept WHERE concept_id < 2000000000 AND $athena;
CREATE TABLE vocab_own_standard AS SELECT concept_id FROM stage_concept WHERE concept_id < 2000000000;
DELETE FROM stage_concept_ancestor WHERE ancestor_concept_id < 2000000000
  AND NOT (ancestor_concept_id = descendant_concept_id AND ancestor_concept_id IN (SELECT concept_id FROM vocab_own_standard));
DELETE FROM stage_concept_relationship;
DELETE FROM stage_vocabulary WHERE NOT starts_with(vocabulary_id, 'SNDS ');
INSERT INTO stage_concept BY NAME SELECT * FROM $concept WHERE concept_id < 2000000000 AND $athena;
INSERT INTO stage_concept_relationship BY NAME SELECT * FROM $relationship WHERE concept_id_1 < 2000000000 AND concept_id_2 < 2000000000;
INSERT INTO stage_concept_ancestor BY NAME SELECT * FROM $ancestor a WHERE ancestor_concept_id < 2000000000 AND descendant_concept_id < 2000000000
  AND NOT (ancestor_concept_id = descendant_concept_id AND ancestor_concept_id IN (SELECT concept_id FROM $concept WHERE concept_id < 2000000000 AND NOT $athena))
  AND NOT (ancestor_concept_id = descendant_concept_id AND ancestor_concept_id IN (SELECT concept_id FROM vocab_own_standard));
INSERT INTO stage_vocabulary BY NAME SELECT * FROM $vocabulary WHERE NOT starts_with(vocabulary_id, 'SNDS ');
`))
}

// addOwn adds the sources' own rows of the current snapshot to the staged tables
// of a load of vocabularies.
func (m merger) addOwn(ctx context.Context) error {
	if m.base == nil {
		return nil
	}
	before := named(names(m.base.Manifest.Vocabularies))
	return run(ctx, m.w.DB(), "merge vocabularies", strings.NewReplacer("$translates", fmt.Sprint(Translates(m.base.Manifest)), "$before", before, "$now", named(names(m.loaded)), "$french", ofFrench,
		"$concept", m.ofBase("concept"), "$ancestor", m.ofBase("concept_ancestor"), "$relationship", m.ofBase("concept_relationship"),
		"$vocabulary", m.ofBase("vocabulary"), "$synonym", m.ofBase("concept_synonym")).Replace(`
CREATE TABLE vocab_french AS SELECT concept_id FROM $concept WHERE $french;
CREATE TABLE vocab_own_standard AS SELECT concept_id FROM $concept
  WHERE concept_id < 2000000000 AND NOT $before AND NOT $now AND $translates;
INSERT INTO stage_concept BY NAME SELECT * FROM $concept WHERE concept_id >= 2000000000 OR concept_id IN (FROM vocab_own_standard);
INSERT INTO stage_concept_relationship BY NAME SELECT * FROM $relationship
  WHERE (concept_id_1 >= 2000000000 OR concept_id_2 >= 2000000000) AND concept_id_1 NOT IN (FROM vocab_french) AND concept_id_2 NOT IN (FROM vocab_french);
INSERT INTO stage_concept_ancestor BY NAME SELECT * FROM $ancestor
  WHERE (ancestor_concept_id >= 2000000000 OR descendant_concept_id >= 2000000000)
  AND NOT (ancestor_concept_id < 2000000000 AND descendant_concept_id IN (FROM vocab_french));
INSERT INTO stage_concept_ancestor (ancestor_concept_id, descendant_concept_id, min_levels_of_separation, max_levels_of_separation)
  SELECT concept_id, concept_id, 0, 0 FROM vocab_own_standard
  ANTI JOIN stage_concept_ancestor a ON a.ancestor_concept_id = concept_id AND a.descendant_concept_id = concept_id;
INSERT INTO stage_concept_synonym BY NAME SELECT * FROM $synonym WHERE concept_id >= 2000000000;
INSERT INTO stage_vocabulary BY NAME SELECT * FROM $vocabulary
  WHERE vocabulary_id IN (SELECT vocabulary_id FROM stage_concept WHERE concept_id >= 2000000000) AND vocabulary_id NOT IN (SELECT vocabulary_id FROM stage_vocabulary);
`))
}

// event is a table whose rows get standard concepts.
type event struct {
	table                  string
	concept, sourceConcept string
	// id is the column of the row's key, and quantity that of its amount; "" where
	// there is none. Without a key of its own a row gets one standard concept.
	id, quantity string
}

// translated are the tables in which French sources write local concepts.
var translated = events("condition_occurrence", "death", "device_exposure", "drug_exposure", "measurement", "observation", "procedure_occurrence")

func events(tables ...string) (list []event) {
	for _, name := range tables {
		t, _ := cdm.Lookup(name)
		e := event{table: name, concept: t.ConceptColumn(), sourceConcept: t.SourceConceptColumn(), id: t.PrimaryKey()}
		if name == "death" {
			e = event{table: name, concept: "cause_concept_id", sourceConcept: "cause_source_concept_id"}
		}
		if _, ok := t.Column("quantity"); ok {
			e.quantity = "quantity"
		}
		list = append(list, e)
	}
	return list
}

// query is the rows of the table from, which may have been translated before,
// as vocab_local_code and vocab_translation have them now: a row for each standard concept
// of the source concept, or the local concept where there is none. The first
// keeps the row's key and amount.
func (e event) query(from string) string {
	replaced := []string{fmt.Sprintf("coalesce(s.standard_id, l.local_id, t.%[1]s) AS %[1]s", e.concept)}
	which := "true"
	on := "s.local_id = l.local_id AND s.nth = 0"
	if e.id != "" {
		replaced = append(replaced, fmt.Sprintf("t.%[1]s + coalesce(s.nth, 0) * %[2]d AS %[1]s", e.id, int64(furtherKey)))
		which = fmt.Sprintf("t.%s < %d", e.id, int64(furtherKey))
		on = "s.local_id = l.local_id"
	}
	if e.quantity != "" {
		replaced = append(replaced, fmt.Sprintf("CASE WHEN s.nth > 0 AND t.%[1]s IS NOT NULL THEN 0 ELSE t.%[1]s END AS %[1]s", e.quantity))
	}
	return fmt.Sprintf("SELECT t.* REPLACE (%s) FROM %s t LEFT JOIN vocab_local_code l ON l.local_id = t.%s LEFT JOIN vocab_translation s ON %s WHERE %s",
		strings.Join(replaced, ", "), from, e.sourceConcept, on, which)
}

// translate gives the staged rows of the table their standard concepts.
func (e event) translate(ctx context.Context, db *sql.DB) error {
	stage := duck.Ident("stage_" + e.table)
	action := "give the events of " + e.table + " their concepts"
	if e.id != "" {
		// A key beyond the limit is that of a further reading, or a source's own,
		// which would be taken for one.
		var odd int64
		err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT * FROM %[1]s WHERE %[2]s >= %[3]d OR %[2]s < 0) a ANTI JOIN %[1]s b ON b.%[2]s = a.%[2]s - a.%[2]s // %[3]d * %[3]d AND b.%[2]s < %[3]d AND b.person_id = a.person_id",
			stage, e.id, int64(furtherKey))).Scan(&odd)
		if err != nil {
			return duck.Error(action, err)
		}
		if odd > 0 {
			return galien.Errorf(galien.Internal, "%s: %d rows have a key of their own outside of 0 to 2^52", action, odd)
		}
	}
	return run(ctx, db, action, "CREATE TABLE vocab_translated_event AS "+e.query(stage)+";\nDROP TABLE "+stage+";\nALTER TABLE vocab_translated_event RENAME TO "+stage+";\n")
}

// isTranslated reports whether a table is one whose rows get standard concepts.
func isTranslated(table string) bool {
	return slices.ContainsFunc(translated, func(e event) bool { return e.table == table })
}
