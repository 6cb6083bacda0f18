package pmsi

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"

	"galien"
	"galien/lake/duck"
	"galien/source"
)

// scratch are the tables into which lines are cut.
var scratch = []struct{ name, columns string }{
	{"rum", "file BIGINT, line BIGINT, finess VARCHAR, rss VARCHAR, stay VARCHAR, rum VARCHAR, unit VARCHAR, entry DATE, leaving DATE, " +
		"entry_mode VARCHAR, entry_from VARCHAR, exit_mode VARCHAR, emergency VARCHAR"},
	{"rsa", "file BIGINT, line BIGINT, finess VARCHAR, rsa VARCHAR, month BIGINT, year BIGINT, nights BIGINT, age BIGINT, age_days BIGINT, sex VARCHAR, " +
		"entry_mode VARCHAR, entry_from VARCHAR, exit_mode VARCHAR, emergency VARCHAR, main BIGINT"},
	{"rsa_unit", "file BIGINT, line BIGINT, part BIGINT, nights BIGINT"},
	{"tra", "file BIGINT, line BIGINT, rsa VARCHAR, stay VARCHAR, rss VARCHAR, entry DATE, leaving DATE"},
	{"rum_diagnosis", "file BIGINT, line BIGINT, part BIGINT, code VARCHAR, place VARCHAR"},
	{"rum_act", "file BIGINT, line BIGINT, part BIGINT, day DATE, delay BIGINT, code VARCHAR, extension VARCHAR, phase VARCHAR, activity VARCHAR, quantity BIGINT"},
	{"identity", "file BIGINT, line BIGINT, finess VARCHAR, stay VARCHAR, source_id VARCHAR, numbered BOOLEAN, birth DATE, sex VARCHAR, entry DATE, " +
		"anonymous BOOLEAN, rank VARCHAR"},
}

// rows takes the rows of a table: a duck.Appender, but in the tests of lines.
type rows interface {
	Row(values ...any) error
	Close() error
}

// cutter reads lines into the tables of an engine, which holds them in the
// vault's workspace: a line is never written anywhere else.
type cutter struct {
	tables map[string]rows
	odd    map[Odd]int64
}

// newCutter makes the tables and opens them for lines.
func newCutter(ctx context.Context, db *sql.DB) (*cutter, error) {
	c := &cutter{map[string]rows{}, map[Odd]int64{}}
	for _, t := range scratch {
		if _, err := db.ExecContext(ctx, "CREATE TABLE "+t.name+" ("+t.columns+")"); err != nil {
			return nil, errors.Join(duck.Error("read lines", err), c.close())
		}
		a, err := duck.NewAppender(ctx, db, t.name)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.tables[t.name] = a
	}
	return c, nil
}

// close ends the tables, after which queries see their rows.
func (c *cutter) close() error {
	var all error
	for _, t := range c.tables {
		all = errors.Join(all, t.Close())
	}
	return all
}

// put adds a row; an empty text is null.
func (c *cutter) put(table string, values ...any) error {
	for i, v := range values {
		switch x := v.(type) {
		case string:
			if values[i] = strings.Map(printable, x); x == "" {
				values[i] = nil
			}
		case int:
			values[i] = int64(x)
		}
	}
	return c.tables[table].Row(values...)
}

func printable(c rune) rune {
	if c < ' ' {
		return ' '
	}
	return c
}

// line reads one line. It returns the format that the line has, nil when it
// has none, and why it cannot be kept, nil when it can.
func (c *cutter) line(file int, number int64, text string) (*Format, *Problem, error) {
	f, problem := Detect(text)
	if problem != nil {
		return nil, problem, nil
	}
	rec, problem := f.Parse(text)
	if problem != nil {
		return f, problem, nil
	}
	var err error
	switch f.Kind {
	case "RUM", "RSS":
		problem, err = c.rum(file, number, &rec)
	case "VID-HOSP":
		problem, err = c.identity(file, number, &rec)
	case "ANO-HOSP":
		problem, err = c.anonymous(file, number, &rec)
	case "RSA":
		problem, err = c.rsa(file, number, &rec)
	case "TRA":
		problem, err = c.link(file, number, &rec)
	}
	if problem != nil || err != nil {
		return f, problem, err
	}
	for _, p := range rec.Check() {
		c.odd[Odd{Format: f.String(), Field: p.Field, Code: p.Code}]++
	}
	return f, nil, nil
}

// needed returns a text or date without which a line says nothing.
func needed(p Part, field string) (string, *Problem) {
	s := p.Text(field)
	if s == "" {
		return "", p.problem(field, source.RequiredMissing)
	}
	return s, nil
}

