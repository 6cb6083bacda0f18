-- The stays of rehabilitation, at home and in psychiatry, with their persons.

-- What becomes of a stay: M09, its number is that of twins of the same sex; P06,
-- of nobody.
CREATE VIEW field_fate AS
SELECT s.*, h.person_id,
  CASE
    WHEN s.removed_by IS NOT NULL THEN s.removed_by
    WHEN h.person_id IS NULL AND h.persons > 1 THEN 'M09'
    WHEN h.person_id IS NULL THEN 'P06'
    WHEN s.entry IS NULL THEN 'undated'
  END AS fate
FROM unit_field_stay s LEFT JOIN holder h ON h.psa = s.psa;

INSERT INTO ledger
SELECT fate, CASE kind WHEN 'rehabilitation' THEN 'T_SSRaaC' WHEN 'home' THEN 'T_HADaaC' ELSE 'T_RIPaaC' END, count(*), CASE WHEN fate = 'M09' THEN 0 ELSE count(*) END
FROM field_fate WHERE fate IN ('M09', 'P06') GROUP BY fate, kind;
