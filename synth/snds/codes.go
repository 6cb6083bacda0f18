package snds

// Codes alone, without wording. Drugs are ATC codes with presentations that do
// not exist; the other codes are of CIM-10, CCAM, NABM and LPP.

// presentation is a box of a drug.
type presentation struct {
	atc    string
	name   string
	cip7   int
	cip13  string
	nature int  // PRS_NAT_REF of the claim line it is dispensed under
	known  bool // in IR_PHA_R
}

// The uses of drugs.
const (
	acute = iota
	child
	diabetesDrug
	pressureDrug
	heartDrug
	lungDrug
	mindDrug
	cyproterone
	vaccineDrug
	drugUses
)

// prescribed lists the ATC codes of each use, with the nature of the line.
var prescribed = [drugUses][]struct {
	atc    string
	nature int
}{
	acute: {{"N02BE01", 3313}, {"M01AE01", 3312}, {"J01CA04", 3313}, {"J01FA10", 3313}, {"A02BC01", 3313}, {"N02AX02", 3313}, {"R06AX27", 3312},
		{"A03FA03", 3311}, {"H02AB07", 3313}, {"R01AD09", 3312}, {"M01AB05", 3313}, {"J01CR02", 3313}, {"A06AD15", 3311}, {"D07AC01", 3313}},
	child:        {{"N02BE01", 3313}, {"J01CA04", 3313}, {"R03AC02", 3313}, {"A07CA", 3313}, {"R06AX27", 3312}, {"J01CR02", 3313}},
	diabetesDrug: {{"A10BA02", 3313}, {"A10BB09", 3313}, {"A10BH01", 3313}, {"A10AE04", 3313}, {"C10AA05", 3313}},
	pressureDrug: {{"C09AA05", 3313}, {"C08CA01", 3313}, {"C03CA01", 3313}, {"C09CA06", 3313}, {"C07AB07", 3313}},
	heartDrug:    {{"B01AC06", 3313}, {"C07AB07", 3313}, {"C10AA05", 3313}, {"B01AF02", 3313}},
	lungDrug:     {{"R03AK06", 3313}, {"R03BB04", 3313}, {"R03AC02", 3313}},
	mindDrug:     {{"N06AB10", 3313}, {"N05BA12", 3313}, {"N06AX16", 3313}, {"N05CF02", 3311}},
	cyproterone:  {{"G03HA01", 3313}},
	vaccineDrug:  {{"J07BB02", 3313}, {"J07CA01", 3313}, {"J07AL02", 3313}, {"J07AH07", 3313}},
}

// injections are the vaccines given in centres, written in IR_VAC_F.
var injections = []struct {
	name, atc string
	weight    int
}{{"COMIRNATY", "J07BX03", 82}, {"SPIKEVAX", "J07BX03", 13}, {"VAXZEVRIA", "J07BX03", 5}}

// formulary is every presentation, by use, and the vaccines of the centres.
type formulary struct {
	all     []presentation
	byUse   [drugUses][]int
	centres []int
	unknown []int // absent from IR_PHA_R
}

func newFormulary() *formulary {
	f := &formulary{}
	add := func(atc, name string, nature int, known bool) int {
		n := len(f.all)
		cip7 := 9_910_000 + n*137
		f.all = append(f.all, presentation{atc, name, cip7, cip13(cip7), nature, known})
		return n
	}
	made := map[string][]int{}
	for use, drugs := range prescribed {
		for _, d := range drugs {
			boxes, ok := made[d.atc]
			if !ok {
				for i := range 3 {
					boxes = append(boxes, add(d.atc, d.atc+" BOX "+string(rune('1'+i)), d.nature, true))
				}
				made[d.atc] = boxes
			}
			f.byUse[use] = append(f.byUse[use], boxes...)
		}
	}
	for _, v := range injections {
		f.centres = append(f.centres, add(v.atc, v.name, 0, true))
	}
	for range 3 {
		f.unknown = append(f.unknown, add("", "", 3313, false))
	}
	return f
}

// cip13 makes the long code of a presentation: 34009, the short code, and the
// check digit of EAN-13.
func cip13(cip7 int) string {
	b := appendPadded([]byte("34009"), cip7, 7)
	sum := 0
	for i, c := range b {
		if i%2 == 0 {
			sum += int(c - '0')
		} else {
			sum += 3 * int(c-'0')
		}
	}
	return string(append(b, byte('0'+(10-sum%10)%10)))
}

// ucds are units dispensed by hospital pharmacies to people at home.
var ucds = []string{"0000009990013", "0000009990028", "0000009990037"}

// Acts and laboratory tests outside of stays.
var (
	townActs      = []string{"DEQP003", "ZBQK002", "HBJD001", "NFQK001", "QZFA036", "ZCQM008", "HBQK002", "PAQK900", "ZCQH002", "BGQP002"}
	technicalActs = []string{"DEQP003", "ZBQK002", "JDQE003", "HEQE002", "ZCQM008"}
	tests         = []int{1104, 593, 552, 1610, 996, 1139, 522, 1208, 1804, 1577}
	devices       = []int{1100040, 1101826, 1102257, 2105938, 2107972}
)

