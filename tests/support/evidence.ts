/** All that a mesh leaves where no secret may be: log lines, spans, what refusals said, messages on the bus. */
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { inject } from 'vitest';
import { connectBus } from '#kit/bus/bus.ts';
import { useTracer } from '#kit/telemetry/trace.ts';
import type { Network, NetworkOptions } from '#kit/testing/network.ts';
import { refusalTexts, textOf } from './secrecy.ts';

export interface Evidence {
  /** For the network that is looked at: it logs at every level. */
  options: Pick<NetworkOptions, 'logLevel' | 'logDestination'>;
  /** The lines of all services. */
  readonly lines: readonly string[];
  /** What callers were told by refusals. */
  readonly errors: string[];
  /** Expects that a call is refused, and keeps what it says. */
  refused(call: Promise<unknown>): Promise<void>;
  /** Spans that have ended. */
  spans(): { name: string; text: string }[];
  /** Ends the keeping of spans. */
  stop(): void;
}

/** Collects from now on. */
export function collectEvidence(): Evidence {
  const lines: string[] = [];
  const errors: string[] = [];
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  useTracer(provider.getTracer('evidence'));
  return {
    options: { logLevel: 'trace', logDestination: { write: (line) => lines.push(line) } },
    lines,
    errors,
    async refused(call) {
      errors.push(await refusalTexts(call));
    },
    spans: () =>
      exporter.getFinishedSpans().map(({ name, attributes, events, links, status }) => ({
        name,
        text: JSON.stringify({ name, attributes, events, links, status }),
      })),
    stop: () => useTracer(undefined),
  };
}

/** Every message that the streams of a network hold, dead letters included. */
export async function messagesOf(network: Network): Promise<{ type: string; text: string }[]> {
  // A network names its database and its part of the bus alike.
  const namespace = new URL(network.databaseUrl).pathname.slice(1);
  const bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
  const found: { type: string; text: string }[] = [];
  for await (const stream of bus.manager.streams.list()) {
    if (!stream.config.name.startsWith(`${namespace}_`)) continue;
    const { first_seq: from, last_seq: to, messages } = stream.state;
    for (let seq = from; seq <= to && messages > 0; seq += 1) {
      const message = await bus.manager.streams.getMessage(stream.config.name, { seq });
      if (message === null) continue;
      const { subject, header, data } = message;
      const text = [subject, ...[...header].map(String), textOf(data)].join('\n');
      found.push({ type: subject.split('.').at(-1)!, text });
    }
  }
  await bus.close();
  return found;
}
