-- What each unit of a source leaves behind in the store: one Parquet file a
-- table. The first six are those of a flux month (or year) of the DCIR, the
-- others those of a year of the PMSI.

-- A line of care that no rule removed, before netting. kind is PHA, UCD, CAM,
-- BIO, TIP or PRS (a consultation), as the table it comes from; code is null
-- where only a CIP7 came. line stands for the nine keys. charge, base and refund
-- are the amounts of the line of claim, in cents; where it has several details,
-- one of them bears all.
CREATE TABLE shape_care (kind VARCHAR, identity INTEGER, day DATE, code VARCHAR, cip7 VARCHAR, quantity DOUBLE,
  executor VARCHAR, prescriber VARCHAR, flux DATE, nature BIGINT, line UBIGINT, id BIGINT, charge BIGINT, base BIGINT, refund BIGINT);
-- The same of numbers that no beneficiary table had when the unit was read, and
-- by how many lines of ER_PRS_F each came.
CREATE TABLE shape_unknown_care (kind VARCHAR, psa VARCHAR, rng BIGINT, fictitious BOOLEAN, day DATE, code VARCHAR, cip7 VARCHAR, quantity DOUBLE,
  executor VARCHAR, prescriber VARCHAR, flux DATE, nature BIGINT, line UBIGINT, id BIGINT, charge BIGINT, base BIGINT, refund BIGINT);
-- Amounts of lines that are no care themselves: supplements (D15, D16), under the
-- kind and code of the act that they repeat, and lines without a detail, under
-- none. psa and rng are of numbers that no beneficiary table had.
CREATE TABLE shape_amount (kind VARCHAR, identity INTEGER, psa VARCHAR, rng BIGINT, day DATE, code VARCHAR, cip7 VARCHAR,
  executor VARCHAR, prescriber VARCHAR, charge BIGINT, base BIGINT, refund BIGINT);
CREATE TABLE shape_unknown_number (psa VARCHAR, rng BIGINT, fictitious BOOLEAN, lines BIGINT);
CREATE TABLE shape_clinic (identity INTEGER, entry DATE, leaving DATE, finess VARCHAR);
CREATE TABLE shape_executor (executor VARCHAR, specialty BIGINT, lines BIGINT);

-- removed_by is the rule that drops the stay, whoever the person is. The amounts
-- are in cents.
CREATE TABLE shape_stay (year INTEGER, finess VARCHAR, number VARCHAR, psa VARCHAR, _file UBIGINT, entry DATE, leaving DATE, dp VARCHAR, dr VARCHAR,
  ghm VARCHAR, entry_mode VARCHAR, entry_from VARCHAR, exit_mode VARCHAR, removed_by VARCHAR, visit_id BIGINT, charge BIGINT, base BIGINT, refund BIGINT);
CREATE TABLE shape_stay_act (visit_id BIGINT, psa VARCHAR, day DATE, code VARCHAR, quantity DOUBLE, id BIGINT);
CREATE TABLE shape_stay_diagnosis (visit_id BIGINT, psa VARCHAR, day DATE, code VARCHAR, place VARCHAR, id BIGINT);
CREATE TABLE shape_stay_unit (visit_id BIGINT, psa VARCHAR, entry DATE, leaving DATE, nth BIGINT, kind VARCHAR, finess VARCHAR, unit_finess VARCHAR);
CREATE TABLE shape_outpatient (year INTEGER, finess VARCHAR, number VARCHAR, psa VARCHAR, _file UBIGINT, entry DATE, leaving DATE, emergency BOOLEAN,
  removed_by VARCHAR, visit_id BIGINT, charge BIGINT, base BIGINT, refund BIGINT);
CREATE TABLE shape_outpatient_act (visit_id BIGINT, psa VARCHAR, day DATE, system VARCHAR, code VARCHAR, quantity DOUBLE, id BIGINT);
CREATE TABLE shape_establishment (year INTEGER, finess VARCHAR, name VARCHAR);

-- Every unit says what its rules did, and which codes it brought.
CREATE TABLE shape_ledger (rule VARCHAR, tab VARCHAR, touched BIGINT, removed BIGINT);
CREATE TABLE shape_code (vocabulary VARCHAR, code VARCHAR);
