package snds

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"galien"
)

// The establishments of these fields, with numbers that no establishment has.
var fieldSites = [3][]string{
	{"069720011", "139720012", "319720013", "599720014", "759720015"},
	{"069730021", "139730022", "699730023"},
	{"139740031", "319740032", "599740033", "759740034"},
}

// The tables of each field; the first two and the last are the same in all.
const (
	fieldC = iota
	fieldS
	fieldB // weeks, sub-sequences, sequences
	fieldD // associated diagnoses
	fieldE
	fieldA // acts of the CCAM
	ssrCSARR
	hadMPP = iota - 1
	hadMPA
	hadGRP
	fieldTables
)

const linkedColumns = ` NIR_RET NAI_RET SEX_RET SEJ_RET FHO_RET PMS_RET DAT_RET COH_NAI_RET COH_SEX_RET NIR_ANO_17 SEJ_NUM ENT_DAT SOR_DAT EXE_SOI_DTD EXE_SOI_DTF`

// establishmentColumns are those of every table E.
const establishmentColumns = `ANN_TRT ETA_NUM ETB_EXE_FIN SOC_RAI STA_ETA VAL_ETA`

// fieldTable is a table of a field, from a year on.
type fieldTable struct {
	name   string
	layout layout
	from   int
}

type fieldLayout struct {
	prefix, kind string
	width        int // of the number of a stay
	tables       [fieldTables]fieldTable
}

