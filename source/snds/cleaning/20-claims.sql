-- One flux month, or year, of the DCIR. The tables of the files (er_prs_f and
-- its details) belong to this connection; what is named out_ goes to the store.
-- _line stands for the nine keys.

-- The care of an establishment, by line of claim.
CREATE TEMP TABLE establishment AS
SELECT $line, bool_or(ETE_IND_TAA = 1) AS hospital_bill, bool_or(ETE_IND_TAA = 2) AS clinic_bill,
  bool_or(ETE_IND_TAA = 2 AND ETE_GHS_NUM <> 0) AS clinic_stay, max(ETB_EXE_FIN) AS finess
FROM er_ete_f
GROUP BY ALL;

-- Each line with its person, and the one rule that removes it.
CREATE TEMP TABLE claim AS
SELECT * REPLACE (
  CASE
    -- P05: a fictitious number, shared by many: it belongs to nobody.
    WHEN $P05 AND fictitious THEN 'P05'
    -- P06: a number that no beneficiary table has, or has for two, goes to the
    -- quarantine.
    WHEN identity IS NULL THEN 'P06'
    ELSE rule
  END AS removed_by)
FROM (
  SELECT p._line, p.DCT_ORD_NUM, p.PRS_ORD_NUM, n.identity, CASE WHEN n.identity IS NULL THEN p.BEN_NIR_PSA END AS psa, p.BEN_RNG_GEM AS rng,
    coalesce(p.BEN_CDI_NIR = '08' OR p.RGM_COD = 888, false) AS fictitious,
    p.EXE_SOI_DTD AS day, p.EXE_SOI_DTF AS last_day, p.PRS_NAT_REF AS nature, p.PRS_ACT_QTE AS quantity, p.FLX_DIS_DTD AS flux,
    cents(p.PRS_PAI_MNT) AS charge, cents(p.BSE_REM_BSE) AS base, cents(coalesce(p.BSE_REM_MNT + coalesce(p.CPL_REM_MNT, 0), p.CPL_REM_MNT)) AS refund,
    p.PFS_EXE_NUM AS executor, p.PFS_PRE_NUM AS prescriber, p.PSE_SPE_COD AS specialty, e.finess, e.clinic_stay,
    p.DPN_QLF IS NULL OR p.PRS_DPN_QLP IS NULL OR p.CPL_MAJ_TOP IS NULL OR p.CPL_AFF_COD IS NULL AS unqualified,
    CASE
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
    END AS rule,
    NULL::VARCHAR AS removed_by
  FROM er_prs_f p
  LEFT JOIN known_number n ON n.psa = p.BEN_NIR_PSA AND n.rng IS NOT DISTINCT FROM p.BEN_RNG_GEM
  LEFT JOIN establishment e ON $on(e, p));

-- The details, each loaded apart (D13: a line may have several), with what their
-- line says. A drug is its CIP13; where only the CIP7 came (D08: after zeros;
-- D09: alone in PHA_PRS_IDE), it waits for the reference to translate it.
-- ER_CAM_F has no quantity of its own: the line's counts.
-- Consultations and visits are lines without a detail. Other lines without one
-- have no kind: nothing but amounts.
CREATE TEMP TABLE detailed AS
SELECT CASE WHEN d.kind IS NOT NULL THEN d.kind WHEN c.nature IN (1110, 1111, 1112) THEN 'PRS' END AS kind,
  CASE WHEN d.kind IS NOT NULL THEN d.code WHEN c.nature IN (1110, 1111, 1112) THEN c.nature::VARCHAR END AS code,
  d.cip7, coalesce(d.quantity, c.quantity) AS quantity, c.identity, c.psa, c.rng, c.fictitious, c.day, c.executor, c.prescriber,
  c.flux, c.nature, c.rule, c.removed_by, c.day IS NULL AS orphan, coalesce(d._line, c._line) AS _line,
  coalesce(d.DCT_ORD_NUM, c.DCT_ORD_NUM) AS DCT_ORD_NUM, coalesce(d.PRS_ORD_NUM, c.PRS_ORD_NUM) AS PRS_ORD_NUM,
  CASE WHEN d.kind IS NOT NULL THEN event_id(d._line, d.kind, d.nth, d.code, d.cip7, d.quantity) ELSE event_id(c._line, 'PRS') END AS id,
  c.charge, c.base, c.refund
