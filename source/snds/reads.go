package snds

import "strings"

// nineKeys identify a line of the DCIR, and join it to its details.
const nineKeys = "DCT_ORD_NUM FLX_DIS_DTD FLX_EMT_NUM FLX_EMT_ORD FLX_EMT_TYP FLX_TRT_DTD ORG_CLE_NUM PRS_ORD_NUM REM_TYP_AFF"

// unit says which files of a table are read together.
type unit uint8

const (
	// reference tables are read whole, before the others.
	reference unit = iota
	// claims are read one flux month, or year, at a time.
	claims
	// hospital tables are read one year at a time.
	hospital
)

// reading is what is read of a table.
type reading struct {
	unit unit
	// keys must be in every file; without them a row says nothing.
	keys []string
	// others are taken as empty where a file lacks them.
	others []string
	// asText are columns that the published table calls whole numbers, and that
	// are codes in which zeros count or letters may come.
	asText []string
}

func (r reading) columns() []string { return append(append([]string{}, r.keys...), r.others...) }

func read(u unit, keys, others, asText string) *reading {
	return &reading{u, strings.Fields(keys), strings.Fields(others), strings.Fields(asText)}
}

// reads are the tables that are read, by name. Every other table of the SNDS
// is set aside.
var reads = map[string]*reading{
	"IR_BEN_R":     read(reference, beneficiaryKeys, beneficiaryColumns, "BEN_SEX_COD"),
	"IR_BEN_R_ARC": read(reference, beneficiaryKeys, beneficiaryColumns, "BEN_SEX_COD"),
	"IR_IMB_R":     read(reference, "BEN_NIR_PSA BEN_RNG_GEM IMB_ALD_DTD MED_MTF_COD", "IMB_ALD_DTF IMB_ALD_NUM IMB_ETM_NAT INS_DTE MED_NCL_IDT", ""),
	"IR_PHA_R":     read(reference, "PHA_CIP_C13", "PHA_PRS_IDE PHA_CIP_UCD PHA_ATC_C07 PHA_ATC_CLA PHA_NOM_COURT PHA_MED_NOM", ""),
	"IR_VAC_F":     read(reference, "BEN_NIR_PSA EXE_SOI_DTD PHA_PRS_C13", "BEN_NIR_ANO INJ_VAC_NOM PFS_EXE_NUM", ""),
	"KI_CCI_R":     read(reference, "BEN_IDT_ANO BEN_DCD_DTE", "DCD_IDT_ENC DCD_CIM_COD", ""),

	"ER_PRS_F": read(claims, nineKeys+" BEN_NIR_PSA BEN_RNG_GEM EXE_SOI_DTD PRS_NAT_REF PRS_ACT_QTE",
		"EXE_SOI_DTF BEN_CDI_NIR RGM_COD DPN_QLF PRS_DPN_QLP CPL_MAJ_TOP CPL_AFF_COD PFS_EXE_NUM PFS_PRE_NUM PSE_SPE_COD PSE_ACT_NAT", ""),
	"ER_PHA_F": read(claims, nineKeys+" PHA_ACT_QSN", "PHA_PRS_C13 PHA_PRS_IDE PHA_ORD_NUM", "PHA_PRS_C13 PHA_PRS_IDE"),
	"ER_UCD_F": read(claims, nineKeys+" UCD_UCD_COD UCD_DLV_NBR", "UCD_ORD_NUM", ""),
	"ER_CAM_F": read(claims, nineKeys+" CAM_PRS_IDE", "CAM_ACT_COD CAM_ORD_NUM", ""),
	"ER_BIO_F": read(claims, nineKeys+" BIO_PRS_IDE BIO_ACT_QSN", "BIO_ORD_NUM", "BIO_PRS_IDE"),
	"ER_TIP_F": read(claims, nineKeys+" TIP_PRS_IDE TIP_ACT_QSN", "TIP_ORD_NUM", "TIP_PRS_IDE"),
	"ER_ETE_F": read(claims, nineKeys, "ETE_IND_TAA ETE_GHS_NUM ETB_EXE_FIN", ""),

	"T_MCOaaB": read(hospital, "ETA_NUM RSA_NUM DGN_PAL", "GRG_GHM DGN_REL ENT_MOD ENT_PRV SOR_MOD COD_IGS", "ETA_NUM RSA_NUM COD_IGS"),
	"T_MCOaaC": read(hospital, "ETA_NUM RSA_NUM NIR_ANO_17 NIR_RET NAI_RET SEX_RET SEJ_RET FHO_RET PMS_RET DAT_RET",
		"COH_NAI_RET COH_SEX_RET EXE_SOI_DTD EXE_SOI_DTF ENT_DAT SOR_DAT", "ETA_NUM RSA_NUM"),
	"T_MCOaaD":     read(hospital, "ETA_NUM RSA_NUM ASS_DGN", "", ""),
	"T_MCOaaUM":    read(hospital, "ETA_NUM RSA_NUM", "DGN_PAL DGN_REL UM_ORD_NUM UM_TYP AUT_TYP1_UM ETA_NUM_GEO ETA_NUM_GEO1 PAR_DUR_SEJ", ""),
	"T_MCOaaA":     read(hospital, "ETA_NUM RSA_NUM CDC_ACT", "ENT_DAT_DEL NBR_EXE_ACT ACV_ACT", ""),
	"T_MCOaaE":     read(hospital, "ETA_NUM", "SOC_RAI STA_ETA", ""),
	"T_MCOaaCSTC":  read(hospital, "ETA_NUM SEQ_NUM NIR_ANO_17 NIR_RET NAI_RET SEX_RET", "IAS_RET ENT_DAT_RET EXE_SOI_DTD EXE_SOI_DTF ENT_DAT SOR_DAT", ""),
	"T_MCOaaFMSTC": read(hospital, "ETA_NUM SEQ_NUM CCAM_COD", "DEL_DAT_ENT ACV_ACT", ""),
	"T_MCOaaFLSTC": read(hospital, "ETA_NUM SEQ_NUM NABM_COD", "DEL_DAT_ENT ACT_NBR", ""),
	"T_MCOaaFBSTC": read(hospital, "ETA_NUM SEQ_NUM ACT_COD", "DEL_DAT_ENT ACT_NBR", ""),
}

const (
	beneficiaryKeys    = "BEN_NIR_PSA BEN_RNG_GEM"
	beneficiaryColumns = "BEN_NIR_ANO BEN_CDI_NIR BEN_NAI_ANN BEN_NAI_MOI BEN_SEX_COD BEN_DCD_DTE ORG_AFF_BEN BEN_RES_DPT BEN_RES_COM BEN_DTE_MAJ"
)
