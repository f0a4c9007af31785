-- The ledger a second time: one function call for each command, one row after the other, in the language of the database.
-- It works on the same tables. Tests hold the batches against it, and the benchmark measures them by it; no service
-- calls it. Every function answers 'done' or the reason of a refusal.

-- Why a leg cannot be taken; null when it can.
create function oracle_obstacle(debited account, credited account, amount bigint) returns text
language sql immutable as $$
  select case
    when debited.status <> 'ACTIVE' then 'ACCOUNT_' || debited.status
    when debited.floor_minor is not null
      and debited.posted_minor - debited.held_minor - debited.floor_minor < amount
      then 'INSUFFICIENT_FUNDS'
    when credited.status = 'CLOSED' then 'ACCOUNT_CLOSED' end
$$;

-- Moves one leg: 'done', or why not.
create function oracle_post(
  source uuid, destination uuid, amount bigint, of_transaction uuid, at timestamptz) returns text
language plpgsql as $$
declare
  debited account;
  credited account;
  obstacle text;
begin
  select * into debited from account where account_id = source;
  select * into credited from account where account_id = destination;
  obstacle := oracle_obstacle(debited, credited, amount);
  if obstacle is not null then return obstacle; end if;
  update account set posted_minor = posted_minor - amount, sequence = sequence + 1,
    version = version + 1, updated_at = greatest(updated_at, at)
  where account_id = source returning * into debited;
  update account set posted_minor = posted_minor + amount, sequence = sequence + 1,
    version = version + 1, updated_at = greatest(updated_at, at)
  where account_id = destination returning * into credited;
  insert into entry (account_id, sequence, transaction_id, delta_minor, balance_minor, created_at)
  values
    (source, debited.sequence, of_transaction, -amount, debited.posted_minor, debited.updated_at),
    (destination, credited.sequence, of_transaction, amount, credited.posted_minor,
      credited.updated_at);
  return 'done';
end
$$;

-- Holds one leg: 'done', or why not.
create function oracle_hold(source uuid, destination uuid, amount bigint, at timestamptz)
returns text language plpgsql as $$
declare
  debited account;
  credited account;
  obstacle text;
begin
  select * into debited from account where account_id = source;
  select * into credited from account where account_id = destination;
  obstacle := oracle_obstacle(debited, credited, amount);
  if obstacle is not null then return obstacle; end if;
  update account set held_minor = held_minor + amount, version = version + 1, updated_at = at
  where account_id = source;
  update account set incoming_minor = incoming_minor + amount, version = version + 1,
    updated_at = at
  where account_id = destination;
  return 'done';
end
$$;

-- Moves or holds all legs; what is refused raises the reason, for whoever calls to undo.
create function oracle_move(
  sources uuid[], destinations uuid[], amounts bigint[], hold boolean, of_transaction uuid,
  at timestamptz) returns void language plpgsql as $$
declare
  outcome text;
begin
  for i in 1 .. array_length(sources, 1) loop
    if hold then outcome := oracle_hold(sources[i], destinations[i], amounts[i], at);
    else outcome := oracle_post(sources[i], destinations[i], amounts[i], of_transaction, at);
    end if;
    if outcome <> 'done' then
      raise exception '%', outcome using errcode = 'LG001';
    end if;
  end loop;
end
$$;

create function oracle_release(sources uuid[], destinations uuid[], amounts bigint[], at timestamptz)
returns void language plpgsql as $$
begin
  for i in 1 .. array_length(sources, 1) loop
    update account set held_minor = held_minor - amounts[i], version = version + 1, updated_at = at
    where account_id = sources[i];
    update account set incoming_minor = incoming_minor - amounts[i], version = version + 1,
      updated_at = at
    where account_id = destinations[i];
  end loop;
end
$$;

create function oracle_lock(ids uuid[]) returns void language plpgsql as $$
begin
  perform from account where account_id = any(ids) order by account_id for no key update;
end
$$;

-- The answer that was given to a request, 'REQUEST_ID_REUSED' when it was another one, null when there is none.
create function oracle_answer(request uuid, by_scope text, hash bytea) returns text
language sql as $$
  select case when request_hash = hash then convert_from(response, 'UTF8')
    else 'REQUEST_ID_REUSED' end
  from request_log where request_id = request and scope = by_scope
