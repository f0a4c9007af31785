-- All rules of one version. Rows are never changed or removed; the highest version is the present one.
create table rule_set (
  version bigint primary key,
  rules jsonb not null,
  -- Null for the rules that the service begins with.
  staff_id uuid,
  created_at timestamptz not null default now()
);

-- The latest movements of each account of a customer: one row, which stays below the size from which PostgreSQL would
-- store the movements apart. Made when the account is first checked; accounts of the system have none.
create table account_window (
  account_id uuid primary key,
  owner_id uuid not null,
  opened_at timestamptz not null,
  -- 37 bytes each, the oldest first; see domain/window.ts
  movements bytea not null default '',
  created_at timestamptz not null default now()
) with (fillfactor = 50);

alter table account_window alter column movements set storage external;

-- What was decided upon transactions that were stopped.
create table decision (
  transaction_id uuid primary key,
  decision_id uuid not null,
  content_hash bytea not null,
  action text not null check (action in ('REVIEW', 'DENY')),
  rule_set_version bigint not null,
  findings jsonb not null,
  decided_at timestamptz not null
);

-- What speaks against one customer, of one typology.
create table case_file (
  case_id uuid primary key,
  owner_id uuid not null,
  typology text not null check (typology in ('STRUCTURING', 'RAPID_MOVEMENT', 'FAN_IN', 'FAN_OUT', 'CYCLE',
    'DORMANT_ACCOUNT', 'SANCTIONS')),
  state text not null default 'OPEN' check (state in ('OPEN', 'DISMISSED', 'CONFIRMED', 'REPORTED')),
  assignee_id uuid,
  evidence_count integer not null default 0,
  omitted_count integer not null default 0,
  journal_count integer not null default 0,
  blocks_customer boolean not null default false check (not blocks_customer or state in ('CONFIRMED', 'REPORTED')),
  report_number bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 70);

-- Findings go to the open case of their customer and typology, of which there is one.
create unique index case_file_open on case_file (owner_id, typology) where state = 'OPEN';
create index case_file_blocking on case_file (owner_id) where blocks_customer;
create index case_file_state on case_file (state, case_id);
create index case_file_owner on case_file (owner_id, case_id);
create index case_file_assignee on case_file (assignee_id, case_id);

-- Rows are never changed or removed.
create table evidence (
  case_id uuid not null references case_file,
  position bigint generated always as identity,
  -- Null for a match of a list.
  transaction_id uuid,
  rule_id text not null,
  explanation text not null,
  amount_minor bigint,
  currency text,
  staff_id uuid,
  occurred_at timestamptz not null,
  primary key (case_id, position)
);

create unique index evidence_once on evidence (case_id, transaction_id) where transaction_id is not null;
create index evidence_transaction on evidence (transaction_id) where transaction_id is not null;

-- What was done to cases. Rows are never changed or removed.
create table journal (
  case_id uuid not null references case_file,
  position bigint generated always as identity,
  kind text not null,
  staff_id uuid,
  text text not null,
  created_at timestamptz not null,
  primary key (case_id, position)
);

-- Reports as they were made: the bytes of finance.compliance.v1.SuspiciousActivityReport.
create sequence report_number;
create table report (
  case_id uuid primary key references case_file,
  report_number bigint not null unique,
  content bytea not null,
  created_at timestamptz not null
);

-- What screening found of each customer. Of the name there is a keyed digest and nothing else.
create table customer (
  owner_id uuid primary key,
  name_digest bytea not null,
  list_version text not null,
  match text not null default 'ALLOW' check (match in ('ALLOW', 'REVIEW', 'DENY')),
  -- Entries of the list that are like the name, and those of which an analyst found that they are somebody else.
  matched_entries text[] not null default '{}',
  cleared_entries text[] not null default '{}',
  screened_at timestamptz not null
);

create index customer_matched on customer (owner_id) where match <> 'ALLOW';

-- The lists in the order in which they came into force, so that each is told of once and none is screened against that
-- is not the last.
create table sanctions_list (
  position bigint generated always as identity primary key,
  version text not null,
  entry_count integer not null,
  loaded_at timestamptz not null
);

-- What no normal customer does. Amounts are whole units of a currency like the euro.
insert into rule_set (version, rules) values (1, '[
  {"ruleId": "0197f000-0000-7000-8000-000000000001", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "Amounts just below 10,000", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "STRUCTURING", "thresholdMajor": "10000", "bandPercent": 10, "countMin": 3,
       "windowHours": 48}}},
  {"ruleId": "0197f000-0000-7000-8000-000000000002", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "In and out within an hour", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "RAPID_MOVEMENT", "totalMajorMin": "10000", "percentMin": 90, "windowMinutes": 60,
       "countMin": 2}}},
  {"ruleId": "0197f000-0000-7000-8000-000000000003", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "Paid by very many", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "FAN_IN", "counterpartiesMin": 12, "totalMajorMin": "5000", "windowHours": 24}}},
  {"ruleId": "0197f000-0000-7000-8000-000000000004", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "Pays very many", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "FAN_OUT", "counterpartiesMin": 12, "totalMajorMin": "5000", "windowHours": 24}}},
  {"ruleId": "0197f000-0000-7000-8000-000000000005", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "Money that comes back", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "CYCLE", "amountMajorMin": "2000", "tolerancePercent": 15, "windowHours": 72}}},
  {"ruleId": "0197f000-0000-7000-8000-000000000006", "version": "1", "staffId": "", "updatedAt": 0,
   "spec": {"name": "Awake after half a year", "action": "REVIEW", "isEnabled": true, "currencyCodes": [],
     "includesPayments": false,
     "parameters": {"typology": "DORMANT_ACCOUNT", "dormantDays": 180, "amountMajorMin": "5000"}}}
]');
