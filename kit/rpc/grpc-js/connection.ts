import { Channel, type ChannelOptions, connectivityState, credentials } from '@grpc/grpc-js';
import type { Connection, ConnectionState, EngineOptions } from '../engine.ts';
import { beginStream, beginUnary } from './outbound.ts';

const states: Record<number, ConnectionState> = {
  [connectivityState.IDLE]: 'idle',
  [connectivityState.CONNECTING]: 'connecting',
  [connectivityState.READY]: 'ready',
  [connectivityState.TRANSIENT_FAILURE]: 'failed',
  [connectivityState.SHUTDOWN]: 'closed',
};

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
    unary: (call, body) => beginUnary(channel, options, call, body),
    stream: (call) => beginStream(channel, options, call),
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
    // Balancing, retries and deadlines are the kit's: the channel has one address and takes no service config.
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    // What grpc-js buffers for retries it reports as sent, and a slow peer would not slow its caller.
    'grpc.per_rpc_retry_buffer_size': 0,
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
