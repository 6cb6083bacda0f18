package identity

import (
	"context"
	"strconv"
	"strings"

	"galien"
	"galien/source/pmsi"
	"galien/vault/link"
)

// span is the days of a stay, the postcodes that its summaries give and the
// chaining numbers that came back for it.
type span struct {
	entry, exit galien.Date
	known       bool
	postcodes   []string
	numbers     []link.Number
	person      string
}

// readHospital gathers a hospital's lines by patient: the permanent number
// (IPP) where there is one, else the own number, else the stay; a stay that
// ANO-HOSP alone tells of is its chaining number's.
func (s *Source) readHospital(ctx context.Context, files []file) error {
	stays := map[string]*span{}
	at := func(finess, nadl string) *span {
		id := finess + "|" + nadl
		if stays[id] == nil {
			stays[id] = &span{}
		}
		return stays[id]
	}
	for _, f := range files {
		report := FileReport{File: f.name, Kind: f.kind}
		var err error
		if f.kind == kindTable {
			report.Lines, err = rows(ctx, f, nil, func(r row) {
				if !s.tableRow(r) {
					report.Unread++
				}
			})
		} else {
			err = lines(ctx, f, func(line string) {
				report.Lines++
				format, problem := pmsi.Detect(line)
				if problem != nil {
					report.Unread++
					return
				}
				record, problem := format.Parse(line)
				switch {
				case problem != nil:
					report.Unread++
				case format.Kind == "VID-HOSP":
					s.vidHosp(record.First(), at)
				case format.Kind == "ANO-HOSP":
					anoHosp(record.First(), at)
				case format.Kind == "RSS" || format.Kind == "RUM":
					summary(record.First(), at)
				}
			})
		}
		if err != nil {
			return err
		}
		s.Report.Files = append(s.Report.Files, report)
	}
	for id, x := range stays {
		if x.person == "" {
			if len(x.numbers) == 0 {
				continue
			}
			x.person = "CHAIN " + x.numbers[0].Value
		}
		t := s.person(x.person)
		for _, n := range x.numbers {
			add(&t.Numbers, n)
		}
		for _, p := range x.postcodes {
			add(&t.Places, link.Place{Postcode: true, Code: p})
		}
		if x.known {
			finess, _, _ := strings.Cut(id, "|")
			t.Stays = append(t.Stays, link.Stay{Establishment: finess, Entry: x.entry, Exit: x.exit, ID: id})
		}
	}
	return nil
}

// widen makes a stay reach from the first entry to the last leaving.
func (x *span) widen(entry, exit galien.Date) {
	if !x.known {
		x.entry, x.exit, x.known = entry, exit, true
	}
	x.entry, x.exit = min(x.entry, entry), max(x.exit, exit)
}

// summary reads the days of a unit and the patient's postcode.
func summary(p pmsi.Part, at func(finess, nadl string) *span) {
	entry, in, problem := p.Date("DEUM")
	exit, out, other := p.Date("DSUM")
	finess, nadl := p.Text("FINESS"), p.Text("NADL")
	if problem != nil || other != nil || finess == "" || nadl == "" {
		return
	}
	x := at(finess, nadl)
	if in && out {
		x.widen(entry, exit)
	}
	add(&x.postcodes, p.Text("CPRE"))
}

// anoHosp reads the chaining numbers of a stay: the holder's where the checks of
// number, birth and sex say 0, and the person's own where that of the number
// does.
func anoHosp(p pmsi.Part, at func(finess, nadl string) *span) {
	finess, nadl := p.Text("FINES"), p.Text("NADL")
	if finess == "" || nadl == "" {
		return
	}
	x := at(finess, nadl)
	if n := p.Text("NANO"); n != "" && p.Text("RNIA") == "0" && p.Text("RDNAIS") == "0" && p.Text("RSEXE") == "0" {
		add(&x.numbers, link.Number{System: link.HolderChain, Value: n})
	}
	if n := p.Text("NANOI"); n != "" && p.Text("RNIMI") == "0" {
		add(&x.numbers, link.Number{System: link.OwnChain, Value: n})
	}
}

// vidHosp reads who stayed.
func (s *Source) vidHosp(p pmsi.Part, at func(finess, nadl string) *span) {
	finess, nadl, ipp := p.Text("FINESS"), p.Text("NADL"), p.Text("IPP")
	own, holder, ins := p.Text("NIMI"), p.Text("NIA"), p.Text("INS")
	id := ipp
	switch {
	case strings.Trim(ipp, "0") != "":
	case len(ins) >= 13:
		id = "NIR " + ins[:13]
	case strings.Trim(own, "0") != "":
		id = "NIR " + own
	default:
		id = "STAY " + finess + " " + nadl
	}
	t := s.person(id)
	if t.Sex == link.UnknownSex {
		t.Sex = link.SexOf(p.Text("SEXE"))
	}
	birth := birthOf(p.Text("DNAIS"))
	add(&t.Births, birth)
	if id == ipp {
		add(&t.Numbers, link.Number{System: link.Local, Value: ipp, Issuer: finess})
	}
	// The key of a number that is not there stands there all the same.
	if own != "" {
		add(&t.Numbers, link.Number{System: link.Own, Value: own + p.Text("CNIMI")})
	}
	if ins != "" {
		add(&t.Numbers, link.Number{System: link.Own, Value: ins})
	}
	if holder != "" {
		add(&t.Numbers, link.Number{System: link.HolderOf, Value: holder + p.Text("CNIA"), Birth: birth})
	}
	x := at(finess, nadl)
	x.person = id
	entry, in, _ := p.Date("DENT")
	exit, out, _ := p.Date("DSOR")
	if in && out && !x.known {
		x.widen(entry, exit)
	}
}