$$;

create function oracle_record(request uuid, by_scope text, hash bytea, outcome text, at timestamptz)
returns text language sql as $$
  insert into request_log (request_id, scope, request_hash, response, created_at)
  values (request, by_scope, hash, convert_to(outcome, 'UTF8'), at);
  select outcome
$$;

create function oracle_execute(
  request uuid, by_scope text, hash bytea, id uuid, kind text, sources uuid[], destinations uuid[],
  amounts bigint[], currencies text[], further text, by_user uuid, by_risk text, by_compliance text,
  content bytea, decision uuid, seconds integer, at timestamptz) returns text language plpgsql as $$
declare
  outcome text := oracle_answer(request, by_scope, hash);
  becomes text := 'COMPLETED';
  waits text;
  until timestamptz;
begin
  if outcome is not null then return outcome; end if;
  perform oracle_lock(sources || destinations);
  outcome := 'done';
  if 'REVIEW' in (by_risk, by_compliance) then
    waits := 'REVIEW';
    until := at + interval '7 days';
  elsif seconds is not null then
    waits := 'CAPTURE';
    until := at + make_interval(secs => seconds);
  end if;
  if waits is not null then becomes := 'PENDING'; end if;
  if 'DENY' in (by_risk, by_compliance) then outcome := 'TRANSACTION_DENIED'; end if;
  insert into transaction (transaction_id, type, status, awaits, source_id, destination_id,
    amount_minor, currency, further_legs, captured_minor, reference, initiator_id, hold_seconds,
    failure, risk_decision_id, risk_action, risk_rules, risk_hash, compliance_decision_id,
    compliance_action, compliance_rules, compliance_hash, verdict_expires_at, created_at,
    updated_at, expires_at)
  values (id, kind, case outcome when 'done' then becomes else 'FAILED' end,
    case outcome when 'done' then waits end, sources[1], destinations[1], amounts[1],
    currencies[1], further,
    case when outcome = 'done' and becomes = 'COMPLETED' then amounts[1] else 0 end, '', by_user,
    seconds, case outcome when 'done' then null else 'DENIED' end, decision, by_risk, 1, content,
    decision, by_compliance, 1, content, at + interval '30 seconds', at, at,
    case outcome when 'done' then until end);
  if outcome = 'done' then
    if array_length(sources, 1) = 1 and waits is null then
      -- One leg is checked before anything is written: the usual case needs no part of a transaction for itself.
      outcome := oracle_post(sources[1], destinations[1], amounts[1], id, at);
    else
      begin
        perform oracle_move(sources, destinations, amounts, waits is not null, id, at);
      exception when sqlstate 'LG001' then
        outcome := sqlerrm;
      end;
    end if;
    if outcome <> 'done' then
      update transaction set status = 'FAILED', awaits = null, expires_at = null,
        captured_minor = 0, failure = outcome
      where transaction_id = id;
    end if;
  end if;
  insert into outbox (event_id, type, key, payload)
  values (gen_random_uuid(), 'finance.transaction.v1.TransactionsChanged', id::text,
    decode(repeat('00', 180), 'hex'));
  return oracle_record(request, by_scope, hash, outcome, at);
end
$$;

-- The accounts of a transaction's legs, and what each leg moves.
create function oracle_legs(
  of_transaction transaction, out sources uuid[], out destinations uuid[], out amounts bigint[])
language sql immutable as $$
  select array_agg(source order by nth), array_agg(destination order by nth),
    array_agg(amount order by nth)
  from (
    select 0 as nth, of_transaction.source_id as source, of_transaction.destination_id as destination,
      of_transaction.amount_minor as amount
    union all
    select nth, split_part(leg, ' ', 1)::uuid, split_part(leg, ' ', 2)::uuid,
      split_part(leg, ' ', 3)::bigint
    from unnest(string_to_array(of_transaction.further_legs, ',')) with ordinality as l (leg, nth)
  ) as legs
$$;

-- Ends what held money without moving any.
create function oracle_free(held transaction, becomes text, why text, at timestamptz) returns text
language plpgsql as $$
declare
  legs record := oracle_legs(held);
