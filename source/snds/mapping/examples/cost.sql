-- Two boxes of a drug, a consultation with its supplement, an act, a test, a device
-- without a base of refund, and a contribution that stands with the visit.
-- given
CREATE TABLE clean_amount AS FROM (VALUES
  ('PHA', 4, DATE '2016-05-01', 1, 'own', 1300, 1300, 845),
  ('PRS', 4, DATE '2016-03-02', 3, 'own', 2500, 2500, 1750),
  ('PRS', 4, DATE '2016-03-02', 3, 'supplement', 300, 300, 210),
  ('CAM', 5, DATE '2016-05-02', 5, 'own', 4000, 4000, 2800),
  ('BIO', 5, DATE '2016-05-03', 6, 'own', 1501, 1501, 901),
  ('TIP', 5, DATE '2016-05-04', 7, 'own', 1000, NULL, NULL),
  ('VISIT', 5, DATE '2016-05-05', 8, 'supplement', 100, NULL, -100)
) t(kind, person_id, day, event, whose, charge, base, refund);
CREATE TABLE clean_person AS FROM (VALUES (4, '01'), (5, NULL)) t(person_id, regime);
-- expect
FROM (VALUES
  (4, 'Drug', 1, DATE '2016-05-01', 13::DOUBLE, 13::DOUBLE, 8.45::DOUBLE, 13::DOUBLE, 4, 44818568),
  (4, 'Procedure', 3, DATE '2016-03-02', 25, 25, 17.5, 25, 4, 44818568),
  (4, 'Procedure', 3, DATE '2016-03-02', 3, 3, 2.1, 3, 4, 44818568),
  (5, 'Procedure', 5, DATE '2016-05-02', 40, 40, 28, 40, NULL, 44818568),
  (5, 'Measurement', 6, DATE '2016-05-03', 15.01, 15.01, 9.01, 15.01, NULL, 44818568),
  (5, 'Device', 7, DATE '2016-05-04', 10, 10, NULL, NULL, NULL, 44818568),
  (5, 'Visit', 8, DATE '2016-05-05', 1, 1, -1, NULL, NULL, 44818568)
) t(person_id, cost_domain_id, cost_event_id, incurred_date, total_charge, total_paid, paid_by_payer, amount_allowed, payer_plan_period_id, currency_concept_id);