FROM (
  SELECT 'PHA' AS kind, $line, PHA_ORD_NUM AS nth, PHA_ACT_QSN::DOUBLE AS quantity,
    CASE WHEN c13 IS NOT NULL AND (padded IS NULL OR NOT $D08) THEN c13 WHEN c13 IS NULL AND NOT $D09 THEN PHA_PRS_IDE END AS code,
    CASE WHEN c13 IS NOT NULL AND (padded IS NULL OR NOT $D08) OR c13 IS NULL AND NOT $D09 THEN NULL ELSE coalesce(padded, alone) END AS cip7
  FROM (
    SELECT *, CASE WHEN ltrim(PHA_PRS_C13, '0') <> '' THEN PHA_PRS_C13 END AS c13,
      CASE WHEN PHA_PRS_C13[1:6] = '000000' AND ltrim(PHA_PRS_C13, '0') <> '' THEN PHA_PRS_C13[7:13] END AS padded,
      CASE WHEN ltrim(PHA_PRS_IDE, '0') <> '' THEN lpad(ltrim(PHA_PRS_IDE, '0'), 7, '0') END AS alone
    FROM er_pha_f)
  UNION ALL
  SELECT 'UCD', $line, UCD_ORD_NUM, UCD_DLV_NBR, UCD_UCD_COD, NULL FROM er_ucd_f
  UNION ALL
  SELECT 'CAM', $line, CAM_ORD_NUM, NULL, CAM_PRS_IDE[1:7], NULL FROM er_cam_f
  UNION ALL
  SELECT 'BIO', $line, BIO_ORD_NUM, BIO_ACT_QSN, lpad(ltrim(BIO_PRS_IDE, '0'), 4, '0'), NULL FROM er_bio_f
  UNION ALL
  SELECT 'TIP', $line, TIP_ORD_NUM, TIP_ACT_QSN, ltrim(TIP_PRS_IDE, '0'), NULL FROM er_tip_f) d
FULL JOIN claim c ON $on(c, d);

-- A consultation that has a detail all the same is both.
INSERT INTO detailed
SELECT 'PRS', nature::VARCHAR, NULL, quantity, identity, psa, rng, fictitious, day, executor, prescriber, flux, nature, rule, removed_by, false,
  _line, DCT_ORD_NUM, PRS_ORD_NUM, event_id(_line, 'PRS'), charge, base, refund
FROM claim c SEMI JOIN (FROM detailed WHERE kind <> 'PRS') d ON $on(c, d) WHERE nature IN (1110, 1111, 1112);

-- Lines with several details. Their amounts are the line's, and one detail bears
-- them: the first by kind and code, so that a correction falls on the same one.
CREATE TEMP TABLE several AS
SELECT $line, count(*) FILTER (kind <> 'PRS') AS details, count(*) FILTER (kind = 'PHA') AS pha, count(*) FILTER (kind = 'UCD') AS ucd,
  count(*) FILTER (kind = 'CAM') AS cam, count(*) FILTER (kind = 'BIO') AS bio, count(*) FILTER (kind = 'TIP') AS tip
FROM detailed
WHERE kind IS NOT NULL AND _line IN (SELECT _line FROM detailed GROUP BY _line HAVING count(*) > 1)
GROUP BY $line HAVING count(*) > 1;

CREATE TEMP TABLE bearer AS
SELECT $line, arg_min(id, (kind, coalesce(cip7, CASE WHEN kind = 'PHA' THEN code[6:12] ELSE code END), id)) AS id
FROM detailed d SEMI JOIN several s ON $on(s, d) GROUP BY $line;

CREATE TEMP VIEW borne AS
SELECT d.* EXCLUDE (charge, base, refund), b.id IS NULL OR b.id = d.id AS bears,
  CASE WHEN bears THEN d.charge END AS charge, CASE WHEN bears THEN d.base END AS base, CASE WHEN bears THEN d.refund END AS refund
FROM detailed d LEFT JOIN bearer b ON $on(b, d)
WHERE d.kind IS NOT NULL;

