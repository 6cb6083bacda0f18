package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/columnar"
	"galien/engine/duckdb"
	"galien/engine/oracle"
	"galien/lake"
	"galien/lake/duck"
	"galien/ledger"
	"galien/permit"
	"galien/vocab"
)

// definition is a cohort definition as it was handed over.
type definition struct {
	id     int64
	file   string // base name
	sha256 string
	def    *cohort.Definition
}

var firstNumber = regexp.MustCompile(`[0-9]+`)

// readDefinition reads a definition; its id is the first number of the file's
// name, unless one is given.
func readDefinition(stdin io.Reader, path string, id int64) (definition, error) {
	b, err := readInput(stdin, path)
	if err != nil {
		return definition{}, err
	}
	return parseDefinition(path, b, id)
}

// parseDefinition is readDefinition for the contents of a file.
func parseDefinition(path string, b []byte, id int64) (definition, error) {
	def, err := circe.Read(bytes.NewReader(b))
	if err != nil {
		return definition{}, fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	d := definition{id: id, file: filepath.Base(path), sha256: hex.EncodeToString(sum[:]), def: def}
	if d.id == 0 {
		if d.id, err = strconv.ParseInt(firstNumber.FindString(d.file), 10, 64); err != nil {
			return definition{}, galien.Errorf(galien.Invalid, "%s: no number of 64 bits in the file's name to use as cohort_definition_id; give one with --id", path)
		}
	}
	return d, nil
}

// cohortEngine is what the commands ask of either engine.
type cohortEngine interface {
	counter
	TableMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension, m *cohort.Members) ([]cohort.Cell, error)
	Version(ctx context.Context) (string, error)
	Close() error
}

// The engines that --engine chooses from.
const (
	engineColumnar = "columnar"
	engineDuckDB   = "duckdb"
	engineOracle   = "oracle"
)

var engines = []string{engineColumnar, engineDuckDB, engineOracle}

// question is the flags and the open hub that every asking command shares.
type question struct {
	permitID, engine, memory string
	threads                  int

	hub      *hub
	actor    string // who asks
	gate     *permit.Gate
	snapshot *lake.Snapshot
	// rehearsal is the copy of the ledger that an attack's questions are judged by;
	// nil for the hub's own. What a copy records is nowhere afterwards, so that no
	// entry of the log names it.
	rehearsal *ledger.Ledger
}

// flags declares the shared flags.
func (q *question) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.permitID, "permit", "", "the permit under which to ask (required)")
	cmd.Flags().StringVar(&q.memory, "memory", "2GiB", "most memory for the engine")
	cmd.Flags().IntVar(&q.threads, "threads", 0, "cores for the engine (0: all)")
	_ = cmd.MarkFlagRequired("permit")
}

// engineFlag declares the choice of the engine.
func (q *question) engineFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.engine, "engine", engineColumnar, "columnar (fast), or as a check: duckdb (SQL), oracle (plain Go over rows in memory, for small hubs)")
}

// open opens the hub and its current snapshot.
func (q *question) open(dir string) (err error) {
	if q.engine != "" && !slices.Contains(engines, q.engine) {
		return galien.Errorf(galien.Invalid, "unknown engine %q; use %s", q.engine, strings.Join(engines, ", "))
	}
	if q.hub, err = openHub(dir); err != nil {
		return err
	}
	q.actor = q.hub.actor
	if q.gate, err = q.hub.gate(); err != nil {
		return errors.Join(err, q.hub.close())
	}
	if q.snapshot, err = q.hub.snapshot(); err != nil {
		return errors.Join(err, q.hub.close())
	}
	return nil
}

func (q *question) close() { _ = q.hub.close() }

// config bounds the engine. Its temporary files go to a folder of its own,
// which the caller removes.
func (q *question) config() (duck.Config, func(), error) {
	s, err := newScratch(q.hub.dir, "tmp-")
	if err != nil {
		return duck.Config{}, nil, err
	}
	return duck.Config{Threads: q.threads, MemoryLimit: q.memory, TempDir: s.dir}, s.remove, nil
}

// start opens the engine that the flags name; progress is told of each part of
// the persons that is done.
func (q *question) start(ctx context.Context, progress func(done, total int64)) (cohortEngine, func(), error) {
	switch q.engine {
	case engineOracle:
		return oracle.New(q.snapshot), func() {}, nil
	case engineDuckDB:
		c, remove, err := q.config()
		if err != nil {
			return nil, nil, err
		}
		e, err := duckdb.New(ctx, q.snapshot, c)
		if err != nil {
			remove()
			return nil, nil, err
		}
		e.Progress = progress
		return twice{e, func() (*columnar.Engine, error) { return q.columnar(q.snapshot) }}, func() { _ = e.Close(); remove() }, nil
	}
	e, err := q.columnar(q.snapshot)
	if err != nil {
		return nil, nil, err
	}
	e.Progress = progress
	return e, func() { _ = e.Close() }, nil
}

