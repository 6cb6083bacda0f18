package snds

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run ./gen

// Kind of values that a column holds.
type valueKind uint8

const (
	text valueKind = iota
	whole
	number
	// date is written AAAA-MM-JJ, AAAAMMJJ, JJMMMAAAA:hh:mm:ss or
	// AAAA-MM-JJThh:mm:ssZ.
	date
	// dayFirst is a date whose eight digits begin with the day.
	dayFirst
)

// Column is one column of a table of the SNDS.
type Column struct {
	Name string
	kind valueKind
	// Length is the most characters, 0 when it is not published.
	Length int
	// From and Until are the years in which the column exists, Until not
	// included; 0 when there is no such bound.
	From, Until int
}

// existsIn reports whether the column is part of the table in a year; year 0
// stands for any.
func (c Column) existsIn(year int) bool {
	return year == 0 || (c.From == 0 || year >= c.From) && (c.Until == 0 || year < c.Until)
}

// Table is one table of the SNDS. In the name of a yearly table of the PMSI the
// letters aa stand for the year.
type Table struct {
	Name    string
	Part    string
	Columns []Column
}

// column returns a column by its name in upper case.
func (t Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// undescribed are tables that the published schema lacks: the archive of
// beneficiaries has the columns of IR_BEN_R, the others follow the SNDS
// documentation.
var undescribed = []struct{ name, part, columns string }{
	{"IR_PHA_R", "REFERENCE", "PHA_CIP_C13:t13 PHA_PRS_IDE:t7 PHA_CIP_UCD:t13 PHA_MED_NAT:t PHA_MED_NOM:t PHA_PPC_IND:t PHA_INS_DTD:d PHA_INS_DTF:d " +
		"PHA_MTF_VAL:t PHA_LIS_IND:t PHA_FRM_COD:t PHA_FRM_LIB:t PHA_FRC_COD:t PHA_FRC_LIB:t PHA_LAB_NOM:t PHA_PRD_LIB1:t PHA_PRD_LIB2:t PHA_DER_MAJ:d " +
		"PHA_MAX_QTS:n PHA_MAX_QTR:n PHA_PRE_IND:t PHA_MEX_IND:t PHA_MED_SPE:t PHA_SEX_DTD:d PHA_MED_SEX:t PHA_AGE_DTD:d PHA_AGE_MIN:n PHA_AGE_MAX:n " +
		"PHA_MED_IMG:t PHA_MED_GEN:t PHA_PCP_DTD:d PHA_MED_PCP:t PHA_MED_PIH:t PHA_DTD_ALM:d PHA_DTF_ALM:d PHA_IND_SUI:t PHA_TAR_DAT:d PHA_PRI_UNI:n " +
		"PHA_PRI_UND:n PHA_TAU_COD:t PHA_RGE_C07:t PHA_RGE_C13:t PHA_GRS_NUM:t PHA_GRS_NOM:t PHA_NOM_PA:t PHA_MED_COM:t PHA_NOM_COURT:t PHA_EPH_COD:t " +
		"PHA_EPH_LIB_DSES:t PHA_MED_GEN_DPROD:t PHA_CNV_TOP_DSES:t PHA_GRS_DSD:t PHA_HTA_TOP:t PHA_CND_TOP:t PHA_DOS_PRA_DSES:t PHA_DOS_UNT_DSES:t " +
		"PHA_UNT_NBR_DSES:n PHA_ATC_C07:t7 PHA_ATC_L07:t PHA_ATC_C03:t PHA_ATC_L03:t PHA_AST_TOP:t PHA_CAR_TOP:t PHA_DAT_OPP:t PHA_DIA_TOP:t " +
		"PHA_GRD_CND:t PHA_HDD_SPE:t PHA_PRD_UND:t PHA_PRD_UNI:t PHA_ATC_CLA:t7 PHA_ATC_LIB:t PHA_DOS_UNI:t PHA_EPH_CLA:t PHA_EPH_LIB:t PHA_SUB_DOS:t PHA_UPC_NBR:n"},
	{"IR_VAC_F", "VACCINATION", "BEN_NIR_PSA:t17 BEN_NIR_ANO:t17 BEN_AGE_ANN:i BEN_SEX_COD:t BEN_STA_VAC:t PRE_PRE_DTD:d PRE_PRE_AMD:i PFS_PRE_NUM:t " +
		"ETB_PRE_FIN:t PFS_PRE_CAT:t PSP_SPE_COD:i EXE_SOI_DTD:d EXE_SOI_AMD:i INJ_VAC_NOM:t PHA_PRS_C13:t13 PFS_EXE_NUM:t ETB_EXE_FIN:t PFS_EXE_CAT:t " +
		"PSE_SPE_COD:i ETB_VAC_CAT:t ETB_VAC_FIN:t"},
}

// renamed are columns that tables got after the published schema: from 2022 the
// amounts of T_MCOaaVALO have other names.
var renamed = map[string]string{"T_MCOaaVALO": "MT_TOT_AM:n@2022 MT_TOT_BR:n@2022"}

// tables reads the compact descriptions, once. Its keys are in upper case.
var tables = sync.OnceValue(func() map[string]Table {
	all := map[string]Table{}
	for _, d := range append(append([]struct{ name, part, columns string }{}, described...), undescribed...) {
		t := Table{Name: d.name, Part: d.part}
		for _, c := range strings.Fields(d.columns + " " + renamed[d.name]) {
			t.Columns = append(t.Columns, parseColumn(c))
		}
		all[strings.ToUpper(d.name)] = t
	}
	archive := all["IR_BEN_R"]
	archive.Name = "IR_BEN_R_ARC"
	all[archive.Name] = archive
	return all
})

var kinds = map[byte]valueKind{'t': text, 'i': whole, 'n': number, 'd': date, 'e': dayFirst}

// parseColumn reads NAME:type[length][@first year][-year of its end].
func parseColumn(s string) Column {
	name, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" {
		panic(fmt.Sprintf("snds: %q does not describe a column", s))
	}
	c := Column{Name: name, kind: kinds[rest[0]]}
	rest, until, _ := strings.Cut(rest[1:], "-")
	rest, from, _ := strings.Cut(rest, "@")
	// A length that is no number is one that is not published.
	c.Length, _ = strconv.Atoi(rest)
	c.From, _ = strconv.Atoi(from)
	c.Until, _ = strconv.Atoi(until)
	return c
}
