-- Accounts, as far as they never change; status and money are the ledger's. What is sealed opens with the key of its owner
-- alone (vault_subject). A token finds what is sealed beside it, and goes when the owner is erased.
create table account (
  account_id uuid primary key,
  owner_id uuid not null,
  type text not null check (type in ('CHECKING', 'SAVINGS', 'CREDIT', 'INVESTMENT')),
  currency text not null,
  credit_limit_minor bigint not null check (credit_limit_minor >= 0),
  number_sealed bytea not null,
  legal_name_sealed bytea not null,
  tax_id_sealed bytea not null,
  number_token bytea unique,
  tax_id_token bytea,
  created_at timestamptz not null,
  -- When the ledger had it; null while it is being opened.
  opened_at timestamptz,
  check (type = 'CREDIT' or credit_limit_minor = 0)
);

-- ListAccounts of a person.
create index account_of_owner on account (owner_id, account_id desc);

-- FindAccounts by tax id.
create index account_of_tax_id on account (tax_id_token, account_id desc) where tax_id_token is not null;

-- What recovery looks for.
create index account_opening on account (created_at) where opened_at is null;

-- Customers whose keys are gone here; `finished_at` is when they were in the audit log too.
create table erasure (
  owner_id uuid primary key,
  erased_at timestamptz not null,
  finished_at timestamptz
);

create index erasure_unfinished on erasure (erased_at) where finished_at is null;

-- The screening anew of all customers that is under way, and how far it has come; no row when none is.
create table screening (
  is_current boolean primary key default true check (is_current),
  event_id uuid not null,
  after_account_id uuid
);