-- Details that are the same in all that was read: they keep apart by their place.
CREATE TEMP TABLE repeated AS
SELECT id FROM detailed WHERE kind IS NOT NULL AND (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND NOT orphan GROUP BY id HAVING count(*) > 1;

CREATE TEMP TABLE kept_apart AS
SELECT * REPLACE (event_id(d.id, row_number() OVER (PARTITION BY d.id ORDER BY day, executor, prescriber, nature, rng, identity, psa)) AS id)
FROM borne d SEMI JOIN repeated r ON r.id = d.id
WHERE (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND NOT orphan;

CREATE TEMP VIEW kept_detail AS
SELECT * FROM borne d ANTI JOIN repeated r ON r.id = d.id
WHERE (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND NOT orphan
UNION ALL
FROM kept_apart;

CREATE TEMP VIEW out_care AS
SELECT kind, identity, day, code, cip7, quantity, executor, prescriber, flux, nature, _line AS line, id, charge, base, refund
FROM kept_detail WHERE removed_by IS NULL;

CREATE TEMP VIEW out_unknown_care AS
SELECT kind, psa, rng, fictitious, day, code, cip7, quantity, executor, prescriber, flux, nature, _line AS line, id, charge, base, refund
FROM kept_detail WHERE removed_by = 'P06';

CREATE TEMP VIEW out_amount AS
SELECT kind, identity, psa, rng, day, code, cip7, executor, prescriber, charge, base, refund
FROM borne WHERE (removed_by IN ('D15', 'D16') OR removed_by = 'P06' AND rule IN ('D15', 'D16')) AND NOT orphan AND money(charge, base, refund)
UNION ALL
SELECT NULL, identity, psa, rng, day, NULL, NULL, executor, prescriber, charge, base, refund
FROM detailed
WHERE kind IS NULL AND (removed_by IS NULL OR removed_by IN ('D15', 'D16') OR removed_by = 'P06' AND (rule IS NULL OR rule IN ('D15', 'D16'))) AND money(charge, base, refund);

CREATE TEMP VIEW out_unknown_number AS
SELECT psa, rng, fictitious, count(*) AS lines FROM claim WHERE removed_by = 'P06' GROUP BY ALL;

-- Only without D17 is there a stay here.
CREATE TEMP VIEW out_clinic AS
SELECT DISTINCT identity, day AS entry, coalesce(last_day, day) AS leaving, finess FROM claim WHERE removed_by IS NULL AND clinic_stay AND quantity > 0;

CREATE TEMP VIEW out_executor AS
SELECT executor, specialty, count(*) AS lines FROM claim WHERE (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND executor IS NOT NULL GROUP BY ALL;

CREATE TEMP VIEW out_code AS
SELECT DISTINCT CASE kind WHEN 'PHA' THEN 'CIP13' WHEN 'UCD' THEN 'UCD' WHEN 'CAM' THEN 'CCAM' WHEN 'BIO' THEN 'NABM' WHEN 'TIP' THEN 'LPP' WHEN 'PRS' THEN 'PRS' END AS vocabulary, code
FROM detailed WHERE (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND NOT orphan AND code IS NOT NULL
UNION ALL
SELECT DISTINCT 'CIP7', cip7 FROM detailed WHERE (removed_by IS NULL OR removed_by = 'P06' AND rule IS NULL) AND NOT orphan AND cip7 IS NOT NULL;

CREATE TEMP VIEW out_ledger AS
SELECT removed_by AS rule, 'ER_PRS_F' AS tab, count(*) AS touched, count(*) AS removed
FROM claim WHERE removed_by IN ('P05', 'D14', 'D15', 'D16', 'D18') GROUP BY removed_by
UNION ALL
SELECT 'D01', 'ER_PRS_F', count(*), 0 FROM claim WHERE flux > day + INTERVAL 6 MONTH
UNION ALL
SELECT 'D12', 'ER_PRS_F', count(*), 0 FROM claim WHERE $D12 AND unqualified AND coalesce(removed_by, '') NOT IN ('D14', 'D15', 'D16', 'lost')
UNION ALL
SELECT 'D17', 'ER_ETE_F', count(*), count(*) FROM er_ete_f WHERE $D17 AND ETE_IND_TAA = 2 AND ETE_GHS_NUM <> 0
UNION ALL
SELECT removed_by, 'ER_' || kind || '_F', count(*), count(*) FROM detailed
WHERE removed_by IN ('P05', 'D14', 'D15', 'D16', 'D17', 'D18') AND kind <> 'PRS' GROUP BY ALL
UNION ALL
SELECT 'D19', 'ER_' || kind || '_F', count(*), count(*) FROM detailed WHERE orphan GROUP BY kind
UNION ALL
SELECT 'D13', 'ER_' || kind || '_F', sum(n), 0
FROM (SELECT unnest(['PHA', 'UCD', 'CAM', 'BIO', 'TIP']) AS kind, unnest([pha, ucd, cam, bio, tip]) AS n, details FROM several WHERE details > 1)
WHERE n > 1 OR kind = 'TIP' AND n > 0
GROUP BY kind
UNION ALL
SELECT 'D08', 'ER_PHA_F', count(*), 0 FROM er_pha_f WHERE $D08 AND PHA_PRS_C13[1:6] = '000000'
UNION ALL
SELECT 'D09', 'ER_PHA_F', count(*), 0 FROM er_pha_f WHERE $D09 AND PHA_PRS_C13 IS NULL AND PHA_PRS_IDE IS NOT NULL;
