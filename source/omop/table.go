package omop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"

	"galien"
	"galien/source"
	"galien/vault"
)

// reject is a row that was kept out: a small form of source.Rejection.
type reject struct {
	line  int64
	field int32 // index in table.Columns, -1 for the row as a whole
	code  source.Code
}

// tableLoad is the reading of one file.
type tableLoad struct {
	in     input
	intake *vault.Intake
	layout *layout
	file   int64 // its number in the vault, 0 before its first quarantined row

	rejects   []reject
	read      int64
	empty     []int64 // by column: kept rows with null where the model requires a value
	strangers map[int64]struct{}
	shared    int64

	// What single tables tell about the delivery.
	cdmVersion, sourceVocabulary, vocabulary string
}

// recordSource yields the records of a file.
type recordSource interface {
	next() (record, error)
}

// openRecords opens a file, reads its header and returns its records.
func openRecords(ctx context.Context, in input, f fs.File, read func(n int64), verify bool) (recordSource, *layout, func() error, error) {
	if in.parquet {
		p, header, err := openParquet(in.name, f)
		if err != nil {
			return nil, nil, nil, err
		}
		l, err := bind(in.table, in.name, header)
		if err != nil {
			p.close()
			return nil, nil, nil, err
		}
		return p, l, func() error { read(in.size); p.close(); return nil }, nil
	}
	raw := &counted{ctx: ctx, r: f, read: read}
	if verify {
		raw.sum = sha256.New()
	}
	r, err := text(in.name, raw)
	if err != nil {
		return nil, nil, nil, err
	}
	c := newRecords(r)
	l, err := readHeader(c, in)
	if err != nil {
		return nil, nil, nil, err
	}
	finish := func() error {
		if !verify {
			return nil
		}
		if _, err := io.Copy(io.Discard, raw); err != nil {
			return readError(in.name, err)
		}
		if hex.EncodeToString(raw.sum.Sum(nil)) != in.sha256 {
			return galien.Errorf(galien.Conflict, "read %s: the file changed while it was read: wait until it is whole and repeat the ingest; nothing was committed", in.name)
		}
		return nil
	}
	return c, l, finish, nil
}

// readHeader consumes the header line and sets the separator.
func readHeader(c *records, in input) (*layout, error) {
	for {
		n, whole, err := c.endOfLine(0)
		if err != nil {
			return nil, readError(in.name, err)
		}
		if !whole {
			return nil, galien.Errorf(galien.Invalid, "read %s: line 1 does not end: expected a header line", in.name)
		}
		if n == 0 && c.start == c.end {
			return nil, galien.Errorf(galien.Invalid, "read %s: the file has no header line: export it again, or take the file away", in.name)
		}
		header := bytes.Clone(trimCR(c.buf[c.start : c.start+n]))
		c.consume(n)
		c.line++
		if len(bytes.TrimSpace(header)) == 0 {
			continue
		}
		if bytes.IndexByte(header, '\r') >= 0 {
			return nil, galien.Errorf(galien.Invalid, "read %s: its line ends are carriage returns alone: convert it, for example with tr '\\r' '\\n'", in.name)
		}
		l, err := bind(in.table, in.name, header)
		if err != nil {
			return nil, err
		}
		c.separate(l.delim)
		return l, nil
	}
}

// sink takes the rows that are kept.
type sink interface {
	Append(line int64, row []any) error
}

// run reads all records: good rows go to the sink, the others to quarantine.
// tick is called every few thousand rows with their number.
func (t *tableLoad) run(src recordSource, l *layout, to exchange, out sink, tick func(rows int64)) error {
	t.layout = l
	t.empty = make([]int64, len(l.table.Columns))
	r := newRows(l, to)
	var ticked int64
	defer func() { tick(t.read - ticked) }()
	for {
		rec, err := src.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return readError(t.in.name, err)
		}
		t.read++
		if t.read-ticked >= 8192 {
			tick(t.read - ticked)
			ticked = t.read
		}
		field, code := r.convert(rec)
		if code != "" {
			if code == source.UnknownPerson {
				if t.strangers == nil {
					t.strangers = map[int64]struct{}{}
				}
				t.strangers[r.unknown] = struct{}{}
			}
			if err := t.reject(rec, src, field, code); err != nil {
				return err
			}
			continue
		}
		if err := t.keep(r, rec.line, out); err != nil {
			return err
		}
	}
}

// keep hands a good row over: its identities to the vault, the rest to out.
func (t *tableLoad) keep(r *rows, line int64, out sink) error {
	for _, id := range r.identities {
		if err := t.intake.Identity(r.table.Name, r.rowKey, id.column, vault.Seal(id.value)); err != nil {
			return err
		}
	}
	for i := range r.table.Columns {
		if c := &r.table.Columns[i]; c.Required && !c.Identity && !c.LakeOnly && r.row[i] == nil {
			t.empty[i]++
		}
	}
	switch r.table.Name {
	case "cdm_source":
		t.cdmVersion, _ = r.row[r.index("cdm_version")].(string)
		t.sourceVocabulary, _ = r.row[r.index("vocabulary_version")].(string)
	case "vocabulary":
		if id, _ := r.row[r.index("vocabulary_id")].(string); id == "None" {
			t.vocabulary, _ = r.row[r.index("vocabulary_version")].(string)
		}
	}
	return out.Append(line, r.row)
}

// reject keeps the text of a row in the vault and its place in the index.
func (t *tableLoad) reject(rec record, src recordSource, field string, code source.Code) error {
	raw := rec.raw
	if p, ok := src.(*parquetRecords); ok {
		raw = p.csv()
	}
	if err := t.keepRaw(rec.line, raw); err != nil {
		return err
	}
	t.rejects = append(t.rejects, reject{rec.line, t.fieldIndex(field), code})
	return nil
}

func (t *tableLoad) keepRaw(line int64, raw []byte) error {
	if t.file == 0 {
		var err error
		t.file, err = t.intake.File(vault.RawFile{Table: t.in.table.Name, Name: t.in.name, SHA256: t.in.sha256,
			Delimiter: t.layout.delim, Header: string(t.layout.header)})
		if err != nil {
			return err
		}
	}
	if raw == nil {
		raw = []byte{}
	}
	return t.intake.Raw(t.file, line, raw)
}

func (t *tableLoad) fieldIndex(field string) int32 {
	for i := range t.in.table.Columns {
		if t.in.table.Columns[i].Name == field {
			return int32(i)
		}
	}
	return -1
}

// rejection returns the index entry of a reject.
func (t *tableLoad) rejection(r reject) source.Rejection {
	x := source.Rejection{Table: t.in.table.Name, File: t.in.name, SHA256: t.in.sha256, Line: r.line, Code: r.code}
	if r.field >= 0 {
		x.Field = t.in.table.Columns[r.field].Name
	}
	return x
}

// report sums up the table.
func (t *tableLoad) report() TableReport {
	rep := TableReport{
		Table: t.in.table.Name, File: t.in.name, Read: t.read, Quarantined: int64(len(t.rejects)),
		Kept: t.read - int64(len(t.rejects)), UnknownPersons: int64(len(t.strangers)), SharedKeys: t.shared,
	}
	counts := source.Tally{}
	for _, r := range t.rejects {
		counts.Add(t.rejection(r))
	}
	rep.Reasons = counts.Counts()
	rep.UnknownColumns = t.layout.unknown
	for i, n := range t.empty {
		if n > 0 {
			if rep.EmptyRequired == nil {
				rep.EmptyRequired = map[string]int64{}
			}
			rep.EmptyRequired[t.in.table.Columns[i].Name] = n
		}
	}
	return rep
}
