package snds

import (
	"slices"
	"strconv"

	"galien"
)

// null is the value of a qualifier that is not filled.
const null = -1

// line is a claim line with its details.
type line struct {
	care       galien.Date
	sign       int // -1 for a correction
	nature     int
	quantity   int // of what has no quantity in its details
	cents      int
	executor   int // 0 for none
	prescriber int
	specialty  int
	prescribes int // specialty of the prescriber
	extra      int // CPL_PRS_NAT
	surcharge  int // CPL_MAJ_TOP
	share      int // CPL_AFF_COD
	qualifier  int // DPN_QLF
	practice   int // PRS_DPN_QLP

	boxes   []box
	units   []unit
	acts    []string
	tests   []int
	devices []device
	site    *site
}

type (
	box    struct{ form, quantity int }
	unit   struct{ code, quantity int }
	device struct{ code, quantity int }
	site   struct { // ER_ETE_F
		finess    string
		ghs, bill int // ETE_GHS_NUM, ETE_IND_TAA
		private   bool
	}
)

// dispensed is a dispensing that truly happened.
type dispensed struct {
	day      galien.Date
	form     int
	quantity int
}

// lag draws the month of flux of care on a day, counted like g.month.
func (g *generator) lag(p *person, care galien.Date) int {
	months := 1 + p.d.Pick([]int{560, 240, 100, 50, 25, 25})
	if p.chance(lateFlux) {
		months = 7 + p.d.Below(12)
	}
	return g.month(care) + months
}

// bill writes the lines of one day of care of a person in town, with the
// corrections that this bill draws, and notes what truly happened.
func (g *generator) bill(p *person, ordered galien.Date, lines ...line) {
	care := lines[0].care
	if care > p.exit || care < p.entry {
		return
	}
	id := p.identityAt(care)
	flux := g.lag(p, care)
	for i := range lines {
		lines[i].sign = 1
	}
	which := p.d.Below(len(lines))
	fix := g.correction(p, &lines[which])
	wrongDay := care
	if fix == otherDate {
		if wrongDay = g.wrongDay(p, ordered, care); wrongDay == care {
			fix = noCorrection
		}
	}
	next, follows := p.following(id)
	under := id
	if follows {
		if wait := p.ids[next].from.DaysSince(care); wait > 0 && wait < 300 && p.chance(underNextIdentity) {
			fix, under = fullCancellation, next
		}
	}
	if fix == noCorrection {
		for i := range lines {
			g.happened(p, &lines[i])
		}
		g.emit(p, id, ordered, flux, g.repeated(p, lines))
		return
	}
	later := flux + p.d.Pick([]int{30, 40, 10, 10, 5, 5})
	if fix == fullCancellation && len(lines) > 1 {
		// In the month of its neighbours, a cancelled line looks like one that
		// they replace.
		later = max(later, flux+1)
	}
	if under != id {
		later = max(later, g.month(p.ids[under].from)+1)
	}
	later = min(later, g.month(care)+18)
	flux = min(flux, later)
	if fix == fullCancellation && len(lines) > 1 {
		flux = min(flux, later-1)
	}
	g.correct(p, fix, id, under, ordered, wrongDay, flux, later, lines, which)
}

// wrongDay draws the day under which a dispensing is written by mistake: one
// without another, on or after the prescription. It is the right day when
// there is none.
func (g *generator) wrongDay(p *person, ordered, care galien.Date) galien.Date {
	for range 4 {
		day := care.AddDays(1 + p.d.Below(4))
		if p.d.Percent(50) {
			day = care.AddDays(-1 - p.d.Below(4))
		}
		if day >= ordered && day >= p.entry && day <= p.exit && g.buy(p, day) {
			return day
		}
	}
	return care
}

// buy marks a day as one with a bill of the pharmacy, and reports whether it
// had none.
func (g *generator) buy(p *person, day galien.Date) bool {
	n := day.DaysSince(g.start)
	word, bit := &p.bought[n/64], uint64(1)<<(n%64)
	free := *word&bit == 0
	*word |= bit
	return free
}

// The corrections of a line.
const (
	noCorrection = iota
	fullCancellation
	partCancellation
	otherCode
	otherDate
	reentry
	twins
)

