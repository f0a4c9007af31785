/** One public port for everybody: HTTP/1.1 and HTTP/2, told apart by their first bytes or, with TLS, by ALPN. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import type { DescService } from '@bufbuild/protobuf';
import { createConnectRouter } from '@connectrpc/connect';
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { TlsFiles, TlsSource } from '../identity/tls-files.ts';
import { limits } from '../limits.ts';
import type { EngineOptions, Listener } from '../rpc/engine.ts';
import type { MessageDispatcher } from '../rpc/server/dispatcher.ts';
import { unimplemented } from '../rpc/status.ts';
import { type CorsOptions, withCors } from './cors.ts';
import { boundExchange } from './exchange.ts';
import { withPlainMessage } from './grpc-message.ts';
import { createHttp1 } from './http1.ts';
import { contextValuesOf, mountServices } from './mount.ts';
import { watchSessions } from './sessions.ts';

/** Node's request, by HTTP/1.1 or HTTP/2. */
export type Request = IncomingMessage | Http2ServerRequest;
/** Node's response, by HTTP/1.1 or HTTP/2. */
export type Response = ServerResponse | Http2ServerResponse;

/** A plain HTTP answer beside the RPCs: JSON, by path. */
export type HttpRoutes = Readonly<Record<string, () => Promise<{ status: number; body: string }>>>;

/** What the door answers: RPCs of these services through the dispatcher, and plain HTTP by path. */
export interface EdgeOptions extends Omit<EngineOptions, 'tls'> {
  services: readonly DescService[];
  dispatcher: MessageDispatcher;
  cors: CorsOptions;
  routes: HttpRoutes;
  /** The certificate of the door, which asks nobody for theirs; plaintext when absent. */
  tls?: TlsSource | undefined;
  /** How long a connection without a call stays open, in milliseconds. */
  idleMsMax: number;
}

/** The client connection preface of HTTP/2 begins so; no HTTP/1.1 request does. Source: RFC 9113, section 3.4. */
const preface = Buffer.from('PRI * HTTP/2.0');

/** Listens on "host:port" (port 0: any) for gRPC, gRPC-Web and Connect, unary and streaming. */
export async function listenEdge(address: string, options: EdgeOptions): Promise<Listener> {
  const rpc = rpcHandler(options);
  const handle = withCors(options.cors, (request: Request, response: Response) => {
    const route = options.routes[(request.url ?? '').split('?')[0]!];
    if (route !== undefined && request.method === 'GET') void answer(route, response);
    else rpc(request, response);
  });
  const http1 = createHttp1(options, handle);
  const http2 = createHttp2(
    {
      maxHeaderListPairs: limits.edgeHeadersMax,
      settings: {
        maxConcurrentStreams: options.streamsPerConnectionMax,
        maxHeaderListSize: options.headerBytesMax,
      },
    },
    handle,
  );
  const sessions = watchSessions(http2, options);
  const sockets = new Set<Socket>();
  const accept = (socket: Socket, isHttp2: boolean) =>
    isHttp2 ? http2.emit('connection', socket) : http1.accept(socket);
  const { server, stop } = options.tls ? acceptTls(options.tls, accept) : acceptPlain(accept);
  server.maxConnections = limits.edgeConnectionsMax;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  const bound = await listen(server, address);

  return {
    address: bound,
    async drain(timeoutMs) {
      stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sessions.drain();
      http1.drain();
      const timer = setTimeout(() => destroyAll(sockets), timeoutMs);
      await closed;
      clearTimeout(timer);
      sessions.stop();
    },
    close() {
      stop();
      sessions.stop();
      http1.drain();
      server.close();
      destroyAll(sockets);
    },
  };
}

/** What hands its connections on when it knows the protocol they speak. */
interface Acceptor {
  server: Server;
  /** Follows no rotation any more. */
  stop(): void;
}

type Accept = (socket: Socket, isHttp2: boolean) => unknown;

