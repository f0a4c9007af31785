import { Channel, type ChannelOptions, connectivityState } from '@grpc/grpc-js';
import { limits } from '../../limits.ts';
import type { Connection, ConnectionState, EngineOptions } from '../engine.ts';
import { channelCredentials } from './credentials.ts';
import { beginStream, beginUnary } from './outbound.ts';

const states: Record<number, ConnectionState> = {
  [connectivityState.IDLE]: 'idle',
  [connectivityState.CONNECTING]: 'connecting',
  [connectivityState.READY]: 'ready',
  [connectivityState.TRANSIENT_FAILURE]: 'failed',
  [connectivityState.SHUTDOWN]: 'closed',
};

/** Connects with a grpc-js channel, which finds its way back to its address by itself. */
export function connectGrpcJs(address: string, options: EngineOptions): Connection {
  let channel = open(address, options);
  let successor: Channel | undefined;
  let closed = false;

  /** A channel cannot change its certificate. The next one takes over when it stands; calls in flight end on the old. */
  function rotate() {
    successor?.close();
    const next = open(address, options);
    successor = next;
    const isReady = channel.getConnectivityState(false) === connectivityState.READY;
    if (isReady) whenReady(next, () => takeOver(next));
    else takeOver(next);
  }

  function takeOver(next: Channel) {
    if (successor !== next) return;
    const old = channel;
    channel = next;
    successor = undefined;
    old.close();
  }

  const stopWatching = options.tls?.onChange(rotate);
  return {
    address,
    get state() {
      return closed ? 'closed' : (states[channel.getConnectivityState(false)] ?? 'failed');
    },
    unary: (call, body) => beginUnary(channel, options, call, body),
    stream: (call) => beginStream(channel, options, call),
    close() {
      closed = true;
      stopWatching?.();
      successor?.close();
      channel.close();
    },
  };
}

function open(address: string, options: EngineOptions): Channel {
  const channelOptions: ChannelOptions = {
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_send_message_length': options.messageBytesMax,
    // Balancing, retries and deadlines are the kit's: the channel has one address and takes no service config.
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    // What grpc-js buffers for retries it reports as sent, and a slow peer would not slow its caller.
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.initial_reconnect_backoff_ms': limits.reconnectBackoffMsMin,
    'grpc.max_reconnect_backoff_ms': limits.reconnectBackoffMsMax,
    'grpc.keepalive_time_ms': limits.clientKeepaliveMs,
    'grpc.keepalive_timeout_ms': limits.clientKeepaliveAnswerMsMax,
    'grpc.use_local_subchannel_pool': 1,
    // Otherwise the address would be the TLS server name, which must not be a number.
    ...(options.tls === undefined ? {} : { 'grpc.ssl_target_name_override': 'meshwork' }),
  };
  const family = address.startsWith('[') ? 'ipv6' : 'ipv4';
  return new Channel(`${family}:${address}`, channelCredentials(options), channelOptions);
}

/** Makes a channel connect, and calls `then` when it has. A channel that is closed before never calls. */
function whenReady(channel: Channel, then: () => void): void {
  const state = channel.getConnectivityState(true);
  if (state === connectivityState.READY) {
    then();
  } else if (state !== connectivityState.SHUTDOWN) {
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
      if (!error) whenReady(channel, then);
    });
  }
}