// correction draws what becomes of a line.
func (g *generator) correction(p *person, l *line) int {
	n := p.d.Below(1000)
	if n < cancelled {
		return fullCancellation
	}
	if len(l.boxes) != 1 || len(l.devices) > 0 {
		return noCorrection
	}
	edge := cancelled
	for _, c := range []struct{ fix, permille int }{
		{partCancellation, partlyCancelled}, {otherCode, wrongCode}, {otherDate, wrongDate}, {reentry, enteredAgain}, {twins, dispensedTwice},
	} {
		edge += c.permille
		if n >= edge {
			continue
		}
		if c.fix == partCancellation && l.boxes[0].quantity < 2 {
			return noCorrection
		}
		return c.fix
	}
	return noCorrection
}

// correct writes a bill of which one line is corrected later.
func (g *generator) correct(p *person, fix, id, under int, ordered, wrongDay galien.Date, flux, later int, lines []line, which int) {
	wrong := lines[which]
	for i := range lines {
		if i != which {
			g.happened(p, &lines[i])
		}
	}
	minus := wrong
	minus.sign = -1
	second := []line{minus}
	switch fix {
	case fullCancellation:
		g.countCancelled(&wrong, 2)
		if under != id {
			g.count("D06_correction_under_another_identity", "ER_PRS_F", 1, 0)
		}
	case partCancellation:
		taken := 1 + p.d.Below(wrong.boxes[0].quantity-1)
		second[0].boxes = []box{{wrong.boxes[0].form, taken}}
		kept := wrong
		kept.boxes = []box{{wrong.boxes[0].form, wrong.boxes[0].quantity - taken}}
		g.happened(p, &kept)
		g.count("D03_partial_cancellation", "ER_PHA_F", 2, 1)
	case otherCode:
		right := wrong
		lines[which].boxes = []box{{g.otherForm(p, lines), wrong.boxes[0].quantity}}
		second[0].boxes = lines[which].boxes
		second = append(second, right)
		g.happened(p, &right)
		g.count("D04_correction_of_code", "ER_PHA_F", 3, 2)
	case otherDate:
		right := wrong
		g.happened(p, &right)
		wrong.care = wrongDay
		flux = max(flux, g.month(wrong.care)+1)
		later = max(later, flux)
		second[0].care = wrong.care
		second = append(second, right)
		g.count("D05_correction_of_date", "ER_PHA_F", 3, 2)
		lines = slices.Delete(lines, which, which+1)
		g.emit(p, id, ordered, flux, []line{wrong})
	case reentry:
		g.happened(p, &wrong)
		second = append(second, wrong)
		g.count("D07_cancelled_then_reentered", "ER_PHA_F", 3, 2)
	case twins:
		g.happened(p, &wrong)
		g.happened(p, &wrong)
		g.count("D11_two_true_identical_dispensings_keep", "ER_PHA_F", 2, 0)
		g.emit(p, id, ordered, flux, append(lines, wrong))
		return
	}
	if len(lines) > 0 {
		g.emit(p, id, ordered, flux, lines)
	}
	g.emit(p, under, ordered, later, second)
}

// otherForm draws a presentation that the bill does not hold.
func (g *generator) otherForm(p *person, lines []line) int {
	for {
		form := p.pick(g.forms.byUse[acute])
		if !slices.ContainsFunc(lines, func(l line) bool {
			return slices.ContainsFunc(l.boxes, func(b box) bool { return b.form == form })
		}) {
			return form
		}
	}
}

func (p *person) pick(from []int) int { return from[p.d.Below(len(from))] }

// countCancelled counts the rows of a cancelled line: those of its details, or
// the claim lines when it has none.
func (g *generator) countCancelled(l *line, times int) {
	const name = "D02_full_cancellation"
	details := 0
	for t, n := range []int{pha: len(l.boxes), ucd: len(l.units), cam: len(l.acts), bio: len(l.tests), tip: len(l.devices)} {
		if n > 0 {
			g.count(name, claimLayouts[t].name, n*times, n*times)
			details += n
		}
	}
	if details == 0 {
		g.count(name, "ER_PRS_F", times, times)
	}
	if len(l.boxes) == 1 && g.forms.all[l.boxes[0].form].atc == "G03HA01" {
		g.count("E01_phantom_cyproterone_exposure_cancelled", "ER_PHA_F", times, times)
	}
}

