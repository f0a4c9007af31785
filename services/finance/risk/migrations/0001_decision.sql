-- The rules, all of them in each version: rows are never changed or removed. The newest is in force.
create table rule_set (
  version bigint primary key check (version > 0),
  mode text not null check (mode in ('FIRST_MATCH', 'COLLECT_ALL')),
  -- [{ruleId, name, condition, action, priority, isEnabled, explanation, ruleSetVersion}, …] in the order in which they
  -- are asked.
  rules jsonb not null,
  -- Absent for the first.
  author_id uuid,
  created_at timestamptz not null default now()
);

-- What was decided, and by what: rows are never changed or removed. Ids are in the order of time, so the newest and a
-- range of time are found by them.
create table decision (
  decision_id uuid primary key,
  transaction_id uuid not null,
  content_hash bytea not null,
  action text not null check (action in ('ALLOW', 'REVIEW', 'DENY')),
  -- [{ruleId, action, explanation}, …]; absent where no rule spoke against it.
  findings jsonb,
  rule_set_version bigint not null,
  -- The values of all variables, with slashes between them, in the order of domain/variables.ts.
  inputs text not null,
  decided_at timestamptz not null,
  expires_at timestamptz not null
);

create unique index decision_transaction on decision (transaction_id);

create index decision_against on decision (action, decision_id) where action <> 'ALLOW';

-- What an account, a person or a pair of accounts has paid lately.
create table velocity (
  subject text collate "C" primary key,
  -- See encodeUsage in domain/usage.ts; some 1,100 bytes at most.
  usage bytea not null,
  -- The last day, since the epoch, on which anything of it is in a window.
  last_day integer not null
) with (fillfactor = 50);

create index velocity_last_day on velocity (last_day);

-- What checks have reserved and the ledger has not settled yet. A row goes with what ends its transaction, so nothing is
-- given back twice. By the id of the decision, and not of the transaction: ids in the order of time are written side by
-- side, and those of which nothing was heard for long are the first.
create table reservation (
  decision_id uuid primary key,
  -- Its subjects and what it takes of each, in minor units: subject_amount_subject_amount…
  claims text not null,
  -- The amount of which a capture may take a part; absent with several legs.
  divisible_minor bigint,
  -- When to ask the ledger, if it has not said anything by then.
  due_at timestamptz not null
);
