import type { Subscription } from '../bus/consumer.ts';
import { withTrace } from '../scope.ts';
import { startSpan, type TraceContext } from './trace.ts';

/**
 * Gives the handling of events a span, so that a trace goes on where its events are taken. Events that are handled
 * together have one span: below the first trace that is sampled, and linked to the others.
 */
export function withConsumerSpan(subscription: Subscription): Subscription {
  const { typeName } = subscription.schema;
  return {
    ...subscription,
    async handle(events, tx) {
      const traces = events.flatMap(({ trace }) => trace ?? []);
      const parent = traces.find(({ sampled }) => sampled) ?? traces[0];
      const span = startSpan(typeName, 'consumer', parent, othersOf(traces, parent));
      try {
        await withTrace(span.context, () => subscription.handle(events, tx));
        span.end();
      } catch (error) {
        span.end('failed');
        throw error;
      }
    },
  };
}

/** Only traces that somebody collects, each once. */
function othersOf(
  traces: readonly TraceContext[],
  parent: TraceContext | undefined,
): TraceContext[] {
  const others = new Map<string, TraceContext>();
  for (const trace of traces) {
    if (trace.sampled && trace.traceId !== parent?.traceId) others.set(trace.traceId, trace);
  }
  return [...others.values()];
}
