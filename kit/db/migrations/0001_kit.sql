-- What every service's schema has: answers already given, events to publish, events already taken.

-- One row per mutation that was answered, refusals included, written in the transaction of the effect. Rows are never
-- changed or removed: the same request gets the same answer for ever.
create table request_log (
  request_id uuid not null,
  -- Who asked for what: "<caller>/<method>". Ids are made by callers, so they are unique only within one.
  scope text not null,
  -- SHA-256 of the request message: the same id with another request is an error.
  request_hash bytea not null,
  -- The answer: a serialised response message, or a serialised google.rpc.Status.
  response bytea,
  refusal bytea,
  created_at timestamptz not null default now(),
  primary key (request_id, scope),
  check ((response is null) <> (refusal is null))
);

-- Events that are not on the bus yet. The relay removes a row once JetStream has acknowledged it.
create table outbox (
  seq bigint generated always as identity primary key,
  event_id uuid not null,
  -- The full name of the event's message, which is also its subject.
  type text not null,
  -- The id of the thing that changed.
  key text not null,
  payload bytea not null,
  traceparent text,
  created_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, fillfactor = 100);

-- Events that a consumer of this service has taken, written in the transaction of their effect.
create table inbox (
  event_id uuid not null,
  consumer text not null,
  taken_at timestamptz not null default now(),
  primary key (event_id, consumer)
);
