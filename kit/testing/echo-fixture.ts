/** An echo server and a client of it for the length of one test. */
import { expect, onTestFinished } from 'vitest';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import type { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { RpcError } from '../errors.ts';
import type { IdentityVerifier } from '../identity/verifier.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { type Client, type ClientOptions, createClient } from '../rpc/client/client.ts';
import type { Handlers } from '../rpc/server/handlers.ts';
import type { LoadGauge } from '../rpc/server/interceptors/load-shedding.ts';
import type { Server } from '../rpc/server/server.ts';
import { createEchoServer } from './echo.ts';
import { openEchoClient, type Transport } from './transports.ts';

/** A server and a client of it. */
export interface Echo {
  server: Server;
  client: Client<typeof EchoService>;
  channel: Channel;
}

/** Starts an echo server, opens the way to it, and ends both with the test. */
export async function startEcho(
  transport: Transport,
  options: {
    handlers?: Partial<Handlers<typeof EchoService>>;
    caller?: string;
    client?: ClientOptions;
    load?: LoadGauge;
    identity?: IdentityVerifier;
  } = {},
): Promise<Echo> {
  const server = createEchoServer({
    handlers: options.handlers,
    load: options.load,
    identity: options.identity,
  });
  const opened = await openEchoClient(transport, server, {
    caller: options.caller,
    ...options.client,
  });
  onTestFinished(() => {
    opened.channel.close();
    server.close();
  });
  // Connected before the first call, whose deadline is then its own.
  await createClient(Health, opened.channel).check({}, patient);
  return { server, ...opened };
}

/** For calls whose deadline is not the point: a test must not fail because the machine is busy. */
export const patient = { timeoutMs: 25_000 };

/** As `expect.poll`, with patience. */
export const eventually: typeof expect.poll = (look, options) =>
  expect.poll(look, { timeout: 25_000, ...options });

/** A promise with its ends in hand: a test waits for what happens, never for time to pass. */
export function signal<Value = void>(): {
  readonly promise: Promise<Value>;
  fire(value: Value): void;
} {
  const { promise, resolve } = Promise.withResolvers<Value>();
  return { promise, fire: resolve };
}

/** The requests of a client stream. */
export async function* texts(...all: string[]): AsyncGenerator<{ text: string }> {
  for (const text of all) yield { text };
}

/** All answers of a stream. */
export async function read<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The error of a call that must fail, which must be an RpcError. */
export async function failure(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}
