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
	// hospital tables (PMSI MCO) are read one year at a time, and so are those of
	// rehabilitation (SSR), hospital at home (HAD) and psychiatry (RIM-P), each
	// field apart.
	hospital
	rehabilitation
	home
	psychiatry
)

// yearly reports whether the tables of a unit are those of a year of the PMSI.
func (u unit) yearly() bool { return u >= hospital }

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
	"IR_IMB_R":     read(reference, "BEN_NIR_PSA BEN_RNG_GEM IMB_ALD_DTD MED_MTF_COD", "IMB_ALD_DTF IMB_ALD_NUM IMB_ETM_NAT INS_DTE", ""),
	"IR_PHA_R": read(reference, "PHA_CIP_C13", "PHA_PRS_IDE PHA_CIP_UCD PHA_ATC_C07 PHA_ATC_CLA PHA_NOM_COURT PHA_MED_NOM "+
		"PHA_UNT_NBR_DSES PHA_UPC_NBR PHA_DOS_UNT_DSES PHA_DOS_UNI", ""),
	"IR_VAC_F": read(reference, "BEN_NIR_PSA EXE_SOI_DTD PHA_PRS_C13", "BEN_NIR_ANO INJ_VAC_NOM PFS_EXE_NUM", ""),
	"KI_CCI_R": read(reference, "BEN_IDT_ANO BEN_DCD_DTE", "DCD_CIM_COD", ""),
	"KI_ECD_R": read(reference, "BEN_IDT_ANO ECD_CIM_COD", "CER_LIG_NUM ECD_CAU_RNG BEN_DCD_DTE", ""),

	"ER_PRS_F": read(claims, nineKeys+" BEN_NIR_PSA BEN_RNG_GEM EXE_SOI_DTD PRS_NAT_REF PRS_ACT_QTE",
		"EXE_SOI_DTF BEN_CDI_NIR RGM_COD DPN_QLF PRS_DPN_QLP CPL_MAJ_TOP CPL_AFF_COD PFS_EXE_NUM PFS_PRE_NUM PSE_SPE_COD BEN_CMU_TOP "+
			"PRS_PAI_MNT BSE_REM_BSE BSE_REM_MNT CPL_REM_MNT", ""),
	"ER_PHA_F": read(claims, nineKeys+" PHA_ACT_QSN", "PHA_PRS_C13 PHA_PRS_IDE PHA_ORD_NUM", "PHA_PRS_C13 PHA_PRS_IDE"),
	"ER_UCD_F": read(claims, nineKeys+" UCD_UCD_COD UCD_DLV_NBR", "UCD_ORD_NUM", ""),
	"ER_CAM_F": read(claims, nineKeys+" CAM_PRS_IDE", "CAM_ORD_NUM", ""),
	"ER_BIO_F": read(claims, nineKeys+" BIO_PRS_IDE BIO_ACT_QSN", "BIO_ORD_NUM", "BIO_PRS_IDE"),
	"ER_TIP_F": read(claims, nineKeys+" TIP_PRS_IDE TIP_ACT_QSN", "TIP_ORD_NUM", "TIP_PRS_IDE"),
	"ER_ETE_F": read(claims, nineKeys, "ETE_IND_TAA ETE_GHS_NUM ETB_EXE_FIN", ""),

	"T_MCOaaB": read(hospital, "ETA_NUM RSA_NUM DGN_PAL", "GRG_GHM DGN_REL ENT_MOD ENT_PRV SOR_MOD", "ETA_NUM RSA_NUM"),
	"T_MCOaaC": read(hospital, "ETA_NUM RSA_NUM NIR_ANO_17 NIR_RET NAI_RET SEX_RET SEJ_RET FHO_RET PMS_RET DAT_RET",
		"COH_NAI_RET COH_SEX_RET EXE_SOI_DTD EXE_SOI_DTF ENT_DAT SOR_DAT", "ETA_NUM RSA_NUM"),
	"T_MCOaaD":       read(hospital, "ETA_NUM RSA_NUM ASS_DGN", "", ""),
	"T_MCOaaUM":      read(hospital, "ETA_NUM RSA_NUM", "DGN_PAL DGN_REL UM_ORD_NUM UM_TYP AUT_TYP1_UM ETA_NUM_GEO ETA_NUM_GEO1", ""),
	"T_MCOaaA":       read(hospital, "ETA_NUM RSA_NUM CDC_ACT", "ENT_DAT_DEL NBR_EXE_ACT", ""),
	"T_MCOaaE":       read(hospital, "ETA_NUM", "SOC_RAI", ""),
	"T_MCOaaVALO":    read(hospital, "ETA_NUM RSA_NUM", "VALO MNT_TOT_AM MNT_TOT_BR MT_TOT_AM MT_TOT_BR", ""),
	"T_MCOaaFA":      read(hospital, "ETA_NUM RSA_NUM", "PH_MNT HON_MNT PH_BRM PH_AMO_MNR HON_AM_MNR", ""),
	"T_MCOaaFC":      read(hospital, "ETA_NUM RSA_NUM REM_BAS", "", ""),
	"T_MCOaaCSTC":    read(hospital, "ETA_NUM SEQ_NUM NIR_ANO_17 NIR_RET NAI_RET SEX_RET", "IAS_RET ENT_DAT_RET EXE_SOI_DTD EXE_SOI_DTF ENT_DAT SOR_DAT", ""),
	"T_MCOaaVALOACE": read(hospital, "ETA_NUM SEQ_NUM", "VALO MNT_BR MNT_REMB", ""),
	"T_MCOaaFMSTC":   read(hospital, "ETA_NUM SEQ_NUM CCAM_COD", "DEL_DAT_ENT", ""),
	"T_MCOaaFLSTC":   read(hospital, "ETA_NUM SEQ_NUM NABM_COD", "DEL_DAT_ENT ACT_NBR", ""),
	"T_MCOaaFBSTC":   read(hospital, "ETA_NUM SEQ_NUM ACT_COD", "DEL_DAT_ENT ACT_NBR", ""),
	"T_MCOaaFASTC":   read(hospital, "ETA_NUM SEQ_NUM", "PAT_CMU", ""),
	"T_MCOaaFCSTC":   read(hospital, "ETA_NUM SEQ_NUM ACT_COD", "DEL_DAT_ENT ACT_NBR", ""),
	"T_MCOaaFHSTC":   read(hospital, "ETA_NUM SEQ_NUM", "UCD_UCD_COD UCD_COD DEL_DAT_ENT QUA", ""),

	"T_SSRaaC":     read(rehabilitation, "ETA_NUM RHA_NUM "+linkageKeys, linkageColumns, ""),
	"T_SSRaaS":     read(rehabilitation, "ETA_NUM RHA_NUM", "ACT_TYP ENT_MOD SOR_MOD", ""),
	"T_SSRaaB":     read(rehabilitation, "ETA_NUM RHA_NUM RHS_NUM MOR_PRP", rehabilitationColumns, ""),
	"T_SSRaaD":     read(rehabilitation, "ETA_NUM RHA_NUM RHS_NUM DGN_COD", "", ""),
	"T_SSRaaA":     read(rehabilitation, "ETA_NUM RHA_NUM CDC_ACT", "RHS_NUM", ""),
	"T_SSRaaCCAM":  read(rehabilitation, "ETA_NUM RHA_NUM RHS_NUM CCAM_ACT", "CCAM_DEL_ENT_UM CCAM_NBR_REA", ""),
	"T_SSRaaCCAR":  read(rehabilitation, "ETA_NUM RHA_NUM RHS_NUM", "CCAR_ACT CCAR_COD DELAI_ENT_UM CCAR_NBR_REA", ""),
	"T_SSRaaCSARR": read(rehabilitation, "ETA_NUM RHA_NUM RHS_NUM CSARR_COD", "ENT_DAT_DEL_UM NBR_CSARR", ""),
	"T_SSRaaE":     read(rehabilitation, "ETA_NUM", "SOC_RAI", ""),

	"T_HADaaC":    read(home, "ETA_NUM_EPMSI RHAD_NUM "+linkageKeys, linkageColumns, ""),
	"T_HADaaS":    read(home, "ETA_NUM_EPMSI RHAD_NUM", "ENT_MOD SOR_MOD", ""),
	"T_HADaaB":    read(home, "ETA_NUM_EPMSI RHAD_NUM", homeColumns, ""),
	"T_HADaaD":    read(home, "ETA_NUM_EPMSI RHAD_NUM DGN_ASS", "SEQ_NUM SSEQ_NUM", ""),
	"T_HADaaDMPP": read(home, "ETA_NUM_EPMSI RHAD_NUM DGN_ASS_MPP", "SEQ_NUM SSEQ_NUM", ""),
	"T_HADaaDMPA": read(home, "ETA_NUM_EPMSI RHAD_NUM DGN_ASS_MPA", "SEQ_NUM SSEQ_NUM", ""),
	"T_HADaaA":    read(home, "ETA_NUM_EPMSI RHAD_NUM CCAM_COD", "SEQ_NUM SSEQ_NUM DEL_DEB_SSEQ REAL_NBR", ""),
	"T_HADaaGRP":  read(home, "ETA_NUM_EPMSI RHAD_NUM GHT_NUM", "SEQ_NUM SEQ_SEJ SSEQ_NUM", ""),
	"T_HADaaE":    read(home, "ETA_NUM", "SOC_RAI", ""),

	"T_RIPaaC":    read(psychiatry, "ETA_NUM_EPMSI RIP_NUM "+linkageKeys, linkageColumns, ""),
	"T_RIPaaS":    read(psychiatry, "ETA_NUM_EPMSI RIP_NUM", "HOS_TYP ENT_MOD SOR_MOD", ""),
	"T_RIPaaRSA":  read(psychiatry, "ETA_NUM_EPMSI RIP_NUM DGN_PAL", "SEQ_SEQ_NUM SEQ_IND TYP_GEN_RSA DEL_DAT SEQ_COU_NBJ FOR_ACT NAT_PEC ETA_NUM_TWO ENT_MOD SOR_MOD", ""),
	"T_RIPaaRSAD": read(psychiatry, "ETA_NUM_EPMSI RIP_NUM ASS_DGN", "SEQ_SEQ_NUM", ""),
	"T_RIPaaCCAM": read(psychiatry, "ETA_NUM_EPMSI RIP_NUM CDC_ACT", "ENT_DAT_DEL NBR_EXE_ACT", ""),
	"T_RIPaaE":    read(psychiatry, "ETA_NUM", "SOC_RAI", ""),
}