function acceptPlain(accept: Accept): Acceptor {
  const server = createTcp((socket) => tellApart(socket, (isHttp2) => accept(socket, isHttp2)));
  return { server, stop() {} };
}

/** A rotation holds for new connections, and those that are open stay. */
function acceptTls(tls: TlsSource, accept: Accept): Acceptor {
  const contextOf = ({ certificate: cert, key }: TlsFiles) => ({ cert, key });
  const server = createTls(
    {
      ...contextOf(tls.current()),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: limits.drainMsMax,
    },
    (socket: TLSSocket) => {
      socket.on('error', () => socket.destroy());
      accept(socket, socket.alpnProtocol === 'h2');
    },
  );
  const stop = tls.onChange((files) => server.setSecureContext(contextOf(files)));
  return { server, stop };
}

const uploads = new Set<string | undefined>(['client_streaming', 'bidi_streaming']);

/** What connectNodeAdapter does, without printing the failures of peers that went away. */
function rpcHandler(options: EdgeOptions): (request: Request, response: Response) => void {
  const router = createConnectRouter({
    readMaxBytes: options.messageBytesMax,
    writeMaxBytes: options.messageBytesMax,
    maxTimeoutMs: limits.streamMsMax,
    acceptCompression: [compressionGzip],
    // The usual leniency would also take an enum value that nobody knows for the default, and do what nobody asked for.
    jsonOptions: { ignoreUnknownFields: false },
  });
  mountServices(router, options.services, options.dispatcher);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0]!;
    const handler = handlers.get(path);
    const isUpload = uploads.has(handler?.method.methodKind);
    boundExchange(request, response, { ...options, isUpload });
    if (handler === undefined) return refuseUnknown(path, request, response);
    const values = contextValuesOf(addressOf(request));
    const node = [request, response] as unknown as [IncomingMessage, ServerResponse];
    handler(universalRequestFromNodeRequest(...node, undefined, values))
      .then((answer) => universalResponseToNodeResponse(withPlainMessage(answer), node[1]))
      // Whoever asked is gone, or the stream broke: the call has ended, and was counted there.
      .catch(() => {});
  };
}

/** gRPC has a status for it; everybody else knows 404. */
function refuseUnknown(path: string, request: Request, response: Response): void {
  const type = request.headers['content-type'];
  if (type?.startsWith('application/grpc')) {
    const { code, message } = unimplemented(path);
    response.setHeader('content-type', type);
    response.setHeader('grpc-status', String(code));
    response.setHeader('grpc-message', encodeURI(message));
  } else {
    response.statusCode = 404;
  }
  response.end();
}

/** Reads just enough to know the protocol, and gives the bytes back before anybody else reads. */
function tellApart(socket: Socket, decide: (isHttp2: boolean) => void): void {
  socket.setTimeout(limits.drainMsMax, () => socket.destroy());
  let seen = Buffer.alloc(0);
  const read = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const known = Math.min(seen.length, preface.length);
    const mayBeHttp2 = seen.subarray(0, known).equals(preface.subarray(0, known));
    if (mayBeHttp2 && seen.length < preface.length) return;
    socket.off('readable', read);
    socket.setTimeout(0);
    socket.unshift(seen);
    decide(mayBeHttp2);
  };
  socket.on('readable', read);
}

function addressOf(request: { socket?: { remoteAddress?: string }; stream?: unknown }): string {
  return `${request.socket?.remoteAddress ?? 'unknown'}:0`;
}

async function answer(route: HttpRoutes[string], response: Response): Promise<void> {
  const { status, body } = await route().catch(() => ({ status: 503, body: '{}' }));
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(body);
}

function listen(server: Server, address: string): Promise<string> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at);
  const withoutBrackets = host.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(address.slice(at + 1)), withoutBrackets, () => {
      const bound = server.address() as { port: number };
      resolve(`${host}:${bound.port}`);
    });
  });
}

function destroyAll(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) socket.destroy();
}
