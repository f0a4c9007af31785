/**
 * Traces: W3C trace context on every hop, OpenTelemetry spans where somebody collects them. Without a collector a call
 * only passes its parent's context on, which costs nothing; log lines still carry the trace id.
 */
import { randomBytes } from 'node:crypto';
import {
  type Attributes,
  context,
  type Span as OtelSpan,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** What a hop tells the next one of a trace. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** One piece of work in a trace. `end` closes it; a failure is given by its status name, never by its text. */
export interface Span {
  readonly context: TraceContext;
  end(failure?: string): void;
}

/** What a span is to the other side of its hop. Source: OpenTelemetry, SpanKind. */
export type Kind = 'server' | 'client' | 'producer' | 'consumer' | 'internal';

const kinds: Record<Kind, SpanKind> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

let tracer: Tracer | undefined;

/** Turns spans on. Called once by kit/telemetry/setup.ts when an exporter is configured, and by tests. */
export function useTracer(next: Tracer | undefined): void {
  tracer = next;
}

/**
 * The trace that work for many belongs to, for it can have one parent only. The first that is sampled has it, so where
 * one call in a hundred is sampled its trace is whole.
 */
export function leadingTrace(traces: readonly (TraceContext | undefined)[]) {
  return traces.find((each) => each?.sampled) ?? traces[0];
}

/**
 * Starts a span below `parent`. The name must be bounded: a method, a subject, never an id. `others` are further traces
 * that the same work belongs to: they are linked.
 */
export function startSpan(
  name: string,
  kind: Kind,
  parent: TraceContext | undefined,
  others: readonly TraceContext[] = [],
): Span {
  if (tracer === undefined || parent?.sampled === false) return passThrough(parent);
  const options: SpanOptions = { kind: kinds[kind], attributes: attributesOf(name, kind) };
  if (others.length > 0) options.links = others.map((other) => ({ context: toOtel(other) }));
  const outer = context.active();
  const around = parent === undefined ? outer : trace.setSpanContext(outer, toOtel(parent));
  return recorded(tracer.startSpan(name, options, around));
}

const attributes = new Map<string, Attributes>();

/** What backends group calls by. Source: OpenTelemetry semantic conventions for RPC and messaging. */
function attributesOf(name: string, kind: Kind): Attributes {
  const key = `${kind} ${name}`;
  let found = attributes.get(key);
  if (found === undefined) {
    found = describe(name, kind);
    attributes.set(key, found);
  }
  return found;
}

function describe(name: string, kind: Kind): Attributes {
  if (kind === 'consumer' || kind === 'producer') {
    return { 'messaging.system': 'nats', 'messaging.destination.name': name };
  }
  const [, service, method] = name.split('/');
  if (service === undefined || method === undefined) return {};
  return { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
}

function recorded(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    context: { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    end(failure) {
      if (failure !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        span.setAttribute('rpc.grpc.status', failure);
      }
      span.end();
    },
  };
}

function passThrough(parent: TraceContext | undefined): Span {
  return { context: parent ?? newTrace(), end: noop };
}

function noop() {}

let ids = randomBytes(0);
let used = 0;

function newTrace(): TraceContext {
  if (used + 24 > ids.length) {
    ids = randomBytes(24 * 170);
    used = 0;
  }
  const text = ids.toString('hex', used, used + 24);
  used += 24;
  return { traceId: text.slice(0, 32), spanId: text.slice(32), sampled: false };
}

function toOtel(parent: TraceContext) {
  const traceFlags = parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { traceId: parent.traceId, spanId: parent.spanId, traceFlags, isRemote: true };
}

/** The context of another process, in version 00. Most only pass it on, so it stays the text that it was. */
class ReceivedTrace implements TraceContext {
  readonly header: string;

  constructor(header: string) {
    this.header = header;
  }

  get traceId(): string {
    return this.header.slice(3, 35);
  }

  get spanId(): string {
    return this.header.slice(36, 52);
  }

  get sampled(): boolean {
    return (Number.parseInt(this.header.slice(53), 16) & TraceFlags.SAMPLED) !== 0;
  }
}

/** The `traceparent` header. Source: W3C Trace Context, section 3.2. */
export function formatTraceparent(from: TraceContext): string {
  if (from instanceof ReceivedTrace) return from.header;
  return `00-${from.traceId}-${from.spanId}-${from.sampled ? '01' : '00'}`;
}

/** Neither id may be zero. */
const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The flags that version 00 knows. */
const knownFlags = /-0[01]$/;

/**
 * Reads a `traceparent` header; undefined when it is absent or malformed, for a trace is never worth an error. Of later
 * versions only what version 00 has is read and passed on.
 */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  if (header === undefined || header.startsWith('ff')) return undefined;
  const known = header.startsWith('00-') ? header : laterVersion(header);
  if (!traceparentPattern.test(known)) return undefined;
  const received = new ReceivedTrace(known);
  if (knownFlags.test(known)) return received;
  const { traceId, spanId, sampled } = received;
  return { traceId, spanId, sampled };
}

function laterVersion(header: string): string {
  return header.length === 55 || header[55] === '-' ? `00${header.slice(2, 55)}` : '';
}