begin
  perform oracle_release(legs.sources, legs.destinations, legs.amounts, at);
  update transaction set status = becomes, awaits = null, expires_at = null, failure = why,
    reviews = held.reviews, updated_at = at
  where transaction_id = held.transaction_id;
  return 'done';
end
$$;

-- Moves what was held, and gives free what is not moved.
create function oracle_settle(held transaction, captured bigint, at timestamptz) returns text
language plpgsql as $$
declare
  legs record := oracle_legs(held);
  amounts bigint[] := legs.amounts;
begin
  perform oracle_lock(legs.sources || legs.destinations);
  amounts[1] := captured;
  perform oracle_release(legs.sources, legs.destinations, legs.amounts, at);
  update transaction set status = 'COMPLETED', awaits = null, expires_at = null,
    captured_minor = captured, reviews = held.reviews, updated_at = at
  where transaction_id = held.transaction_id;
  perform oracle_move(legs.sources, legs.destinations, amounts, false, held.transaction_id, at);
  return 'done';
exception when sqlstate 'LG001' then
  return sqlerrm;
end
$$;

create function oracle_capture(id uuid, wanted bigint, at timestamptz) returns text
language plpgsql as $$
declare
  held transaction;
begin
  select * into held from transaction where transaction_id = id for no key update;
  if held.transaction_id is null then return 'TRANSACTION_NOT_FOUND'; end if;
  if held.hold_seconds is null or held.awaits is null or held.expires_at <= at then
    return 'TRANSACTION_NOT_OPEN';
  end if;
  if held.awaits = 'REVIEW' then return 'TRANSACTION_IN_REVIEW'; end if;
  wanted := coalesce(wanted, held.amount_minor);
  if wanted > held.amount_minor then return 'CAPTURE_TOO_LARGE'; end if;
  if wanted < held.amount_minor and held.further_legs is not null then
    return 'CAPTURE_NOT_DIVISIBLE';
  end if;
  return oracle_settle(held, wanted, at);
end
$$;

create function oracle_void(id uuid, at timestamptz) returns text language plpgsql as $$
declare
  held transaction;
begin
  select * into held from transaction where transaction_id = id for no key update;
  if held.transaction_id is null then return 'TRANSACTION_NOT_FOUND'; end if;
  if held.hold_seconds is null then return 'TRANSACTION_NOT_OPEN'; end if;
  if held.status = 'CANCELLED' then return 'done'; end if;
  if held.awaits is null then return 'TRANSACTION_NOT_OPEN'; end if;
  return oracle_free(held, 'CANCELLED', 'VOIDED', at);
end
$$;

create function oracle_expire(at timestamptz) returns bigint language sql as $$
  select count(oracle_free(t, 'CANCELLED', 'EXPIRED', at)) from transaction t
  where awaits is not null and expires_at <= at
$$;

create function oracle_review(id uuid, approves boolean, reviewer uuid, at timestamptz) returns text
language plpgsql as $$
declare
  held transaction;
begin
  select * into held from transaction where transaction_id = id for no key update;
  if held.transaction_id is null then return 'TRANSACTION_NOT_FOUND'; end if;
  if held.awaits is distinct from 'REVIEW' or held.expires_at <= at then
    return 'TRANSACTION_NOT_IN_REVIEW';
  end if;
  if held.initiator_id = reviewer then return 'REVIEWER_IS_INITIATOR'; end if;
  if held.reviews @> jsonb_build_array(jsonb_build_object('reviewerId', reviewer)) then
    return 'REVIEWER_HAS_REVIEWED';
  end if;
  held.reviews := coalesce(held.reviews, '[]')
    || jsonb_build_array(jsonb_build_object('reviewerId', reviewer));
  if not approves then return oracle_free(held, 'FAILED', 'REJECTED', at); end if;
  -- 100,000.00: all amounts of the tests are of two decimals.
  if held.amount_minor >= 10000000 and jsonb_array_length(held.reviews) < 2 then
    update transaction set status = 'PROCESSING', reviews = held.reviews, updated_at = at
    where transaction_id = id;
    return 'done';
  end if;
  if held.hold_seconds is not null then
    update transaction set status = 'PENDING', awaits = 'CAPTURE', reviews = held.reviews,
      expires_at = at + make_interval(secs => held.hold_seconds), updated_at = at
    where transaction_id = id;
    return 'done';
  end if;
  return oracle_settle(held, held.amount_minor, at);
