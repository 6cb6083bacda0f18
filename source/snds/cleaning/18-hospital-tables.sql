-- What the years of the PMSI leave behind.
CREATE TABLE clean_stay (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, entry DATE, leaving DATE, dp VARCHAR, dr VARCHAR,
  ghm VARCHAR, entry_mode VARCHAR, entry_from VARCHAR, exit_mode VARCHAR);
CREATE TABLE clean_stay_act (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, day DATE, code VARCHAR, quantity DOUBLE);
CREATE TABLE clean_stay_diagnosis (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, day DATE, code VARCHAR, place VARCHAR);
CREATE TABLE clean_stay_unit (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, entry DATE, leaving DATE, nth BIGINT, kind VARCHAR, unit_finess VARCHAR);
CREATE TABLE clean_outpatient (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, entry DATE, leaving DATE, emergency BOOLEAN);
CREATE TABLE clean_outpatient_act (year INTEGER, finess VARCHAR, number VARCHAR, person_id BIGINT, day DATE, system VARCHAR, code VARCHAR, quantity DOUBLE);
CREATE TABLE establishment_row (year INTEGER, finess VARCHAR, name VARCHAR, status VARCHAR);
