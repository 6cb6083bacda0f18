-- One flux month, or year, of the DCIR. The tables of the files (er_prs_f and
-- its details) and claim belong to this connection; care_line to all.

-- The care of an establishment, by line of claim.
CREATE TEMP TABLE establishment AS
SELECT $keys, bool_or(ETE_IND_TAA = 1) AS hospital_bill, bool_or(ETE_IND_TAA = 2) AS clinic_bill,
  bool_or(ETE_IND_TAA = 2 AND ETE_GHS_NUM <> 0) AS clinic_stay, max(ETB_EXE_FIN) AS finess
FROM er_ete_f
GROUP BY ALL;

-- Each line with its person, and the one rule that removes it.
CREATE TEMP TABLE claim AS
SELECT p.DCT_ORD_NUM, p.FLX_DIS_DTD, p.FLX_EMT_NUM, p.FLX_EMT_ORD, p.FLX_EMT_TYP, p.FLX_TRT_DTD, p.ORG_CLE_NUM, p.PRS_ORD_NUM, p.REM_TYP_AFF,
  b.person_id, b.identity, b.has_several, p.EXE_SOI_DTD AS day, p.EXE_SOI_DTF AS last_day, p.PRS_NAT_REF, p.PRS_ACT_QTE AS quantity,
  p.PFS_EXE_NUM AS executor, p.PFS_PRE_NUM AS prescriber, p.PSE_SPE_COD AS specialty, e.finess, e.clinic_stay,
  p.DPN_QLF IS NULL OR p.PRS_DPN_QLP IS NULL OR p.CPL_MAJ_TOP IS NULL OR p.CPL_AFF_COD IS NULL AS unqualified,
  p._file,
  CASE
    -- P05: a fictitious number, shared by many: it belongs to nobody.
    WHEN $P05 AND (p.BEN_CDI_NIR = '08' OR p.RGM_COD = 888) THEN 'P05'
    -- P06: a number that no beneficiary table has goes to the quarantine.
    WHEN b.person_id IS NULL THEN 'P06'
    -- D14: outpatient care of public hospitals, for information only.
    WHEN $D14 AND (p.DPN_QLF = 71 OR p.PRS_DPN_QLP = 71) THEN 'D14'
    -- D18: the same, billed directly.
    WHEN $D18 AND e.hospital_bill THEN 'D18'
    -- D15: a supplement that repeats the act.
    WHEN $D15 AND p.CPL_MAJ_TOP >= 2 THEN 'D15'
    -- D16: a patient's contribution that repeats the line.
    WHEN $D16 AND p.CPL_AFF_COD = 16 THEN 'D16'
    -- D17: a private clinic's bill: the stay and its acts are in the PMSI.
    WHEN $D17 AND e.clinic_bill THEN 'D17'
    -- D12 says that a qualifier that is null removes nothing. Without it the
    -- line is lost, as in a filter that forgets null.
    WHEN NOT $D12 AND (p.DPN_QLF IS NULL OR p.PRS_DPN_QLP IS NULL OR p.CPL_MAJ_TOP IS NULL OR p.CPL_AFF_COD IS NULL) THEN 'lost'
  END AS removed_by
FROM er_prs_f p
LEFT JOIN beneficiary b ON b.psa = p.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM p.BEN_RNG_GEM
LEFT JOIN establishment e ON $on(e, p);

INSERT INTO ledger
SELECT removed_by, 'ER_PRS_F', count(*), count(*) FROM claim WHERE removed_by IN ('P05', 'P06', 'D14', 'D15', 'D16', 'D18') GROUP BY removed_by;

INSERT INTO ledger
SELECT 'D01', 'ER_PRS_F', count(*), 0 FROM claim WHERE FLX_DIS_DTD > day + INTERVAL 6 MONTH
UNION ALL
SELECT 'D12', 'ER_PRS_F', count(*), 0 FROM claim WHERE $D12 AND unqualified AND coalesce(removed_by, '') NOT IN ('D14', 'D15', 'D16', 'lost')
UNION ALL
SELECT 'D17', 'ER_ETE_F', count(*), count(*) FROM er_ete_f WHERE $D17 AND ETE_IND_TAA = 2 AND ETE_GHS_NUM <> 0;

-- The details, each loaded apart (D13: a line may have several).
CREATE TEMP TABLE detail AS
-- A drug is its CIP13. Where only the CIP7 came (D08: after zeros; D09: alone in
-- PHA_PRS_IDE), the reference translates it, or the rule of the CIP13.
SELECT 'PHA' AS kind, $keys, _file, PHA_ACT_QSN::DOUBLE AS quantity,
  CASE
    WHEN c13 IS NOT NULL AND (padded IS NULL OR NOT $D08) THEN c13
    WHEN c13 IS NULL AND NOT $D09 THEN PHA_PRS_IDE
    ELSE coalesce(r.cip13, cip13_of(coalesce(padded, alone)))
  END AS code
