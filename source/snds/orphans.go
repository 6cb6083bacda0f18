package snds

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/lake/duck"
	"galien/source"
)

// orphans finds rows that cannot be kept by what other tables say of them: a
// query that yields the mark of the input file and the plain values of key
// columns. Rows of files that the delivery does not hold are left as they are.
type orphans struct {
	keys  string
	why   failure
	query string
}

var claimOrphans = []orphans{
	{nineKeys, failure{"BEN_NIR_PSA", source.UnknownBeneficiary},
		"SELECT p._file, $keys FROM er_prs_f p SEMI JOIN claim c ON $on(c, p) AND c.removed_by = 'P06' AND NOT (CASE WHEN c.fictitious THEN NOT $P05 ELSE NOT $P06 END)"},
	{nineKeys, failure{"", source.OrphanDetail}, "SELECT p._file, $keys FROM er_pha_f p SEMI JOIN detailed d ON $on(d, p) AND d.orphan"},
	{nineKeys, failure{"", source.OrphanDetail}, "SELECT p._file, $keys FROM er_ucd_f p SEMI JOIN detailed d ON $on(d, p) AND d.orphan"},
	{nineKeys, failure{"", source.OrphanDetail}, "SELECT p._file, $keys FROM er_cam_f p SEMI JOIN detailed d ON $on(d, p) AND d.orphan"},
	{nineKeys, failure{"", source.OrphanDetail}, "SELECT p._file, $keys FROM er_bio_f p SEMI JOIN detailed d ON $on(d, p) AND d.orphan"},
	{nineKeys, failure{"", source.OrphanDetail}, "SELECT p._file, $keys FROM er_tip_f p SEMI JOIN detailed d ON $on(d, p) AND d.orphan"},
}

// unitOrphans are those that a unit knows by itself.
var unitOrphans = map[unit][]orphans{
	claims: claimOrphans,
	hospital: slices.Concat(detailOrphans("stay", "ETA_NUM RSA_NUM", "T_MCOaaB T_MCOaaD T_MCOaaA T_MCOaaUM T_MCOaaVALO T_MCOaaFA T_MCOaaFC"),
		detailOrphans("visit", "ETA_NUM SEQ_NUM", "T_MCOaaFASTC T_MCOaaFBSTC T_MCOaaFCSTC T_MCOaaFHSTC T_MCOaaFLSTC T_MCOaaFMSTC T_MCOaaVALOACE")),
	rehabilitation: detailOrphans("rehabilitation", "ETA_NUM RHA_NUM", "T_SSRaaS T_SSRaaB T_SSRaaD T_SSRaaA T_SSRaaCCAM T_SSRaaCCAR T_SSRaaCSARR"),
	home:           detailOrphans("home", "ETA_NUM_EPMSI RHAD_NUM", "T_HADaaS T_HADaaB T_HADaaD T_HADaaDMPP T_HADaaDMPA T_HADaaA T_HADaaGRP"),
	psychiatry:     detailOrphans("psychiatry", "ETA_NUM_EPMSI RIP_NUM", "T_RIPaaS T_RIPaaRSA T_RIPaaRSAD T_RIPaaCCAM"),
}

// detailOrphans are the rows whose stay the linkage table lacks (M11). Kept is
// the table that the cleaning made of the linkage table.
func detailOrphans(kept, keys, tables string) (list []orphans) {
	on := "s.year = d._year"
	for _, k := range strings.Fields(keys) {
		on += fmt.Sprintf(" AND s.%[1]s = d.%[1]s", k)
	}
	for _, table := range strings.Fields(tables) {
		list = append(list, orphans{keys, failure{"", source.OrphanDetail},
			fmt.Sprintf("SELECT DISTINCT _file, $keys FROM %s d ANTI JOIN %s s ON %s", strings.ToLower(table), kept, on)})
	}
	return list
}

// fieldOrphans are the rows of a field's linkage table that belong to nobody, or
// have no day.
func fieldOrphans(kind, keys string) (list []orphans) {
	for _, f := range []struct {
		fate string
		why  failure
	}{
		{"M09", failure{"NIR_ANO_17", source.AmbiguousPerson}}, {"P06", failure{"NIR_ANO_17", source.UnknownBeneficiary}},
		{"undated", failure{"EXE_SOI_DTD", source.RequiredMissing}},
	} {
		list = append(list, orphans{keys, f.why, fmt.Sprintf("SELECT _file, finess, number FROM field_fate WHERE kind = '%s' AND fate = '%s'", kind, f.fate)})
	}
	return list
}

