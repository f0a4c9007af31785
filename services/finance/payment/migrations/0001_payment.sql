-- The money side of orders, in minor units of one currency. The checks hold whoever writes.
create table payment (
  payment_id uuid primary key,
  -- An order has at most one payment; one with the intent NONE is an order that must not be charged any more.
  order_id uuid not null unique,
  user_id uuid,
  currency text not null,
  amount_minor bigint not null,
  intent text not null check (intent in ('CHARGE', 'AUTHORIZE', 'NONE')),
  status text not null
    check (status in ('PROCESSING', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED', 'REFUNDED')),
  authorized_minor bigint not null default 0,
  captured_minor bigint not null default 0,
  -- Promised refunds included.
  refunded_minor bigint not null default 0,
  decline_code text not null default '',
  void_requested boolean not null default false,
  is_released boolean not null default false,
  operation_count integer not null default 0,
  -- The provider's token for the card, kept only while the call that needs it may have to be made again.
  payment_token text,
  -- Which request began it (a hash of caller, method and request id), and what that said.
  request_key uuid unique,
  request_hash bytea,
  -- When the provider must be asked next, who does so until when, and how often that came to nothing.
  due_at timestamptz,
  leased_until timestamptz,
  epoch integer not null default 0,
  attempts integer not null default 0,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (0 <= refunded_minor),
  check (refunded_minor <= captured_minor),
  check (captured_minor <= authorized_minor),
  check (authorized_minor <= amount_minor),
  check (payment_token is null or status = 'PROCESSING'),
  check ((intent = 'NONE') = (request_key is null))
);

create index payment_due on payment (due_at) where due_at is not null;

-- Captures and refunds, written before the provider is asked.
create table operation (
  -- Made from the request that asks for it, so that one request never makes two.
  operation_id uuid primary key,
  payment_id uuid not null references payment,
  kind text not null check (kind in ('CAPTURE', 'REFUND')),
  amount_minor bigint not null check (amount_minor > 0),
  state text not null check (state in ('PROMISED', 'DONE', 'REFUSED')),
  code text not null,
  reason text not null,
  request_hash text not null,
  -- Their order within the payment.
  position integer not null,
  created_at timestamptz not null default now()
);

create index operation_payment on operation (payment_id);

-- All that the provider ever said, each fact once, in its answers, its events or when it was asked again. A fact may be
-- here before its payment. Rows are never removed.
create table provider_fact (
  payment_id uuid not null,
  -- "charge", "authorize", "capture:<operation>", "refund:<operation>"
  operation text not null,
  kind text not null
    check (kind in ('authorized', 'captured', 'declined', 'voided', 'refunded', 'refused')),
  amount_minor bigint not null,
  currency text not null,
  code text not null,
  source text not null check (source in ('ANSWER', 'EVENT', 'LOOKUP')),
  -- The provider's id of the event that was first to tell it.
  event_id text,
  -- What it did: changed the payment; was known or overtaken; waits for its payment; contradicts what is known.
  verdict text not null check (verdict in ('APPLIED', 'STALE', 'WAITING', 'ILLEGAL')),
  created_at timestamptz not null default now(),
  primary key (payment_id, operation, kind)
);

create index provider_fact_waiting on provider_fact (payment_id) where verdict = 'WAITING';
