-- Every cause on the death certificate, where it was linked to a person (K01):
-- the initial one is in KI_CCI_R, and here too. The day is that of the death as
-- the person's record has it.
CREATE TABLE clean_certificate_cause AS
SELECT DISTINCT a.person_id, d.day, e.CER_LIG_NUM AS line, e.ECD_CAU_RNG AS rank, e.ECD_CIM_COD AS code
FROM ki_ecd_r e
JOIN anonymous a ON a.ano = e.BEN_IDT_ANO
JOIN (SELECT person_id, day FROM clean_death UNION ALL SELECT c.person_id, c.day FROM certificate c ANTI JOIN clean_death d ON d.person_id = c.person_id) d ON d.person_id = a.person_id;

INSERT INTO ledger
SELECT 'K01', 'KI_ECD_R', count(*), count(*) FROM ki_ecd_r WHERE BEN_IDT_ANO IS NULL;
