-- Writers that did not lock what they read: each account has to be as they know it. No two states have the same change_id.
alter table account add column change_id uuid not null default gen_random_uuid();

create function expect_accounts(actual bigint, expected bigint) returns void language plpgsql as $$
begin
  if actual <> expected then
    raise exception 'accounts are not as they were read'
      using errcode = 'check_violation', constraint = 'account_change';
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
