-- Up to which entry each account was found in order, and what was on it there.
create table checked_entry (
  account_id uuid primary key,
  sequence bigint not null,
  balance_minor bigint not null
) with (fillfactor = 50);