const (
	beneficiaryKeys    = "BEN_NIR_PSA BEN_RNG_GEM"
	beneficiaryColumns = "BEN_NIR_ANO BEN_CDI_NIR BEN_NAI_ANN BEN_NAI_MOI BEN_SEX_COD BEN_DCD_DTE ORG_AFF_BEN BEN_RES_DPT BEN_RES_COM BEN_DTE_MAJ"

	// A row of a table C says who a stay is of, whether the linkage holds, and
	// when the stay was.
	linkageKeys    = "NIR_ANO_17 NIR_RET NAI_RET SEX_RET SEJ_RET FHO_RET PMS_RET DAT_RET"
	linkageColumns = "COH_NAI_RET COH_SEX_RET EXE_SOI_DTD EXE_SOI_DTF ENT_DAT SOR_DAT"

	rehabilitationColumns = "FP_PEC ETL_AFF RHS_ANT_SEJ_ENT SEJ_ANT MOI_ANN GRG_GME TYP_GEN_RHA HOS_TYP_UM AUT_TYP_UM ETA_NUM_GEO ENT_MOD SOR_MOD JP_HWE JP_WE " +
		"ASS_DGN_1 ASS_DGN_2 ASS_DGN_3 ASS_DGN_4 ASS_DGN_5 ASS_DGN_6 ASS_DGN_7 ASS_DGN_8 ASS_DGN_9 ASS_DGN_10 " +
		"ASS_DGN_11 ASS_DGN_12 ASS_DGN_13 ASS_DGN_14 ASS_DGN_15 ASS_DGN_16 ASS_DGN_17 ASS_DGN_18 ASS_DGN_19 ASS_DGN_20"
	homeColumns = "DGN_PAL SEQ_NUM SEQ_SEJ SSEQ_NUM SEQ_SEJ_NBJ SSEQ_SEQ_NBJ SSEQ_NBJ PEC_PAL ETA_NUM_GEO ETA_NUM_TWO ENT_MOD SOR_MOD " +
		"DGN_PAL1 DGN_PAL2 DGN_PAL3 DGN_PAL4 DGN_PAL5 DGN_PAL6 DGN_PAL7"
)
