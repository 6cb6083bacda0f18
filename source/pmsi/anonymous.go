package pmsi

import (
	"errors"
	"strconv"
	"strings"

	"galien/source"
)

// indexNumber is the index of an RSA, however it is padded.
func indexNumber(p Part, field string) (string, *Problem) {
	s, problem := needed(p, field)
	if problem != nil {
		return "", problem
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return strconv.FormatUint(n, 10), nil
	}
	return s, nil
}

// optional is a number that may be empty, as it is written to a table.
func optional(p Part, field string) (any, *Problem) {
	n, ok, problem := p.Number(field)
	if problem != nil || !ok {
		return nil, problem
	}
	return n, nil
}

// firstOf returns the first problem that there is.
func firstOf(problems ...*Problem) *Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

// rsa reads the anonymous summary of a stay. It has no date: the month of
// leaving, the nights, and the days from the entry to each act.
func (c *cutter) rsa(file int, line int64, rec *Record) (*Problem, error) {
	r := rec.First()
	finess, p1 := needed(r, "FINESS")
	index, p2 := indexNumber(r, "NRSA")
	month, okMonth, p3 := r.Number("MSOR")
	year, okYear, p4 := r.Number("ASOR")
	years, p5 := optional(r, "AGEA")
	days, p6 := optional(r, "AGEJ")
	nights, p7 := optional(r, "DUTSP")
	problem := firstOf(p1, p2, p3, p4, p5, p6, p7)
	switch {
	case problem != nil:
		return problem, nil
	case !okMonth:
		return r.problem("MSOR", source.RequiredMissing), nil
	case !okYear:
		return r.problem("ASOR", source.RequiredMissing), nil
	}

	type act struct {
		unit            int
		delay, quantity any
		part            Part
	}
	type diagnosis struct {
		unit int
		code string
	}
	var acts []act
	var associated []diagnosis
	var units []Part
	var unitNights []any
	unitOf := map[int]int{} // by place in the line, from 1
	for i, p := range rec.parts {
		switch p.group.Name {
		case "RU":
			n, problem := optional(p, "DSP")
			if problem != nil {
				return problem, nil
			}
			units, unitNights = append(units, p), append(unitNights, n)
			unitOf[i] = len(units)
		case "DA":
			associated = append(associated, diagnosis{unitOf[p.parent], p.Text("TDA")})
		case "ZA":
			delay, p1 := optional(p, "DLDA")
			quantity, p2 := optional(p, "NBREAL")
			if problem := firstOf(p1, p2); problem != nil {
				return problem, nil
			}
			if quantity == nil || quantity == int64(0) {
				quantity = int64(1)
			}
			acts = append(acts, act{unitOf[p.parent], delay, quantity, p})
		}
	}
	if len(units) == 0 {
		return r.problem("NBRUM", source.RequiredMissing), nil
	}
	// The unit that gave the main diagnosis of the stay.
	main, err := strconv.Atoi(r.Text("NRUPDP"))
	if err != nil || main < 1 || main > len(units) {
		main = 1
	}

	err = c.put("rsa", file, line, finess, index, month, year, nights, years, days, r.Text("SEXE"), r.Text("MEPMC"), r.Text("PROV"), r.Text("MSPMC"),
		r.Text("PSUR"), main)
	diagnose := func(unit int, code, place string) {
		if code = strings.ToUpper(code); code != "" {
			err = errors.Join(err, c.put("rum_diagnosis", file, line, unit, code, place))
		}
	}
	diagnose(main, r.Text("DP"), "DP")
	diagnose(main, r.Text("DR"), "DR")
	for i, u := range units {
		err = errors.Join(err, c.put("rsa_unit", file, line, i+1, unitNights[i]))
		if u.Text("DP") != r.Text("DP") || i+1 != main {
			diagnose(i+1, u.Text("DP"), "DPU")
		}
		if u.Text("DR") != r.Text("DR") || i+1 != main {
			diagnose(i+1, u.Text("DR"), "DRU")
		}
	}
	for _, d := range associated {
		diagnose(d.unit, d.code, "DAS")
	}
	for _, a := range acts {
		code := strings.ToUpper(a.part.Text("CCCAM"))
		if code == "" {
			continue
		}
		err = errors.Join(err, c.put("rum_act", file, line, a.unit, nil, a.delay, code, a.part.Text("XTPMSI"), a.part.Text("PHASE"), a.part.Text("ACTIV"), a.quantity))
	}
	return nil, err
}

// link reads a line of the TRA: which stay an RSA was made of, and its days.
func (c *cutter) link(file int, line int64, rec *Record) (*Problem, error) {
	r := rec.First()
	index, p1 := indexNumber(r, "NRSA")
	stay, p2 := needed(r, "NDOSS")
	entry, p3 := neededDate(r, "DENTR")
	leaving, p4 := neededDate(r, "DSOR")
	if problem := firstOf(p1, p2, p3, p4); problem != nil {
		return problem, nil
	}
	return nil, c.put("tra", file, line, index, stay, r.Text("NRSS"), entry, leaving)
}

// anonymous reads an ANO-HOSP line: who stayed, by the chaining number. Unlike a
// VID-HOSP it may say no birth.
func (c *cutter) anonymous(file int, line int64, rec *Record) (*Problem, error) {
	r := rec.First()
	finess, p1 := needed(r, "FINES")
	stay, p2 := needed(r, "NADL")
	birth, born, p3 := r.Date("DNAIS")
	entry, entered, p4 := r.Date("DENT")
	if problem := firstOf(p1, p2, p3, p4); problem != nil {
		return problem, nil
	}
	var days [2]any
	if born {
		days[0] = birth
	}
	if entered {
		days[1] = entry
	}
	rank := r.Text("RGN")
	if rank == "0" {
		rank = ""
	}
	id, numbered := chainedID(r, finess, stay)
	return nil, c.put("identity", file, line, finess, stay, id, numbered, days[0], r.Text("SEXE"), days[1], true, rank)
}

// chained is how the id of a person begins that a chaining number names.
const chained = "ANO|"

// chainedID returns by what the person of an ANO-HOSP line is known: the
// hospital's own permanent number, as in a VID-HOSP, else the chaining number,
// if number, birth and sex passed its controls. A stay with neither is a person
// of its own.
func chainedID(r Part, finess, stay string) (id string, numbered bool) {
	if ipp := number(r, "IPP"); ipp != "" {
		return "IPP|" + finess + "|" + ipp, true
	}
	passed := r.Text("RNIA") == "0" && r.Text("RDNAIS") == "0" && r.Text("RSEXE") == "0"
	if chain := r.Text("NANO"); passed && strings.Trim(chain, "0XxD") != "" {
		return chained + chain, true
	}
	return "STAY|" + finess + "|" + stay, false
}