// stateOrphans depend on what the other units say.
var stateOrphans = slices.Concat(fieldOrphans("rehabilitation", "ETA_NUM RHA_NUM"), fieldOrphans("home", "ETA_NUM_EPMSI RHAD_NUM"), fieldOrphans("psychiatry", "ETA_NUM_EPMSI RIP_NUM"), []orphans{
	{"ETA_NUM RSA_NUM", failure{"NIR_ANO_17", source.AmbiguousPerson}, "SELECT _file, finess, number FROM stay_fate WHERE fate = 'M09'"},
	{"ETA_NUM RSA_NUM", failure{"NIR_ANO_17", source.UnknownBeneficiary}, "SELECT _file, finess, number FROM stay_fate WHERE fate = 'P06'"},
	{"ETA_NUM RSA_NUM", failure{"EXE_SOI_DTD", source.RequiredMissing}, "SELECT _file, finess, number FROM stay_fate WHERE fate = 'undated'"},
	{"ETA_NUM SEQ_NUM", failure{"NIR_ANO_17", source.AmbiguousPerson}, "SELECT _file, finess, number FROM outpatient_fate WHERE fate = 'M09'"},
	{"ETA_NUM SEQ_NUM", failure{"NIR_ANO_17", source.UnknownBeneficiary}, "SELECT _file, finess, number FROM outpatient_fate WHERE fate = 'P06'"},
	{"ETA_NUM SEQ_NUM", failure{"EXE_SOI_DTD", source.RequiredMissing}, "SELECT _file, finess, number FROM outpatient_fate WHERE fate = 'undated'"},
	{"BEN_NIR_PSA BEN_RNG_GEM", failure{"BEN_NIR_PSA", source.UnknownBeneficiary},
		"SELECT DISTINCT i._file, i.BEN_NIR_PSA, i.BEN_RNG_GEM FROM ir_imb_r i ANTI JOIN beneficiary b ON b.psa = i.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM i.BEN_RNG_GEM"},
	{"BEN_NIR_PSA EXE_SOI_DTD PHA_PRS_C13", failure{"BEN_NIR_PSA", source.UnknownBeneficiary},
		"SELECT DISTINCT _file, psa, day, code FROM vaccine_row WHERE person_id IS NULL"},
	{"BEN_IDT_ANO", failure{"BEN_IDT_ANO", source.UnknownBeneficiary},
		"SELECT DISTINCT k._file, k.BEN_IDT_ANO FROM ki_cci_r k ANTI JOIN anonymous a ON a.ano = k.BEN_IDT_ANO WHERE k.BEN_IDT_ANO IS NOT NULL"},
	{"BEN_IDT_ANO", failure{"BEN_IDT_ANO", source.UnknownBeneficiary},
		"SELECT DISTINCT k._file, k.BEN_IDT_ANO FROM ki_ecd_r k ANTI JOIN anonymous a ON a.ano = k.BEN_IDT_ANO WHERE k.BEN_IDT_ANO IS NOT NULL"},
	{"BEN_IDT_ANO", failure{"BEN_DCD_DTE", source.RequiredMissing}, "SELECT DISTINCT _file, ano FROM told_cause WHERE day IS NULL"},
})

// quarantine notes the rows that the queries find.
func (g *ingest) quarantine(ctx context.Context, db executor, list []orphans) error {
	files := map[uint64]*input{}
	for _, in := range g.d.inputs {
		files[in.mark()] = in
	}
	for _, o := range list {
		keys := strings.Fields(o.keys)
		query, err := expand(strings.ReplaceAll(o.query, "$keys", strings.Join(keys, ", ")), g.without)
		if err != nil {
			return err
		}
		if err := g.note(ctx, db, query, files, keys, o.why); err != nil {
			return err
		}
	}
	return nil
}

func (g *ingest) note(ctx context.Context, db executor, query string, files map[uint64]*input, keys []string, why failure) error {
	const action = "find rows for the quarantine"
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	for rows.Next() {
		var file uint64
		values := make([]sql.NullString, len(keys))
		into := []any{&file}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return galien.Errorf(galien.Internal, "%s: the engine's answer cannot be read", action)
		}
		in := files[file]
		if in == nil {
			continue
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String
			// The driver writes a date with its time.
			if k := reads[in.table.Name].kindOf(in.table, keys[i]); (k == date || k == dayFirst) && len(texts[i]) > 10 {
				texts[i] = texts[i][:10]
			}
		}
		g.problems.atKeys(in, keys, texts, why)
	}
	return duck.Error(action, rows.Err())
}
