package snds

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"galien"
)

// The dates that stand for none.
const (
	noDate  = "1600-01-01"
	noMonth = "160001"
)

var (
	referentialBegins = galien.MustDate("2009-02-01")
	openEnded         = galien.MustDate("2099-12-31")
)

// death writes what is known of a death, and decides whether the referential of
// beneficiaries knows it.
func (g *generator) death(p *person) {
	if !p.died {
		return
	}
	certified, linked := true, true
	p.deathBen = true
	switch n := p.d.Below(1000); {
	case p.ano == "" || n < deathOnlyBen:
		certified, linked = false, false
	case n < deathOnlyBen+deathOnlyKI:
		p.deathBen = false
		g.count("P11_death_only_in_KI", "KI_CCI_R", 1, 0)
	case n < deathOnlyBen+deathOnlyKI+certificateAlone:
		linked = false
		g.count("K01_cause_of_death_not_linked", "KI_CCI_R", 1, 1)
	}
	pool := causes
	if p.years(p.exit) < 45 {
		pool = causesYoung
	}
	cause := pool[p.d.Below(len(pool))]
	var others []string
	for range p.d.Below(3) {
		if c := otherCauses[p.d.Below(len(otherCauses))]; !slices.Contains(others, c) {
			others = append(others, c)
		}
	}
	if certified {
		g.writeCertificate(p, linked, cause, others)
	} else {
		cause, others = "", nil
	}
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	g.truth[tDeaths].text(p.id).day(p.exit).int(flag(p.deathBen)).int(flag(linked)).int(flag(p.deathPM)).text(cause).text(strings.Join(others, " ")).int(flag(linked)).int(flag(p.deathBen || linked)).end()
}

func (g *generator) writeCertificate(p *person, linked bool, cause string, others []string) {
	sum := sha256.Sum256([]byte(g.number('C', uint64(p.index), 0)))
	number := hex.EncodeToString(sum[:])
	who, top := "", 0
	if linked {
		who, top = p.ano, 1
	}
	home := p.homeAt(p.exit)
	department, commune := address(general, home)
	place := 2
	if p.deathPM {
		place = 1
	}
	year := p.exit.Year()
	g.cci.text(number).int(top).text(who).int(top).text(who).int(year).int(2).int(1).int(1).text(department).text(commune).text(department).text(commune)
	g.cci.day(p.exit).month(p.exit).int(place).int(p.birth.Year()).padded(monthOf(p.birth), 2).int(p.sexCode()).text(cause).end()
	for i, c := range append([]string{cause}, others...) {
		g.ecd.text(number).int(top).text(who).int(top).text(who).int(year).int(i + 1).int(i + 1).text(c).day(p.exit).month(p.exit).end()
	}
}

// diseases writes the history of long-term diseases: rows are added and never
// changed, so that the last one tells the end.
func (g *generator) diseases(p *person) {
	d := &p.d
	for _, l := range longTerm {
		if l.code == "C61" && p.female || l.code == "C509" && !p.female || p.years(p.exit) <= l.from || !p.chance(l.share) {
			continue
		}
		first := max(anniversary(p.birth, l.from), galien.MustDate("2008-01-01"))
		if !p.resident {
			first = max(first, p.entry)
		}
		if span := p.exit.DaysSince(first) - 120; span > 0 {
			g.disease(p, l.code, l.number, l.years, first.AddDays(d.Below(span)))
		}
	}
	if age := p.years(p.entry); age >= 20 && age <= 65 && p.exit.DaysSince(p.entry) > 100 && p.chance(notLongTerm) {
		start := p.entry.AddDays(d.Below(p.exit.DaysSince(p.entry) - 60))
		code := []string{"S835", "M545", "S626"}[d.Below(3)]
		g.writeDisease(p, start, start.AddDays(700), 0, 11+d.Below(3), start.AddDays(20), code)
		g.count("A07_not_ALD_work_accident_or_invalidity", "IR_IMB_R", 1, 1)
	}
}

