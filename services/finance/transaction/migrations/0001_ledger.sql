-- Accounts with what is on them. Money is in minor units of the account's currency.
create table account (
  account_id uuid primary key,
  -- Absent, as the type is, for an account of the system.
  owner_id uuid,
  type text check (type in ('CHECKING', 'SAVINGS', 'CREDIT', 'INVESTMENT')),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  status text not null check (status in ('ACTIVE', 'FROZEN', 'CLOSED')),
  -- What posted - held may not fall below; absent when it may.
  floor_minor bigint check (floor_minor <= 0),
  posted_minor bigint not null,
  held_minor bigint not null check (held_minor >= 0),
  incoming_minor bigint not null check (incoming_minor >= 0),
  -- The number of its last entry.
  sequence bigint not null,
  version bigint not null,
  opened_at timestamptz not null,
  updated_at timestamptz not null,
  check ((owner_id is null) = (type is null)),
  check ((owner_id is null) = (floor_minor is null)),
  check (floor_minor is null or posted_minor - held_minor >= floor_minor),
  check (status <> 'CLOSED' or (posted_minor = 0 and held_minor = 0 and incoming_minor = 0))
) with (fillfactor = 50);

-- Transactions. One that posts or holds money has the verdicts of risk and compliance upon exactly this content, except a
-- reversal, which moves back what was decided upon before.
create table transaction (
  transaction_id uuid primary key,
  type text not null check (type in ('TRANSFER', 'DEPOSIT', 'WITHDRAWAL', 'PAYMENT')),
  status text not null
    check (status in ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  awaits text check (awaits in ('REVIEW', 'CAPTURE')),
  -- The first leg, and the others as "source destination amount currency,…".
  source_id uuid not null,
  destination_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null,
  further_legs text,
  captured_minor bigint not null check (captured_minor between 0 and amount_minor),
  reference text not null,
  initiator_id uuid,
  hold_seconds integer check (hold_seconds > 0),
  reverses_id uuid,
  reversed_by_id uuid,
  failure text,
  risk_decision_id uuid,
  risk_action text,
  risk_rules bigint,
  risk_hash bytea,
  compliance_decision_id uuid,
  compliance_action text,
  compliance_rules bigint,
  compliance_hash bytea,
  verdict_expires_at timestamptz,
  -- {"risk": [["rule", "action", "explanation"], …], "compliance": […]}; absent when nothing was found.
  findings jsonb,
  -- [{"reviewerId", "approves", "note", "createdAt"}, …]; absent when nobody reviewed it.
  reviews jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz,
  check ((awaits is null) = (status not in ('PENDING', 'PROCESSING'))),
  check ((expires_at is null) = (awaits is null)),
  check ((failure is null) = (status not in ('FAILED', 'CANCELLED'))),
  check ((captured_minor > 0) = (status = 'COMPLETED')),
  constraint transaction_verdict check (
    status = 'FAILED' or reverses_id is not null or coalesce(
      -- What was decided upon is what is posted: domain/content.ts writes the same text.
      risk_hash = sha256(convert_to(
        transaction_id::text || '|' || type || '|' || source_id::text || '|' || destination_id::text
          || '|' || amount_minor::text || '|' || currency || '|' || coalesce(further_legs, ''),
        'UTF8'))
      and compliance_hash = risk_hash
      and created_at <= verdict_expires_at
      and (risk_action = 'ALLOW' and compliance_action = 'ALLOW'
        or risk_action in ('ALLOW', 'REVIEW') and compliance_action in ('ALLOW', 'REVIEW')
          -- Until somebody has approved it, it only holds the money.
          and (status = 'CANCELLED' or awaits = 'REVIEW' or reviews is not null)),
      false))
);

-- One that completed is moved back at most once.
create unique index transaction_reversal on transaction (reverses_id)
  where reverses_id is not null;
create index transaction_due on transaction (expires_at) where awaits is not null;
create index transaction_review on transaction (created_at, transaction_id)
  where awaits = 'REVIEW';
-- What has no entries is found by its first leg; what has, by them.
create index transaction_unposted_source on transaction (source_id, created_at, transaction_id)
  where status <> 'COMPLETED';
create index transaction_unposted_destination
  on transaction (destination_id, created_at, transaction_id) where status <> 'COMPLETED';

-- Every change of a balance. For each account sequence counts from 1 without gaps, balance_minor is that of the entry
-- before plus delta_minor, and created_at never decreases.
create table entry (
  account_id uuid not null,
  sequence bigint not null check (sequence > 0),
  transaction_id uuid not null,
  delta_minor bigint not null check (delta_minor <> 0),
  balance_minor bigint not null,
  created_at timestamptz not null,
  primary key (account_id, sequence)
);

-- Whoever writes: what leaves one account comes to another, and belongs to a transaction that is completed.
create function check_entries() returns trigger
language plpgsql set search_path from current as $$
begin
  if exists (
    select from new_entry e left join transaction t on t.transaction_id = e.transaction_id
    group by e.transaction_id
    having sum(e.delta_minor) <> 0 or bool_or(t.status is distinct from 'COMPLETED')
  ) then
    raise exception 'entries do not balance or belong to no completed transaction'
      using errcode = 'check_violation', constraint = 'entry_balance';
  end if;
  return null;
end
$$;
create trigger entry_balance after insert on entry
  referencing new table as new_entry for each statement execute function check_entries();

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is not for this table', tg_op, tg_table_name
    using errcode = 'check_violation';
end
$$;
create trigger entry_kept before update or delete or truncate on entry
  for each statement execute function refuse_change();
create trigger transaction_kept before delete or truncate on transaction
  for each statement execute function refuse_change();

-- The number of an account's last entry at a time, 0 before the first. Entries are in the order of their time, so it is
-- found in as many steps as the number has binary digits, without an index of its own.
create function sequence_at(wanted_account uuid, at_time timestamptz) returns bigint
language plpgsql stable set search_path from current as $$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  posted_at timestamptz;
begin
  select sequence into high from account where account_id = wanted_account;
  while low < high loop
    middle := (low + high + 1) / 2;
    select created_at into posted_at from entry
    where account_id = wanted_account and sequence = middle;
    if posted_at <= at_time then low := middle; else high := middle - 1; end if;
  end loop;
  return low;
end
$$;
