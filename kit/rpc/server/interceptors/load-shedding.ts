import { limits } from '../../../limits.ts';
import { Draining, Overloaded } from '../../../mesh-errors.ts';
import { shedCalls } from '../../../telemetry/metrics.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/** How busy this process is, as all its servers see it. */
export interface LoadGauge {
  /** Milliseconds by which the event loop is late all the time: the best single sign of overload in Node. */
  readonly loopLagMs: number;
  stop(): void;
}

/** Samples the event loop of this process every limits.loopLagSampleMs, until it is stopped. */
export function createLoadGauge(): LoadGauge {
  let lagMs = 0;
  let lateBefore = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = Math.max(0, now - last - limits.loopLagSampleMs);
    // One late sample is a pause (garbage, a process that stood still), two in a row are too much work. Falls slowly, so
    // that one good sample does not open the gates.
    lagMs = Math.max(Math.min(late, lateBefore), lagMs * 0.8);
    lateBefore = late;
    last = now;
  }, limits.loopLagSampleMs);
  timer.unref();
  return {
    get loopLagMs() {
      return lagMs;
    },
    stop: () => clearInterval(timer),
  };
}

/** The interceptor that sheds, with what it counts. */
export interface LoadShedder extends ServerInterceptor {
  readonly callsInFlight: number;
  readonly streamsOpen: number;
  /** From now on new calls are refused with UNAVAILABLE. */
  drain(): void;
}

/**
 * Refuses early and cheaply what this process could not answer in time. Health checks pass, or an overloaded process
 * would look dead and its load would topple the next.
 */
export function loadSheddingInterceptor(service: string, gauge: LoadGauge): LoadShedder {
  let calls = 0;
  let streams = 0;
  let isDraining = false;

  function causeToShed(isStream: boolean): string | undefined {
    if (isStream) return streams >= limits.streamsOpenMax ? 'streams' : undefined;
    if (calls >= limits.callsInFlightMax) return 'calls';
    if (gauge.loopLagMs > limits.loopLagMsMax) return 'loop_lag';
    return undefined;
  }

  return {
    name: 'load-shedding',
    get callsInFlight() {
      return calls;
    },
    get streamsOpen() {
      return streams;
    },
    drain() {
      isDraining = true;
    },
    start(call) {
      const isHealth = call.path.startsWith('/grpc.health.v1.');
      // A check is told NOT_SERVING; a watch would only hold the drain up.
      if (isDraining && !(isHealth && !call.isStream)) throw new Draining();
      if (!isHealth) {
        const cause = causeToShed(call.isStream);
        if (cause !== undefined) {
          shedCalls.inc({ service, cause });
          throw new Overloaded();
        }
      }
      call.isCounted = true;
      if (call.isStream) streams += 1;
      else calls += 1;
    },
    end(call) {
      if (!call.isCounted) return;
      if (call.isStream) streams -= 1;
      else calls -= 1;
    },
  };
}
