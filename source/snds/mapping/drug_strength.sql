-- How many units (tablets, ampoules) a box of a CIP13 holds, where IR_PHA_R
-- knows: the boxes of a dispensing times box_size are its units. The ingredient
-- is the ATC class of the reference, 0 without one.
SELECT
  c.concept_id AS drug_concept_id,
  coalesce(a.concept_id, 0) AS ingredient_concept_id,
  d.box_size,
  DATE '1970-01-01' AS valid_start_date,
  DATE '2099-12-31' AS valid_end_date
FROM drug_class d
JOIN local_concept c ON c.vocabulary = 'CIP13' AND c.code = d.cip13
LEFT JOIN local_concept a ON a.vocabulary = 'ATC' AND a.code = d.atc
WHERE d.box_size IS NOT NULL
