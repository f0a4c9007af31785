import type { Clock } from '../clock.ts';
import type { RevocationList } from '../identity/revocations.ts';
import type { Sealer } from '../identity/sealer.ts';
import type { TlsSource } from '../identity/tls-files.ts';
import type { IdentityVerifier } from '../identity/verifier.ts';
import type { Channel } from '../rpc/client/channel.ts';
import type { Engine } from '../rpc/engine.ts';
import type { TrustedProxies } from '../rpc/server/trusted-proxies.ts';
import type { LogDestination } from '../telemetry/log.ts';

/** What surrounds the services of one process. */
export interface Surroundings {
  databaseUrl: string;
  /** Connections that each service holds at most; limits.databaseConnectionsMax when absent. */
  databaseConnections?: number;
  natsUrl: string;
  redisUrl: string;
  /** Separates meshes on one NATS and Redis; may be empty. */
  namespace: string;
  engine: Engine;
  clock: Clock;
  logLevel: string;
  identity: IdentityVerifier;
  /** The sessions that `identity` refuses; kept up to date from the bus, and their streams ended. */
  revocations?: RevocationList;
  /** The token by which a service of this process says who it is. */
  serviceToken(service: string): string | undefined;
  /** The way from one service to another. */
  channel(caller: string, target: string): Channel;
  /** Where a service listens: "127.0.0.1:7301". */
  listenAddress(service: string): string;
  settings(service: string): Record<string, string>;
  /** The certificate with which a service listens; plaintext when absent. */
  tls?: ((service: string) => TlsSource) | undefined;
  /** The one of the public door, which asks nobody for theirs; plaintext when absent. */
  publicTls?: TlsSource | undefined;
  /** Whoever says truly for whom it asks; nobody when absent. */
  trustedProxies?: TrustedProxies | undefined;
  /** Seals what audit entries tell, on their way to the log; nothing is audited when absent. */
  auditSealer?: Sealer | undefined;
  /** Where log lines go; standard output when absent. */
  logDestination?: LogDestination;
}
