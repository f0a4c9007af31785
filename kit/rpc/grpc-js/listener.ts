import {
  Metadata as GrpcMetadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { Cancellation } from '../../scope.ts';
import type { Dispatcher, EngineOptions, Inbound, Listener, Peer, ReplyStatus } from '../engine.ts';
import { createQueue } from '../queue.ts';
import { asBuffer, fromGrpc, toGrpc, withDetails } from './metadata.ts';

const identity = (bytes: Buffer) => bytes;

export async function listenGrpcJs(
  address: string,
  dispatcher: Dispatcher,
  options: EngineOptions,
): Promise<Listener> {
  const server = new Server({
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_send_message_length': options.messageBytesMax,
    'grpc.max_metadata_size': options.headerBytesMax,
    'grpc.max_concurrent_streams': options.streamsPerConnectionMax,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 1,
  });
  for (const { path, kind } of dispatcher.methods) {
    if (kind === 'unary') {
      server.register(path, unaryHandler(path, dispatcher), identity, identity, 'unary');
    } else {
      server.register(path, streamHandler(path, dispatcher), identity, identity, 'bidi');
    }
  }
  const host = address.slice(0, address.lastIndexOf(':'));
  const port = await bind(server, address, options);
  return {
    address: `${host}:${port}`,
    drain: (timeoutMs) => drain(server, timeoutMs),
    close: () => server.forceShutdown(),
  };
}

function bind(server: Server, address: string, options: EngineOptions): Promise<number> {
  const tls = options.tls;
  const files = tls?.current();
  const using =
    files === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(
          Buffer.from(files.ca),
          [{ private_key: Buffer.from(files.key), cert_chain: Buffer.from(files.certificate) }],
          true,
        );
  return new Promise((resolve, reject) => {
    server.bindAsync(address, using, (error, port) => (error ? reject(error) : resolve(port)));
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

type AnyCall = ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

function toInbound(path: string, call: AnyCall): Inbound {
  const deadline = call.getDeadline();
  return {
    path,
    metadata: fromGrpc(call.metadata),
    deadlineAt: typeof deadline === 'number' ? deadline : deadline.getTime(),
    get peer() {
      return peerOf(call);
    },
    cancellation: new Cancellation(),
  };
}

function peerOf(call: AnyCall): Peer {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const names = (certificate?.subjectaltname ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
  return { address: call.getPeer(), names };
}

function unaryHandler(path: string, dispatcher: Dispatcher) {
  return (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
    const inbound = toInbound(path, call);
    let answered = false;
    // grpc-js emits this after every call, also after a good one (facts/mesh-transport.md, section 2).
    call.on('cancelled', () => {
      if (!answered) inbound.cancellation.cancel();
    });
    void dispatcher.unary(inbound, call.request).then((answer) => {
      answered = true;
      if (answer.status === undefined) reply(null, asBuffer(answer.body));
      else reply(toGrpcStatus(answer.status));
    });
  };
}

function streamHandler(path: string, dispatcher: Dispatcher) {
  return (call: ServerDuplexStream<Buffer, Buffer>) => {
    const bodies = createQueue<Uint8Array>();
    const inbound = toInbound(path, call);
    let answered = false;
    call.on('cancelled', () => {
      if (answered) return;
      inbound.cancellation.cancel();
      bodies.end();
    });
    call.on('data', (body: Buffer) => {
      bodies.push(body);
      call.pause();
    });
    call.on('end', () => bodies.end());
    call.on('error', () => bodies.end());
    bodies.onTake(() => call.resume());
    const send = (body: Uint8Array) =>
      new Promise<void>((resolve) => {
        if (inbound.cancellation.cancelled || call.write(asBuffer(body))) resolve();
        else onDrainOrCancel(call, inbound.cancellation, resolve);
      });
    void dispatcher.stream({ ...inbound, peer: peerOf(call), bodies, send }).then((status) => {
      answered = true;
      if (status.code === 0) call.end();
      else call.emit('error', toGrpcStatus(status));
    });
  };
}

function onDrainOrCancel(
  call: ServerDuplexStream<Buffer, Buffer>,
  cancellation: Cancellation,
  done: () => void,
) {
  const unsubscribe = cancellation.onCancel(done);
  call.once('drain', () => {
    unsubscribe();
    done();
  });
}

function toGrpcStatus(status: ReplyStatus) {
  const metadata = status.trailers === undefined ? new GrpcMetadata() : toGrpc(status.trailers);
  // A plain object, not an Error: grpc-js reads only these three, and a stack trace costs more than the refusal.
  return {
    name: '',
    code: status.code,
    message: status.message,
    details: status.message,
    metadata: withDetails(metadata, status.details),
  };
}
