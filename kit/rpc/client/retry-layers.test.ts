import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { DomainError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { createEchoServer } from '../../testing/echo.ts';
import { failure, patient, read } from '../../testing/echo-fixture.ts';
import type { Engine } from '../engine.ts';
import { grpcJsEngine } from '../grpc-js/engine.ts';
import type { Handlers } from '../server/handlers.ts';
import type { Server } from '../server/server.ts';
import { type Client, createClient } from './client.ts';
import { createChannel } from './wire-channel.ts';

/** This process alone cannot: another one may. */
class OutOfPaper extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'OUT_OF_PAPER';
  override readonly isRetryable = true;
}

/** What lies behind this service has been asked already. */
class SupplierUnavailable extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'SUPPLIER_UNAVAILABLE';
}

type Ends = Partial<Handlers<typeof EchoService>>;

/** An engine that counts what is sent over its connections, each attempt for itself. */
function countingEngine() {
  const sent = { attempts: 0 };
  const engine: Engine = {
    ...grpcJsEngine,
    connect(address, options) {
      const connection = grpcJsEngine.connect(address, options);
      return {
        address,
        get state() {
          return connection.state;
        },
        unary(call, body) {
          sent.attempts += 1;
          return connection.unary(call, body);
        },
        stream(call) {
          sent.attempts += 1;
          return connection.stream(call);
        },
        close: () => connection.close(),
      };
    },
  };
  return { sent, engine };
}

/** One service of a chain, and the only way to it. */
async function startHop(handlers: Ends, isEdge = false) {
  const server = createEchoServer({ handlers, isEdge });
  const { address } = await server.listen('127.0.0.1:0', grpcJsEngine);
  const { sent, engine } = countingEngine();
  const channel = createChannel({ target: 'testing.echo', addresses: [address], engine });
  onTestFinished(() => {
    channel.close();
    server.close();
  });
  return { server, sent, client: createClient(EchoService, channel) };
}

const forward = (next: Client<typeof EchoService>): Ends => ({
  echo: (request) => next.echo(request),
  echoMany: (request) => next.echoMany(request),
});

/** A door, a service behind it, and a last one, which does as it is told. Each calls the next. */
async function startChain(last: Ends) {
  const back = await startHop(last);
  const middle = await startHop(forward(back.client));
  const door = await startHop(forward(middle.client), true);
  const hops = [door, middle, back];
  return {
    client: door.client,
    back: back.server,
    attempts: () => hops.map(({ sent }) => sent.attempts),
  };
}

const refuseWith = (makeError: () => DomainError): Ends => ({
  echo() {
    throw makeError();
  },
  // biome-ignore lint/correctness/useYield: it fails before it has anything to say.
  async *echoMany() {
    throw makeError();
  },
});

const cut = (back: Server) => back.close();
const calls: [what: string, call: (client: Client<typeof EchoService>) => Promise<unknown>][] = [
  ['call', (client) => client.echo({}, patient)],
  ['stream', (client) => read(client.echoMany({ count: 1 }, patient))],
];

describe.each(calls)('a %s over three hops', (_, call) => {
  test('is tried again only where it is cut off', async () => {
    const { client, back, attempts } = await startChain({});
    await call(client);
    expect(attempts()).toEqual([1, 1, 1]);
    cut(back);
    expect((await failure(call(client))).code).toBe('unavailable');
    expect(attempts()).toEqual([2, 2, 1 + limits.attemptsMax]);
  });

  test('is tried again only next to the process that cannot', async () => {
    const { client, attempts } = await startChain(refuseWith(() => new OutOfPaper()));
    expect((await failure(call(client))).code).toBe('unavailable');
    expect(attempts()).toEqual([1, 1, limits.attemptsMax]);
  });

  test('is not tried again where a service says that what it needs is unavailable', async () => {
    const { client, attempts } = await startChain(refuseWith(() => new SupplierUnavailable()));
    expect((await failure(call(client))).code).toBe('unavailable');
    expect(attempts()).toEqual([1, 1, 1]);
  });

  test('is tried again within the budget of the last client alone', async () => {
    let isCut = true;
    const once = refuseWith(() => new OutOfPaper());
    const { client, attempts } = await startChain({
      echo: (request, call) => (isCut ? once.echo!(request, call) : {}),
      echoMany: (request, call) => (isCut ? once.echoMany!(request, call) : yieldOne()),
    });
    // Every failed attempt costs a token, and half of them are there to be spent.
    const callsMax = limits.retryTokensMax;
    for (let i = 0; i < callsMax; i += 1) await failure(call(client));
    const [door, middle, back] = attempts();
    expect([door, middle]).toEqual([callsMax, callsMax]);
    expect(back! - callsMax).toBeLessThanOrEqual(limits.retryTokensMax / 2);
    isCut = false;
    await call(client);
  });
});

async function* yieldOne() {
  yield {};
}
