import { codeFromNumber } from '../../../errors.ts';
import type { Logger } from '../../../telemetry/log.ts';
import { serverCalls } from '../../../telemetry/metrics.ts';
import { parseTraceparent, startSpan } from '../../../telemetry/trace.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/** A span, RED metrics and, for failures that are ours, a log line. Outermost, so that it sees every refusal. */
export function telemetryInterceptor(log: Logger): ServerInterceptor {
  return {
    name: 'telemetry',
    start(call) {
      call.span = startSpan(call.path, 'server', parseTraceparent(call.metadata.traceparent));
      call.trace = call.span.context;
    },
    end(call) {
      const status = call.code === 0 ? 'ok' : codeFromNumber(call.code);
      const elapsedMs = performance.now() - call.startedAt;
      serverCalls(call.method)(status, elapsedMs / 1000);
      call.span?.end(call.code === 0 ? undefined : status);
      if (status === 'internal' || status === 'unknown' || status === 'data_loss') {
        log.error({ method: call.path, error: call.error, elapsedMs }, 'rpc.failed');
      } else {
        log.debug({ method: call.path, status, elapsedMs }, 'rpc.answered');
      }
    },
  };
}
