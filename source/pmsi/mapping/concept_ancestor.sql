-- The hierarchies that the codes show: CIM-10 chapter, category and code; CCAM
-- by its first letters. A concept is its own ancestor.
SELECT a.concept_id AS ancestor_concept_id, d.concept_id AS descendant_concept_id,
  min(h.steps) AS min_levels_of_separation, max(h.steps) AS max_levels_of_separation
FROM code_above_french h
JOIN local_concept a ON a.vocabulary = h.above_vocabulary AND a.code = h.above
JOIN local_concept d ON d.vocabulary = h.vocabulary AND d.code = h.code
GROUP BY ALL
UNION ALL
SELECT concept_id, concept_id, 0, 0 FROM local_concept
UNION ALL
SELECT concept_id, concept_id, 0, 0 FROM standard_concept