// disease writes one history.
func (g *generator) disease(p *person, code string, number, years int, start galien.Date) {
	d := &p.d
	motive := []int{41, 43, 45}[d.Pick([]int{92, 7, 1})]
	end := anniversary(start, years)
	noted := start.AddDays(d.Below(60))
	rows, least, most := 0, start, end
	row := func(from, to, noted galien.Date) {
		g.writeDisease(p, from, to, number, motive, noted, code)
		rows, least, most = rows+1, min(least, from), max(most, to)
	}
	switch {
	case end > p.exit && p.chance(openEnd):
		row(start, openEnded, noted)
		if p.chance(openEndReplaced) {
			row(start, end, noted.AddDays(20+d.Below(40)))
			g.count("A02_end_2099_then_replaced", "IR_IMB_R", 2, 1)
		} else {
			end = openEnded
			g.count("A04_end_2099_open", "IR_IMB_R", 1, 0)
		}
	case p.chance(startCorrected):
		wrong := start.AddDays(30 + d.Below(90))
		if d.Percent(50) {
			wrong = start.AddDays(-30 - d.Below(90))
		}
		row(wrong, end, noted)
		noted = noted.AddDays(20 + d.Below(40))
		row(start, end, noted)
		g.count("A03_start_date_corrected", "IR_IMB_R", 2, 1)
	default:
		row(start, end, noted)
	}
	for end < openEnded {
		noted = end.AddDays(-1 - d.Below(200))
		if noted > p.exit {
			break
		}
		from, to := start, anniversary(end, years)
		g.count("A01_renewal_history", "IR_IMB_R", 1, 1)
		if p.chance(renewalStartsNew) {
			from = end
			g.count("A05_renewal_with_start_of_renewal", "IR_IMB_R", 1, 1)
		}
		row(from, to, noted)
		end = to
	}
	g.truth[tAld].text(p.id).text(code).int(motive).day(start).day(end).day(least).day(most).int(rows).end()
}

func (g *generator) writeDisease(p *person, from, to galien.Date, number, motive int, noted galien.Date, code string) {
	id := &p.ids[p.identityAt(noted)]
	if id.ano == "" {
		id = &p.ids[p.lastIdentity()] // a history in two parts could not be read
	}
	if number > 0 && p.chance(numberWrong) {
		number = 1 + number%30
		g.count("A06_ALD_number_unreliable", "IR_IMB_R", 1, 0)
	}
	g.imb.text(id.psa).int(id.rank).day(from).day(to).int(number).int(motive).day(noted).text(code).text("CIM10").day(noted.AddDays(30 + p.d.Below(200))).end()
}

// register writes the person's rows of the referential of beneficiaries, and
// the truth about the person.
func (g *generator) register(p *person) {
	last := p.lastIdentity()
	obtainable := true
	merged, numbers, unresolved := 0, map[string]bool{}, 0
	for i := range p.ids {
		id := &p.ids[i]
		if !g.writeIdentity(p, i, last) {
			obtainable = false
		}
		if id.ano == "" {
			g.count("P13_BEN_NIR_ANO_empty", "IR_BEN_R+ARC", 1, 0)
			if len(p.ids) > 1 {
				unresolved = 1
				g.count("P04_provisional_NIR_never_linked", "IR_BEN_R+ARC", 1, 0)
			}
		} else {
			merged++
			numbers[id.psa] = true
		}
		if p.mistakable(i) {
			g.count("P03_same_sex_twins_share_PSA_do_not_merge", "IR_BEN_R+ARC", 1, 0)
		}
		g.truth[tPersonKeys].text(p.id).text(id.psa).int(id.rank).text(id.ano).text(id.idt()).text(identityKinds[id.kind]).day(id.from).end()
	}
	switch {
	case len(numbers) > 1:
		g.count("P01_several_BEN_NIR_PSA_per_person", "IR_BEN_R+ARC", merged, merged-1)
	case merged > 1:
		g.count("P02_same_PSA_two_ranks_one_person", "IR_BEN_R+ARC", merged, merged-1)
	}
	role := "woman"
	switch {
	case p.oneSex && p.twin > 0:
		role = "twin_same"
	case p.twin > 0:
		role = "twin_diff"
	case p.years(p.exit) < 18:
		role = "child"
	case !p.female:
		role = "man"
	}
	t := g.truth[tPersons].text(p.id).int(p.birth.Year()).int(monthOf(p.birth)).int(p.sexCode())
	if p.died {
		t.day(p.exit)
	} else {
		t.null(1)
	}
	t.text(schemeCodes[p.scheme].name).text(places[p.homeAt(p.exit)].commune)
	if obtainable {
		t.int(1)
	} else {
		t.int(0)
	}
	t.text(role).int(len(p.ids)).int(unresolved).end()
	if unresolved == 1 {
		g.truth[tAmbiguous].text("person").text(p.id).text(p.id).text(p.ids[0].idt() + " " + p.ids[last].idt()).text("two persons in the result are right: nothing links the provisional identity").null(1).end()
	}
	g.drugTruth(p)
}

