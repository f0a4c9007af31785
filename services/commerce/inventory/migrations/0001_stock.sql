-- Stock per SKU, in units. The checks make an oversold SKU impossible, whoever writes.
create table stock (
  sku text primary key,
  on_hand bigint not null,
  reserved bigint not null default 0,
  sold bigint not null default 0,
  -- All that ever came in, corrections included: on_hand + sold, so that a lost unit shows.
  received bigint generated always as (on_hand + sold) stored,
  version bigint not null default 1,
  updated_at timestamptz not null default now(),
  check (reserved >= 0),
  check (on_hand >= reserved),
  check (sold >= 0)
) with (fillfactor = 50);

-- What orders hold. One row an order; a released order without lines is one that must not get stock any more.
create table reservation (
  order_id uuid primary key,
  state text not null check (state in ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED')),
  -- [["SKU", units], …] in SKU order
  lines jsonb not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
) with (fillfactor = 70);

create index reservation_due on reservation (expires_at) where state = 'ACTIVE';
