package snds

import (
	"strconv"
	"strings"
)

// A layout is the columns of a table that are written, in order.
type layout []column

// column is a column with the years that have it: from its creation on, and
// before its removal.
type column struct {
	name          string
	from, removed int
}

func (c column) in(year int) bool { return year >= c.from && year < c.removed }

// columns reads a layout: names between spaces, with >=2015 for a column
// created in 2015 and <2010 for one removed in 2010.
func columns(names string) layout {
	var l layout
	for _, n := range strings.Fields(names) {
		c := column{name: n, removed: 9999}
		if name, year, ok := strings.Cut(c.name, "<"); ok {
			c.name, c.removed = name, yearOf(year)
		}
		if name, year, ok := strings.Cut(c.name, ">="); ok {
			c.name, c.from = name, yearOf(year)
		}
		l = append(l, c)
	}
	return l
}

func yearOf(s string) int {
	y, err := strconv.Atoi(s)
	if err != nil {
		panic("snds: a layout names the year " + s)
	}
	return y
}

// nineKeys are what joins a claim line and its details.
const nineKeys = " DCT_ORD_NUM FLX_DIS_DTD FLX_EMT_NUM FLX_EMT_ORD FLX_EMT_TYP FLX_TRT_DTD ORG_CLE_NUM PRS_ORD_NUM REM_TYP_AFF"

const keyColumns = 9

// The tables of the claims, one file a flux year or month.
const (
	prs = iota
	pha
	ucd
	cam
	bio
	tip
	ete
	claimTables
)

var claimLayouts = [claimTables]struct {
	name   string
	layout layout
}{
	{"ER_PRS_F", columns(`BEN_AMA_COD BEN_CDI_NIR BEN_CMU_TOP BEN_DCD_AME BEN_DCD_DTE BEN_EHP_TOP BEN_NAI_ANN BEN_NIR_PSA BEN_RNG_GEM
		BEN_QAF_COD BEN_RES_COM BEN_RES_DPT BEN_SEX_COD ORG_AFF_BEN EXE_SOI_AMD EXE_SOI_AMF EXE_SOI_DTD EXE_SOI_DTF PRE_PRE_AMD PRE_PRE_DTD
		BSE_REM_BSE BSE_REM_MNT BSE_REM_SGN CPL_REM_MNT PRS_ACT_CFT PRS_ACT_NBR PRS_ACT_QTE PRS_PAI_MNT RGM_COD RGM_GRG_COD BSE_PRS_NAT CPL_AFF_COD CPL_MAJ_TOP
		CPL_PRS_NAT DPN_QLF EXO_MTF ORG_CLE_NEW PRS_DPN_QLP PRS_NAT_REF PFS_EXE_NUM PFS_PRE_NUM PSE_ACT_NAT PSE_SPE_COD PSP_SPE_COD` + nineKeys)},
	{"ER_PHA_F", columns(`ORG_CLE_NEW PHA_ACT_PRU PHA_ACT_QSN PHA_DEC_QSU PHA_DEC_TOP PHA_ORD_NUM PHA_PRS_C13 PHA_PRS_IDE` + nineKeys)},
	{"ER_UCD_F", columns(`ORG_CLE_NEW UCD_DLV_NBR UCD_FRC_COE UCD_ORD_NUM UCD_TOP_UCD UCD_UCD_COD` + nineKeys)},
	{"ER_CAM_F", columns(`CAM_ACT_COD CAM_ORD_NUM CAM_PRS_IDE CAM_REM_BSE CAM_TRT_PHA ORG_CLE_NEW` + nineKeys)},
	{"ER_BIO_F", columns(`BIO_ACT_QSN BIO_ORD_NUM BIO_PRS_IDE ORG_CLE_NEW` + nineKeys)},
	{"ER_TIP_F", columns(`ORG_CLE_NEW TIP_ACL_DTD TIP_ACL_DTF TIP_ACT_QSN TIP_ORD_NUM TIP_PRS_IDE TIP_PRS_TYP` + nineKeys)},
	{"ER_ETE_F", columns(`DDP_COD ETB_EXE_FIN ETE_GHS_NUM ETE_IND_TAA ETE_MCO_DDP MDT_COD ORG_CLE_NEW PRS_PPU_SEC` + nineKeys)},
}