end
$$;

create function oracle_reverse(id uuid, reversal uuid, at timestamptz) returns text
language plpgsql as $$
declare
  original transaction;
  legs record;
  amounts bigint[];
  last integer;
begin
  select * into original from transaction where transaction_id = id for no key update;
  if original.transaction_id is null then return 'TRANSACTION_NOT_FOUND'; end if;
  if original.status <> 'COMPLETED' or original.reverses_id is not null then
    return 'TRANSACTION_NOT_REVERSIBLE';
  end if;
  if original.reversed_by_id is not null then return 'TRANSACTION_REVERSED'; end if;
  legs := oracle_legs(original);
  amounts := legs.amounts;
  amounts[1] := original.captured_minor;
  last := array_length(amounts, 1);
  perform oracle_lock(legs.sources || legs.destinations);
  insert into transaction (transaction_id, type, status, source_id, destination_id, amount_minor,
    currency, further_legs, captured_minor, reference, reverses_id, created_at, updated_at)
  select reversal, original.type, 'COMPLETED', legs.destinations[last], legs.sources[last],
    amounts[last], original.currency,
    (select string_agg(concat_ws(' ', legs.destinations[i], legs.sources[i], amounts[i],
      original.currency), ',' order by i desc) from generate_series(1, last - 1) as i),
    amounts[last], '', id, at, at;
  perform oracle_move(
    (select array_agg(d order by n desc) from unnest(legs.destinations) with ordinality as x (d, n)),
    (select array_agg(s order by n desc) from unnest(legs.sources) with ordinality as x (s, n)),
    (select array_agg(a order by n desc) from unnest(amounts) with ordinality as x (a, n)),
    false, reversal, at);
  update transaction set reversed_by_id = reversal, updated_at = at where transaction_id = id;
  return 'done';
exception when sqlstate 'LG001' then
  return sqlerrm;
end
$$;

create function oracle_open(id uuid, owner uuid, floor bigint, at timestamptz) returns text
language plpgsql as $$
begin
  insert into account values
    (id, owner, case when owner is not null then 'CHECKING' end, 'EUR', 'ACTIVE', floor, 0, 0, 0, 0,
      1, at, at)
  on conflict do nothing;
  return case when found then 'done' else 'ACCOUNT_EXISTS' end;
end
$$;

create function oracle_set_status(id uuid, becomes text, at timestamptz) returns text
language plpgsql as $$
declare
  found_account account;
begin
  select * into found_account from account where account_id = id for no key update;
  if found_account.account_id is null then return 'ACCOUNT_NOT_FOUND'; end if;
  if found_account.status = becomes then return 'done'; end if;
  if found_account.status = 'CLOSED' then return 'ACCOUNT_CLOSED'; end if;
  if becomes = 'CLOSED' and (found_account.posted_minor, found_account.held_minor,
    found_account.incoming_minor) <> (0, 0, 0) then
    return 'ACCOUNT_NOT_EMPTY';
  end if;
  update account set status = becomes, version = version + 1, updated_at = at where account_id = id;
  return 'done';
end
$$;

-- Any command but an execution, once: what it answers is recorded under its request.
create function oracle_once(
  request uuid, by_scope text, hash bytea, command text, id uuid, other uuid, amount bigint,
  word text, at timestamptz) returns text language plpgsql as $$
declare
  outcome text := oracle_answer(request, by_scope, hash);
begin
  if outcome is not null then return outcome; end if;
  outcome := case command
    when 'capture' then oracle_capture(id, amount, at)
    when 'void' then oracle_void(id, at)
    when 'review' then oracle_review(id, word = 'approve', other, at)
    when 'reverse' then oracle_reverse(id, other, at)
    when 'open' then oracle_open(id, other, amount, at)
    when 'setStatus' then oracle_set_status(id, word, at)
  end;
  return oracle_record(request, by_scope, hash, outcome, at);
end
$$;
