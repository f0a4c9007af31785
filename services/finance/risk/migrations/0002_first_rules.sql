-- The rules to begin with. They are for what people do: what a service does by itself, such as the settlement of a card
-- payment, was agreed to before, and a deposit takes nothing from anybody. A currency without minor units (JPY, KRW) has
-- about a hundredth of the worth in one unit, so there a limit is a hundred times as many.
insert into rule_set (version, mode, rules) values (1, 'COLLECT_ALL', jsonb_build_array(
  jsonb_build_object(
    'ruleId', '01980000-0000-7000-8000-000000000001', 'name', 'Absurd amounts',
    'condition', 'transaction.total_minor > (transaction.minor_per_unit == 1 ? 100000000 : 1000000) * transaction.minor_per_unit && !transaction.is_by_service && !source.is_system',
    'action', 'DENY', 'priority', 100, 'isEnabled', true, 'ruleSetVersion', 1,
    'explanation', 'More than a million in one transaction is nothing that a person may do by themselves.'),
  jsonb_build_object(
    'ruleId', '01980000-0000-7000-8000-000000000002', 'name', 'Large amounts',
    'condition', 'transaction.total_minor > (transaction.minor_per_unit == 1 ? 1000000 : 10000) * transaction.minor_per_unit && !transaction.is_by_service && !source.is_system',
    'action', 'REVIEW', 'priority', 200, 'isEnabled', true, 'ruleSetVersion', 1,
    'explanation', 'More than ten thousand: somebody has to look at it.'),
  jsonb_build_object(
    'ruleId', '01980000-0000-7000-8000-000000000003', 'name', 'Much in a day',
    'condition', 'transaction.is_by_owner && velocity.person.sum_24h > (transaction.minor_per_unit == 1 ? 10000000 : 100000) * transaction.minor_per_unit',
    'action', 'REVIEW', 'priority', 300, 'isEnabled', true, 'ruleSetVersion', 1,
    'explanation', 'More than a hundred thousand left the accounts of this person within a day.'),
  jsonb_build_object(
    'ruleId', '01980000-0000-7000-8000-000000000004', 'name', 'Many in an hour',
    'condition', 'transaction.is_by_owner && velocity.person.count_1h > 1000',
    'action', 'DENY', 'priority', 400, 'isEnabled', true, 'ruleSetVersion', 1,
    'explanation', 'More than a thousand transactions of one person within an hour: no person does that.')
));