// The tables of hospitals, one file a year of discharge.
const (
	mcoB = iota
	mcoC
	mcoD
	mcoUM
	mcoA
	mcoE
	stayTables // those before are written for 2009 and 2012 too
	mcoCSTC    = iota - 1
	mcoFMSTC
	mcoFBSTC
	mcoFLSTC
	hospitalTables
)

var hospitalLayouts = [hospitalTables]struct {
	name   string
	layout layout
}{
	{"B", columns(`AGE_ANN BDI_COD BDI_DEP COD_SEX DGN_PAL DGN_REL ENT_MOD ENT_PRV ETA_NUM ETE_GHS_NUM GHS_NUM GRG_GHM GRG_RET NBR_ACT NBR_DGN
		NBR_RUM NBR_SEA RSA_NUM RSS_NUM SEJ_NBJ SEQ_RUM SOR_ANN SOR_MOD SOR_MOI COD_IGS<2010`)},
	{"C", columns(`COH_NAI_RET>=2013 COH_SEX_RET>=2013 DAT_RET ENT_DAT ETA_NUM EXE_SOI_AMD EXE_SOI_AMF EXE_SOI_DTD EXE_SOI_DTF FHO_RET FOR_NUM
		NAI_RET NIR_ANO_17 NIR_RET PMS_RET RNG_BEN>=2015 RNG_NAI>=2015 RSA_NUM SEJ_NUM SEJ_RET SEX_RET SOR_ANN SOR_DAT SOR_MOI
		ENT_AM<2011 SOR_AM<2011`)},
	{"D", columns(`ASS_DGN DGN_ASS_NUM>=2014 ETA_NUM RSA_NUM RSS_NUM`)},
	{"UM", columns(`ACT_RUM_NBR>=2010 AUT_TYP1_UM>=2010 DGN_ASS_NBR>=2010 DGN_PAL DGN_REL ETA_NUM ETA_NUM_GEO>=2013 PAR_DUR_SEJ>=2010 RSA_NUM
		RSS_NUM UM_ORD_NUM>=2010 ETA_NUM_GEO1>=2012<2013 UM_TYP<2010 PAR_NBR_SEJ<2010`)},
	{"A", columns(`ACV_ACT CDC_ACT ENT_DAT_DEL ETA_NUM NBR_EXE_ACT PHA_ACT RSA_NUM RSS_NUM`)},
	{"E", columns(`ANN_TRT ETA_NUM ETB_EXE_FIN REG_ETA SOC_RAI STA_ETA VAL_ETA`)},
	{"CSTC", columns(`ENT_DAT ENT_DAT_RET ETA_NUM EXE_SOI_AMD EXE_SOI_AMF EXE_SOI_DTD EXE_SOI_DTF IAS_RET NAI_RET NIR_ANO_17 NIR_RET
		RNG_BEN>=2016 RNG_NAI>=2016 SEJ_NUM SEQ_NUM SEX_RET SOR_DAT`)},
	{"FMSTC", columns(`ACV_ACT CCAM_COD DEL_DAT_ENT ETA_NUM ETA_NUM_GEO>=2016 NUM_FAC PHA_ACT SEQ_NUM SOR_ANN SOR_MOI`)},
	{"FBSTC", columns(`ACT_COD ACT_NBR DEL_DAT_ENT ETA_NUM ETA_NUM_GEO>=2016 NUM_FAC SEQ_NUM SOR_ANN SOR_MOI`)},
	{"FLSTC", columns(`ACT_NBR ANN_MOI DEL_DAT_ENT ETA_NUM ETA_NUM_GEO>=2016 NABM_COD NUM_FAC SEQ_NUM`)},
}

