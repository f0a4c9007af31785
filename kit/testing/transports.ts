/** The ways a call can travel. What must hold everywhere is tested over each of them. */
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { type Client, type ClientOptions, createClient } from '../rpc/client/client.ts';
import { createDirectChannel } from '../rpc/client/direct-channel.ts';
import { createStaticResolver } from '../rpc/client/resolver.ts';
import { createChannel } from '../rpc/client/wire-channel.ts';
import type { Engine } from '../rpc/engine.ts';
import { grpcJsEngine } from '../rpc/grpc-js/engine.ts';
import type { Server } from '../rpc/server/server.ts';
import { createAuthority, createTlsSource } from './certificates.ts';

/** A way from a client to a server. */
export interface Transport {
  readonly name: string;
  /** The engine below, where bytes travel. */
  readonly engine: Engine | undefined;
  /** Whether a stranger can write to it by hand: HTTP/2 without TLS. */
  readonly isPlain: boolean;
  /** Opens the way to a server for a service that calls as `caller`, or for nobody. */
  open(server: Server, caller: string | undefined): Promise<Channel>;
}

function overEngine(engine: Engine, { isPlain }: { isPlain: boolean }): Transport {
  return {
    name: engine.name,
    engine,
    isPlain,
    async open(server) {
      const { address } = await server.listen('127.0.0.1:0', engine);
      const resolver = createStaticResolver([address]);
      return createChannel({ target: server.name, resolver, engine });
    },
  };
}

/** An engine whose both ends show certificates. That of the client names nobody: here a caller may say who it is. */
function withCertificates(engine: Engine): Engine {
  const authority = createAuthority();
  const server = createTlsSource(authority.issue('testing.echo'));
  const client = createTlsSource(authority.issue('nobody', { uris: [] }));
  return {
    ...engine,
    name: `${engine.name} with certificates`,
    connect: (address, options) => engine.connect(address, { tls: client, ...options }),
    listen: (address, dispatcher, options) =>
      engine.listen(address, dispatcher, { tls: server, ...options }),
  };
}

const direct: Transport = {
  name: 'direct',
  engine: undefined,
  isPlain: false,
  async open(server, caller) {
    return createDirectChannel({
      target: server.name,
      caller,
      dispatcher: () => server.dispatcher,
    });
  },
};

/** All of them. An engine that joins here is held to every suite of kit/rpc. */
export const transports: readonly Transport[] = [
  overEngine(grpcJsEngine, { isPlain: true }),
  overEngine(withCertificates(grpcJsEngine), { isPlain: false }),
  direct,
];

/** A client of an echo server that says it is `caller`. */
export async function openEchoClient(
  transport: Transport,
  server: Server,
  options: ClientOptions & { caller?: string } = {},
): Promise<{ client: Client<typeof EchoService>; channel: Channel }> {
  const { caller, ...clientOptions } = options;
  const channel = await transport.open(server, caller);
  const serviceToken = transport.engine === undefined ? undefined : () => caller;
  return {
    client: createClient(EchoService, channel, { serviceToken, ...clientOptions }),
    channel,
  };
}
