-- What care in town, drugs billed apart, stays of the MCO and outpatient hospital
-- care cost, in euros; of a line of the DCIR the whole expense
-- (PRS_PAI_MNT), what the compulsory insurance refunds (BSE_REM_MNT and
-- CPL_REM_MNT) and the base of that (BSE_REM_BSE), after corrections. The rest was
-- paid by the patient or by a complementary insurance; the source does not say
-- who. One row is of the lines of the act itself; supplements and contributions
-- are another, of the act or of the visit. The lake adds person and day to this
-- table; the coverage is that of the person's payer_plan_period.
SELECT
  event_id('cost', a.kind, a.event, a.whose) AS cost_id,
  a.event AS cost_event_id,
  CASE a.kind WHEN 'PHA' THEN 'Drug' WHEN 'UCD' THEN 'Drug' WHEN 'CAM' THEN 'Procedure' WHEN 'PRS' THEN 'Procedure'
    WHEN 'BIO' THEN 'Measurement' WHEN 'TIP' THEN 'Device' ELSE 'Visit' END AS cost_domain_id,
  32810 AS cost_type_concept_id,
  44818568 AS currency_concept_id,
  a.charge / 100 AS total_charge,
  a.charge / 100 AS total_paid,
  a.refund / 100 AS paid_by_payer,
  CASE WHEN p.regime IS NOT NULL THEN a.person_id END AS payer_plan_period_id,
  a.base / 100 AS amount_allowed,
  a.person_id,
  a.day AS incurred_date
FROM clean_amount a
LEFT JOIN clean_person p ON p.person_id = a.person_id
