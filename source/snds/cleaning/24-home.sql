-- One year of the PMSI HAD: stays at home, told by sub-sequences (RAPSS). Who the
-- person is, is settled later.

-- A sub-sequence, and the rule that removes it. H01: a grouping error (GHT 99).
CREATE TEMP TABLE spell AS
SELECT b._year AS year, b.ETA_NUM_EPMSI, b.RHAD_NUM, coalesce(b.SEQ_NUM, b.SEQ_SEJ) AS sequence, b.SSEQ_NUM, b.SEQ_SEJ_NBJ, b.SSEQ_SEQ_NBJ, b.SSEQ_NBJ,
  b.PEC_PAL, coalesce(b.ETA_NUM_GEO, b.ETA_NUM_TWO) AS unit_finess, b.ENT_MOD, b.SOR_MOD, b.DGN_PAL,
  [DGN_PAL1, DGN_PAL2, DGN_PAL3, DGN_PAL4, DGN_PAL5, DGN_PAL6, DGN_PAL7] AS associated,
  CASE WHEN $H01 AND g.wrong THEN 'H01' END AS removed_by
FROM t_hadaab b
LEFT JOIN (SELECT _year, ETA_NUM_EPMSI, RHAD_NUM, coalesce(SEQ_NUM, SEQ_SEJ) AS sequence, SSEQ_NUM, bool_and(GHT_NUM = '99') AS wrong FROM t_hadaagrp GROUP BY ALL) g
  ON g._year = b._year AND g.ETA_NUM_EPMSI = b.ETA_NUM_EPMSI AND g.RHAD_NUM = b.RHAD_NUM
  AND g.sequence IS NOT DISTINCT FROM coalesce(b.SEQ_NUM, b.SEQ_SEJ) AND g.SSEQ_NUM IS NOT DISTINCT FROM b.SSEQ_NUM;

CREATE TEMP TABLE home AS
SELECT c._year AS year, c.ETA_NUM_EPMSI, c.RHAD_NUM, c.NIR_ANO_17, c._file, c.EXE_SOI_DTD IS NULL AS redated,
  event_id('HAD', c._year, c.ETA_NUM_EPMSI, c.RHAD_NUM, row_number() OVER (PARTITION BY c._year, c.ETA_NUM_EPMSI, c.RHAD_NUM ORDER BY c.EXE_SOI_DTD, c.ENT_DAT, c.NIR_ANO_17)) AS telling,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  coalesce(s.entry_mode, b.entry_mode) AS entry_mode, coalesce(s.exit_mode, b.exit_mode) AS exit_mode,
  coalesce(not_linked([NIR_RET, NAI_RET, SEX_RET, SEJ_RET, FHO_RET, PMS_RET, DAT_RET, COH_NAI_RET, COH_SEX_RET], c.NIR_ANO_17),
    CASE WHEN b.kept = 0 THEN 'H01' END) AS removed_by
FROM t_hadaac c
LEFT JOIN (
  SELECT year, ETA_NUM_EPMSI, RHAD_NUM, count(*) FILTER (removed_by IS NULL) AS kept, arg_min(ENT_MOD, (sequence, SSEQ_NUM)) AS entry_mode,
    arg_max(SOR_MOD, (sequence, SSEQ_NUM)) AS exit_mode
  FROM spell GROUP BY year, ETA_NUM_EPMSI, RHAD_NUM) b
  ON b.year = c._year AND b.ETA_NUM_EPMSI = c.ETA_NUM_EPMSI AND b.RHAD_NUM = c.RHAD_NUM
LEFT JOIN (SELECT _year, ETA_NUM_EPMSI, RHAD_NUM, max(ENT_MOD) AS entry_mode, max(SOR_MOD) AS exit_mode FROM t_hadaas GROUP BY ALL) s
  ON s._year = c._year AND s.ETA_NUM_EPMSI = c.ETA_NUM_EPMSI AND s.RHAD_NUM = c.RHAD_NUM;

-- A sub-sequence begins some days after its sequence, and that after the entry.
CREATE TEMP TABLE dated_spell AS
SELECT *, greatest(first_day, later(first_day, SSEQ_NBJ - 1)) AS last_day
FROM (
  SELECT s.telling, s.entry, b.*, greatest(s.entry, later(later(s.entry, b.SEQ_SEJ_NBJ), b.SSEQ_SEQ_NBJ)) AS first_day
  FROM spell b JOIN home s ON s.year = b.year AND s.ETA_NUM_EPMSI = b.ETA_NUM_EPMSI AND s.RHAD_NUM = b.RHAD_NUM
  WHERE s.removed_by IS NULL AND s.entry IS NOT NULL);

CREATE TEMP VIEW out_field_stay AS
SELECT 'home' AS kind, s.telling, s.year, s.ETA_NUM_EPMSI AS finess, s.RHAD_NUM AS number, s.NIR_ANO_17 AS psa, s._file, s.entry, s.leaving, b.covered, false AS partial,
  s.entry_mode, s.exit_mode, s.removed_by
FROM home s
LEFT JOIN (SELECT telling, max(last_day) AS covered FROM dated_spell WHERE removed_by IS NULL GROUP BY telling) b ON b.telling = s.telling;

