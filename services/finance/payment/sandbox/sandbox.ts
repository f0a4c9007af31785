/** A card provider for tests, benchmarks and local meshes: real HTTP, durable, exactly once per key, and as unkind as asked. */
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '#kit/clock.ts';
import { createDatabase } from '#kit/db/database.ts';
import { migrate } from '#kit/db/migrate.ts';
import { createServer } from '#kit/host/node-http.ts';
import { createApi } from './api.ts';
import { createBook, type Total } from './book.ts';
import { createShuffle } from './shuffle.ts';
import { targetOf } from './target.ts';
import { type Deliver, startWebhooks } from './webhooks.ts';

export interface SandboxOptions {
  /** A URL whose user may create schemas and roles. */
  databaseUrl: string;
  /** Default "sandbox_provider". */
  schema?: string;
  /** 0 for any. */
  port: number;
  /** Who hears the events: a URL (target.ts), a function, or nobody. */
  webhookTarget: string | Deliver | undefined;
  webhookSecret: string;
  /** How often each event is sent. */
  webhookCopies?: number;
  /** Events go out in another order, each some time late, as follows from this seed; in order when absent. */
  webhookShuffle?: number | undefined;
  /** Added to every charge and authorization. */
  delayMs?: number;
  clock?: Clock;
}

export interface Sandbox {
  /** "http://127.0.0.1:7390", what PROVIDER_URL is to be. */
  readonly url: string;
  /** Totals by currency of all that was ever taken and given back. */
  summary(): Promise<Record<string, Total>>;
  /** Resolves when every event is acknowledged. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const shuffleMsMax = 300;
/** Above the idle time of any client's connection, so that none is closed under a request. */
const keepAliveMs = 120_000;

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { databaseUrl: url, schema = 'sandbox_provider', clock = systemClock } = options;
  const migrations = new URL('./migrations/', import.meta.url);
  await migrate({ url, schema, role: schema, folders: [migrations] });
  const database = createDatabase({ url, schema, role: schema });
  const target =
    typeof options.webhookTarget === 'string'
      ? targetOf(options.webhookTarget)
      : { deliver: options.webhookTarget, close: () => {} };
  const { webhookShuffle: seed } = options;
  const shuffle = seed === undefined ? undefined : createShuffle(seed);
  const webhooks =
    target.deliver &&
    startWebhooks({
      database,
      deliver: target.deliver,
      secret: options.webhookSecret,
      clock,
      shuffle,
    });
  const settled = async () => webhooks?.settled();
  const book = createBook(database, {
    copies: webhooks === undefined ? 0 : (options.webhookCopies ?? 1),
    dueAt: () => new Date(Date.now() + (shuffle?.below(shuffleMsMax) ?? 0)),
    changed: () => webhooks?.wake(),
  });
  const api = createApi(book, { delayMs: options.delayMs ?? 0, eventsSettled: settled });
  const server = createServer({ keepAliveTimeout: keepAliveMs }, api);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${host}:${port}`,
    summary: book.summary,
    settled,
    async stop() {
      await new Promise((resolve) => {
        server.close(resolve);
        // Calls that are kept waiting on purpose would never end.
        server.closeAllConnections();
      });
      await webhooks?.stop();
      await book.idle();
      target.close();
      await database.close();
    },
  };
}
