import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { signEvent } from '../provider-wire.ts';
import type { Shuffle } from './shuffle.ts';

/** Hands one signed event over; rejects when it was not acknowledged. */
export type Deliver = (payload: Uint8Array, signature: string) => Promise<void>;

export interface Webhooks {
  wake(): void;
  /** Resolves when every event is acknowledged. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

interface Row {
  event_id: string;
  copy: number;
  body: string;
  attempts: number;
}

const deliverMax = 100;
const pollMs = 100;
const retryMsMin = 50;
const retryMsMax = 10_000;

/** Sends events until they are acknowledged; those that nobody takes come back with growing pauses. */
export function startWebhooks(options: {
  database: Database;
  deliver: Deliver;
  secret: string;
  clock: Clock;
  /** In which order events that are due go out; as they came when absent. */
  shuffle: Shuffle | undefined;
}): Webhooks {
  const { database, deliver, secret, clock, shuffle } = options;
  const { sql } = database;
  let stopped = false;
  let wake = () => {};

  async function round(): Promise<number> {
    const due = await sql<Row[]>`
      select event_id, copy, body, attempts from webhook where due_at <= ${new Date()}
      order by due_at, event_id, copy limit ${deliverMax}`;
    const rows = shuffle?.order(due) ?? due;
    const results = await Promise.allSettled(rows.map(send));
    const failed = rows.filter((_, i) => results[i]!.status === 'rejected');
    const taken = rows.filter((_, i) => results[i]!.status === 'fulfilled');
    await Promise.all([remove(taken), putOff(failed)]);
    return rows.length;
  }

  async function send({ event_id, body }: Row): Promise<void> {
    const payload = Buffer.from(`{"id":"${event_id}","data":${body}}`);
    await deliver(payload, signEvent(payload, secret, clock.now()));
  }

  async function remove(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await sql`delete from webhook where (event_id, copy) in (
      select * from unnest(${rows.map((r) => r.event_id)}::text[],
        ${rows.map((r) => String(r.copy))}::integer[]))`;
  }

  async function putOff(rows: readonly Row[]): Promise<void> {
    for (const { event_id, copy, attempts } of rows) {
      const pauseMs = Math.min(retryMsMin * 2 ** Math.min(attempts, 16), retryMsMax);
      await sql`update webhook set attempts = attempts + 1, due_at = ${new Date(Date.now() + pauseMs)}
        where event_id = ${event_id} and copy = ${copy}`;
    }
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      // A database that is away comes back; the events are in it.
      const sent = await round().catch(() => 0);
      if (sent === 0 && !stopped) await pause();
    }
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pollMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  const running = loop();
  return {
    wake: () => wake(),
    async settled() {
      for (;;) {
        const [left] = await sql<{ count: bigint }[]>`select count(*) as count from webhook`;
        if (left!.count === 0n) return;
        wake();
        await new Promise((resolve) => setTimeout(resolve, pollMs / 10));
      }
    },
    async stop() {
      stopped = true;
      wake();
      await running;
    },
  };
}
