import { Server, type ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { limits } from '../../limits.ts';
import type { Dispatcher, EngineOptions, Listener } from '../engine.ts';
import { serverCredentials } from './credentials.ts';
import { acceptStream, acceptUnary } from './inbound.ts';
import { createTransfers, type Transfers } from './transfers.ts';

const identity = (bytes: Buffer) => bytes;

/**
 * Listens with a grpc-js server. Its handlers wrap each call in a Node stream, a unary one too; so the methods are
 * registered, and an interceptor takes their calls over before that.
 */
export async function listenGrpcJs(
  address: string,
  dispatcher: Dispatcher,
  options: EngineOptions,
): Promise<Listener> {
  const transfers = createTransfers(options.transferMsMax);
  const server = new Server({
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_send_message_length': options.messageBytesMax,
    'grpc.max_concurrent_streams': options.streamsPerConnectionMax,
    'grpc.keepalive_time_ms': options.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveAnswerMsMax,
    interceptors: [takeOver(dispatcher, options, transfers)],
  });
  for (const { path } of dispatcher.methods) {
    server.register(path, () => {}, identity, identity, 'bidi');
  }
  const host = address.slice(0, address.lastIndexOf(':'));
  const port = await bind(server, address, options);
  return {
    address: `${host}:${port}`,
    async drain(timeoutMs) {
      await drain(server, timeoutMs);
      transfers.stop();
    },
    close() {
      transfers.stop();
      server.forceShutdown();
    },
  };
}

function takeOver(
  dispatcher: Dispatcher,
  options: EngineOptions,
  transfers: Transfers,
): ServerInterceptor {
  const kinds = new Map(dispatcher.methods.map(({ path, kind }) => [path, kind]));
  return ({ path }, call) => {
    const accept = kinds.get(path) === 'unary' ? acceptUnary : acceptStream;
    // grpc-js only ever calls `start` of the outermost interceptor.
    const start = () => accept({ path, call, dispatcher, options, transfers });
    return { start } as unknown as ServerInterceptingCall;
  };
}

function bind(server: Server, address: string, options: EngineOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, serverCredentials(options), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

function drain(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, timeoutMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