-- What a part of a stay is for: its main mode of care (PEC_PAL).
CREATE TEMP VIEW out_field_part AS
SELECT telling, first_day, last_day, coalesce(sequence, '') || '.' || coalesce(SSEQ_NUM, '') AS name, PEC_PAL AS what, unit_finess
FROM dated_spell WHERE removed_by IS NULL;

-- Diagnoses: the main one, those of the main (MPP) and the associated mode of
-- care (MPA), and the associated ones, each at the beginning of its sub-sequence.
CREATE TEMP VIEW out_field_diagnosis AS
SELECT telling, first_day AS day, d.code AS code, d.place AS place
FROM (
  SELECT *, unnest([{'code': DGN_PAL, 'place': 'DP'}] || list_transform(associated, lambda code: {'code': code, 'place': 'DA'})) AS d
  FROM dated_spell WHERE removed_by IS NULL)
WHERE d.code IS NOT NULL
UNION ALL
SELECT s.telling, coalesce(b.first_day, s.entry), d.code, d.place
FROM (
  SELECT _year, ETA_NUM_EPMSI, RHAD_NUM, SEQ_NUM, SSEQ_NUM, DGN_ASS AS code, 'DA' AS place FROM t_hadaad
  UNION ALL SELECT _year, ETA_NUM_EPMSI, RHAD_NUM, SEQ_NUM, SSEQ_NUM, DGN_ASS_MPP, 'MPP' FROM t_hadaadmpp
  UNION ALL SELECT _year, ETA_NUM_EPMSI, RHAD_NUM, SEQ_NUM, SSEQ_NUM, DGN_ASS_MPA, 'MPA' FROM t_hadaadmpa) d
JOIN home s ON s.year = d._year AND s.ETA_NUM_EPMSI = d.ETA_NUM_EPMSI AND s.RHAD_NUM = d.RHAD_NUM
LEFT JOIN dated_spell b ON b.telling = s.telling AND b.sequence IS NOT DISTINCT FROM d.SEQ_NUM AND b.SSEQ_NUM IS NOT DISTINCT FROM d.SSEQ_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND b.removed_by IS NULL AND d.code IS NOT NULL;

CREATE TEMP VIEW out_field_act AS
SELECT s.telling, later(coalesce(b.first_day, s.entry), a.DEL_DEB_SSEQ) AS day, 'CCAM' AS system, a.CCAM_COD[1:7] AS code, coalesce(a.REAL_NBR, 1) AS quantity
FROM t_hadaaa a
JOIN home s ON s.year = a._year AND s.ETA_NUM_EPMSI = a.ETA_NUM_EPMSI AND s.RHAD_NUM = a.RHAD_NUM
LEFT JOIN dated_spell b ON b.telling = s.telling AND b.sequence IS NOT DISTINCT FROM a.SEQ_NUM AND b.SSEQ_NUM IS NOT DISTINCT FROM a.SSEQ_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND b.removed_by IS NULL AND a.CCAM_COD IS NOT NULL;

CREATE TEMP VIEW out_establishment AS
SELECT _year AS year, ETA_NUM AS finess, SOC_RAI AS name FROM t_hadaae
UNION ALL
SELECT DISTINCT year, ETA_NUM_EPMSI, NULL FROM home WHERE removed_by IS NULL
UNION ALL
SELECT DISTINCT NULL::INTEGER, unit_finess, NULL FROM dated_spell WHERE removed_by IS NULL AND unit_finess IS NOT NULL;

CREATE TEMP VIEW out_code AS
SELECT DISTINCT 'CIM10' AS vocabulary, code FROM out_field_diagnosis
UNION ALL
SELECT DISTINCT system, code FROM out_field_act;

CREATE TEMP VIEW out_ledger AS
SELECT removed_by AS rule, 'T_HADaaC' AS tab, count(*) AS touched, count(*) AS removed FROM home WHERE removed_by IN ('M01', 'M02') GROUP BY removed_by
UNION ALL
SELECT removed_by, 'T_HADaaB', count(*), count(*) FROM spell WHERE removed_by IS NOT NULL GROUP BY removed_by
UNION ALL
SELECT 'M08', 'T_HADaaC', count(*), 0 FROM home WHERE $M08 AND redated
UNION ALL
SELECT 'M11', t.tab, count(*), count(*)
FROM (
  SELECT 'T_HADaaS' AS tab, _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaas
  UNION ALL SELECT 'T_HADaaB', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaab
  UNION ALL SELECT 'T_HADaaD', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaad
  UNION ALL SELECT 'T_HADaaDMPP', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaadmpp
  UNION ALL SELECT 'T_HADaaDMPA', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaadmpa
  UNION ALL SELECT 'T_HADaaA', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaaa
  UNION ALL SELECT 'T_HADaaGRP', _year, ETA_NUM_EPMSI, RHAD_NUM FROM t_hadaagrp) t
ANTI JOIN home s ON s.year = t._year AND s.ETA_NUM_EPMSI = t.ETA_NUM_EPMSI AND s.RHAD_NUM = t.RHAD_NUM
GROUP BY t.tab;