// columnar opens the columnar engine, and tells the runtime how much memory
// the process may take.
func (q *question) columnar(s *lake.Snapshot) (*columnar.Engine, error) {
	memory, err := humanize.ParseBytes(q.memory)
	if err != nil || memory == 0 || memory > math.MaxInt64 {
		return nil, galien.Errorf(galien.Invalid, "--memory %s is no amount of memory; write it as 2GiB", q.memory)
	}
	debug.SetMemoryLimit(int64(memory))
	return columnar.New(s, columnar.Config{Memory: int64(memory), Threads: q.threads})
}

// restate gives the definition the form in which the snapshot is asked: where
// events of French sources have standard concepts, local ones are asked of the
// source's column.
func (q *question) restate(d *definition) (err error) {
	m := q.snapshot.Manifest
	if m.Vocabularies == nil || !vocab.Translates(m) {
		return nil
	}
	if d.def, err = vocab.Restate(d.def); err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	return nil
}

// restateAll restates definitions; of several, those that cannot be are refused.
func (q *question) restateAll(definitions []definition, refused []refusal) ([]definition, []refusal, error) {
	single := len(definitions)+len(refused) == 1
	var kept []definition
	for _, d := range definitions {
		switch err := q.restate(&d); {
		case err == nil:
			kept = append(kept, d)
		case single:
			return nil, nil, err
		default:
			refused = append(refused, refusal{id: strconv.FormatInt(d.id, 10), file: d.file, reason: err})
		}
	}
	return kept, refused, nil
}

// allow asks the gate about one definition.
func (q *question) allow(ctx context.Context, action permit.Action, d definition, more cohort.Columns, details map[string]string) (permit.Permitted, error) {
	return q.gate.Allow(ctx, q.permitID, q.request(action, d, more, details))
}

// request is what the gate is asked about one definition.
func (q *question) request(action permit.Action, d definition, more cohort.Columns, details map[string]string) permit.Request {
	reads := d.def.Reads()
	for table, columns := range more {
		for _, c := range columns {
			if !slices.Contains(reads[table], c) {
				reads[table] = append(reads[table], c)
			}
		}
	}
	all := map[string]string{"cohort_definition_id": strconv.FormatInt(d.id, 10), "definition_sha256": d.sha256}
	for k, v := range details {
		all[k] = v
	}
	return permit.Request{
		Action: action, Snapshot: q.snapshot.ID, Subject: d.def.Hash(), Reads: reads,
		SourceIDs: details["source_ids"] == "true", Details: all,
	}
}

// provenance says where an answer comes from, so that it can be had again.
type provenance struct {
	Galien      string                 `json:"galien"`
	Engine      string                 `json:"engine"`
	Snapshot    string                 `json:"snapshot"`
	Vocabulary  string                 `json:"vocabulary,omitempty"`
	Sources     []string               `json:"sources"`
	Permit      string                 `json:"permit"`
	Oppositions int64                  `json:"oppositions_as_of"`
	Level       permit.Level           `json:"level"`
	AskedBy     string                 `json:"asked_by"`
	AnsweredAt  time.Time              `json:"answered_at"`
	Definitions []definitionProvenance `json:"definitions"`
}

type definitionProvenance struct {
	ID         int64  `json:"cohort_definition_id"`
	File       string `json:"file"`
	SHA256     string `json:"file_sha256"`
	Hash       string `json:"definition_hash"`
	AuditIndex int64  `json:"audit_index"`
}

func (q *question) provenance(engine string, p permit.Permitted) provenance {
	v := provenance{Galien: version(), Engine: engine, Snapshot: q.snapshot.ID, Vocabulary: q.snapshot.Manifest.Vocabulary,
		Permit: p.PermitID(), Oppositions: p.OppositionsAsOf(), Level: p.Level(), AskedBy: q.hub.actor, AnsweredAt: q.hub.now().UTC().Truncate(time.Second)}
	for _, s := range q.snapshot.Manifest.Sources {
		v.Sources = append(v.Sources, s.Name)
	}
	return v
}

func (d definition) provenance(p permit.Permitted) definitionProvenance {
	return definitionProvenance{ID: d.id, File: d.file, SHA256: d.sha256, Hash: d.def.Hash(), AuditIndex: p.AuditIndex()}
}

// dimensions reads the value of --by.
func dimensions(by string) ([]cohort.Dimension, error) {
	var all []cohort.Dimension
	for _, name := range strings.Split(by, ",") {
		all = append(all, cohort.Dimension(strings.TrimSpace(name)))
	}
	return all, cohort.CheckDimensions(all)
}
