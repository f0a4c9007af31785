/** Where services live, and how one reaches another. */
import type { TlsSource } from '../identity/tls-files.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { createDirectChannel } from '../rpc/client/direct-channel.ts';
import { createNameResolver } from '../rpc/client/resolver.ts';
import { createChannel } from '../rpc/client/wire-channel.ts';
import type { Engine } from '../rpc/engine.ts';
import { engineLimits } from '../rpc/engine-limits.ts';
import type { MessageDispatcher } from '../rpc/server/dispatcher.ts';

/** Where services are, and how calls travel there. */
export interface WaysOptions {
  /** `wire`: gRPC to wherever a service listens. `direct`: a call within this process for what lives here. */
  transport: 'wire' | 'direct';
  engine: Engine;
  /** Where a service is called: "10.0.0.5:7312". A host may be a name, which stands for all of its addresses. */
  addressesOf(service: string): readonly string[];
  /** The dispatcher of a service that lives in this process; undefined while it does not. */
  dispatcherOf(service: string): MessageDispatcher | undefined;
  /** The certificate that a caller shows, and by whose authorities it knows the others; absent means plaintext. */
  tlsOf?: ((caller: string | undefined) => TlsSource | undefined) | undefined;
}

/** Answers the way from a service (or, without `caller`, from outside of the mesh) to another. */
export type Ways = (caller: string | undefined, target: string) => Channel;

/**
 * Services are wired before all of them have started, so a way is opened at its first call; and where the called service
 * lives is looked up for each call, so that one which starts later in this process is found there.
 */
export function createWays(options: WaysOptions): Ways {
  const { transport, engine, addressesOf, dispatcherOf, tlsOf } = options;
  return (caller, target) => {
    let wire: Channel | undefined;
    const direct = createDirectChannel({ target, caller, dispatcher: () => dispatcherOf(target)! });

    function way(): Channel {
      if (transport === 'direct' && dispatcherOf(target) !== undefined) return direct;
      wire ??= createChannel({
        target,
        resolver: createNameResolver(addressesOf(target)),
        engine,
        engineOptions: { ...engineLimits, tls: tlsOf?.(caller) },
      });
      return wire;
    }

    return {
      target,
      unary: (call, request) => way().unary(call, request),
      stream: (call, requests) => way().stream(call, requests),
      close: () => wire?.close(),
    };
  };
}
