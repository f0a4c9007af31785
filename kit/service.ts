/** What a service is to the kit: a name, a schema, and a function that wires it. */
import type { DescService } from '@bufbuild/protobuf';
import type { Redis } from 'ioredis';
import type { Bus } from './bus/bus.ts';
import type { Subscription } from './bus/consumer.ts';
import type { Cache } from './cache/cache.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db/database.ts';
import type { CorsOptions } from './edge/cors.ts';
import type { HttpRoutes } from './edge/listen.ts';
import type { RateLimiter } from './load/rate-limit.ts';
import type { Client, ClientOptions } from './rpc/client/client.ts';
import type { Implementation } from './rpc/server/handlers.ts';
import type { HealthCheck } from './rpc/server/health.ts';
import type { ServerInterceptor } from './rpc/server/interceptor.ts';
import type { Logger } from './telemetry/log.ts';

/** All that a service is given. It takes nothing else from its surroundings. */
export interface ServiceDeps {
  /** "commerce.order" */
  name: string;
  database: Database;
  bus: Bus;
  /** The service's keys in Redis. */
  cache(): Promise<Cache>;
  clock: Clock;
  log: Logger;
  /** The settings that the registry lists for this service, by name; read from the environment by the host. */
  settings: Readonly<Record<string, string>>;
  /** Connected when a service of this process first asks for it. */
  redis(): Promise<Redis>;
  /** A typed client of another service, called as this one; `forwardsUser` also on behalf of the person who calls. */
  client<Service extends DescService>(
    service: Service,
    target: string,
    options?: Pick<ClientOptions, 'forwardsUser'>,
  ): Client<Service>;
}

/** Work that goes on by itself: a recovery, an expiry. */
export interface Job {
  name: string;
  /** Milliseconds from the end of one run to the start of the next. */
  everyMs: number;
  /** Does what is due and answers how much that was; called again at once while it is more than 0. */
  run(): Promise<number>;
  /** Units that will become due and are not done; `settle` waits until there are none. */
  pending?(): Promise<number>;
}

/** What makes a service the public door: it listens for browsers and strangers, not for the mesh. */
export interface EdgeParts {
  cors: CorsOptions;
  /** Plain HTTP answers beside the RPCs. */
  routes: HttpRoutes;
  /** Shared by all doors, so that a person's limit holds for them together. */
  rateLimiter: RateLimiter;
}

/** What a service hands out. */
export interface ServiceParts {
  implementations: Implementation[];
  interceptors?: ServerInterceptor[];
  subscriptions?: Subscription[];
  jobs?: Job[];
  /** What it cannot work without, beside its database and the bus. */
  checks?: HealthCheck[];
  /** Work still in hand that no outbox, consumer or job shows; `settle` waits until there is none. */
  busy?(): number;
  edge?: EdgeParts;
  stop?(): Promise<void>;
}

/** A service as the registry knows it. */
export interface ServiceModule {
  /** "commerce.order"; also the name of its role and, with an underscore, of its schema. */
  name: string;
  /** Folder of its migrations; absent when it stores nothing of its own. */
  migrations?: URL;
  /** Whether its schema has the tables of kit/vault. */
  usesVault?: boolean;
  create(deps: ServiceDeps): ServiceParts | Promise<ServiceParts>;
}

/** The service that a full name of the contract belongs to: "commerce.order" for "commerce.order.v1.OrderChanged". */
export function serviceOfType(typeName: string): string {
  return typeName.split('.').slice(0, 2).join('.');
}

/** The SQL schema and role of a service: "commerce_order". */
export function schemaOf(service: string): string {
  return service.replace('.', '_');
}