// writeIdentity writes one row and reports whether the commune can be read
// from the rows so far, the last identity deciding.
func (g *generator) writeIdentity(p *person, i, last int) bool {
	id := &p.ids[i]
	updated, lived := p.exit.AddDays(20), p.exit
	switch {
	case i > last:
		updated = p.exit.AddDays(10)
	case i < last:
		lived = p.ids[i+1].from
		updated = lived.AddDays(10)
	}
	t := g.ben
	if i < last && updated.Year() < 2018 && p.chance(oldRowsArchived) || p.died && p.exit.Year() < 2019 && p.chance(deadRowsArchived) {
		t = g.archive
		g.count("P14_row_in_IR_BEN_R_ARC", "IR_BEN_R_ARC", 1, 0)
	}
	home := p.homeAt(lived)
	department, commune := address(id.scheme, home)
	fund := organism(id.scheme, home)
	known := true
	switch {
	case !places[home].special() && p.chance(addressMissing):
		known = i != last
		switch p.d.Below(3) {
		case 0:
			department, commune = "000", "000"
		case 1:
			commune = "099"
		default:
			commune = "999"
		}
		g.count("P09_location_missing_use_ORG_AFF_BEN", "IR_BEN_R+ARC", 1, 0)
	case places[home].special():
		g.count("P10_location_Corsica_overseas", "IR_BEN_R+ARC", 1, 0)
	}
	born := p.birth.Year()
	if i != last && id.ano != "" && p.chance(yearUnknown) {
		born = 1600
		g.count("P08_sentinel_1600_birth_year", "IR_BEN_R+ARC", 1, 0)
	}
	cdi, top := "00", 1
	if id.ano == "" {
		cdi, top = id.cdi, 0
	}
	t.text(id.psa).int(id.rank).text(id.ano).text(id.idt()).int(top).text(id.ass)
	if top == 1 {
		t.day(updated)
	} else {
		t.text(noDate)
	}
	t.text(cdi).int(born).padded(monthOf(p.birth), 2).int(p.sexCode())
	switch {
	case p.died && p.deathBen && i == last:
		t.day(p.exit).month(p.exit)
	case p.died && p.deathBen && id.ano != "" && p.chance(deathTwoDates):
		other := p.exit.AddDays(-1 - p.d.Below(8))
		t.day(other).month(other)
		g.count("P12_two_death_dates_keep_last_updated_row", "IR_BEN_R+ARC", 1, 1)
	default:
		t.text(noDate).text(noMonth)
		g.count("P07_sentinel_1600_death", "IR_BEN_R+ARC", 1, 0)
	}
	t.text(fund).text(department).text(commune).int(1).day(updated).text(fund).day(max(referentialBegins, id.from)).day(updated).end()
	return known
}

