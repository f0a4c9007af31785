-- The list of one person. Its row is locked by whoever adds to it until the commit, so positions are given in the order
-- in which they become visible: a reader that has seen one has seen all before it.
create table feed (
  user_id uuid primary key,
  last_position bigint not null default 0
) with (fillfactor = 50);

-- What a person was told. Rows are never removed, and change only by being read.
create table notification (
  notification_id uuid primary key,
  user_id uuid not null references feed (user_id),
  position bigint not null,
  kind text not null,
  subject_id text not null,
  -- {"order_id": …, "amount_minor": "1999"}
  parameters jsonb not null,
  created_at timestamptz not null,
  read_at timestamptz,
  unique (user_id, position),
  -- Of one kind a person is told of one subject once, whoever reports it and how often.
  unique (user_id, kind, subject_id)
) with (fillfactor = 80);

create index notification_unread on notification (user_id, position) where read_at is null;