// The referentials and the causes of death. IR_VAC_F and IR_PHA_R are not in
// the published schema: their columns follow the documentation of the SNDS.
var (
	personLayout = columns(`BEN_NIR_PSA BEN_RNG_GEM BEN_NIR_ANO BEN_IDT_ANO BEN_IDT_TOP ASS_NIR_ANO BEN_IDT_MAJ BEN_CDI_NIR BEN_NAI_ANN
		BEN_NAI_MOI BEN_SEX_COD BEN_DCD_DTE BEN_DCD_AME ORG_AFF_BEN BEN_RES_DPT BEN_RES_COM BEN_TOP_CNS MAX_TRT_DTD ORG_CLE_NEW BEN_DTE_INS BEN_DTE_MAJ`)
	diseaseLayout = columns(`BEN_NIR_PSA BEN_RNG_GEM IMB_ALD_DTD IMB_ALD_DTF IMB_ALD_NUM IMB_ETM_NAT INS_DTE MED_MTF_COD MED_NCL_IDT UPD_DTE`)
	drugLayout    = columns(`PHA_CIP_C13 PHA_PRS_IDE PHA_CIP_UCD PHA_MED_NOM PHA_PPC_IND PHA_NOM_COURT PHA_ATC_C07 PHA_ATC_C03 PHA_ATC_CLA`)
	vaccineLayout = columns(`BEN_NIR_PSA BEN_NIR_ANO BEN_AGE_ANN BEN_SEX_COD BEN_STA_VAC PRE_PRE_DTD PRE_PRE_AMD EXE_SOI_DTD EXE_SOI_AMD
		INJ_VAC_NOM PHA_PRS_C13 PFS_EXE_NUM PFS_EXE_CAT ETB_VAC_CAT`)
	deathLayout = columns(`DCD_IDT_ENC DCD_IDT_TOP BEN_IDT_ANO BEN_IDT_TOP BEN_NIR_ANO FLX_PER_ANN CER_VER_NUM TRT_STA_COD TYP_CER_COD DCD_DPT_COD
		DCD_COM_COD BEN_RES_DPT BEN_RES_COM BEN_DCD_DTE BEN_DCD_AME DCD_LIE_COD BEN_NAI_ANN BEN_NAI_MOI BEN_SEX_COD DCD_CIM_COD`)
	causeLayout = columns(`DCD_IDT_ENC DCD_IDT_TOP BEN_IDT_ANO BEN_IDT_TOP BEN_NIR_ANO FLX_PER_ANN CER_LIG_NUM ECD_CAU_RNG ECD_CIM_COD BEN_DCD_DTE
		BEN_DCD_AME`)
)

// The truth, with the columns that the judge of the reference data reads.
const (
	tAld = iota
	tAmbiguous
	tCohorts
	tConsultations
	tDeaths
	tDevices
	tDrugs
	tHospitalLink
	tLabs
	tOutpatient
	tPersonKeys
	tPersons
	tProcedures
	tStays
	tUCD
	tVaccinations
	truthTables
)

var truthLayouts = [truthTables]struct {
	name   string
	layout layout
}{
	{"ald", columns("person_id cim10 etm_nat start end start_min end_max raw_rows")},
	{"ambiguous", columns("kind id true_person candidates what_a_correct_program_may_do RNG_NAI_in_file")},
	{"cohorts", columns("cohort person_id BEN_IDT_ANO date")},
	{"consultations", columns("person_id date prs_nat_ref specialty")},
	{"deaths", columns("person_id date in_IR_BEN_R in_KI_linked in_PMSI cause other_causes cause_obtainable obtainable")},
	{"devices", columns("person_id date lpp quantity")},
	{"drugs", columns("person_id date cip13 atc quantity dispensings source")},
	{"hospital_link", columns("IPP person_id NADL NRSS FINESS claims_year claims_ETA_NUM claims_RSA_NUM BEN_NIR_PSA claims_status claims_usable hospital_error")},
	{"labs", columns("person_id date nabm quantity source visit_id status")},
	{"outpatient", columns("visit_id person_id entry exit kind visit_concept year ETA_NUM SEQ_NUM status")},
	{"person_keys", columns("person_id BEN_NIR_PSA BEN_RNG_GEM BEN_NIR_ANO BEN_IDT_ANO kind valid_from")},
	{"persons", columns("person_id birth_year birth_month sex death_date regime commune commune_obtainable role identities unresolved_provisional")},
	{"procedures", columns("person_id date ccam activity quantity source visit_id status")},
	{"stays", columns("visit_id person_id entry exit dp dr das ghm visit_concept died year ETA_NUM RSA_NUM status planted")},
	{"ucd", columns("person_id date ucd13 quantity")},
	{"vaccinations", columns("person_id date cip13 atc product dose source")},
}