// drugTruth writes what was truly dispensed, one row for a person, a day and a
// presentation.
func (g *generator) drugTruth(p *person) {
	slices.SortStableFunc(p.drugs, func(a, b dispensed) int {
		if a.day != b.day {
			return a.day.DaysSince(b.day)
		}
		return a.form - b.form
	})
	for i := 0; i < len(p.drugs); {
		x, n := p.drugs[i], 1
		for ; i+n < len(p.drugs) && p.drugs[i+n].day == x.day && p.drugs[i+n].form == x.form; n++ {
			x.quantity += p.drugs[i+n].quantity
		}
		i += n
		f := &g.forms.all[x.form]
		g.truth[tDrugs].text(p.id).day(x.day).text(f.cip13).text(f.atc).int(x.quantity).int(n).text("ER_PHA_F").end()
		if strings.HasPrefix(f.atc, "J07") {
			g.truth[tVaccinations].text(p.id).day(x.day).text(f.cip13).text(f.atc).null(2).text("ER_PHA_F").end()
		}
	}
}

// nobodies adds rows that belong to nobody: lines on a fictitious number, lines
// of a number that no referential has, and details without their line.
func (g *generator) nobodies(p *person) {
	d := &p.d
	day := p.entry.AddDays(d.Below(p.exit.DaysSince(p.entry) + 1))
	form := p.pick(g.forms.byUse[acute])
	send := func(id identity, l line) {
		id.nobody, id.rank, id.scheme, id.kind = true, 1, general, ownRights
		p.ids = append(p.ids, id)
		g.emit(p, len(p.ids)-1, day, g.lag(p, day), []line{l})
		p.ids = p.ids[:len(p.ids)-1]
	}
	if p.chance(fictitiousNIR) {
		l := town(day, 3313, 1000, p.pharmacy, p.doctor, 50)
		l.boxes, l.sign = []box{{form, 1}}, 1
		send(identity{psa: g.number('F', uint64(d.Below(5)), 0), cdi: "08"}, l)
		g.count("P05_fictitious_NIR_lines_remove", "ER_PRS_F", 1, 1)
		g.count("P05_fictitious_NIR_lines_remove", "ER_PHA_F", 1, 1)
	}
	if p.chance(unknownNIR) {
		l := town(day, 1111, 2500, p.doctor, p.doctor, 1)
		l.sign = 1
		send(identity{psa: g.number('U', uint64(p.index), 0), cdi: "00"}, l)
		g.count("P06_person_absent_from_IR_BEN_R_quarantine", "ER_PRS_F", 1, 1)
	}
	if p.chance(orphanDetail) {
		g.orphans++
		flux := g.lag(p, day)
		first := g.firstOf(flux)
		k := keys{organism: "01C999000", bill: 900_000 + g.orphans, flux: first, emitter: 9, treated: first.AddDays(-1), line: 1}
		k.write()
		g.writeBox(p, g.claim(pha, flux), &k, 1, box{form, 1}, 1)
		g.count("D19_detail_without_claim_line_quarantine", "ER_PHA_F", 1, 1)
	}
}

// references writes the drug reference and the lists of establishments.
func (g *generator) references() {
	t := g.out.open("input/snds/REF/IR_PHA_R", drugLayout, lastYear)
	for _, f := range g.forms.all {
		if f.known {
			t.text(f.cip13).int(f.cip7).null(1).text(f.name).text("N").text(f.name).text(f.atc).text(f.atc[:3]).text(f.atc).end()
		}
	}
	years := slices.Clone(oldYears)
	for y := g.firstYear; y <= lastYear; y++ {
		years = append(years, y)
	}
	for _, y := range years {
		for i, finess := range g.finess {
			status := "PUB"
			if i < len(hospitals) && hospitals[i].private {
				status = "PRI"
			}
			g.hospital[y][mcoE].text(strconv.Itoa(y)).text(finess).text(finess[:8]).null(1).text("ETABLISSEMENT FICTIF").text(status).text("VALIDE").end()
		}
	}
}
