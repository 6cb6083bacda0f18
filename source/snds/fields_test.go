package snds

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
)

// handMade writes a small extract: a person with stays of rehabilitation, at
// home and in psychiatry, twins who share a number, a person known by a
// provisional number, and one who died. Every value that the tests want of it
// was worked out with a calendar.
func handMade(t *testing.T) string {
	t.Helper()
	const (
		someone     = "AAAAAAAAAAAAAAAA1"
		twins       = "TTTTTTTTTTTTTTTT1"
		provisional = "VVVVVVVVVVVVVVVV1"
		dead        = "DDDDDDDDDDDDDDDD1"
		linked      = ";0;0;0;0;0;0;0;0;0"
	)
	dir := t.TempDir()
	for name, lines := range map[string][]string{
		"IR_BEN_R": {"BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO;BEN_CDI_NIR;BEN_NAI_ANN;BEN_NAI_MOI;BEN_SEX_COD;BEN_DCD_DTE;ORG_AFF_BEN;BEN_RES_DPT;BEN_RES_COM;BEN_DTE_MAJ",
			someone + ";1;aaaaaaaaaaaaaaaa1;00;1950;3;2;1600-01-01;01C750000;075;101;2020-01-01",
			twins + ";1;tttttttttttttttt1;00;2012;5;1;1600-01-01;01C750000;075;101;2020-01-01",
			twins + ";2;tttttttttttttttt2;00;2012;5;1;1600-01-01;01C750000;075;101;2020-01-01",
			provisional + ";1;;04;1990;7;1;1600-01-01;01C750000;075;101;2020-01-01",
			dead + ";1;dddddddddddddddd1;00;1930;1;2;2020-05-11;01C750000;075;101;2020-06-01"},
		// A drug of which the reference knows the box, in the columns of before and
		// of now.
		"IR_PHA_R": {"PHA_CIP_C13;PHA_ATC_CLA;PHA_UNT_NBR_DSES;PHA_UPC_NBR;PHA_DOS_UNT_DSES;PHA_DOS_UNI",
			"3400930000014;N02BE01;;16;;MG", "3400930000021;N02BE01;30;;MG;", "3400930000038;N02BE01;;2.5;;ML"},
		"ER_PHA_F": {strings.ReplaceAll(nineKeys, " ", ";") + ";PHA_ACT_QSN;PHA_PRS_C13",
			"1;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;2;3400930000014", "1;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;1;3400930000021",
			"2;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;1;3400930000038"},
		"KI_CCI_R": {"BEN_IDT_ANO;BEN_DCD_DTE;DCD_IDT_ENC;DCD_CIM_COD", "dddddddddddddddd1;2020-05-11;x1;G309"},
		"KI_ECD_R": {"BEN_IDT_ANO;ECD_CIM_COD;CER_LIG_NUM;ECD_CAU_RNG;BEN_DCD_DTE",
			"dddddddddddddddd1;J189;1;1;2020-05-11", "dddddddddddddddd1;G309;2;1;2020-05-11", ";I10;1;1;2020-05-12", "tttttttttttttttt1;R99;1;1;"},
		// A day on which coverage is stated, and a later one of the same year.
		"ER_PRS_F": {strings.ReplaceAll(nineKeys, " ", ";") + ";BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;PRS_NAT_REF;PRS_ACT_QTE;BEN_CMU_TOP",
			"1;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;" + someone + ";1;2019-03-04;3313;1;1",
			"2;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;" + someone + ";1;2019-05-06;3313;1;1",
			"3;2019-08-01;1;1;1;2019-08-01;01C750000;1;0;" + provisional + ";1;2019-07-01;1111;1;0"},

		// A stay of rehabilitation from Wednesday 18 December 2019 to 10 January
		// 2020, told by two years.
		"T_SSR19C": {"ETA_NUM;RHA_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF;ENT_DAT;SOR_DAT",
			"750000001;0000001;" + someone + linked + ";2019-12-18;;18122019;"},
		"T_SSR19B": {"ETA_NUM;RHA_NUM;RHS_NUM;MOR_PRP;FP_PEC;ETL_AFF;RHS_ANT_SEJ_ENT;SEJ_ANT;MOI_ANN;GRG_GME;TYP_GEN_RHA;HOS_TYP_UM;AUT_TYP_UM;JP_HWE;JP_WE",
			"750000001;0000001;001;G811;Z501;I634;0;0;122019;0145A0;0;1;50A;00111;00",
			"750000001;0000001;002;G811;Z501;;5;5;122019;0145A0;0;1;50A;11001;10"},
		"T_SSR19CCAM":  {"ETA_NUM;RHA_NUM;RHS_NUM;CCAM_ACT;CCAM_DEL_ENT_UM;CCAM_NBR_REA", "750000001;0000001;002;DEQP003;6;1"},
		"T_SSR19CSARR": {"ETA_NUM;RHA_NUM;RHS_NUM;CSARR_COD;ENT_DAT_DEL_UM;NBR_CSARR", "750000001;0000001;002;ZZR+001;7;1"},
		"T_SSR20C": {"ETA_NUM;RHA_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF;ENT_DAT;SOR_DAT",
			"750000001;0000009;" + someone + linked + ";2019-12-18;2020-01-10;18122019;10012020",
			"750000001;0000010;" + someone + linked + ";2020-03-02;2020-03-20;02032020;20032020",
			"750000001;0000011;" + someone + ";1;0;0;0;0;0;0;0;0;2020-04-01;2020-04-02;01042020;02042020",
			"750000001;0000012;xxxxxxxxxxxxxxxxx" + linked + ";2020-04-03;2020-04-04;03042020;04042020",
			"750000001;0000013;" + twins + linked + ";2020-05-04;2020-05-08;04052020;08052020",
			"750000001;0000014;" + someone + linked + ";;;01062020;12062020",
			"750000001;0000015;" + someone + linked + ";2020-08-03;2020-08-07;03082020;07082020"},
		"T_SSR20S": {"ETA_NUM;RHA_NUM;ACT_TYP;ENT_MOD;SOR_MOD", "750000001;0000009;1;7;8", "750000001;0000010;2;8;8"},
		// Of 2020: the last week of 2019 again, those of 30 December and 6 January;
		// three weeks of the stay by day, of which two do not count; and the only
		// week of another stay, which does not.
		"T_SSR20B": {"ETA_NUM;RHA_NUM;RHS_NUM;MOR_PRP;FP_PEC;ETL_AFF;RHS_ANT_SEJ_ENT;SEJ_ANT;MOI_ANN;GRG_GME;TYP_GEN_RHA;HOS_TYP_UM;AUT_TYP_UM;JP_HWE;JP_WE",
			"750000001;0000009;001;G811;Z501;;5;5;122019;0145A0;0;1;50A;11001;10",
			"750000001;0000009;002;G811;Z501;;12;12;012020;0145A0;0;1;50A;11111;00",
			"750000001;0000009;003;I694;Z501;;19;19;202001;0145A0;4;1;50A;11111;00",
			"750000001;0000010;001;Z508;;;0;0;032020;900000;0;2;50A;11111;00",
			"750000001;0000010;002;Z509;;;7;7;032020;0145A0;1;2;50A;11111;00",
			"750000001;0000010;003;M170;;;14;14;032020;0145A0;0;2;50A;10101;00",
			"750000001;0000015;001;M171;;;0;0;082020;900000;0;1;50A;11111;00"},
		"T_SSR20D": {"ETA_NUM;RHA_NUM;RHS_NUM;DGN_COD", "750000001;0000009;003;E119", "750000001;0000009;003;G811"},
		"T_SSR20CSARR": {"ETA_NUM;RHA_NUM;RHS_NUM;CSARR_COD;ENT_DAT_DEL_UM;NBR_CSARR",
			"750000001;0000009;001;ZZR+001;7;1", "750000001;0000009;003;PBR+256;21;2", "750000001;0000099;001;PBR+256;0;1"},

		// A stay at home from Monday 15 June 2020, which goes on.
		"T_HAD20C": {"ETA_NUM_EPMSI;RHAD_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF;ENT_DAT;SOR_DAT",
			"750000002;00001;" + someone + linked + ";2020-06-15;;15062020;"},
		"T_HAD20B": {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;SEQ_SEJ_NBJ;SSEQ_SEQ_NBJ;SSEQ_NBJ;DGN_PAL;PEC_PAL;ENT_MOD;SOR_MOD",
			"750000002;00001;0001;0001;0;0;7;C509;04;8;", "750000002;00001;0001;0002;0;7;7;C509;04;8;",
			"750000002;00001;0002;0001;14;0;5;C793;09;8;", "750000002;00001;0003;0001;19;0;7;R52;09;8;"},
		"T_HAD20GRP":  {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;GHT_NUM", "750000002;00001;0001;0001;12", "750000002;00001;0003;0001;99"},
		"T_HAD20D":    {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;DGN_ASS", "750000002;00001;0002;0001;E119"},
		"T_HAD20DMPP": {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;DGN_ASS_MPP", "750000002;00001;0001;0001;L899"},
		"T_HAD20DMPA": {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;DGN_ASS_MPA", "750000002;00001;0001;0002;R53"},
		"T_HAD20A":    {"ETA_NUM_EPMSI;RHAD_NUM;SEQ_NUM;SSEQ_NUM;CCAM_COD;DEL_DEB_SSEQ;REAL_NBR", "750000002;00001;0002;0001;EBLA003;2;1"},

		// In psychiatry: day and night from 1 February to 15 March 2015, with a
		// trial leave and a sequence made for billing; by day from 2 May 2017.
		"T_RIP15C": {"ETA_NUM_EPMSI;RIP_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF",
			"750000003;000001;" + someone + linked + ";2015-02-01;2015-03-15"},
		"T_RIP15RSA": {"ETA_NUM_EPMSI;RIP_NUM;SEQ_SEQ_NUM;DGN_PAL;SEQ_IND;TYP_GEN_RSA;DEL_DAT;SEQ_COU_NBJ;FOR_ACT",
			"750000003;000001;001;F200;;0;0;20;01", "750000003;000001;002;F209;E;0;20;5;01", "750000003;000001;003;F200;;0;25;18;01", "750000003;000001;004;F99;;1;43;1;01"},
		"T_RIP15RSAD": {"ETA_NUM_EPMSI;RIP_NUM;SEQ_SEQ_NUM;ASS_DGN", "750000003;000001;003;Z590"},
		"T_RIP17C": {"ETA_NUM_EPMSI;RIP_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF",
			"750000003;000002;" + someone + linked + ";2017-05-02;2017-06-30"},
		"T_RIP17S":    {"ETA_NUM_EPMSI;RIP_NUM;HOS_TYP;ENT_MOD;SOR_MOD", "750000003;000002;2;8;8"},
		"T_RIP17RSA":  {"ETA_NUM_EPMSI;RIP_NUM;SEQ_SEQ_NUM;DGN_PAL;DEL_DAT;SEQ_COU_NBJ;FOR_ACT", "750000003;000002;001;F329;0;60;20"},
		"T_RIP17CCAM": {"ETA_NUM_EPMSI;RIP_NUM;CDC_ACT;ENT_DAT_DEL;NBR_EXE_ACT", "750000003;000002;AAQP007;3;1"},

		// Outpatient hospital care with a consultation, a drug and coverage.
		"T_MCO20CSTC":  {"ETA_NUM;SEQ_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;IAS_RET;ENT_DAT_RET;EXE_SOI_DTD;EXE_SOI_DTF", "750000004;00000001;" + someone + ";0;0;0;0;0;2020-02-03;2020-02-03"},
		"T_MCO20FASTC": {"ETA_NUM;SEQ_NUM;PAT_CMU", "750000004;00000001;1"},
		"T_MCO20FCSTC": {"ETA_NUM;SEQ_NUM;ACT_COD;DEL_DAT_ENT;ACT_NBR", "750000004;00000001;CS;0;1", "750000004;00000009;CS;0;1"},
		"T_MCO20FHSTC": {"ETA_NUM;SEQ_NUM;UCD_UCD_COD;UCD_COD;DEL_DAT_ENT;QUA", "750000004;00000001;;9245329;2;4"},
	} {
		// Lines of no consequence, so that a year of the hospital is a small part.
		for i := range 200 {
			if name == "ER_PRS_F" {
				lines = append(lines, fmt.Sprintf("%d;2019-06-01;1;1;1;2019-06-01;01C750000;1;0;%s;1;2019-03-04;3313;1;0", 100+i, someone))
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name+".csv"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// told writes the rows of a lake, a line each, in the terms of the source.
func (h hub) told(t *testing.T) (lines []string) {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	visits := map[any]string{}
	read := func(table, what string, columns ...string) {
		err := snap.Read(t.Context(), table, append([]string{"person_id"}, columns...), func(row []any) error {
			person := ids[galien.PersonID(row[0].(int64))]
			parts := []string{what, person[:1] + person[len(person)-1:]}
			for i, x := range row[1:] {
				switch {
				case columns[i] == "visit_occurrence_id" && table != "visit_occurrence" && x != nil:
					parts = append(parts, "in "+visits[x])
				case x != nil && columns[i] != "visit_occurrence_id":
					parts = append(parts, fmt.Sprint(x))
				}
			}
			if table == "visit_occurrence" {
				visits[row[len(row)-1]] = fmt.Sprint(row[2])
			}
			lines = append(lines, strings.Join(parts, " "))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read("visit_occurrence", "visit", "visit_source_value", "visit_start_date", "visit_end_date", "visit_concept_id", "visit_occurrence_id")
	read("visit_detail", "part", "visit_detail_source_value", "visit_detail_start_date", "visit_detail_end_date", "visit_occurrence_id")
	read("condition_occurrence", "condition", "condition_status_source_value", "condition_source_value", "condition_start_date", "condition_status_concept_id", "visit_occurrence_id")
	read("procedure_occurrence", "act", "procedure_source_value", "procedure_date", "quantity", "visit_occurrence_id")
	read("drug_exposure", "drug", "drug_source_value", "drug_exposure_start_date", "quantity", "dose_unit_source_value", "visit_occurrence_id")
	read("observation", "observation", "observation_source_value", "observation_date", "value_as_string")
	slices.Sort(lines)
	return lines
}

// differences returns what one list has and the other lacks, each way.
func differences(from, to []string) (lost, gained []string) {
	left := map[string]int{}
	for _, s := range from {
		left[s]++
	}
	for _, s := range to {
		if left[s]--; left[s] < 0 {
			gained = append(gained, s)
		}
	}
	for _, s := range from {
		if left[s] > 0 {
			lost = append(lost, s)
			left[s]--
		}
	}
	return lost, gained
}

// TestFields reads the hand-made extract.
func TestFields(t *testing.T) {
	dir := handMade(t)
	h := newHub(t)
	report := h.ingest(t, dir)
	told := h.told(t)
	lost, gained := differences([]string{
		"visit a1 rehabilitation 2019-12-18 2020-01-10 9201",
		"visit a1 day rehabilitation 2020-03-02 2020-03-20 9202",
		"visit a1 rehabilitation 2020-06-01 2020-06-12 9201",
		"visit a1 home 2020-06-15 2020-07-03 581476",
		"visit a1 psychiatry 2015-02-01 2015-03-15 9201",
		"visit a1 day psychiatry 2017-05-02 2017-06-30 9202",
		"visit a1 outpatient 2020-02-03 2020-02-03 9202",
		"visit V1 town 2019-07-01 2019-07-01 9202",

		"part a1 50A 2019-12-18 2019-12-20 in 2019-12-18",
		"part a1 50A 2019-12-23 2019-12-28 in 2019-12-18",
		"part a1 50A 2019-12-30 2020-01-03 in 2019-12-18",
		"part a1 50A 2020-01-06 2020-01-10 in 2019-12-18",
		"part a1 50A 2020-03-16 2020-03-20 in 2020-03-02",
		"part a1 04 2020-06-15 2020-06-21 in 2020-06-15",
		"part a1 04 2020-06-22 2020-06-28 in 2020-06-15",
		"part a1 09 2020-06-29 2020-07-03 in 2020-06-15",
		"part a1 01 2015-02-01 2015-02-20 in 2015-02-01",
		"part a1 01 2015-02-26 2015-03-15 in 2015-02-01",
		"part a1 20 2017-05-02 2017-06-30 in 2017-05-02",

		"condition a1 MMP G811 2019-12-18 32902 in 2019-12-18",
		"condition a1 FPP Z501 2019-12-18 32908 in 2019-12-18",
		"condition a1 AE I634 2019-12-18 32908 in 2019-12-18",
		"condition a1 MMP I694 2020-01-06 32902 in 2019-12-18",
		"condition a1 DAS E119 2020-01-06 32908 in 2019-12-18",
		"condition a1 MMP M170 2020-03-16 32902 in 2020-03-02",
		"condition a1 DP C509 2020-06-15 32902 in 2020-06-15",
		"condition a1 MPP L899 2020-06-15 32908 in 2020-06-15",
		"condition a1 MPA R53 2020-06-22 32908 in 2020-06-15",
		"condition a1 DP C793 2020-06-29 32902 in 2020-06-15",
		"condition a1 DA E119 2020-06-29 32908 in 2020-06-15",
		"condition a1 DP F200 2015-02-01 32902 in 2015-02-01",
		"condition a1 DA Z590 2015-02-26 32908 in 2015-02-01",
		"condition a1 DP F329 2017-05-02 32902 in 2017-05-02",

		"act a1 DEQP003 2019-12-24 1 in 2019-12-18",
		"act a1 ZZR+001 2019-12-25 1 in 2019-12-18",
		"act a1 PBR+256 2020-01-08 2 in 2019-12-18",
		"act a1 EBLA003 2020-07-01 1 in 2020-06-15",
		"act a1 AAQP007 2017-05-05 1 in 2017-05-02",
		"act a1 CS 2020-02-03 1 in 2020-02-03",
		"act V1 1111 2019-07-01 1 in 2019-07-01",
		"drug a1 3400930000014 2019-03-04 2 MG",
		"drug a1 3400930000021 2019-03-04 1 MG",
		"drug a1 3400930000038 2019-05-06 1 ML",
		"drug a1 0000009245329 2020-02-05 4 in 2020-02-03",

		"observation a1 CMU-C 2019-03-04",
		"observation a1 CMU-C 2020-02-03",
		"observation d1 certificate line 1 rank 1 2020-05-11 J189",
		"observation d1 certificate line 2 rank 1 2020-05-11 G309",
		"observation V1 P04 2019-07-01",
		"observation t1 P03 2020-01-01",
		"observation t2 P03 2020-01-01",
		"observation t1 M09 2020-05-04",
		"observation t2 M09 2020-05-04",
	}, told)
	for _, s := range lost {
		t.Error("missing: " + s)
	}
	for _, s := range gained {
		t.Error("too much: " + s)
	}

	boxes := map[int64]bool{}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Read(t.Context(), "drug_strength", []string{"box_size"}, func(row []any) error {
		boxes[row[0].(int64)] = true
		return nil
	})
	if err != nil || len(boxes) != 2 || !boxes[16] || !boxes[30] {
		t.Errorf("boxes of %v units, want 16 and 30: %v", boxes, err)
	}

	counts := map[string]string{}
	for _, c := range report.Rules {
		counts[c.Rule+" "+c.Table] = fmt.Sprint(c.Touched, c.Removed)
	}
	for name, want := range map[string]string{
		"R01 T_SSRaaB": "2 2", "R02 T_SSRaaB": "1 1", "R03 T_SSRaaB": "1 1", "M01 T_SSRaaC": "1 1", "M02 T_SSRaaC": "1 1", "M08 T_SSRaaC": "1 0", "M09 T_SSRaaC": "1 0",
		"M11 T_SSRaaCSARR": "1 1", "M11 T_MCOaaFCSTC": "1 1", "H01 T_HADaaB": "1 1", "Y01 T_RIPaaRSA": "1 1", "Y02 T_RIPaaRSA": "1 1",
		// G811 in three weeks that count and Z501 in four; C509 in two
		// sub-sequences; F200 in two sequences.
		"S01 rehabilitation": "2 1", "S02 home": "1 0", "S03 rehabilitation": "7 5", "S03 home": "2 1", "S03 psychiatry": "2 1",
		"K01 KI_ECD_R": "1 1", "P15 persons P03": "2 0", "P15 persons P04": "1 0", "P15 persons M09": "2 0",
	} {
		if counts[name] != want {
			t.Errorf("rule %s: touched and removed %q, want %q", name, counts[name], want)
		}
	}
	// The twins' stay, the two rows without one, and a cause of a death without a
	// day.
	if report.Quarantined != 4 {
		t.Errorf("%d rows in quarantine, want 4: %v", report.Quarantined, report.Reasons)
	}

	nobodyInDoubt(t, h)

	// In two deliveries, of which the second ends a stay that the first began.
	apart := newHub(t)
	first, second := t.TempDir(), t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to := first
		if strings.Contains(filepath.Base(f), "20") {
			to = second
		}
		if err := os.Symlink(f, filepath.Join(to, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	if r := apart.ingest(t, first); r.Grown {
		t.Error("the first delivery grew a lake")
	}
	if !slices.Contains(apart.told(t), "visit a1 rehabilitation 2019-12-18 2019-12-28 9201") {
		t.Error("a stay that goes on does not end with its last week")
	}
	same := func(what string, r, want Report) {
		t.Helper()
		lost, gained := differences(told, apart.told(t))
		for _, s := range append(lost, gained...) {
			t.Error(what + " differs: " + s)
		}
		if !r.Grown || !slices.Equal(r.Rules, want.Rules) {
			t.Errorf("%s: the lake grew %v, the rules counted %v, and at once %v", what, r.Grown, r.Rules, want.Rules)
		}
	}
	same("in two deliveries, what is told", apart.ingest(t, second), report)

	// A year again, with nothing in one of its tables, and then with it.
	partial, complete := t.TempDir(), t.TempDir()
	for _, f := range files {
		name := filepath.Base(f)
		if !strings.HasPrefix(name, "T_SSR19") {
			continue
		}
		for _, to := range []string{partial, complete} {
			if to == partial && name == "T_SSR19B.csv" {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				header, _, _ := strings.Cut(string(text), "\n")
				put(t, partial, name, header+"\n")
				continue
			}
			if err := os.Symlink(f, filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := apart.ingest(t, partial); !r.Grown {
		t.Error("a year with an empty table did not grow the lake")
	}
	lost, _ = differences(told, apart.told(t))
	if want := "part a1 50A 2019-12-18 2019-12-20 in 2019-12-18"; !slices.Contains(lost, want) {
		t.Errorf("without its weeks the year still says: %s", want)
	}
	same("with its weeks again, what is told", apart.ingest(t, complete), report)

	for _, trial := range []struct {
		without      []string
		lost, gained []string
	}{
		{[]string{"R01", "R02", "R03", "H01", "Y01", "Y02", "M01", "M06", "M08"}, []string{
			"visit a1 home 2020-06-15 2020-07-03 581476", "visit a1 rehabilitation 2020-06-01 2020-06-12 9201",
		}, []string{
			"visit a1 home 2020-06-15 2020-07-10 581476", "visit a1 rehabilitation 2020-08-03 2020-08-07 9201", "visit a1 rehabilitation 2020-04-01 2020-04-02 9201",
			"part a1 50A 2020-08-03 2020-08-07 in 2020-08-03", "part a1 50A 2020-03-02 2020-03-06 in 2020-03-02", "part a1 50A 2020-03-09 2020-03-13 in 2020-03-02",
			"part a1 09 2020-07-04 2020-07-10 in 2020-06-15", "part a1 01 2015-02-21 2015-02-25 in 2015-02-01",
			"condition a1 MMP M171 2020-08-03 32902 in 2020-08-03", "condition a1 MMP Z508 2020-03-02 32902 in 2020-03-02", "condition a1 MMP Z509 2020-03-09 32902 in 2020-03-02",
			"condition a1 DP R52 2020-07-04 32902 in 2020-06-15", "condition a1 DP F209 2015-02-21 32902 in 2015-02-01",
			"act a1 ZZR+001 2019-12-25 1 in 2019-12-18", "part a1 50A 2019-12-23 2019-12-28 in 2019-12-18",
			"condition a1 DP F99 2015-03-16 32902 in 2015-02-01", "part a1 01 2015-03-16 2015-03-16 in 2015-02-01",
			"condition a1 DAS G811 2020-01-06 32908 in 2019-12-18",
		}},
		// Two stays instead of one: what the second year tells again is there twice,
		// and the first stay ends with its last week.
		{[]string{"S01"}, nil, []string{
			"visit a1 rehabilitation 2019-12-18 2019-12-28 9201",
			"condition a1 MMP G811 2019-12-30 32902 in 2019-12-18", "condition a1 FPP Z501 2019-12-30 32908 in 2019-12-18",
		}},
		{[]string{"S03"}, nil, []string{
			"condition a1 MMP G811 2019-12-23 32902 in 2019-12-18", "condition a1 MMP G811 2019-12-30 32902 in 2019-12-18",
			"condition a1 FPP Z501 2019-12-23 32908 in 2019-12-18", "condition a1 FPP Z501 2019-12-30 32908 in 2019-12-18", "condition a1 FPP Z501 2020-01-06 32908 in 2019-12-18",
			"condition a1 DP C509 2020-06-22 32902 in 2020-06-15", "condition a1 DP F200 2015-02-26 32902 in 2015-02-01",
		}},
	} {
		t.Run("without "+strings.Join(trial.without, ","), func(t *testing.T) {
			h := newHub(t)
			h.ingest(t, dir, trial.without...)
			lost, gained := differences(told, h.told(t))
			for _, c := range []struct {
				what      string
				got, want []string
			}{{"lost", lost, trial.lost}, {"gained", gained, trial.gained}} {
				missing, more := differences(c.want, c.got)
				for _, s := range missing {
					t.Errorf("not %s: %s", c.what, s)
				}
				for _, s := range more {
					t.Errorf("%s as well: %s", c.what, s)
				}
			}
		})
	}
}

// nobodyInDoubt holds the example of the documentation to the concepts of a
// lake.
func nobodyInDoubt(t *testing.T, h hub) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "sources", "snds-nobody-in-doubt.json"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "sources", "snds.md"))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int64{}
	err = snap.Read(t.Context(), "concept", []string{"concept_id", "vocabulary_id", "concept_code"}, func(row []any) error {
		if row[1] == "SNDS DOUBT" {
			ids[row[2].(string)] = row[0].(int64)
		}
		return nil
	})
	if err != nil || len(ids) != 4 {
		t.Fatalf("concepts %v: %v", ids, err)
	}
	if !strings.Contains(string(b), fmt.Sprintf(`"CONCEPT_ID": %d,`, ids["any"])) {
		t.Errorf("the example does not have the concept %d", ids["any"])
	}
	for code, id := range ids {
		if !strings.Contains(string(page), fmt.Sprint(id)) {
			t.Errorf("docs/sources/snds.md does not have the concept %d of %s", id, code)
		}
	}
	under := map[int64]bool{}
	err = snap.Read(t.Context(), "concept_ancestor", []string{"ancestor_concept_id", "descendant_concept_id"}, func(row []any) error {
		if row[0] == ids["any"] {
			under[row[1].(int64)] = true
		}
		return nil
	})
	if err != nil || len(under) != 4 {
		t.Errorf("%d concepts under it, want itself and three: %v", len(under), err)
	}
}
