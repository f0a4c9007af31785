-- What staff counted and corrected, and why: rows are never changed or removed. For every SKU the deltas add up to
-- stock.received.
create table stock_movement (
  sku text not null,
  -- Made behind the lock of the stock's row, so those of one SKU are in the order in which they were done.
  position bigint generated always as identity,
  kind text not null check (kind in ('COUNTED', 'ADJUSTED')),
  delta bigint not null,
  -- What it left.
  on_hand bigint not null check (on_hand >= 0),
  reason text not null,
  -- Absent for stock that was there before movements were kept.
  staff_id uuid,
  request_id uuid,
  created_at timestamptz not null default now(),
  primary key (sku, position)
);

insert into stock_movement (sku, kind, delta, on_hand, reason)
select sku, 'COUNTED', received, on_hand, '' from stock;
