package snds

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"galien/source"
	"galien/vault"
)

// problems collects what cannot be kept, file by file. The engine says how many
// rows fail and in which field, or by which keys they are found; the files that
// have any are then read once more, in Go, for the lines.
type problems struct {
	mu   sync.Mutex
	file map[*input]*fileProblems
}

type fileProblems struct {
	lines  map[int64]source.Code
	fields map[failure]int64
	keyed  map[string]map[string]failure // by key columns, then by their values
}

// failure is where and why rows of a file fail.
type failure struct {
	field string // in upper case, empty for the row as a whole
	code  source.Code
}

// storedProblems is how the store writes the problems of a file.
type storedProblems struct {
	Lines  map[int64]source.Code `json:"lines"`
	Fields []storedFailure       `json:"fields"`
	Keyed  []storedFailure       `json:"keyed"`
}

type storedFailure struct {
	Field string      `json:"field"`
	Code  source.Code `json:"code"`
	Rows  int64       `json:"rows,omitempty"`
	By    string      `json:"by,omitempty"`
	Key   string      `json:"key,omitempty"`
}

// MarshalJSON writes the problems for the store, in no order.
func (f *fileProblems) MarshalJSON() ([]byte, error) {
	s := storedProblems{Lines: f.lines}
	for why, n := range f.fields {
		s.Fields = append(s.Fields, storedFailure{Field: why.field, Code: why.code, Rows: n})
	}
	for by, keys := range f.keyed {
		for key, why := range keys {
			s.Keyed = append(s.Keyed, storedFailure{Field: why.field, Code: why.code, By: by, Key: key})
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *fileProblems) UnmarshalJSON(b []byte) error {
	var s storedProblems
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*f = fileProblems{map[int64]source.Code{}, map[failure]int64{}, map[string]map[string]failure{}}
	maps.Copy(f.lines, s.Lines)
	for _, x := range s.Fields {
		f.fields[failure{x.Field, x.Code}] = x.Rows
	}
	for _, x := range s.Keyed {
		if f.keyed[x.By] == nil {
			f.keyed[x.By] = map[string]failure{}
		}
		f.keyed[x.By][x.Key] = failure{x.Field, x.Code}
	}
	return nil
}

func newProblems() *problems { return &problems{file: map[*input]*fileProblems{}} }

func (p *problems) of(in *input) *fileProblems {
	f := p.file[in]
	if f == nil {
		f = &fileProblems{map[int64]source.Code{}, map[failure]int64{}, map[string]map[string]failure{}}
		p.file[in] = f
	}
	return f
}

// give returns the problems of a file so far, nil when it has none.
func (p *problems) give(in *input) *fileProblems {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.file[in]
}

// take notes the problems that an earlier reading of a file found.
func (p *problems) take(in *input, f *fileProblems) {
	if f == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.file[in] = f
}

func (p *problems) atLine(in *input, line int64, code source.Code) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(in).lines[line] = code
}

func (p *problems) inField(in *input, field string, code source.Code, rows int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(in).fields[failure{field, code}] += rows
}

// atKeys notes the rows whose key columns have the values given, in their plain
// form: whole numbers without zeros before them, dates as AAAA-MM-JJ.
func (p *problems) atKeys(in *input, columns []string, values []string, f failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by := strings.Join(columns, " ")
	keyed := p.of(in).keyed
	if keyed[by] == nil {
		keyed[by] = map[string]failure{}
	}
	keyed[by][strings.Join(values, "\x1f")] = f
}

// located is a row in quarantine.
type located struct {
	source.Rejection
	raw []byte
	in  *input
}

// locate reads the files that have problems, several at once, and returns their
// rows, sorted as in the index.
func (p *problems) locate(ctx context.Context) ([]located, error) {
	files := slices.Collect(maps.Keys(p.file))
	rows := make([][]located, len(files))
	err := parallel(ctx, len(files), func(_ context.Context, i int) (err error) {
		rows[i], err = p.file[files[i]].locate(files[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(rows...)
	slices.SortFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.File, b.File), cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.Line, b.Line))
	})
	return all, nil
}