// Names of the columns of a table of identities, the preferred one first.
var (
	idColumns     = []string{"IPP", "SOURCE_ID", "PERSON_SOURCE_VALUE", "ID"}
	birthColumns  = []string{"DATE_NAISSANCE", "DNAIS", "BIRTH_DATE"}
	familyColumns = []string{"NOM_NAISSANCE", "NOM_FAMILLE", "NOM", "BIRTH_NAME"}
	usedColumns   = []string{"NOM_USAGE", "NOM_UTILISE", "NOM_MARITAL", "USED_NAME"}
)

// id returns the place of the column of ids, -1 when the header is not that of
// a table of identities.
func (c columns) id() int {
	place := func(names []string) int {
		for _, name := range names {
			if i, ok := c[name]; ok {
				return i
			}
		}
		return -1
	}
	if place(birthColumns) < 0 && place(familyColumns) < 0 {
		return -1
	}
	return place(idColumns)
}

// tableRow reads a line of a table of identities; false without an id.
func (s *Source) tableRow(r row) bool {
	id := r.get(idColumns...)
	if id == "" {
		return false
	}
	t := s.person(id)
	if t.Sex == link.UnknownSex {
		t.Sex = link.SexOf(r.get("SEXE", "SEX"))
	}
	add(&t.BirthNames, r.get(familyColumns...))
	add(&t.UsedNames, r.get(usedColumns...))
	for _, column := range []string{"PRENOM_UTILISE", "PRENOM_1", "PRENOM", "PRENOMS", "FIRST_NAMES"} {
		add(&t.FirstNames, r.get(column))
	}
	birth := birthOf(r.get(birthColumns...))
	add(&t.Births, birth)
	add(&t.BirthPlaces, r.get("LIEU_NAISSANCE_INSEE", "COMMUNE_NAISSANCE", "BIRTH_PLACE"))
	if code := r.get("CODE_POSTAL", "POSTCODE"); code != "" {
		add(&t.Places, link.Place{Postcode: true, Code: code})
	}
	if code := r.get("COMMUNE_INSEE", "COMMUNE_RESIDENCE", "COMMUNE"); code != "" {
		add(&t.Places, link.Place{Code: code})
	}
	finess := r.get("FINESS", "ETABLISSEMENT")
	if ipp := r.get("IPP"); ipp != "" && finess != "" {
		add(&t.Numbers, link.Number{System: link.Local, Value: ipp, Issuer: finess})
	}
	for _, n := range []link.Number{
		{System: link.Own, Value: r.get("INS", "MATRICULE_INS"), Issuer: r.get("OID")}, {System: link.Own, Value: r.get("NIR")},
		{System: link.HolderOf, Value: r.get("NIR_ASSURE"), Birth: birth},
		{System: link.HolderChain, Value: r.get("BEN_NIR_PSA")}, {System: link.HolderChain, Value: r.get("NIR_ANO_17")},
		{System: link.OwnChain, Value: r.get("BEN_NIR_ANO")},
	} {
		if n.Value != "" {
			add(&t.Numbers, n)
		}
	}
	entry, errIn := dateOf(r.get("DATE_ENTREE", "ENTRY"))
	exit, errOut := dateOf(r.get("DATE_SORTIE", "EXIT"))
	if errIn == nil && errOut == nil && finess != "" {
		add(&t.Stays, link.Stay{Establishment: finess, Entry: entry, Exit: exit, ID: finess + "|" + r.get("NADL", "STAY")})
	}
	return true
}

// parts cuts a date written AAAA-MM-JJ, JJ/MM/AAAA, AAAAMMJJ or JJMMAAAA. Parts
// that are not known are 0; all are 0 when it is none of these.
func parts(text string) (year, month, day int) {
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	switch {
	case len(text) >= 10 && text[4] == '-' && text[7] == '-':
		return number(text[:4]), number(text[5:7]), number(text[8:10])
	case len(text) >= 10 && text[2] == '/' && text[5] == '/':
		return number(text[6:10]), number(text[3:5]), number(text[:2])
	case len(text) != 8:
		return 0, 0, 0
	}
	year, month, day = number(text[4:]), number(text[2:4]), number(text[:2])
	if year < 1850 || year > 2300 || month > 12 || day > 31 {
		year, month, day = number(text[:4]), number(text[4:6]), number(text[6:])
	}
	return year, month, day
}

func birthOf(text string) link.Birth { return link.BirthOf(parts(text)) }

func dateOf(text string) (galien.Date, error) {
	y, m, d := parts(text)
	date, ok := galien.NewDate(y, m, d)
	if !ok {
		return 0, galien.Errorf(galien.Invalid, "not a date")
	}
	return date, nil
}
