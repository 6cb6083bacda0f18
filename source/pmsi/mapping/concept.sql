-- French codes as local concepts, the same as those of claims (SNDS), and the
-- few standard concepts that the mapping writes.
SELECT concept_id, coalesce(name, vocabulary || ' ' || code) AS concept_name,
  CASE vocabulary WHEN 'CIM10' THEN 'Condition' ELSE 'Procedure' END AS domain_id,
  'SNDS ' || vocabulary AS vocabulary_id, vocabulary AS concept_class_id,
  code AS concept_code, DATE '1970-01-01' AS valid_start_date, DATE '2099-12-31' AS valid_end_date
FROM local_concept
UNION ALL
SELECT concept_id, name, domain, vocabulary, class, code, DATE '1970-01-01', DATE '2099-12-31' FROM standard_concept
