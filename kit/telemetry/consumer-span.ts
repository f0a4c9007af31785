import { leadingTrace, startSpan, type TraceContext } from './trace.ts';

/**
 * Gives the handling of events a span, so that a trace goes on where its events are taken. Events that are handled
 * together have one span: below the first trace that is sampled, and linked to the others.
 */
export async function withConsumerSpan(
  eventType: string,
  traces: readonly TraceContext[],
  handle: (trace: TraceContext) => Promise<void>,
): Promise<void> {
  const parent = leadingTrace(traces);
  const span = startSpan(eventType, 'consumer', parent, othersOf(traces, parent));
  try {
    await handle(span.context);
    span.end();
  } catch (error) {
    span.end('failed');
    throw error;
  }
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
