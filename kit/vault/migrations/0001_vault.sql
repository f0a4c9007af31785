-- The data keys of the persons of whom a service keeps sealed fields. One row a person, so that its lock decides between
-- whoever seals, renews, rewraps and erases.
create table vault_subject (
  subject_id uuid primary key,
  -- Each under a master key. The n-th, from 1 on, is version n; the last one seals. None once the person is erased: the
  -- row stays, so that nobody makes another key for them.
  wrapped_keys bytea[] not null check (cardinality(wrapped_keys) <= 1000),
  -- Tells which master key wraps all of them; empty when they differ, null once erased.
  master_id bytea,
  created_at timestamptz not null default now(),
  erased_at timestamptz,
  check ((erased_at is null) = (cardinality(wrapped_keys) > 0)),
  check ((erased_at is null) = (master_id is not null))
) with (fillfactor = 70);

-- Finds the rows that another master key wraps than the present one.
create index vault_subject_master on vault_subject (master_id);
