-- Orders and how far their sagas have come. "order" is a word of SQL, hence the name.
create table customer_order (
  order_id uuid primary key,
  user_id uuid not null,
  -- What CreateOrder was asked: the same request finds the order it began.
  request_id uuid not null,
  request_hash bytea not null,
  status text not null
    check (status in ('PENDING', 'CONFIRMED', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED')),
  step text not null check (step in ('RESERVE', 'PAY', 'COMMIT', 'COMPENSATE', 'DONE')),
  -- [["SKU", product id, title, units, unit price in minor units], …] in SKU order, frozen
  lines jsonb not null,
  currency text not null,
  total_minor bigint not null check (total_minor >= 0),
  address jsonb not null,
  -- The provider's token, until the payment is settled; never a card number.
  payment_token text,
  payment_id uuid,
  cancel_reason text,
  cancel_detail text not null default '',
  tracking_code text not null default '',
  version bigint not null default 1,
  -- Until when its driver is believed alive; then any process may take the order over.
  lease_until timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (user_id, request_id),
  check ((status = 'CANCELLED') = (cancel_reason is not null)),
  check (status <> 'PAID' or payment_id is not null)
) with (fillfactor = 60);

-- Sagas that are not done: a handful at any moment, however many orders there are.
create index customer_order_open on customer_order (lease_until) where step <> 'DONE';

-- ListOrders of a person; ids are made in time order.
create index customer_order_of_user on customer_order (user_id, order_id desc);
