import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts';
import type { Clock } from '../../clock.ts';
import { codes, meshErrorDomain } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Draining } from '../../mesh-errors.ts';
import { Cancellation } from '../../scope.ts';
import type { Connection, WireStatus } from '../engine.ts';
import { pathOf } from '../policy.ts';
import { rpcErrorOfWire } from '../status.ts';

/** What a peer says of itself. One that drains goes down, and answers only what it has begun. */
export type PeerHealth = 'serving' | 'not serving' | 'draining';

/** A watch under way. */
export interface HealthWatch {
  stop(): void;
}

const path = pathOf(Health.method.watch);
/** An empty name asks for the server as a whole. */
const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema));

/**
 * Follows grpc.health.v1.Health/Watch of one peer for as long as it is not stopped, and begins again, with growing
 * pauses, when the stream ends. Between two streams the last word counts. A peer that knows no health service counts as
 * serving: it has no way to say otherwise. The open stream also keeps the connection up, so that an address that comes
 * back is found without a call. Source: gRFC A17.
 */
export function watchHealth(options: {
  connection: Connection;
  clock: Clock;
  onHealth: (health: PeerHealth) => void;
}): HealthWatch {
  const { connection, clock, onHealth } = options;
  const cancellation = new Cancellation();
  let failures = 0;
  let cancelPause = () => {};

  async function follow(): Promise<void> {
    const stream = connection.stream({
      path,
      metadata: {},
      deadlineAt: Number.POSITIVE_INFINITY,
      cancellation,
    });
    void stream.send(request).then(() => stream.end());
    for await (const body of stream.bodies) {
      failures = 0;
      if (!cancellation.cancelled) onHealth(healthOf(body));
    }
    const status = await stream.status;
    if (cancellation.cancelled) return;
    if (status.code === codes.unimplemented) return onHealth('serving');
    if (isDraining(status)) onHealth('draining');
    cancelPause = clock.after(pauseMs(failures), () => void follow());
    failures += 1;
  }

  void follow();
  return {
    stop() {
      cancellation.cancel();
      cancelPause();
    },
  };
}

/** Half of it by chance, so that the watchers of a server that restarts do not all come at once. */
function pauseMs(failures: number): number {
  const most = Math.min(limits.healthBackoffMsMax, limits.healthBackoffMsMin * 2 ** failures);
  return most * (0.5 + Math.random() / 2);
}

/** An answer that cannot be read is no reason to stop calling: the calls themselves will show. */
function healthOf(body: Uint8Array): PeerHealth {
  try {
    const { status } = fromBinary(HealthCheckResponseSchema, body);
    return status === Status.SERVING ? 'serving' : 'not serving';
  } catch {
    return 'serving';
  }
}

/** A server that drains says why it ends its streams, and refuses new ones for the same reason. */
function isDraining(status: WireStatus): boolean {
  const { reason, domain } = rpcErrorOfWire(status);
  return reason === drainingReason && domain === meshErrorDomain;
}

const drainingReason = new Draining().reason;