// locate finds the rows of one file. Every row has one failure, the first.
func (f *fileProblems) locate(in *input) (found []located, err error) {
	fd, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fd.Close()) }()
	r, err := in.text(bufio.NewReaderSize(fd, 1<<18))
	if err != nil {
		return nil, err
	}
	left := map[failure]int64{}
	maps.Copy(left, f.fields)
	// In the order in which the engine tried them.
	tried := slices.SortedFunc(maps.Keys(left), func(a, b failure) int {
		columns := reads[in.table.Name].columns()
		return cmp.Or(cmp.Compare(slices.Index(columns, a.field), slices.Index(columns, b.field)), cmp.Compare(a.code, b.code))
	})
	add := func(line int64, why failure, raw []byte) {
		found = append(found, located{source.Rejection{
			Table: strings.ToLower(in.table.Name), File: shownName(in.name), SHA256: in.sha256, Line: line,
			Field: strings.ToLower(why.field), Code: why.code,
		}, bytes.Clone(raw), in})
	}
	suspect := f.suspect(in)
	lines := bufio.NewReaderSize(r, 1<<18)
	var long []byte
	for n := int64(1); ; n++ {
		raw, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long[:0], raw...)
			raw, err = lines.ReadBytes('\n')
			raw = append(long, raw...)
		}
		if err == io.EOF && len(raw) == 0 {
			break
		}
		if err != nil && err != io.EOF {
			return nil, in.damaged(err)
		}
		raw = bytes.TrimRight(raw, "\r\n")
		if n == 1 || len(raw) == 0 {
			continue
		}
		if code, ok := f.lines[n]; ok {
			add(n, failure{code: code}, raw)
			continue
		}
		if len(left) == 0 && !suspect(raw, in.delimiter) {
			continue
		}
		fields := cut(string(raw), in.delimiter)
		if len(fields) != len(in.columns) {
			continue // a row over several lines, which the engine read
		}
		if why, ok := in.failing(fields, tried, left); ok {
			left[why]--
			add(n, why, raw)
			continue
		}
		for by, values := range f.keyed {
			if why, ok := values[in.key(fields, strings.Fields(by))]; ok {
				add(n, why, raw)
				break
			}
		}
	}
	// A row that the engine refused and that was not found again, as in a field
	// over several lines, is counted at line 0.
	for why, n := range left {
		for range n {
			add(0, why, nil)
		}
	}
	return found, nil
}

// suspect returns a cheap test that a line may have one of the keys sought: the
// value of one key column of each, the one of which they have the most values. A
// line with quotes is always suspect.
func (f *fileProblems) suspect(in *input) func(raw []byte, delimiter byte) bool {
	type column struct {
		at     int
		kind   valueKind
		values map[string]bool
	}
	var telling []column
	for by, keys := range f.keyed {
		names := strings.Fields(by)
		columns := make([]column, len(names))
		for i, name := range names {
			columns[i] = column{slices.Index(in.columns, name), reads[in.table.Name].kindOf(in.table, name), map[string]bool{}}
		}
		for k := range keys {
			for i, value := range strings.Split(k, "\x1f") {
				columns[i].values[value] = true
			}
		}
		telling = append(telling, slices.MaxFunc(columns, func(a, b column) int { return cmp.Compare(len(a.values), len(b.values)) }))
	}
	return func(raw []byte, delimiter byte) bool {
		for _, c := range telling {
			field := raw
			for range c.at {
				i := bytes.IndexByte(field, delimiter)
				if i < 0 {
					return true
				}
				field = field[i+1:]
			}
			if i := bytes.IndexByte(field, delimiter); i >= 0 {
				field = field[:i]
			}
			field = bytes.TrimSpace(field)
			if c.values[string(field)] {
				return true
			}
			if c.kind == text || c.kind == whole && isPlain(field) {
				continue
			}
			value, ok := plain(c.kind, string(field))
			if !ok || c.values[value] {
				return true
			}
		}
		return bytes.IndexByte(raw, '"') >= 0
	}
}

