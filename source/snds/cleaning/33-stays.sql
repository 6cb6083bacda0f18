-- The hospital's rows that this load has to map (due_: all of them, or those of
-- the units that it brings, and of those that it replaces), with their persons.

CREATE VIEW clean_stay AS
SELECT s.*, h.person_id FROM due_stay s JOIN holder h ON h.psa = s.psa WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND h.person_id IS NOT NULL;
CREATE VIEW clean_stay_act AS
SELECT a.*, h.person_id FROM due_stay_act a JOIN holder h ON h.psa = a.psa WHERE h.person_id IS NOT NULL;
CREATE VIEW clean_stay_diagnosis AS
SELECT d.*, h.person_id FROM due_stay_diagnosis d JOIN holder h ON h.psa = d.psa WHERE h.person_id IS NOT NULL;
CREATE VIEW clean_stay_unit AS
SELECT u.*, h.person_id FROM due_stay_unit u JOIN holder h ON h.psa = u.psa WHERE h.person_id IS NOT NULL;
CREATE VIEW clean_outpatient AS
SELECT v.*, h.person_id FROM due_outpatient v JOIN holder h ON h.psa = v.psa WHERE v.removed_by IS NULL AND v.entry IS NOT NULL AND h.person_id IS NOT NULL;
CREATE VIEW clean_outpatient_act AS
SELECT a.*, h.person_id FROM due_outpatient_act a JOIN holder h ON h.psa = a.psa WHERE h.person_id IS NOT NULL;
CREATE VIEW clean_outpatient_drug AS
SELECT d.*, h.person_id FROM due_outpatient_drug d JOIN holder h ON h.psa = d.psa WHERE h.person_id IS NOT NULL;
CREATE VIEW clean_clinic AS
SELECT DISTINCT b.person_id, c.entry, c.leaving, c.finess FROM due_clinic c JOIN beneficiary b ON b.identity = c.identity;
