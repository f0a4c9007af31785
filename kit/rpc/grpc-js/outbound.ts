/** Calls as they go out: from the kit's form to grpc-js's and back. */
import { type Channel, type Metadata as GrpcMetadata, status as statusCodes } from '@grpc/grpc-js';
import { onDeadline } from '../deadline-timer.ts';
import type { EngineOptions, WireCall, WireReply, WireStatus, WireStream } from '../engine.ts';
import { createQueue } from '../queue.ts';
import { asBuffer, detailsOf, fromGrpc, headerBytes, toGrpc } from './metadata.ts';

type GrpcCall = ReturnType<Channel['createCall']>;

interface GrpcStatus {
  code: number;
  details: string;
  metadata: GrpcMetadata;
}

/** One request, one answer. Never rejects. */
export function beginUnary(
  channel: Channel,
  options: EngineOptions,
  call: WireCall,
  body: Uint8Array,
): Promise<WireReply> {
  const begun = begin(channel, options, call, call.deadlineAt);
  if (begun.wire === undefined) return Promise.resolve({ ...begun.status, body: undefined });
  const { wire, metadata } = begun;
  return new Promise((resolve) => {
    let message: Uint8Array | undefined;
    let unsubscribe: (() => void) | undefined;
    wire.start(metadata, {
      onReceiveMetadata() {},
      onReceiveMessage(bytes: Uint8Array) {
        message = bytes;
      },
      onReceiveStatus(status: GrpcStatus) {
        unsubscribe?.();
        if (status.code !== statusCodes.OK) resolve({ ...failure(status), body: undefined });
        else if (message === undefined) resolve(noMessage);
        else resolve({ ...success, body: message });
      },
    });
    wire.startRead();
    wire.sendMessageWithContext({}, asBuffer(body));
    wire.halfClose();
    unsubscribe = call.cancellation?.onCancel(() => abandon(wire, ...cancelled));
  });
}

/** A stream on either side. */
export function beginStream(channel: Channel, options: EngineOptions, call: WireCall): WireStream {
  // grpc-js knows no deadline of a stream: it would end it in a way that its peer can take for the end of the upload.
  const begun = begin(channel, options, call, Number.POSITIVE_INFINITY);
  if (begun.wire === undefined) return endedStream(begun.status);
  const { wire, metadata } = begun;
  const bodies = createQueue<Uint8Array>();
  const { promise: status, resolve: finish } = Promise.withResolvers<WireStatus>();
  let isOver = false;
  let sent: (() => void) | undefined;
  let unsubscribe: (() => void) | undefined;
  if (Number.isFinite(call.deadlineAt)) metadata.set('grpc-timeout', timeoutOf(call.deadlineAt));
  const timer = onDeadline(call.deadlineAt, () => abandon(wire, ...expired));

  // One message is asked for at a time, when the last one was taken: a slow reader slows the sender.
  bodies.onTake(() => wire.startRead());
  wire.start(metadata, {
    onReceiveMetadata() {},
    onReceiveMessage(bytes: Uint8Array) {
      bodies.push(bytes);
    },
    onReceiveStatus(received: GrpcStatus) {
      isOver = true;
      clearTimeout(timer);
      unsubscribe?.();
      sent?.();
      finish(received.code === statusCodes.OK ? success : failure(received));
      bodies.end();
    },
  });
  wire.startRead();
  unsubscribe = call.cancellation?.onCancel(() => abandon(wire, ...cancelled));
  return {
    send: (body) =>
      new Promise<void>((resolve) => {
        if (isOver) return resolve();
        sent = resolve;
        wire.sendMessageWithContext({ callback: () => resolve() }, asBuffer(body));
      }),
    end: () => wire.halfClose(),
    cancel() {
      if (!isOver) abandon(wire, ...cancelled);
    },
    bodies,
    status,
  };
}

const cancelled = [statusCodes.CANCELLED, 'cancelled by the caller'] as const;
const expired = [statusCodes.DEADLINE_EXCEEDED, 'the deadline has passed'] as const;

/** Where grpc-js keeps the HTTP/2 stream of a call. */
interface Internals {
  child?: {
    underlyingCalls?: { call: { child?: { http2Stream?: { end: () => unknown } } | null } }[];
  } | null;
}

/**
 * Ends a call from this side. Node ends the sending half of a stream before it resets it, and the peer would see a
 * complete upload, if only for a moment; so that half is kept from ending.
 */
function abandon(wire: GrpcCall, code: number, details: string): void {
  for (const { call } of (wire as unknown as Internals).child?.underlyingCalls ?? []) {
    const stream = call.child?.http2Stream;
    if (stream !== undefined) stream.end = () => stream;
  }
  wire.cancelWithStatus(code, details);
}

/** The value of `grpc-timeout`: at most eight digits. Source: the gRPC protocol over HTTP/2, section Requests. */
function timeoutOf(deadlineAt: number): string {
  const leftMs = Math.max(0, Math.ceil(deadlineAt - Date.now()));
  return leftMs < 1e8 ? `${leftMs}m` : `${Math.ceil(leftMs / 1000)}S`;
}

type Begun = { wire: GrpcCall; metadata: GrpcMetadata } | { wire?: undefined; status: WireStatus };

/** Makes the call, or says why it does not even leave. */
function begin(
  channel: Channel,
  options: EngineOptions,
  call: WireCall,
  deadlineAt: number,
): Begun {
  if (call.cancellation?.cancelled) return unsent(...cancelled);
  if (headerBytes(call.metadata) > options.headerBytesMax) {
    return unsent(statusCodes.RESOURCE_EXHAUSTED, 'the headers are too large');
  }
  let metadata: GrpcMetadata;
  try {
    metadata = toGrpc(call.metadata);
  } catch {
    return unsent(statusCodes.INTERNAL, 'a header cannot be sent');
  }
  try {
    return { wire: channel.createCall(call.path, deadlineAt, null, null, null), metadata };
  } catch {
    return unsent(statusCodes.UNAVAILABLE, 'the connection is closed');
  }
}

const noTrailers = Object.freeze({});

function unsent(code: number, message: string): Begun {
  const trailers = noTrailers;
  return { status: { code, message, details: undefined, trailers, notProcessed: true } };
}

/** A stream that was over before it began. */
function endedStream(status: WireStatus): WireStream {
  const bodies = createQueue<Uint8Array>();
  bodies.end();
  return {
    send: () => Promise.resolve(),
    end() {},
    cancel() {},
    bodies,
    status: Promise.resolve(status),
  };
}

const success: WireStatus = {
  code: statusCodes.OK,
  message: '',
  details: undefined,
  trailers: noTrailers,
  notProcessed: false,
};

const noMessage: WireReply = {
  ...success,
  code: statusCodes.INTERNAL,
  message: 'the answer has no message',
  body: undefined,
};

/** How grpc-js says that a request never reached a handler: it keeps the fact to itself and gives only words. */
const neverSent = [
  'No connection established',
  'Channel closed before call started',
  'Stream refused by server',
  'Failed to start HTTP/2 stream',
];

function failure(status: GrpcStatus): WireStatus {
  const notProcessed =
    (status.code === statusCodes.UNAVAILABLE || status.code === statusCodes.INTERNAL) &&
    neverSent.some((words) => status.details.startsWith(words));
  return {
    code: notProcessed ? statusCodes.UNAVAILABLE : status.code,
    message: status.details,
    details: detailsOf(status.metadata),
    trailers: fromGrpc(status.metadata),
    notProcessed,
  };
}