// isPlain reports whether a whole number is written in its plain form.
func isPlain(digits []byte) bool {
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}

// cut splits a line into fields, with quotes as the engine reads them.
func cut(line string, delimiter byte) (fields []string) {
	for {
		if strings.HasPrefix(line, `"`) {
			rest := line[1:]
			var b strings.Builder
			for {
				i := strings.IndexByte(rest, '"')
				if i < 0 {
					return append(fields, rest)
				}
				b.WriteString(rest[:i])
				rest = rest[i+1:]
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				b.WriteByte('"')
				rest = rest[1:]
			}
			fields = append(fields, b.String())
			if rest == "" {
				return fields
			}
			line = rest[1:]
			continue
		}
		i := strings.IndexByte(line, delimiter)
		if i < 0 {
			return append(fields, line)
		}
		fields = append(fields, line[:i])
		line = line[i+1:]
	}
}

// failing returns the first failure of a row among those still to be found.
func (in *input) failing(fields []string, tried []failure, left map[failure]int64) (failure, bool) {
	for _, why := range tried {
		if left[why] <= 0 {
			continue
		}
		value := strings.TrimSpace(fields[slices.Index(in.columns, why.field)])
		if why.code == source.RequiredMissing {
			if value == "" {
				return why, true
			}
			continue
		}
		if _, ok := plain(reads[in.table.Name].kindOf(in.table, why.field), value); value != "" && !ok {
			return why, true
		}
	}
	return failure{}, false
}

// key returns the plain values of the columns of a row, joined.
func (in *input) key(fields []string, columns []string) string {
	values := make([]string, len(columns))
	for i, name := range columns {
		if at := slices.Index(in.columns, name); at >= 0 {
			values[i], _ = plain(reads[in.table.Name].kindOf(in.table, name), strings.TrimSpace(fields[at]))
		}
	}
	return strings.Join(values, "\x1f")
}

// plain returns a value in the form in which the engine writes it as text;
// false when it is not of its kind.
func plain(k valueKind, value string) (string, bool) {
	if value == "" {
		return "", true
	}
	switch k {
	case whole:
		n, err := strconv.ParseInt(value, 10, 64)
		if err == nil {
			return strconv.FormatInt(n, 10), true
		}
		x, err := strconv.ParseFloat(value, 64)
		return strconv.FormatInt(int64(x), 10), err == nil
	case number:
		_, err := strconv.ParseFloat(strings.ReplaceAll(value, ",", "."), 64)
		return value, err == nil
	case date, dayFirst:
		layouts := []string{"02Jan2006:15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z", "02Jan2006"}
		switch {
		case len(value) == 10:
			layouts = []string{"2006-01-02", "02/01/2006"}
		case len(value) == 8 && k == dayFirst:
			layouts = []string{"02012006"}
		case len(value) == 8:
			layouts = []string{"20060102"}
		}
		for _, layout := range layouts {
			// Go reads names of months in any case.
			if t, err := time.Parse(layout, value); err == nil {
				return t.Format("2006-01-02"), true
			}
		}
		return "", false
	}
	return value, true
}

// keep hands the raw rows to the vault.
func keep(rows []located, intake *vault.Intake) error {
	ids := map[*input]int64{}
	for _, r := range rows {
		id, ok := ids[r.in]
		if !ok {
			var err error
			id, err = intake.File(vault.RawFile{Table: r.Table, Name: r.File, SHA256: r.SHA256, Delimiter: r.in.delimiter, Header: strings.Join(r.in.columns, string(r.in.delimiter))})
			if err != nil {
				return err
			}
			ids[r.in] = id
		}
		if err := intake.Raw(id, r.Line, append([]byte{}, r.raw...)); err != nil {
			return err
		}
	}
	return nil
}