var fieldLayouts = [3]fieldLayout{
	{prefix: "T_SSR", kind: "rehabilitation", width: 7, tables: [fieldTables]fieldTable{
		fieldC:   {"C", columns("ETA_NUM RHA_NUM" + linkedColumns), 0},
		fieldS:   {"S", columns("ETA_NUM RHA_NUM ACT_TYP ENT_MOD SOR_MOD"), 0},
		fieldB:   {"B", columns("ETA_NUM RHA_NUM RHS_NUM MOR_PRP FP_PEC ETL_AFF RHS_ANT_SEJ_ENT SEJ_ANT MOI_ANN GRG_GME TYP_GEN_RHA HOS_TYP_UM AUT_TYP_UM JP_HWE JP_WE"), 0},
		fieldD:   {"D", columns("ETA_NUM RHA_NUM RHS_NUM DGN_COD"), 0},
		fieldA:   {"CCAM", columns("ETA_NUM RHA_NUM RHS_NUM CCAM_DEL_ENT_UM CCAM_ACT CCAM_NBR_REA"), 0},
		ssrCSARR: {"CSARR", columns("ETA_NUM RHA_NUM RHS_NUM CSARR_COD NBR_CSARR ENT_DAT_DEL_UM"), 0},
		fieldE:   {"E", columns(establishmentColumns), 0},
	}},
	{prefix: "T_HAD", kind: "home", width: 5, tables: [fieldTables]fieldTable{
		fieldC: {"C", columns("ETA_NUM_EPMSI RHAD_NUM" + linkedColumns), 0},
		fieldS: {"S", columns("ETA_NUM_EPMSI RHAD_NUM ENT_MOD SOR_MOD"), 0},
		fieldB: {"B", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM SEQ_SEJ_NBJ SSEQ_SEQ_NBJ SSEQ_NBJ DGN_PAL PEC_PAL ENT_MOD"), 0},
		fieldD: {"D", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM DGN_ASS"), 0},
		fieldA: {"A", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM CCAM_COD DEL_DEB_SSEQ REAL_NBR"), 0},
		hadMPP: {"DMPP", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM DGN_ASS_MPP"), 0},
		hadMPA: {"DMPA", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM DGN_ASS_MPA"), 0},
		hadGRP: {"GRP", columns("ETA_NUM_EPMSI RHAD_NUM SEQ_NUM SSEQ_NUM GHT_NUM"), 0},
		fieldE: {"E", columns(establishmentColumns), 0},
	}},
	{prefix: "T_RIP", kind: "psychiatry", width: 6, tables: [fieldTables]fieldTable{
		fieldC: {"C", columns("ETA_NUM_EPMSI RIP_NUM" + linkedColumns), 0},
		fieldS: {"S", columns("ETA_NUM_EPMSI RIP_NUM HOS_TYP ENT_MOD SOR_MOD"), 0},
		fieldB: {"RSA", columns("ETA_NUM_EPMSI RIP_NUM SEQ_SEQ_NUM SEQ_IND TYP_GEN_RSA DEL_DAT SEQ_COU_NBJ FOR_ACT DGN_PAL"), 0},
		fieldD: {"RSAD", columns("ETA_NUM_EPMSI RIP_NUM SEQ_SEQ_NUM ASS_DGN"), 0},
		fieldA: {"CCAM", columns("ETA_NUM_EPMSI RIP_NUM ENT_DAT_DEL CDC_ACT NBR_EXE_ACT"), 2017},
		fieldE: {"E", columns(establishmentColumns), 0},
	}},
}

// The truth of these fields.
const (
	tFieldStays = iota
	tFieldParts
	tFieldDiagnoses
	tFieldActs
	fieldTruths
)

var fieldTruthLayouts = [fieldTruths]struct {
	name   string
	layout layout
}{
	{"field_stays", columns("visit_id person_id field entry exit last_told by_day ETA_NUM numbers status")},
	{"field_parts", columns("visit_id person_id start end what")},
	{"field_diagnoses", columns("visit_id person_id date place cim10")},
	{"field_acts", columns("visit_id person_id date system code quantity")},
}

// openFields starts the files of the chosen fields.
func (g *generator) openFields() {
	if g.chosen == 0 {
		return
	}
	for f := range fieldLayouts {
		if g.chosen&(1<<f) == 0 {
			continue
		}
		l := &fieldLayouts[f]
		g.field[f], g.fieldNo[f] = map[int]*[fieldTables]*table{}, map[string]int{}
		for year := max(g.firstYear, firstOfFields); year <= lastYear; year++ {
			var set [fieldTables]*table
			for i, t := range l.tables {
				if t.name != "" && year >= t.from {
					set[i] = g.out.open(fmt.Sprintf("input/snds/PMSI/%s%02d%s", l.prefix, year%100, t.name), t.layout, year)
				}
			}
			g.field[f][year] = &set
			for _, finess := range fieldSites[f] {
				set[fieldE].int(year).text(finess).text(finess[:8]).text("ETABLISSEMENT FICTIF").text("PUB").text("VALIDE").end()
			}
		}
	}
	for i, t := range fieldTruthLayouts {
		g.fieldTruth[i] = g.out.open("truth/"+t.name, t.layout, lastYear)
	}
}

// writeField writes a stay in the files of each year that tells of it, and its
// truth.
func (g *generator) writeField(p *person, s *fieldStay) {
	l := &fieldLayouts[s.field]
	who := p.identityAt(s.entry)
	// A stay whose parts are all grouped wrong is lost whoever it is of.
	if status := p.fate(who, false); s.status == "" || status == badCode || status == badNumber {
		s.status = status
	}
	undated := s.status == seen && p.chance(datesMissing)
	w := fieldWriter{g: g, p: p, s: s, l: l, nir: p.shownNumber(s.status, &p.ids[who]), returns: -1, undated: undated}
	if s.status == badCode {
		w.returns = p.d.Below(9)
	}
	g.fieldIDs++
	visit := string(appendPadded([]byte("F"), g.fieldIDs, 8))
	years := s.years()
	var numbers []string
	for _, year := range years {
		at := s.finess + strconv.Itoa(year)
		g.fieldNo[s.field][at]++
		w.number = string(appendPadded(nil, g.fieldNo[s.field][at], l.width))
		numbers = append(numbers, strconv.Itoa(year)+":"+w.number)
		w.year(year, year == years[len(years)-1])
		switch s.status {
		case badCode:
			g.count("M01_return_code_not_zero", l.prefix+"aaC", 1, 1)
		case badNumber:
			g.count("M02_dummy_NIR_ANO_17", l.prefix+"aaC", 1, 1)
		case twinStays:
			g.count("M09_twins_share_NIR_ANO_17", l.prefix+"aaC", 1, 0)
		}
		if undated {
			g.count("M08_EXE_SOI_DTD_missing_use_ENT_DAT", l.prefix+"aaC", 1, 0)
		}
	}
	if s.status == twinStays {
		g.ambiguous(p, fieldNames[s.field], visit, 0, "leave unassigned (quarantine)")
	}
	g.statuses[fieldNames[s.field]+" "+s.status]++
	g.tellField(p, s, visit, strings.Join(numbers, " "), len(years))
}

// tellField writes the truth of a stay: all that a right reader shows of it.
func (g *generator) tellField(p *person, s *fieldStay, visit, numbers string, tellings int) {
	told := s.entry
	type seenAt struct {
		placed
		day galien.Date
		n   int
	}
	var found []seenAt
	main := map[string]bool{}
	note := func(d placed, day galien.Date) {
		i := slices.IndexFunc(found, func(f seenAt) bool { return f.placed == d })
		if i < 0 {
			found = append(found, seenAt{d, day, 1})
		} else {
			found[i].n++
		}
	}
	first := "DP"
	if s.field == 0 {
		first = "MMP"
	}
	for i := range s.parts {
		q := &s.parts[i]
		if q.fate != kept {
			continue
		}
		told = max(told, q.last)
		day := q.first
		if s.field == 0 {
			day = max(s.entry, q.monday)
		}
		main[q.main] = true
		note(placed{first, q.main}, day)
		for _, d := range q.places {
			note(d, day)
		}
	}
	t := g.fieldTruth[tFieldStays].text(visit).text(p.id).text(fieldNames[s.field]).day(s.entry)
	if s.open {
		t.null(1)
	} else {
		t.day(s.exit)
	}
	t.day(told)
	if s.partial {
		t.int(1)
	} else {
		t.int(0)
	}
	t.text(s.finess).text(numbers).text(s.status).end()
	if s.status != seen {
		return
	}
	kind := fieldLayouts[s.field].kind
	for i := range s.parts {
		q := &s.parts[i]
		if q.fate != kept {
			continue
		}
		g.fieldTruth[tFieldParts].text(visit).text(p.id).day(q.first).day(q.last).text(q.what).end()
		for _, a := range q.acts {
			g.fieldTruth[tFieldActs].text(visit).text(p.id).day(a.day).text(a.system).text(a.code).int(a.quantity).end()
		}
	}
	for _, f := range found {
		if f.n > 1 {
			g.count("S03_diagnosis_told_again", kind, f.n, f.n-1)
		}
		if f.place == first || !main[f.code] {
			g.fieldTruth[tFieldDiagnoses].text(visit).text(p.id).day(f.day).text(f.place).text(f.code).end()
		}
	}
	if tellings > 1 {
		g.count("S01_stay_told_by_several_years", kind, tellings, tellings-1)
	}
	if s.open {
		g.count("S02_stay_that_goes_on", kind, 1, 0)
	}
}

// fieldWriter writes a stay as a year tells of it.
type fieldWriter struct {
	g       *generator
	p       *person
	s       *fieldStay
	l       *fieldLayout
	nir     string
	number  string
	returns int
	undated bool
}

func (w *fieldWriter) year(year int, last bool) {
	s := w.s
	set := w.g.field[s.field][year]
	c := set[fieldC].text(s.finess).text(w.number)
	for n := range 9 {
		if n == w.returns {
			c.int(1)
		} else {
			c.int(0)
		}
	}
	leaves := last && !s.open
	c.text(w.nir).padded(w.p.index%100_000, 5).french(s.entry)
	if leaves {
		c.french(s.exit)
	} else {
		c.null(1)
	}
	switch {
	case w.undated:
		c.null(2)
	case leaves:
		c.moment(s.entry).moment(s.exit)
	default:
		c.moment(s.entry).null(1)
	}
	c.end()

	t := set[fieldS].text(s.finess).text(w.number)
	if s.field != 1 {
		if s.partial {
			t.int(2)
		} else {
			t.int(1)
		}
	}
	t.int(8)
	if leaves {
		t.int(8)
	} else {
		t.null(1)
	}
	t.end()
	n := 0
	for i := range s.parts {
		q := &s.parts[i]
		// A year of rehabilitation repeats the weeks of the years before.
		if q.year == year || s.field == 0 && q.year < year {
			n++
			w.part(set, q, n, q.year < year)
		}
	}
}

func (w *fieldWriter) part(set *[fieldTables]*table, q *part, n int, again bool) {
	s, g := w.s, w.g
	name := string(appendPadded(nil, n, 3))
	fate := q.fate
	if fate == kept && again {
		fate = oldWeek
	}
	if fate != kept {
		g.count(fate, w.l.prefix+"aa"+w.l.tables[fieldB].name, 1, 1)
	}
	first := func(place string) string {
		for _, d := range q.places {
			if d.place == place {
				return d.code
			}
		}
		return ""
	}
	b := set[fieldB].text(s.finess).text(w.number)
	switch s.field {
	case 0:
		before := max(0, q.monday.DaysSince(s.entry))
		group, made := "0145A0", 0
		switch q.fate {
		case badWeek:
			group = "900000"
		case billWeek:
			made = 1
		}
		b.text(name).text(q.main).text(first("FPP")).text(first("AE")).int(before).int(before)
		// Both ways of writing a month occur.
		month, of := monthOf(q.monday.AddDays(6)), q.year
		if q.monday.AddDays(6).Year() > lastYear {
			month = 12
		}
		if n%2 == 0 {
			b.int(of*100 + month)
		} else {
			b.padded(month*10_000+of, 6)
		}
		kind := 1
		if s.partial {
			kind = 2
		}
		b.text(group).int(made).int(kind).text(q.what).text(string(q.days[:5])).text(string(q.days[5:])).end()
		for _, d := range q.places {
			if d.place == "DAS" {
				set[fieldD].text(s.finess).text(w.number).text(name).text(d.code).end()
			}
		}
		for _, a := range q.acts {
			delay := a.day.DaysSince(s.entry)
			if a.system == "CCAM" {
				set[fieldA].text(s.finess).text(w.number).text(name).int(delay).text(a.code).int(a.quantity).end()
			} else {
				set[ssrCSARR].text(s.finess).text(w.number).text(name).text(a.code).int(a.quantity).int(delay).end()
			}
		}
	case 1:
		// Three sub-sequences make a sequence.
		sequence, sub := string(appendPadded(nil, 1+(n-1)/3, 4)), string(appendPadded(nil, 1+(n-1)%3, 4))
		at := w.sequence(q, n)
		b.text(sequence).text(sub).int(at.DaysSince(s.entry)).int(q.first.DaysSince(at)).int(q.last.DaysSince(q.first) + 1).text(q.main).text(q.what).int(8).end()
		group := "12"
		if q.fate == badSpell {
			group = "99"
		}
		set[hadGRP].text(s.finess).text(w.number).text(sequence).text(sub).text(group).end()
		for _, d := range q.places {
			into := map[string]int{"DA": fieldD, "MPP": hadMPP, "MPA": hadMPA}[d.place]
			set[into].text(s.finess).text(w.number).text(sequence).text(sub).text(d.code).end()
		}
		for _, a := range q.acts {
			set[fieldA].text(s.finess).text(w.number).text(sequence).text(sub).text(a.code).int(a.day.DaysSince(q.first)).int(a.quantity).end()
		}
	default:
		kind, made := "", 0
		switch q.fate {
		case leave:
			kind = "E"
		case billPart:
			made = 1
		}
		b.text(name).text(kind).int(made).int(q.first.DaysSince(s.entry)).int(q.last.DaysSince(q.first) + 1).text(q.what).text(q.main).end()
		for _, d := range q.places {
			set[fieldD].text(s.finess).text(w.number).text(name).text(d.code).end()
		}
		for _, a := range q.acts {
			set[fieldA].text(s.finess).text(w.number).int(a.day.DaysSince(s.entry)).text(a.code).int(a.quantity).end()
		}
	}
}

// sequence is the first day of the sequence that the n-th sub-sequence of a year
// is of.
func (w *fieldWriter) sequence(q *part, n int) galien.Date {
	i := 0
	for w.s.parts[i].first != q.first {
		i++
	}
	return w.s.parts[i-(n-1)%3].first
}
