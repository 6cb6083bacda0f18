package snds

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"galien"
	"galien/synth/life"
)

// MaxHospitals is how many establishments can write their own files: the public
// ones that are no part of a group.
var MaxHospitals = len(ownHospitals())

// ownHospitals are the places of those establishments among hospitals.
func ownHospitals() (list []int) {
	for i, h := range hospitals {
		if !h.private && len(h.parts) == 0 {
			list = append(list, i)
		}
	}
	return list
}

// wardStream is the family of random streams of the hospitals' own files.
const wardStream = 0x9216d5d98979fb1b

// The traps of a hospital's own files, in permille of stays.
const (
	lineTwice     = 12 // a summary is there twice, as in two cumulated months
	nobodyNamed   = 8  // no VID-HOSP line
	nirMissing    = 60 // the patient is known by the hospital's number alone
	nirWrongKey   = 15
	dayMonthSwaps = 10
)

// ward is an establishment that writes its own files: a grouped summary (RSS 122)
// for each unit of a stay, and a VID-HOSP line (V016) for each stay, as the
// hospital's programs make them before anything is linked.
type ward struct {
	finess         string
	summaries, who *textFile
	stays          int
}

// textFile is a file of lines, neither compressed nor cut.
type textFile struct {
	out  *folder
	path string
	file *os.File
	w    *bufio.Writer
}

func (o *folder) openText(path string) *textFile {
	t := &textFile{out: o, path: path, w: bufio.NewWriter(discard{})}
	full := filepath.Join(o.dir, filepath.FromSlash(path))
	err := os.MkdirAll(filepath.Dir(full), 0o755)
	if err == nil {
		if t.file, err = os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			t.w.Reset(t.file)
		}
	}
	if err != nil {
		o.fail(fmt.Errorf("write claims: %w", err))
	}
	return t
}

func (t *textFile) line(b []byte) {
	_, _ = t.w.Write(append(b, "\r\n"...)) // an error stays with the writer, until close
}

func (t *textFile) close() {
	err := t.w.Flush()
	if t.file != nil {
		if closing := t.file.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		t.out.fail(fmt.Errorf("write claims: %w", err))
	}
}

// openWards starts the files of the first n of these establishments.
func (g *generator) openWards(n int) {
	g.wards = map[string]*ward{}
	for _, at := range ownHospitals()[:n] {
		finess := hospitals[at].finess
		folder := "input/hospital/" + finess
		g.wards[finess] = &ward{finess: finess, summaries: g.out.openText(folder + "/rss122.txt"), who: g.out.openText(folder + "/vidhospV016.txt")}
	}
}

func (g *generator) closeWards() {
	for _, w := range g.wards {
		w.summaries.close()
		w.who.close()
	}
}

// field appends a text in a width, with blanks after it.
func field(b []byte, text string, width int) []byte {
	b = append(b, text...)
	for range width - len(text) {
		b = append(b, ' ')
	}
	return b
}

func frenchDay(d galien.Date) string {
	y, m, day := d.Civil()
	return fmt.Sprintf("%02d%02d%04d", day, m, y)
}

// inWard writes a stay as its hospital has it, and which stay of the claims it
// is. Every stay of the establishment is there, whatever becomes of its linkage.
func (g *generator) inWard(p *person, s *stay, year, rsa int) {
	w := g.wards[hospitals[s.site].finess]
	if w == nil {
		return
	}
	var d life.Stream
	d.Seed(g.seed, wardStream, uint64(g.stayIDs))
	w.stays++
	ipp := fmt.Sprintf("IPP%07d", p.index+1)
	stayNo, summaryNo := fmt.Sprint(260_000_000+w.stays), fmt.Sprint(1_000_000+w.stays)
	lines := w.summariesOf(p, s, stayNo, summaryNo)
	wrong := ""
	for _, b := range lines {
		w.summaries.line(b)
	}
	switch n := d.Below(1000); {
	case n < lineTwice:
		wrong = "summary_twice"
		w.summaries.line(lines[0])
	case n < lineTwice+nobodyNamed:
		wrong = "no_vidhosp"
	case n < lineTwice+nobodyNamed+nirMissing:
		wrong = "nir_missing"
	case n < lineTwice+nobodyNamed+nirMissing+nirWrongKey:
		wrong = "nir_wrong_key"
	case n < lineTwice+nobodyNamed+nirMissing+nirWrongKey+dayMonthSwaps:
		if _, m, day := p.birth.Civil(); day <= 12 && day != m {
			wrong = "day_and_month_swapped"
		}
	}
	if wrong != "no_vidhosp" {
		w.who.line(w.identityOf(p, s, stayNo, ipp, wrong))
	}
	id := &p.ids[0]
	for i := range p.ids {
		if p.ids[i].idt() == s.source {
			id = &p.ids[i]
		}
	}
	usable := 0
	if s.status == seen {
		usable = 1
	}
	g.truth[tHospitalLink].text(ipp).text(p.id).text(stayNo).text(summaryNo).text(w.finess).int(year).text(w.finess).int(rsa).text(id.psa).text(s.status).int(usable).text(wrong).end()
}