// repeated adds the lines that repeat a line of the bill: surcharges and
// participations.
func (g *generator) repeated(p *person, lines []line) []line {
	for _, l := range lines {
		isAct := len(l.acts) > 0
		consultation := isConsultation(l.nature)
		switch {
		case consultation && p.chance(surcharge), isAct && p.chance(surchargeOfAct):
			l.surcharge, l.extra, l.cents = 2, 1125, 300
			if p.d.Percent(5) {
				l.surcharge = 3
			}
			g.count("D15_CPL_MAJ_TOP_2_or_more", "ER_PRS_F", 1, 1)
			if isAct {
				g.count("D15_CPL_MAJ_TOP_2_or_more", "ER_CAM_F", len(l.acts), len(l.acts))
			}
			lines = append(lines, l)
		case consultation && p.chance(participation), len(l.boxes) > 0 && len(l.devices) == 0 && p.chance(participationDrugs):
			l.share, l.cents, l.surcharge = 16, 100, null
			if p.d.Percent(20) {
				l.surcharge = 0
			}
			if p.d.Percent(40) || slices.ContainsFunc(l.boxes, func(b box) bool { return !g.forms.all[b.form].known }) {
				l.boxes = nil
			}
			g.count("D16_CPL_AFF_COD_16", "ER_PRS_F", 1, 1)
			if n := len(l.boxes); n > 0 {
				g.count("D16_CPL_AFF_COD_16", "ER_PHA_F", n, n)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func isConsultation(nature int) bool { return nature >= 1110 && nature <= 1112 }

// emit writes one bill: its lines share eight of the nine keys.
func (g *generator) emit(p *person, who int, ordered galien.Date, flux int, lines []line) {
	id := &p.ids[who]
	home := p.homeAt(lines[0].care)
	emitter := p.d.Below(2)
	slot := ((id.scheme*len(places)+home)*len(g.claims[prs])+flux)*2 + emitter
	g.bills[slot]++
	first := g.firstOf(flux)
	k := keys{organism: organism(id.scheme, home), bill: int(g.bills[slot]), flux: first, emitter: emitter + 1, treated: first.AddDays(-1 - p.d.Below(27))}
	for i := range lines {
		k.treated = max(k.treated, lines[i].care)
	}
	for i := range lines {
		l := &lines[i]
		k.line = i + 1
		k.write()
		if flux-g.month(l.care) > 6 {
			g.count("D01_late_flux_over_6_months", "ER_PRS_F", 1, 0)
		}
		g.writeLine(p, id, home, ordered, flux, &k, l)
		g.writeDetails(p, flux, &k, l)
	}
}

// keys are the nine keys.
type keys struct {
	organism string
	bill     int
	flux     galien.Date
	emitter  int
	treated  galien.Date
	line     int
	text     []byte // the nine cells
}

func (t *table) keys(k *keys) *table { return t.cells(k.text, keyColumns) }

// write prepares the nine cells, which a line and its details share.
func (k *keys) write() {
	b := strconv.AppendInt(k.text[:0], int64(k.bill), 10)
	b = appendDay(append(b, ';'), k.flux)
	b = strconv.AppendInt(append(b, ';'), int64(k.emitter), 10)
	b = strconv.AppendInt(append(b, ";1;"...), int64(k.emitter), 10)
	b = appendDay(append(b, ';'), k.treated)
	b = append(append(append(b, ';'), k.organism...), ';')
	b = strconv.AppendInt(b, int64(k.line), 10)
	k.text = append(b, ";0"...)
}

// optional writes a qualifier, or nothing.
func (t *table) optional(n int) *table {
	if n == null {
		return t.null(1)
	}
	return t.int(n)
}

// professional writes a number of nine figures, or nothing.
func (t *table) professional(n int) *table {
	if n == 0 {
		return t.null(1)
	}
	return t.int(n)
}

// total is the quantity of a claim line: that of its details.
func (l *line) total() int {
	n := 0
	for _, b := range l.boxes {
		n += b.quantity
	}
	for _, u := range l.units {
		n += u.quantity
	}
	for _, d := range l.devices {
		n += d.quantity
	}
	if n == 0 {
		n = max(l.quantity, len(l.tests), 1)
	}
	return n
}

func (g *generator) writeLine(p *person, id *identity, home int, ordered galien.Date, flux int, k *keys, l *line) {
	qualifier, practice, surcharge, share := l.qualifier, l.practice, l.surcharge, l.share
	if l.site == nil && surcharge == 0 && share == 0 && !id.nobody && p.chance(nullQualifiers) {
		switch p.d.Below(4) {
		case 0:
			qualifier, practice, surcharge, share = null, null, null, null
		case 1:
			qualifier, practice = null, null
		case 2:
			surcharge = null
		case 3:
			share = null
		}
		g.count("D12_null_qualifiers_keep", "ER_PRS_F", 1, 0)
	}
	scheme := schemeCodes[id.scheme]
	department, commune := address(id.scheme, home)
	regime := scheme.regime
	if id.nobody && id.cdi == "08" {
		regime = "888"
	}
	n, cents := l.sign*l.total(), l.sign*l.cents
	exit := l.care
	t := g.claim(prs, flux)
	t.int(max(0, p.years(l.care))).text(id.cdi).int(0).text("160001").text("1600-01-01").int(0).int(p.birth.Year()).text(id.psa).int(id.rank)
	t.int(10).text(commune).text(department).int(p.sexCode()).text(k.organism)
	t.month(l.care).month(exit).day(l.care).day(exit).month(ordered).day(ordered)
	t.cents(cents).cents(cents * 7 / 10).int(l.sign).null(1).int(1).int(n).int(n).cents(cents)
	t.text(regime).text(scheme.group).int(l.nature).optional(share).optional(surcharge)
	t.int(l.extra).optional(qualifier).int(0).text(k.organism).optional(practice).int(l.nature)
	t.professional(l.executor).professional(l.prescriber).null(1).int(l.specialty).int(l.prescribes)
	t.keys(k).end()
}

func (g *generator) writeDetails(p *person, flux int, k *keys, l *line) {
	several := func(table, n int) {
		if n > 1 || n > 0 && table == tip && len(l.boxes) > 0 {
			g.count("D13_one_claim_line_many_details", claimLayouts[table].name, n, 0)
		}
	}
	several(pha, len(l.boxes))
	for i, b := range l.boxes {
		g.writeBox(p, g.claim(pha, flux), k, i+1, b, l.sign)
	}
	several(ucd, len(l.units))
	for i, u := range l.units {
		g.claim(ucd, flux).text(k.organism).int(l.sign * u.quantity).text("1.0000").int(i + 1).int(1).text(ucds[u.code]).keys(k).end()
	}
	several(cam, len(l.acts))
	for i, a := range l.acts {
		g.claim(cam, flux).int(1).int(i + 1).text(a).text("50.00").int(0).text(k.organism).keys(k).end()
	}
	several(bio, len(l.tests))
	for i, n := range l.tests {
		g.claim(bio, flux).int(l.sign).int(i + 1).int(n).text(k.organism).keys(k).end()
	}
	several(tip, len(l.devices))
	for i, d := range l.devices {
		g.claim(tip, flux).text(k.organism).day(l.care).day(l.care).int(l.sign * d.quantity).int(i + 1).int(d.code).int(1).keys(k).end()
	}
	if s := l.site; s != nil {
		ward, sector := 7, 1
		if s.ghs > 0 {
			ward = 3
		}
		if s.private {
			sector = 2
		}
		g.claim(ete, flux).int(174).text(s.finess[:8]).int(s.ghs).int(s.bill).int(1).int(ward).text(k.organism).int(sector).keys(k).end()
	}
}

// writeBox writes a dispensing. Up to the flux of 2016 the short code may
// stand in the place of the long one, or alone.
func (g *generator) writeBox(p *person, t *table, k *keys, rank int, b box, sign int) {
	f := &g.forms.all[b.form]
	t.text(k.organism).text("12.50000").int(sign * b.quantity).int(0).text("N").int(rank)
	old := k.flux.Year() <= 2016 && f.known
	switch {
	case old && p.chance(shortCodePadded):
		t.padded(f.cip7, 13).int(f.cip7)
		g.count("D08_cip7_padded_in_cip13", "ER_PHA_F", 1, 0)
	case old && p.chance(shortCodeOnly):
		t.null(1).int(f.cip7)
		g.count("D09_cip7_only", "ER_PHA_F", 1, 0)
	case f.known && p.d.Percent(50):
		t.text(f.cip13).int(f.cip7)
	default:
		t.text(f.cip13).int(0)
		if !f.known {
			g.count("D10_cip_absent_from_IR_PHA_R_keep", "ER_PHA_F", 1, 0)
		}
	}
	t.keys(k).end()
}
