-- Entries that are not leaves yet. Whoever seals takes them away, in the order in which they came.
create table waiting_entry (
  seq bigint generated always as identity primary key,
  -- The leaf as it will be hashed: an object of domain.ts, as JSON.
  leaf json not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The leaves of the tree. What is looked for is computed from the leaf itself, so it cannot say anything else.
create table audit_entry (
  leaf_index bigint primary key check (leaf_index >= 0),
  -- As it was when the leaf was sealed: a leaf that was changed since does not fit it.
  leaf_hash bytea not null check (length(leaf_hash) = 32),
  -- json and not jsonb: its text is hashed as it is.
  leaf json not null,
  entry_id uuid not null generated always as ((leaf ->> 'entry_id')::uuid) stored,
  -- Milliseconds since the epoch.
  acted_ms bigint not null generated always as ((leaf ->> 'acted_ms')::bigint) stored,
  -- The person, or the service that did it for itself.
  who text not null generated always as (
    coalesce(nullif(leaf ->> 'user_id', ''), leaf ->> 'service')) stored,
  action text not null generated always as (leaf ->> 'action') stored,
  resource text not null generated always as (leaf ->> 'resource') stored,
  resource_id text not null generated always as (leaf ->> 'resource_id') stored
);

create unique index audit_entry_id on audit_entry (entry_id);
create index audit_entry_time on audit_entry (acted_ms, leaf_index);
create index audit_entry_who on audit_entry (who, acted_ms, leaf_index);
create index audit_entry_action on audit_entry (action, acted_ms, leaf_index);
create index audit_entry_resource on audit_entry (resource, resource_id, acted_ms, leaf_index);

-- Full tiles. Those that are not full follow from leaves and from the roots of tiles below.
create table tile (
  level smallint not null check (level >= 0),
  index bigint not null check (index >= 0),
  -- 256 hashes of 32 bytes.
  hashes bytea not null check (length(hashes) = 8192),
  root bytea not null check (length(root) = 32),
  primary key (level, index)
);

-- One for each size that the tree had when it was told of: a log that forks would need two.
create table checkpoint (
  tree_size bigint primary key check (tree_size > 0),
  root bytea not null check (length(root) = 32),
  note text not null,
  created_at timestamptz not null default now()
);

-- The service itself can neither change nor remove what it has written; others leave traces that a verifier finds.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log only grows';
end $$;

create trigger audit_entry_grows before update or delete or truncate on audit_entry
  execute function refuse_change();
create trigger tile_grows before update or delete or truncate on tile
  execute function refuse_change();
create trigger checkpoint_grows before update or delete or truncate on checkpoint
  execute function refuse_change();
