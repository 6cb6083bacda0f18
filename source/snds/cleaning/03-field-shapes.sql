-- What a year of rehabilitation (SSR), hospital at home (HAD) or psychiatry
-- (RIM-P) leaves behind in the store, and the words that their files share. kind
-- is rehabilitation, home or psychiatry; telling names a stay as one year tells
-- of it.

-- covered is the last day that the summaries of a stay speak of; partial says
-- that the person did not stay day and night.
CREATE TABLE shape_field_stay (kind VARCHAR, telling BIGINT, year INTEGER, finess VARCHAR, number VARCHAR, psa VARCHAR, _file UBIGINT, entry DATE, leaving DATE,
  covered DATE, partial BOOLEAN, entry_mode VARCHAR, exit_mode VARCHAR, removed_by VARCHAR);
CREATE TABLE shape_field_diagnosis (telling BIGINT, day DATE, code VARCHAR, place VARCHAR);
CREATE TABLE shape_field_act (telling BIGINT, day DATE, system VARCHAR, code VARCHAR, quantity DOUBLE);
-- A week in a unit, a sub-sequence, a sequence.
CREATE TABLE shape_field_part (telling BIGINT, first_day DATE, last_day DATE, name VARCHAR, what VARCHAR, unit_finess VARCHAR);

-- Drugs that outpatient hospital care was billed for.
CREATE TABLE shape_outpatient_drug (visit_id BIGINT, psa VARCHAR, day DATE, code VARCHAR, quantity DOUBLE, id BIGINT);

-- The first day of a year on which a claim, or a bill of the visit, says that the
-- person has the complementary coverage of the CMU-C.
CREATE TABLE shape_covered (psa VARCHAR, rng BIGINT, visit_id BIGINT, year BIGINT, day DATE);

-- A day some days later. A delay that is absent, or beyond a century, is none.
CREATE MACRO later(day, delay) AS day + CASE WHEN abs(delay) <= 36600 THEN CAST(round(delay) AS INTEGER) ELSE 0 END;

-- The rule of the linkage that removes a stay, whoever the person is.
CREATE MACRO not_linked(return_codes, number) AS CASE
  WHEN $M01 AND len(list_filter(return_codes, lambda code: refused(code))) > 0 THEN 'M01'
  WHEN $M02 AND dummy_number(number) THEN 'M02'
END;
