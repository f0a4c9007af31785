/** Where services live, and how one reaches another. */
import { createBalancer } from './rpc/balancer.ts';
import type { Channel } from './rpc/channel.ts';
import { createDirectChannel } from './rpc/direct-channel.ts';
import type { MessageDispatcher } from './rpc/dispatcher.ts';
import type { Engine } from './rpc/engine.ts';
import { createRetryPolicy } from './rpc/retry.ts';
import { createWireChannel } from './rpc/wire-channel.ts';

export interface WaysOptions {
  /** `wire`: gRPC to wherever a service listens. `direct`: a call within this process, which hosts them all. */
  transport: 'wire' | 'direct';
  engine: Engine;
  /** The addresses of a service: "127.0.0.1:7012". */
  addressesOf(service: string): readonly string[];
  /** The dispatcher of a service in this process; asked at the first call, when all have started. */
  dispatcherOf(service: string): MessageDispatcher;
}

/** Answers the way from a service (or, without `caller`, from outside of the mesh) to another. */
export type Ways = (caller: string | undefined, target: string) => Channel;

/** Services may be wired before all of them have started, so a way is opened at its first call. */
export function createWays(options: WaysOptions): Ways {
  const { transport, engine, addressesOf, dispatcherOf } = options;
  return (caller, target) => {
    if (transport === 'direct') {
      return createDirectChannel({ target, caller, dispatcher: () => dispatcherOf(target) });
    }
    return lazyChannel(target, () => {
      const balancer = createBalancer({ addresses: addressesOf(target), engine });
      return createWireChannel({ target, balancer, retry: createRetryPolicy() });
    });
  };
}

function lazyChannel(target: string, open: () => Channel): Channel {
  let opened: Channel | undefined;
  const get = () => {
    opened ??= open();
    return opened;
  };
  return {
    target,
    unary: (call, request) => get().unary(call, request),
    stream: (call, requests) => get().stream(call, requests),
    close: () => opened?.close(),
  };
}
