import {
  Channel,
  type ChannelOptions,
  connectivityState,
  credentials,
  type Metadata as GrpcMetadata,
} from '@grpc/grpc-js';
import type {
  Connection,
  ConnectionState,
  EngineOptions,
  WireCall,
  WireReply,
  WireStatus,
  WireStream,
} from '../engine.ts';
import { createQueue } from '../queue.ts';
import { asBuffer, detailsOf, fromGrpc, toGrpc } from './metadata.ts';

const states: Record<number, ConnectionState> = {
  [connectivityState.IDLE]: 'idle',
  [connectivityState.CONNECTING]: 'connecting',
  [connectivityState.READY]: 'ready',
  [connectivityState.TRANSIENT_FAILURE]: 'failed',
  [connectivityState.SHUTDOWN]: 'closed',
};

const ok = 0;
const cancelled = 1;
const unavailable = 14;
const internal = 13;
const noTrailers = Object.freeze({});

interface GrpcStatus {
  code: number;
  details: string;
  metadata: GrpcMetadata;
}

export function connectGrpcJs(address: string, options: EngineOptions): Connection {
  let channel = open(address, options);
  let closed = false;
  // A channel cannot change its certificates, so a rotation opens the next one; calls in flight end on the old.
  const stopWatching = options.tls?.onChange(() => {
    const old = channel;
    channel = open(address, options);
    old.close();
  });

  return {
    address,
    get state() {
      return closed ? 'closed' : (states[channel.getConnectivityState(false)] ?? 'failed');
    },
    unary: (call, body) => unary(channel, call, body),
    stream: (call) => stream(channel, call),
    close() {
      closed = true;
      stopWatching?.();
      channel.close();
    },
  };
}

function open(address: string, options: EngineOptions): Channel {
  const tls = options.tls?.current();
  const channelOptions: ChannelOptions = {
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_send_message_length': options.messageBytesMax,
    'grpc.max_metadata_size': options.headerBytesMax,
    // Balancing, retries and deadlines are the kit's: the channel has one address and takes no service config.
    'grpc.service_config_disable_resolution': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(tls === undefined ? {} : { 'grpc.ssl_target_name_override': 'localhost' }),
  };
  const using =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(
          Buffer.from(tls.ca),
          Buffer.from(tls.key),
          Buffer.from(tls.certificate),
          // The name to check is the SPIFFE id, which the caller of the engine does by service, not by host.
          { checkServerIdentity: () => undefined },
        );
  return new Channel(`ipv4:${address}`, using, channelOptions);
}

function begin(channel: Channel, call: WireCall) {
  const deadline = Number.isFinite(call.deadlineAt) ? call.deadlineAt : Number.POSITIVE_INFINITY;
  return channel.createCall(call.path, deadline, null, null, null);
}

function unary(channel: Channel, call: WireCall, body: Uint8Array): Promise<WireReply> {
  return new Promise((resolve) => {
    let message: Uint8Array | undefined;
    let unsubscribe: (() => void) | undefined;
    const wire = begin(channel, call);
    wire.start(toGrpc(call.metadata), {
      onReceiveMetadata() {},
      onReceiveMessage(bytes: Uint8Array) {
        message = bytes;
      },
      onReceiveStatus(status: GrpcStatus) {
        unsubscribe?.();
        if (status.code !== ok) resolve({ ...failure(status), body: undefined });
        else if (message === undefined) resolve(noMessage);
        else resolve({ ...success, body: message });
      },
    });
    wire.startRead();
    wire.sendMessageWithContext({}, asBuffer(body));
    wire.halfClose();
    unsubscribe = call.cancellation?.onCancel(() => {
      wire.cancelWithStatus(cancelled, 'cancelled by the caller');
    });
  });
}

const success = {
  code: ok,
  message: '',
  details: undefined,
  trailers: noTrailers,
  notProcessed: false,
};

const noMessage: WireReply = {
  code: internal,
  message: 'the answer has no message',
  details: undefined,
  trailers: noTrailers,
  notProcessed: false,
  body: undefined,
};

function failure(status: GrpcStatus): WireStatus {
  return {
    code: status.code,
    message: status.details,
    details: detailsOf(status.metadata),
    trailers: fromGrpc(status.metadata),
    // grpc-js says in words only that a call never left: it found no connection to put it on. Streams that a peer
    // refused it sends again by itself, once.
    notProcessed:
      status.code === unavailable && status.details.startsWith('No connection established'),
  };
}

function stream(channel: Channel, call: WireCall): WireStream {
  const bodies = createQueue<Uint8Array>();
  const wire = begin(channel, call);
  let unsubscribe: (() => void) | undefined;
  let finish: (status: WireStatus) => void = () => {};
  const status = new Promise<WireStatus>((resolve) => {
    finish = resolve;
  });
  // One message is asked for at a time, when the last one was taken: a slow reader slows the sender.
  bodies.onTake(() => wire.startRead());
  wire.start(toGrpc(call.metadata), {
    onReceiveMetadata() {},
    onReceiveMessage(bytes: Uint8Array) {
      bodies.push(bytes);
    },
    onReceiveStatus(received: GrpcStatus) {
      unsubscribe?.();
      finish(received.code === ok ? success : failure(received));
      bodies.end();
    },
  });
  wire.startRead();
  const cancel = () => wire.cancelWithStatus(cancelled, 'cancelled by the caller');
  unsubscribe = call.cancellation?.onCancel(cancel);
  return {
    send: (body) =>
      new Promise<void>((resolve) => {
        wire.sendMessageWithContext({ callback: () => resolve() }, asBuffer(body));
      }),
    end: () => wire.halfClose(),
    cancel,
    bodies,
    status,
  };
}