FROM (
  SELECT *, CASE WHEN ltrim(PHA_PRS_C13, '0') <> '' THEN PHA_PRS_C13 END AS c13,
    CASE WHEN PHA_PRS_C13[1:6] = '000000' AND ltrim(PHA_PRS_C13, '0') <> '' THEN PHA_PRS_C13[7:13] END AS padded,
    CASE WHEN ltrim(PHA_PRS_IDE, '0') <> '' THEN lpad(ltrim(PHA_PRS_IDE, '0'), 7, '0') END AS alone
  FROM er_pha_f) p
LEFT JOIN (SELECT lpad(PHA_PRS_IDE, 7, '0') AS cip7, min(PHA_CIP_C13) AS cip13 FROM ir_pha_r WHERE PHA_PRS_IDE IS NOT NULL GROUP BY ALL) r
  ON r.cip7 = coalesce(p.padded, CASE WHEN p.c13 IS NULL THEN p.alone END)
UNION ALL
SELECT 'UCD', $keys, _file, UCD_DLV_NBR, UCD_UCD_COD FROM er_ucd_f
UNION ALL
-- ER_CAM_F has no quantity of its own: the line's counts.
SELECT 'CAM', $keys, _file, NULL, CAM_PRS_IDE[1:7] FROM er_cam_f
UNION ALL
SELECT 'BIO', $keys, _file, BIO_ACT_QSN, lpad(ltrim(BIO_PRS_IDE, '0'), 4, '0') FROM er_bio_f
UNION ALL
SELECT 'TIP', $keys, _file, TIP_ACT_QSN, ltrim(TIP_PRS_IDE, '0') FROM er_tip_f;

CREATE TEMP TABLE detailed AS
SELECT d.kind, d.code, coalesce(d.quantity, c.quantity) AS quantity, c.person_id, c.identity, c.day, c.executor, c.prescriber, c.removed_by,
  c.day IS NULL AS orphan, d._file, d.DCT_ORD_NUM, d.FLX_DIS_DTD, d.FLX_EMT_NUM, d.FLX_EMT_ORD, d.FLX_EMT_TYP, d.FLX_TRT_DTD, d.ORG_CLE_NUM, d.PRS_ORD_NUM, d.REM_TYP_AFF
FROM detail d LEFT JOIN claim c ON $on(c, d);

INSERT INTO ledger
SELECT removed_by, 'ER_' || kind || '_F', count(*), count(*) FROM detailed
WHERE removed_by IN ('P05', 'D14', 'D15', 'D16', 'D17', 'D18') GROUP BY ALL;

INSERT INTO ledger
SELECT 'D19', 'ER_' || kind || '_F', count(*), count(*) FROM detailed WHERE orphan GROUP BY kind;

INSERT INTO ledger
SELECT 'D13', 'ER_' || kind || '_F', sum(n), 0
FROM (SELECT kind, count(*) AS n, sum(count(*)) OVER (PARTITION BY $keys) AS of_line FROM detail GROUP BY kind, $keys)
WHERE n > 1 OR kind = 'TIP' AND of_line > 1
GROUP BY kind;

INSERT INTO ledger
SELECT 'D08', 'ER_PHA_F', count(*), 0 FROM er_pha_f WHERE $D08 AND PHA_PRS_C13[1:6] = '000000'
UNION ALL
SELECT 'D09', 'ER_PHA_F', count(*), 0 FROM er_pha_f WHERE $D09 AND PHA_PRS_C13 IS NULL AND PHA_PRS_IDE IS NOT NULL;

INSERT INTO care_line
SELECT kind, person_id, identity, day, code, quantity, executor, prescriber, FLX_DIS_DTD FROM detailed WHERE removed_by IS NULL AND NOT orphan;

-- Consultations and visits are lines without a detail.
INSERT INTO care_line
SELECT 'PRS', person_id, identity, day, PRS_NAT_REF::VARCHAR, quantity, executor, prescriber, FLX_DIS_DTD
FROM claim WHERE removed_by IS NULL AND PRS_NAT_REF IN (1110, 1111, 1112);

-- D06 is counted on lines: a negative one whose positive one came under
-- another number or rank of the person; only a person with several can have one.
INSERT INTO correction_line
SELECT person_id, identity, day, PRS_NAT_REF, executor, prescriber, quantity FROM claim WHERE removed_by IS NULL AND has_several;

-- Only without D17 is there a stay here.
INSERT INTO clinic_stay
SELECT DISTINCT person_id, day, coalesce(last_day, day), finess FROM claim WHERE removed_by IS NULL AND clinic_stay AND quantity > 0;

INSERT INTO executor_line
SELECT executor, specialty, count(*) FROM claim WHERE removed_by IS NULL AND executor IS NOT NULL GROUP BY ALL;
