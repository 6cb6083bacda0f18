package snds

import "strconv"

// place is a commune, by its INSEE code: the prefectures and a few large
// towns. Weights are a matter of taste.
type place struct {
	commune string // 5 characters
	post    string
	weight  int
}

var places = []place{
	{"75056", "75000", 90}, {"13055", "13000", 60}, {"69123", "69000", 60}, {"31555", "31000", 40}, {"06088", "06000", 35},
	{"44109", "44000", 35}, {"67482", "67000", 30}, {"34172", "34000", 30}, {"33063", "33000", 40}, {"59350", "59000", 60},
	{"35238", "35000", 35}, {"51454", "51100", 15}, {"83137", "83000", 25}, {"42218", "42000", 20}, {"76540", "76000", 30},
	{"38185", "38000", 30}, {"21231", "21000", 15}, {"49007", "49000", 20}, {"30189", "30000", 20}, {"87085", "87000", 12},
	{"63113", "63000", 18}, {"37261", "37000", 16}, {"80021", "80000", 16}, {"57463", "57000", 26}, {"25056", "25000", 14},
	{"45234", "45000", 18}, {"68224", "68100", 20}, {"14118", "14000", 18}, {"54395", "54000", 20}, {"66136", "66000", 14},
	{"86194", "86000", 12}, {"64445", "64000", 18}, {"17300", "17000", 18}, {"72181", "72000", 15}, {"29019", "29200", 25},
	{"56121", "56100", 20}, {"85191", "85000", 18}, {"62041", "62000", 38}, {"84007", "84000", 15}, {"01053", "01000", 16},
	{"2A004", "20000", 9}, {"2B033", "20200", 9}, {"97105", "97100", 10}, {"97209", "97200", 10}, {"97302", "97300", 8}, {"97411", "97400", 20},
}

// The schemes, in the order of their codes.
const (
	general = iota
	farmers
	selfEmployed
	mutual
	schemes
)

var schemeCodes = [schemes]struct {
	name, organism, regime, group string
	weight                        int
}{
	{"RG", "01C", "1", "1", 84}, {"MSA", "02A", "140", "2", 8}, {"RSI", "03A", "101", "3", 4}, {"SLM", "91A", "1", "91", 4},
}

// department is positions 4 to 6 of an organism's code.
func (p place) department() string {
	switch p.commune[:2] {
	case "2A":
		return "201"
	case "2B":
		return "202"
	case "97":
		return p.commune[:3]
	}
	return "0" + p.commune[:2]
}

// organism is the local fund of a person, ORG_AFF_BEN.
func organism(scheme, at int) string {
	return schemeCodes[scheme].organism + places[at].department() + "000"
}

// address is BEN_RES_DPT and BEN_RES_COM: Corsica is 209, and each scheme
// writes the departments overseas in its own way.
func address(scheme, at int) (department, commune string) {
	c := places[at].commune
	switch {
	case c[0] == '2' && c[1] > '9':
		return "209", c[2:]
	case c[:2] != "97":
		return "0" + c[:2], c[2:]
	case scheme == farmers:
		return c[:3], c[2:]
	case scheme == selfEmployed:
		return c[:3], "0" + c[3:]
	}
	return "097", c[2:]
}

// special reports a commune whose code needs a rule: Corsica and overseas.
func (p place) special() bool {
	return p.commune[0] == '2' && p.commune[1] > '9' || p.commune[:2] == "97"
}

// hospital is an establishment. Those that are parts of a big group wrote their
// activity twice up to 2017: under the legal number of the group and under
// their own.
type hospital struct {
	finess  string
	private bool
	parts   []string // geographic numbers, for the three big groups
	ambulat bool     // its outpatient files were doubled too
	weight  int
}

// The legal and geographic numbers of the three groups are public facts
// (documentation of the SNDS, list of sndsTools). The others have numbers that
// no establishment has.
var hospitals = newHospitals()

func newHospitals() []hospital {
	list := []hospital{
		{"750712184", false, []string{"750100042", "750100125", "940100027"}, true, 70},
		{"130786049", false, []string{"130783236"}, true, 35},
		{"690781810", false, []string{"690784137"}, false, 35},
	}
	for i, d := range []string{"06", "13", "21", "31", "33", "34", "35", "38", "44", "51", "54", "59", "67", "69", "76", "87"} {
		list = append(list, hospital{finess: d + "970" + strconv.Itoa(1000 + i*7)[:4], weight: 30})
	}
	for i, d := range []string{"06", "13", "31", "33", "44", "59", "69", "75"} {
		list = append(list, hospital{finess: d + "971" + strconv.Itoa(2000 + i*7)[:4], private: true, weight: 28})
	}
	return list
}

// establishments lists every number of the files of hospitals, with the part
// numbers after the legal ones, and gives each its index.
func establishments() (numbers []string, index map[string]int) {
	index = map[string]int{}
	for _, h := range hospitals {
		index[h.finess] = len(numbers)
		numbers = append(numbers, h.finess)
	}
	for _, h := range hospitals {
		for _, part := range h.parts {
			index[part] = len(numbers)
			numbers = append(numbers, part)
		}
	}
	return numbers, index
}
