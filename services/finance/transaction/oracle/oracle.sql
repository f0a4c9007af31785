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
    version = version + 1, updated_at = at
  where account_id = source returning * into debited;
  update account set posted_minor = posted_minor + amount, sequence = sequence + 1,
    version = version + 1, updated_at = at
  where account_id = destination returning * into credited;
  insert into entry (account_id, sequence, transaction_id, delta_minor, balance_minor, created_at)
  values
    (source, debited.sequence, of_transaction, -amount, debited.posted_minor, at),
    (destination, credited.sequence, of_transaction, amount, credited.posted_minor, at);
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
