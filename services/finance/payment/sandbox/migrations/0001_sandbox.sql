-- What a card provider remembers. An operation happens at most once under its key, for ever.
create table operation (
  key text primary key,
  -- A tombstone is a void that came before what it voids.
  kind text not null check (kind in ('charge', 'authorization', 'capture', 'refund', 'tombstone')),
  -- The charge or authorization that a capture or a refund is about.
  origin text not null default '',
  token text not null default '',
  currency text not null,
  amount_minor bigint not null,
  state text not null
    check (state in ('authorized', 'captured', 'declined', 'voided', 'refunded', 'refused')),
  code text not null default '',
  captured_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  created_at timestamptz not null default now(),
  check (0 <= refunded_minor and refunded_minor <= captured_minor),
  check (captured_minor <= amount_minor)
);

-- Events that were not acknowledged yet; a copy is an event that is sent twice on purpose.
create table webhook (
  event_id text not null,
  copy integer not null,
  body text not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  primary key (event_id, copy)
);

create index webhook_due on webhook (due_at);
