import { create, toBinary } from '@bufbuild/protobuf';
import type { OutgoingEvent, WireEvent } from '../bus/event.ts';
import { assert } from '../errors.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { createTurns } from '../load/turns.ts';
import { currentScope, detached } from '../scope.ts';
import type { Logger } from '../telemetry/log.ts';
import { events as eventsTotal } from '../telemetry/metrics.ts';
import { formatTraceparent } from '../telemetry/trace.ts';
import { byteaArray } from './arrays.ts';
import type { Database, Tx } from './database.ts';

/**
 * Publishes events by writing them into the outbox, in the transaction of their effect and together with its commit:
 * either both happen or neither. The relay puts them on the bus soon after.
 */
export function publish(database: Database, tx: Tx, events: readonly OutgoingEvent[]): void {
  if (events.length === 0) return;
  database.willPublish(tx);
  const trace = currentScope()?.trace;
  const traceparent = trace === undefined ? null : formatTraceparent(trace);
  const rows = events.map(({ id = uuidv7(), key, schema, message }): NewEvent => {
    const payload = toBinary(schema, create(schema, message));
    assert(payload.length <= limits.outboxPayloadBytesMax, `${schema.typeName} fits an event`);
    return { id, type: schema.typeName, key, payload, traceparent };
  });
  database.deferRows(tx, insertEvents, rows);
}

interface NewEvent {
  id: string;
  type: string;
  key: string;
  payload: Uint8Array;
  traceparent: string | null;
}

function insertEvents(tx: Tx, rows: readonly NewEvent[]) {
  return tx`
    insert into outbox (event_id, type, key, payload, traceparent)
    select * from unnest(
      ${rows.map(({ id }) => id)}::uuid[],
      ${rows.map(({ type }) => type)}::text[],
      ${rows.map(({ key }) => key)}::text[],
      ${tx.typed(
        rows.map(({ payload }) => payload),
        byteaArray,
      )},
      ${rows.map(({ traceparent }) => traceparent)}::text[]
    )`;
}

/** Carries the outbox of one service to the bus, by itself, until it is stopped. */
export interface Relay {
  /** Looks now instead of at the next poll. */
  wake(): void;
  /** Resolves when what is there now has been published, by whichever relay. Rejects when the bus does not take it. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Moves events from the outbox to the bus, oldest first, and removes those that the bus acknowledged. At least once: the
 * bus drops repeats by event id within its window, consumers do so for ever. Rows are taken by being there, not by an
 * id above the last one seen, so a transaction that commits late is never skipped; one relay works at a time, so events
 * of one thing stay in order.
 */
export function createRelay(options: {
  database: Database;
  /** Resolves when the bus holds all of them durably. */
  send: (events: WireEvent[]) => Promise<void>;
  service: string;
  log: Logger;
}): Relay {
  const { database, send, service, log } = options;
  let stopped = false;
  let isWoken = false;
  let wakeUp = () => {};
  let failures = 0;
  const turns = createTurns();

  /** Not durable: what a crash brings back is published once more, and dropped by whoever has seen it. */
  const round = () => database.transaction(move, { isDurable: false });

  async function move(tx: Tx): Promise<number> {
    const rows = await tx<OutboxRow[]>`
      with relay as materialized (
        select pg_try_advisory_xact_lock(hashtextextended(${`outbox ${database.schema}`}, 0)) as is_ours)
      delete from outbox where seq in (
        select seq from outbox, relay where is_ours order by seq limit ${limits.outboxBatchMax})
      returning seq, event_id, type, key, payload, traceparent,
        extract(epoch from created_at) * 1000 as created_ms`;
    if (rows.length === 0) return 0;
    rows.sort((a, b) => (a.seq < b.seq ? -1 : 1));
    await send(rows.map(toWireEvent));
    eventsTotal.inc({ service, direction: 'published', outcome: 'ok' }, rows.length);
    return rows.length;
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      isWoken = false;
      let moved = 0;
      try {
        moved = await turns.take(() => detached({ timeoutMs: limits.statementMsMax }, round));
        failures = 0;
      } catch (error) {
        failures += 1;
        eventsTotal.inc({ service, direction: 'published', outcome: 'failed' });
        if (failures === 3) log.warn({ error }, 'outbox.relay_failing');
      }
      if (moved < limits.outboxBatchMax && !isWoken && !stopped) await sleep();
    }
  }

  function sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limits.outboxPollMs);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function wake() {
    isWoken = true;
    wakeUp();
  }

  database.onPublished(wake);
  const running = loop();

  return {
    wake,
    async flush() {
      const { sql } = database;
      // Not what comes later: other processes of the service may write without end while this one stops.
      const [{ last } = { last: null }] = await sql<
        { last: bigint | null }[]
      >`select max(seq) as last from outbox`;
      let isLeft = last !== null;
      while (isLeft) {
        await detached({ timeoutMs: limits.statementMsMax }, round);
        const [left] = await sql<{ is_left: boolean }[]>`
          select exists (select from outbox where seq <= ${last}) as is_left`;
        isLeft = left!.is_left;
      }
    },
    async stop() {
      stopped = true;
      wakeUp();
      await running;
    },
  };
}

interface OutboxRow {
  seq: bigint;
  event_id: string;
  type: string;
  key: string;
  payload: Uint8Array;
  traceparent: string | null;
  created_ms: string;
}

function toWireEvent(row: OutboxRow): WireEvent {
  return {
    id: row.event_id,
    type: row.type,
    key: row.key,
    payload: row.payload,
    traceparent: row.traceparent ?? undefined,
    createdAt: Number(row.created_ms),
  };
}