// stayKind is a reason to be in hospital.
type stayKind struct {
	principal []string
	related   []string // one of them, when there are any
	acts      []string // one of them, when there are any
	anaesth   bool     // the act is written again as activity 4
	ghm       string
	nights    int // at most
	emergency int // percent admitted through the emergency room
	from, to  int // ages
	sex       int // 0 both, 1 men, 2 women
	weight    int
}

var stayKinds = []stayKind{
	{[]string{"Z511"}, []string{"C509", "C189", "C349"}, nil, false, "28Z07Z", 0, 0, 40, 110, 0, 160},
	{[]string{"K573", "K635"}, nil, []string{"HHQE005"}, true, "06K04J", 0, 0, 40, 90, 0, 70},
	{[]string{"H250", "H259"}, nil, []string{"BFGA004"}, true, "02C05J", 0, 0, 60, 110, 0, 90},
	{[]string{"O809", "O800"}, nil, []string{"JQGD010"}, false, "14Z14A", 4, 60, 18, 43, 2, 160},
	{[]string{"R074"}, nil, []string{"DEQP003"}, false, "05M131", 1, 80, 18, 110, 0, 90},
	{[]string{"S525", "S934"}, nil, []string{"NGQK001"}, false, "01M311", 1, 80, 4, 110, 0, 90},
	{[]string{"K409"}, nil, []string{"LMMA012"}, true, "06C12J", 1, 0, 2, 90, 1, 50},
	{[]string{"K800", "K802"}, nil, []string{"HMFC004"}, true, "07C141", 2, 30, 25, 90, 0, 50},
	{[]string{"K358", "K353"}, nil, []string{"HHFA016"}, true, "06C081", 2, 90, 6, 60, 0, 50},
	{[]string{"J189", "J180"}, nil, []string{"ZBQK002"}, false, "04M053", 10, 80, 0, 110, 0, 60},
	{[]string{"I500", "I509"}, nil, []string{"DZQM006"}, false, "05M092", 12, 60, 60, 110, 0, 90},
	{[]string{"I639", "I635"}, nil, []string{"ACQK001"}, false, "01M301", 14, 90, 55, 110, 0, 50},
	{[]string{"I211", "I214"}, nil, []string{"DDAF006"}, false, "05K101", 6, 80, 45, 100, 0, 40},
	{[]string{"M179", "M171"}, nil, []string{"NFKA007"}, true, "08C241", 7, 0, 55, 90, 0, 50},
	{[]string{"S7200", "S7210"}, nil, []string{"NEKA020"}, true, "08C471", 12, 90, 70, 110, 0, 50},
	{[]string{"A090", "R11"}, nil, nil, false, "06M031", 2, 90, 0, 12, 0, 120},
	{[]string{"J200", "H652"}, nil, nil, false, "04M022", 2, 70, 0, 6, 0, 120},
	{[]string{"F322"}, nil, nil, false, "19M06T", 14, 50, 18, 90, 0, 30},
	{[]string{"D329"}, nil, nil, false, "10M161", 3, 20, 30, 90, 0, 3},                // no surgery: not the outcome
	{[]string{"C719"}, nil, []string{"ABFA009"}, true, "01C041", 8, 10, 30, 85, 0, 3}, // another tumour
}

var (
	associated  = []string{"I10", "E119", "E660", "J960", "E86", "D649", "F03", "N189", "Z720", "B24+0"}
	otherUnits  = []string{"R55", "J960", "N179", "I489", "E871"}
	myocarditis = []string{"I400", "I401", "I408", "I409", "I514"}
	meningioma  = []string{"D320", "D329"}
	excisions   = []string{"ACFA002", "ACFA028", "ABFA010", "ACFA001", "ACFA011", "ABFA008", "ACFA008"}
	fatal       = []string{"I500", "J189", "I639", "C349", "A419", "R99"}
	causes      = []string{"C349", "I219", "G309", "I64", "J449", "C509", "R99", "I500", "C189"}
	causesYoung = []string{"X70", "V877", "R99", "C719"}
	otherCauses = []string{"I10", "E119", "F03", "J960", "N189", "R092"}
	longTerm    = []struct {
		code        string
		number      int
		years       int
		from, share int // age of onset at least, and permille of persons past it
	}{
		{"E119", 8, 5, 35, 110}, {"I500", 5, 10, 60, 60}, {"C509", 30, 5, 40, 45}, {"C61", 30, 5, 55, 40}, {"J449", 14, 5, 50, 40},
		{"F200", 23, 10, 20, 12}, {"M069", 22, 5, 35, 15}, {"G309", 15, 10, 70, 60}, {"B24", 7, 5, 20, 6},
	}
)
