-- What the claims leave behind, whatever month they came in.

-- A line of care that no rule removed, before netting. kind is PHA, UCD, CAM,
-- BIO, TIP or PRS (a consultation), as the table it comes from.
CREATE TABLE care_line (kind VARCHAR, person_id BIGINT, identity INTEGER, day DATE, code VARCHAR, quantity DOUBLE,
  executor VARCHAR, prescriber VARCHAR, flux DATE);
CREATE TABLE correction_line (person_id BIGINT, identity INTEGER, day DATE, nature BIGINT, executor VARCHAR, prescriber VARCHAR, quantity DOUBLE);
CREATE TABLE clinic_stay (person_id BIGINT, entry DATE, leaving DATE, finess VARCHAR);
CREATE TABLE executor_line (executor VARCHAR, specialty BIGINT, lines BIGINT);
