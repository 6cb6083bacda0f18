-- Every cause on the death certificate, where it was linked to a person (K01):
-- the initial one is in KI_CCI_R, and here too. The day is that of the death as
-- the person's record has it, or else the certificate's.
CREATE TABLE told_cause AS
SELECT e._file, e.BEN_IDT_ANO AS ano, a.person_id, coalesce(d.day, c.day, e.BEN_DCD_DTE) AS day, e.CER_LIG_NUM AS line, e.ECD_CAU_RNG AS rank, e.ECD_CIM_COD AS code
FROM ki_ecd_r e
JOIN anonymous a ON a.ano = e.BEN_IDT_ANO
LEFT JOIN clean_death d ON d.person_id = a.person_id
LEFT JOIN certificate c ON c.person_id = a.person_id;

CREATE TABLE clean_certificate_cause AS
SELECT person_id, min(day) AS day, line, rank, code FROM told_cause WHERE day IS NOT NULL GROUP BY ALL;

INSERT INTO ledger
SELECT 'K01', 'KI_ECD_R', count(*), count(*) FROM ki_ecd_r WHERE BEN_IDT_ANO IS NULL;
