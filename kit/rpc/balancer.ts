import { limits } from '../limits.ts';
import type { Connection, Engine, EngineOptions } from './engine.ts';

/** One address of a service, as the balancer sees it. */
export interface Endpoint {
  readonly connection: Connection;
  /** Calls that were picked for it and have not been reported yet. */
  readonly inFlight: number;
  /** Tells how a call ended (gRPC status number); each pick is reported or released once. */
  report(code: number): void;
  /** Ends a pick whose outcome says nothing about the address. */
  release(): void;
}

/** Chooses an address for each attempt. */
export interface Balancer {
  /** An address that serves, another than `after` where there is one; undefined when there is none at all. */
  pick(after: Endpoint | undefined): Endpoint | undefined;
  close(): void;
}

export const engineLimits: EngineOptions = {
  messageBytesMax: limits.messageBytesMax,
  headerBytesMax: limits.headerBytesMax,
  streamsPerConnectionMax: limits.streamsPerConnectionMax,
};

/** Takes the addresses in turn. */
export function createBalancer(options: {
  addresses: readonly string[];
  engine: Engine;
  engineOptions?: EngineOptions;
}): Balancer {
  const { engine, engineOptions = engineLimits } = options;
  const endpoints = options.addresses.map((address) =>
    createEndpoint(engine.connect(address, engineOptions)),
  );
  let turn = 0;
  return {
    pick() {
      if (endpoints.length === 0) return undefined;
      turn = (turn + 1) % endpoints.length;
      const endpoint = endpoints[turn]!;
      endpoint.inFlight += 1;
      return endpoint;
    },
    close() {
      for (const endpoint of endpoints) endpoint.connection.close();
    },
  };
}

function createEndpoint(connection: Connection) {
  return {
    connection,
    inFlight: 0,
    report() {
      this.inFlight -= 1;
    },
    release() {
      this.inFlight -= 1;
    },
  };
}
