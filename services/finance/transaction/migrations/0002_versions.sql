-- For writers that did not lock the accounts which they read: each has to have the version that they know.
create function expect_accounts(actual bigint, expected bigint) returns void language plpgsql as $$
begin
  if actual <> expected then
    raise exception 'accounts have other versions' using errcode = 'check_violation', constraint = 'account_version';
  end if;
end
$$;

-- Once a transaction, and not once an entry.
create or replace function check_entries() returns trigger
language plpgsql set search_path from current as $$
begin
  if exists (
    select from (
      select transaction_id, sum(delta_minor) as sum from new_entry group by transaction_id) as e
    left join transaction t using (transaction_id)
    where e.sum <> 0 or t.status is distinct from 'COMPLETED'
  ) then
    raise exception 'entries do not balance or belong to no completed transaction'
      using errcode = 'check_violation', constraint = 'entry_balance';
  end if;
  return null;
end
$$;
