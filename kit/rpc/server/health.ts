import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts';
import { DomainError } from '../../errors.ts';
import { type Implementation, implement } from './handlers.ts';

/** Asks one thing that a service depends on whether it works. Throws or rejects when it does not. */
export type HealthCheck = () => Promise<void>;

/**
 * The truth about a service: SERVING only while everything it cannot work without answers. Check and Watch of
 * grpc.health.v1 tell it, for the whole server ("") and for each of its services by full name.
 */
export interface Health {
  readonly implementation: Implementation;
  readonly isServing: boolean;
  set(isServing: boolean): void;
  /** NOT_SERVING from now on, whatever is set later. */
  drain(): void;
}

class UnknownService extends DomainError<{ service: string }> {
  readonly code = 'not_found';
  readonly reason = 'SERVICE_NOT_FOUND';
}

/** The health of a server with these services, by full name. It serves nothing until it is told that it does. */
export function createHealth(serviceNames: readonly string[]): Health {
  const names = new Set(['', ...serviceNames]);
  const watchers = new Set<() => void>();
  let isServing = false;
  let isDraining = false;
  const status = () => (isServing && !isDraining ? Status.SERVING : Status.NOT_SERVING);
  const notify = () => {
    for (const wake of watchers) wake();
  };

  async function* watch(service: string, signal: AbortSignal) {
    let wake = () => {};
    const onChange = () => wake();
    watchers.add(onChange);
    signal.addEventListener('abort', onChange, { once: true });
    try {
      let last: Status | undefined;
      while (!signal.aborted) {
        const now = names.has(service) ? status() : Status.SERVICE_UNKNOWN;
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (now === last) {
          await changed;
        } else {
          last = now;
          yield { status: now };
        }
      }
    } finally {
      watchers.delete(onChange);
    }
  }

  return {
    get isServing() {
      return status() === Status.SERVING;
    },
    set(next) {
      isServing = next;
      notify();
    },
    drain() {
      isDraining = true;
      notify();
    },
    implementation: implement(HealthService, {
      check({ service }) {
        if (!names.has(service)) throw new UnknownService({ service });
        return { status: status() };
      },
      list: () => ({
        statuses: Object.fromEntries([...names].map((name) => [name, { status: status() }])),
      }),
      watch: ({ service }, call) => watch(service, call.signal),
    }),
  };
}
