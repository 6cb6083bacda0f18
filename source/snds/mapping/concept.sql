-- French codes as local concepts, in the range from 2,000,000,000, and the few
-- standard concepts that the mapping writes.
SELECT concept_id, coalesce(name, vocabulary || ' ' || code) AS concept_name,
  CASE vocabulary WHEN 'CIM10' THEN 'Condition' WHEN 'CCAM' THEN 'Procedure' WHEN 'PRS' THEN 'Procedure' WHEN 'NABM' THEN 'Measurement'
    WHEN 'LPP' THEN 'Device' WHEN 'SPE' THEN 'Provider' WHEN 'ALD' THEN 'Observation'
    WHEN 'ACT' THEN 'Procedure' WHEN 'CSARR' THEN 'Procedure' WHEN 'CDARR' THEN 'Procedure' WHEN 'PMSI' THEN 'Visit'
    WHEN 'DOUBT' THEN 'Observation' WHEN 'COVER' THEN 'Observation' WHEN 'CAUSE' THEN 'Observation' ELSE 'Drug' END AS domain_id,
  'SNDS ' || vocabulary AS vocabulary_id,
  CASE vocabulary WHEN 'ATC' THEN 'ATC ' || level(code) ELSE vocabulary END AS concept_class_id,
  code AS concept_code, DATE '1970-01-01' AS valid_start_date, DATE '2099-12-31' AS valid_end_date
FROM local_concept
UNION ALL
SELECT concept_id, name, domain, vocabulary, class, code, DATE '1970-01-01', DATE '2099-12-31' FROM standard_concept