func neededDate(p Part, field string) (galien.Date, *Problem) {
	d, ok, problem := p.Date(field)
	if problem == nil && !ok {
		problem = p.problem(field, source.RequiredMissing)
	}
	return d, problem
}

// rum reads the summary of a unit. Nothing is written of a line that has a
// problem.
func (c *cutter) rum(file int, line int64, rec *Record) (*Problem, error) {
	r := rec.First()
	finess, p1 := needed(r, "FINESS")
	stay, p2 := needed(r, "NADL")
	entry, p3 := neededDate(r, "DEUM")
	leaving, p4 := neededDate(r, "DSUM")
	if problem := firstOf(p1, p2, p3, p4); problem != nil {
		return problem, nil
	}
	type act struct {
		day      any
		quantity int64
	}
	zones := rec.Of("ZA")
	acts := make([]act, len(zones))
	for i, z := range zones {
		day, ok, problem := z.Date("DR")
		if problem != nil {
			return problem, nil
		}
		if ok {
			acts[i].day = day
		}
		n, ok, problem := z.Number("NREAL")
		if problem != nil {
			return problem, nil
		}
		if !ok || n == 0 {
			n = 1
		}
		acts[i].quantity = n
	}
	err := c.put("rum", file, line, finess, r.Text("NRSS"), stay, r.Text("NRUM"), r.Text("NUM"), entry, leaving,
		r.Text("MEUM"), r.Text("PROV"), r.Text("MSUM"), r.Text("PSUR"))
	diagnosis := func(p Part, field, place string) {
		if code := strings.ToUpper(p.Text(field)); code != "" {
			err = errors.Join(err, c.put("rum_diagnosis", file, line, 1, code, place))
		}
	}
	diagnosis(r, "DP", "DP")
	diagnosis(r, "DR", "DR")
	for _, d := range rec.Of("DA") {
		diagnosis(d, "TDA", "DAS")
	}
	for i, z := range zones {
		code := strings.ToUpper(z.Text("CCCA"))
		extension := z.Text("XPMSI")
		if len(code) > 7 {
			code, extension = code[:7], strings.TrimSpace(code[7:])
		}
		if code == "" {
			continue
		}
		err = errors.Join(err, c.put("rum_act", file, line, 1, acts[i].day, nil, code, extension, z.Text("PHAS"), z.Text("ACTI"), acts[i].quantity))
	}
	return nil, err
}

// identity reads who stayed.
func (c *cutter) identity(file int, line int64, rec *Record) (*Problem, error) {
	r := rec.First()
	finess, p1 := needed(r, "FINESS")
	stay, p2 := needed(r, "NADL")
	birth, p3 := neededDate(r, "DNAIS")
	if problem := firstOf(p1, p2, p3); problem != nil {
		return problem, nil
	}
	entry := any(nil)
	if d, ok, problem := r.Date("DENT"); problem == nil && ok {
		entry = d
	}
	id, numbered := sourceID(r, finess, stay)
	return nil, c.put("identity", file, line, finess, stay, id, numbered, birth, r.Text("SEXE"), entry, false, nil)
}

// number returns the number of a person, empty when only its place is filled.
func number(p Part, field string) string {
	s := p.Text(field)
	if strings.Trim(s, "0Xx") == "" {
		return ""
	}
	return s
}

// sourceID returns by what a person is known in these files: the hospital's own
// permanent number, else the national one, else that of the holder of rights
// with birth and sex. A stay with none of them is a person of its own.
func sourceID(r Part, finess, stay string) (id string, numbered bool) {
	if ipp := number(r, "IPP"); ipp != "" {
		return "IPP|" + finess + "|" + ipp, true
	}
	if ins := number(r, "INS"); len(ins) >= 13 {
		return "NIR|" + ins[:13], true
	}
	if nir := number(r, "NIMI"); nir != "" {
		return "NIR|" + nir, true
	}
	if holder := number(r, "NIA"); holder != "" {
		return strings.Join([]string{"NIA", holder, r.Text("DNAIS"), r.Text("SEXE"), r.Text("RGN")}, "|"), true
	}
	return "STAY|" + finess + "|" + stay, false
}

// read cuts every file. Lines with problems go to bad.
func (d *delivery) read(ctx context.Context, c *cutter, bad *rejected, tick func(bytes, lines int64)) error {
	for n, in := range d.inputs {
		var lines int64
		err := in.each(ctx, io.Discard, func(line int64, text string) error {
			lines++
			f, problem, err := c.line(n, line, text)
			if f != nil {
				in.lines[f]++
			}
			if problem != nil {
				bad.add(n, line, problem)
			}
			return err
		})
		if err != nil {
			return err
		}
		tick(in.size, lines)
	}
	return nil
}
