-- The accounts of the ledger when no card pays, from where and to where, and the transaction between them.
alter table payment
  add column account_id uuid,
  add column payee_account_id uuid,
  add column transaction_id uuid,
  -- By which the capture came into the ledger; that of an account is there from the first.
  add column settlement_id uuid,
  add check (num_nulls(account_id, payee_account_id, transaction_id) in (0, 3)),
  add check (payment_token is null or account_id is null);

create index payment_transaction on payment (transaction_id) where transaction_id is not null;
create index payment_unsettled on payment (currency, payment_id)
  where captured_minor > 0 and settlement_id is null and account_id is null;

-- The currency of a card's payment, whose refunds have to come into the ledger, and by which settlement they did.
alter table operation
  add column settles_in text,
  add column settlement_id uuid;
update operation o set settles_in = p.currency from payment p
where p.payment_id = o.payment_id and o.kind = 'REFUND';

create index operation_unsettled on operation (settles_in, operation_id)
  where kind = 'REFUND' and state = 'DONE' and settlement_id is null and settles_in is not null;

-- Captures or refunds of cards that come into the ledger as one transaction. Which they are says their settlement_id.
create table settlement (
  settlement_id uuid primary key,
  kind text not null check (kind in ('CAPTURE', 'REFUND')),
  currency text not null,
  amount_minor bigint not null check (amount_minor > 0),
  item_count integer not null check (item_count > 0),
  state text not null check (state in ('OPEN', 'IN_REVIEW', 'REFUSED', 'SETTLED')),
  -- How often the ledger has refused it: each next request for it is another one.
  refusals integer not null default 0,
  transaction_id uuid,
  failure text not null default '',
  -- When the ledger must be asked next.
  due_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((state = 'SETTLED') = (due_at is null)),
  check (state <> 'SETTLED' or transaction_id is not null)
);

-- While the ledger is away, what waits grows by no more than one of each: the next takes all that has come since.
create unique index settlement_open on settlement (currency, kind) where state = 'OPEN';
create index settlement_due on settlement (due_at) where due_at is not null;
