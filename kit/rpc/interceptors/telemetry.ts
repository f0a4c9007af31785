import { codeFromNumber } from '../../errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import { serverCalls, serverSeconds } from '../../telemetry/metrics.ts';
import { parseTraceparent, startSpan } from '../../telemetry/trace.ts';
import type { ServerCall } from '../call.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/** A span, RED metrics and, for failures that are ours, a log line. Outermost, so that it sees every refusal. */
export function telemetryInterceptor(log: Logger): ServerInterceptor {
  const instruments = new Map<string, Instruments>();

  function instrumentsOf(call: ServerCall): Instruments {
    let found = instruments.get(call.path);
    if (found === undefined) {
      found = createInstruments(call);
      instruments.set(call.path, found);
    }
    return found;
  }

  return {
    name: 'telemetry',
    start(call) {
      call.span = startSpan(call.path, 'server', parseTraceparent(call.metadata.traceparent));
      call.trace = call.span.context;
    },
    end(call) {
      const status = call.code === 0 ? 'ok' : codeFromNumber(call.code);
      const elapsedMs = performance.now() - call.startedAt;
      instrumentsOf(call).record(status, elapsedMs / 1000);
      call.span?.end(call.code === 0 ? undefined : status);
      if (status === 'internal' || status === 'unknown' || status === 'data_loss') {
        log.error({ method: call.path, error: call.error, elapsedMs }, 'rpc.failed');
      } else {
        log.debug({ method: call.path, status, elapsedMs }, 'rpc.answered');
      }
    },
  };
}

interface Instruments {
  record(status: string, seconds: number): void;
}

function createInstruments(call: ServerCall): Instruments {
  const labels = { service: call.method.parent.typeName, method: call.method.name };
  const histogram = serverSeconds.labels(labels);
  const counters = new Map<string, { inc(): void }>();
  return {
    record(status, seconds) {
      let counter = counters.get(status);
      if (counter === undefined) {
        counter = serverCalls.labels({ ...labels, code: status });
        counters.set(status, counter);
      }
      counter.inc();
      histogram.observe(seconds);
    },
  };
}
