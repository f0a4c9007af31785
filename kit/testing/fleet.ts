/** Several echo servers of one service behind one channel, for the length of one test. */
import { onTestFinished } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { type Clock, type Duration, systemClock, toMs } from '../clock.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { type Client, createClient } from '../rpc/client/client.ts';
import { createAddressList } from '../rpc/client/resolver.ts';
import { createChannel } from '../rpc/client/wire-channel.ts';
import type { Engine } from '../rpc/engine.ts';
import type { Handlers } from '../rpc/server/handlers.ts';
import type { Server } from '../rpc/server/server.ts';
import { createEchoServer } from './echo.ts';

/** One of the servers. */
export interface Backend {
  server: Server;
  address: string;
  /** Calls and streams whose handlers were begun, health watches aside. */
  calls: number;
}

/** The servers, a client that balances over them, and the clock of its balancer. */
export interface Fleet {
  backends: Backend[];
  client: Client<typeof EchoService>;
  channel: Channel;
  addresses: ReturnType<typeof createAddressList>;
  clock: FrozenClock;
  /** Begins to count anew. */
  reset(): void;
  /** Calls of each backend since the last reset. */
  counts(): number[];
}

/** Starts `size` backends; `handlers` says what each does, by its index. Waits until each is known to serve. */
export async function startFleet(
  engine: Engine,
  options: {
    size?: number;
    handlers?: (index: number) => Partial<Handlers<typeof EchoService>>;
  } = {},
): Promise<Fleet> {
  const { size = 3, handlers = () => ({}) } = options;
  const clock = createFrozenClock();
  const addresses = createAddressList();
  const backends: Backend[] = [];
  for (let index = 0; index < size; index += 1) {
    const backend: Backend = { server: undefined as never, address: '', calls: 0 };
    backend.server = createEchoServer({
      handlers: handlers(index),
      interceptors: [
        {
          name: 'count',
          start(call) {
            if (call.method.parent.typeName === EchoService.typeName) backend.calls += 1;
          },
        },
      ],
    });
    backend.address = (await backend.server.listen('127.0.0.1:0', engine)).address;
    backends.push(backend);
  }
  addresses.set(backends.map(({ address }) => address));
  const channel = createChannel({ target: 'testing.echo', resolver: addresses, engine, clock });
  onTestFinished(() => {
    channel.close();
    for (const { server } of backends) server.close();
  });
  const client = createClient(EchoService, channel);
  const fleet: Fleet = {
    backends,
    client,
    channel,
    addresses,
    clock,
    reset() {
      for (const backend of backends) backend.calls = 0;
    },
    counts: () => backends.map(({ calls }) => calls),
  };
  await everyBackendCalled(fleet);
  return fleet;
}

/** A clock that only the test moves. Its timers run in real time. */
export interface FrozenClock extends Clock {
  advance(duration: Duration): void;
}

function createFrozenClock(): FrozenClock {
  let now = Date.now();
  return {
    now: () => now,
    after: systemClock.after,
    advance(duration) {
      now += toMs(duration);
    },
  };
}

/** Calls until every backend has got a stream: from then on all are connected and their health is known. */
async function everyBackendCalled({ client, counts, reset }: Fleet): Promise<void> {
  while (counts().some((calls) => calls === 0)) {
    for await (const _ of client.echoMany({ count: 1 }));
  }
  reset();
}

/** Makes `count` calls, `inFlight` at a time; answers the errors of those that failed. */
export async function callMany(
  count: number,
  inFlight: number,
  call: (index: number) => Promise<unknown>,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  let next = 0;
  async function worker() {
    while (next < count) {
      const index = next;
      next += 1;
      await call(index).catch((error: unknown) => failures.push(error));
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker));
  return failures;
}
