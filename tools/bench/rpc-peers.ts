/** The three ways to make and answer one call that are compared: the kit's, bare grpc-js, and connect-node. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer as createHttp2 } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient as createConnectClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type EchoRequest,
  EchoRequestSchema,
  type EchoResponse,
  EchoResponseSchema,
  EchoService,
} from '#gen/platform/testing/v1/testing_pb.ts';
import { createWays } from '#kit/host/placement.ts';
import { createServiceTokenVerifier, signServiceToken } from '#kit/identity/service-token.ts';
import { createIdentityVerifier } from '#kit/identity/verifier.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import type { Server as KitServer } from '#kit/rpc/server/server.ts';
import { createEchoServer } from '#kit/testing/echo.ts';

export type Way = 'kit' | 'bare' | 'connect';

export const ways: readonly Way[] = ['kit', 'bare', 'connect'];

/** Makes one call; resolves when it is answered. */
export type CallOnce = () => Promise<unknown>;

const message = {
  text: 'the quick brown fox jumps over the lazy dog',
  numbers: [1n, 200n, 30_000n],
};
const path = `/${EchoService.typeName}/Echo`;

/** Credentials of one run: a service that calls on behalf of a person, as the gateway does. */
export interface Credentials {
  publicKey: string;
  serviceToken: string;
}

export function createCredentials(): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    serviceToken: signServiceToken('testing.caller', Date.now() + 3_600_000, privateKey),
  };
}

/** The kit's echo server with every interceptor at work: token and person checked, rate limited, validated. */
export function kitServer({ publicKey }: Credentials): KitServer {
  const person = { id: uuidv7(), roles: ['customer'], sessionId: uuidv7(), issuedAt: 0 };
  const server = createEchoServer({
    identity: createIdentityVerifier({
      serviceTokens: createServiceTokenVerifier(publicKey),
      accessTokens: { verify: () => person },
    }),
  });
  server.health.set(true);
  return server;
}

/** Starts a server of one way and answers its address. */
export async function serve(way: Way, identity: Credentials): Promise<string> {
  if (way === 'kit') {
    return (await kitServer(identity).listen('127.0.0.1:0', grpcJsEngine)).address;
  }
  return way === 'bare' ? serveBare() : serveConnect();
}

function serveBare(): Promise<string> {
  const server = new Server();
  server.register<EchoRequest, EchoResponse>(
    path,
    (call: { request: EchoRequest }, reply: (error: null, answer: EchoResponse) => void) => {
      const { text, numbers } = call.request;
      reply(null, create(EchoResponseSchema, { text, numbers }));
    },
    (answer) => Buffer.from(toBinary(EchoResponseSchema, answer)),
    (bytes) => fromBinary(EchoRequestSchema, bytes),
    'unary',
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    );
  });
}

function serveConnect(): Promise<string> {
  const adapter = connectNodeAdapter({
    routes: (router) =>
      router.rpc(EchoService.method.echo, ({ text, numbers }) => ({ text, numbers })),
  });
  const server = createHttp2(adapter);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`127.0.0.1:${(server.address() as { port: number }).port}`);
    });
  });
}

/** A client of one way to a server of the same. */
export function caller(way: Way, address: string, identity: Credentials): CallOnce {
  if (way === 'kit') return kitCaller(address, identity);
  return way === 'bare' ? bareCaller(address) : connectCaller(address);
}

const headers = { authorization: 'Bearer a-token-as-long-as-they-are' };

function kitCaller(address: string, { serviceToken }: Credentials): CallOnce {
  const way = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: () => [address],
    dispatcherOf: () => {
      throw new Error('the call goes over the wire');
    },
  });
  const client = createClient(EchoService, way('testing.caller', 'testing.echo'), {
    serviceToken: () => serviceToken,
  });
  return () => client.echo(message, { headers });
}

/** The kit's direct call, as in placement single. */
export function directCaller(server: KitServer): CallOnce {
  const way = createWays({
    transport: 'direct',
    engine: grpcJsEngine,
    addressesOf: () => [],
    dispatcherOf: () => server.dispatcher,
  });
  const client = createClient(EchoService, way('testing.caller', 'testing.echo'));
  return () => client.echo(message, { headers });
}

function bareCaller(address: string): CallOnce {
  const client = new Client(address, credentials.createInsecure());
  const request = create(EchoRequestSchema, message);
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (echo: EchoRequest) => Buffer.from(toBinary(EchoRequestSchema, echo)),
        (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + 2_000 },
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}

function connectCaller(address: string): CallOnce {
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, defaultTimeoutMs: 2_000 });
  const client = createConnectClient(EchoService, transport);
  return () => client.echo(message);
}