// summariesOf are the lines of the units of a stay.
func (w *ward) summariesOf(p *person, s *stay, stayNo, summaryNo string) (lines [][]byte) {
	middle := s.entry.AddDays(s.exit.DaysSince(s.entry) / 2)
	for u := 1; u <= s.units; u++ {
		from, to, code, related := s.entry, s.exit, s.principal, s.related
		entered, left, number := "8", "8", "1001"
		others, acts := s.others, s.acts
		if s.died {
			left = "9"
		}
		if u < s.units {
			to, left = middle, "6"
		}
		if u > 1 {
			from, entered, number, related, others, acts = middle, "6", "1101", "", nil, nil
			if s.unit != "" {
				code = s.unit
			}
		}
		group := s.ghm
		if s.status == badGroup {
			group = "90Z00Z"
		}
		b := field(nil, "11", 2)
		b = field(b, group, 6)
		b = field(b, "", 1)
		b = field(b, "122000"+w.finess+"022", 18)
		b = field(b, summaryNo, 20)
		b = field(b, stayNo, 20)
		b = field(b, strconv.Itoa(u), 10)
		b = field(b, frenchDay(p.birth)+strconv.Itoa(p.sexCode())+number, 15) // NUM, and no kind of bed
		b = field(b, frenchDay(from)+entered, 9)
		from5 := ""
		if s.emergency && u == 1 {
			from5 = "5"
		}
		b = field(b, from5, 1)
		b = field(b, frenchDay(to)+left, 10) // and no destination
		b = field(b, places[p.homeAt(s.entry)].post, 5)
		b = field(b, "", 4+2+8+2)
		b = append(b, fmt.Sprintf("%02d00%03d", len(others), len(acts))...)
		b = field(b, code, 8)
		b = field(b, related, 8)
		b = field(b, "", 3+1+1+1+15)
		b = field(b, "22", 2+6+4+3)
		for _, o := range others {
			b = field(b, o, 8)
		}
		for _, a := range acts {
			b = field(b, frenchDay(min(s.entry.AddDays(a.delay), s.exit))+a.code, 18)
			b = append(b, '0', byte('0'+a.activity))
			b = field(b, "", 1+4+1+1)
			b = append(b, "01"...)
		}
		lines = append(lines, b)
	}
	return lines
}

// identityFields are the fields of a VID-HOSP line V016 with their widths; 0 after
// it says that an empty one is written in zeros. No part is repeated.
const identityFields = `NIA:13 CNIA:2 CGR:2 CGES:2 DNAIS:8 SEXE:1 NADL:20 NFVH:4 FINESS:9 NIMI:13 CNIMI:2 JEMTM:1 CPCFJ:1 NATA:2 TYPC:2 SFAC:1 MNFAC:1 FA18:1
	NBVF:4:0 MFTM:10:0 MFFJ:10:0 MTSRO:10:0 MMPS:4:0 MBR:10:0 TXR:5:0 BCMU:1 NADLM:20 HNNM:1 HPO:1 DTH:8 MTSRC:10:0 CPA:1 NENT:9 RGN:1 RGB:3 NCAG:3 NCEG:4 FLR201:30
	CPECU:1 NAT:9 NOCO:10 NPJU:1 DTPEC:8 DTADD:8 ADDP:3 RPRA:3 TEFE:1 DENT:8 DSOR:8 MTSFP:8:0 RJAMO:1 DFAMO:8 DFAMC:8 DFP:8 DPAMO:8 DPAMC:8 DPP:8 SFAMO:1 SFAMC:1
	SFP:1 PYAS:3 IPP:20 INS:15 A51:1 CNTR:6 TDMT:1 NMMT:25 PNMT:15 IPS:1 CMUCGU:1 ETR:14 ERE:14 NDMT:4:0`

// identityOf is the line of a stay that says who stayed.
func (w *ward) identityOf(p *person, s *stay, stayNo, ipp, wrong string) []byte {
	y, m, day := p.birth.Civil()
	// A commune that no department has.
	nir := fmt.Sprintf("%d%02d%02d9399%d%03d", p.sexCode(), y%100, m, p.index/1000%10, p.index%1000)
	n, _ := strconv.Atoi(nir)
	key := fmt.Sprintf("%02d", 97-n%97)
	born := frenchDay(p.birth)
	switch wrong {
	case "nir_missing":
		nir, key = "", ""
	case "nir_wrong_key":
		key = fmt.Sprintf("%02d", 1+(97-n%97)%97)
	case "day_and_month_swapped":
		born = fmt.Sprintf("%02d%02d%04d", m, day, y)
	}
	values := map[string]string{"NIA": nir, "CNIA": key, "CGR": "10", "DNAIS": born, "SEXE": strconv.Itoa(p.sexCode()), "NADL": stayNo, "NFVH": "V016", "FINESS": w.finess,
		"NIMI": nir, "CNIMI": key, "NATA": "10", "SFAC": "1", "RGN": "1", "DENT": frenchDay(s.entry), "DSOR": frenchDay(s.exit), "PYAS": "99", "IPP": ipp}
	if p.twin > 0 {
		values["RGN"] = strconv.Itoa(p.twin)
	}
	var b []byte
	for _, f := range strings.Fields(identityFields) {
		name, size, _ := strings.Cut(f, ":")
		size, zeros := strings.CutSuffix(size, ":0")
		width, _ := strconv.Atoi(size)
		value := values[name]
		if zeros && value == "" {
			value = strings.Repeat("0", width)
		}
		b = field(b, value, width)
	}
	return b
}
