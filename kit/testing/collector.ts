/** A collector of traces for tests: takes OTLP over HTTP as JSON and keeps what it was sent. */
import { createServer } from 'node:http';

/** A span as it was sent. Ids are hex digits. */
export interface CollectedSpan {
  /** The service.name of the process that sent it. */
  process: string;
  name: string;
  traceId: string;
  spanId: string;
  /** Absent for the first of a trace. */
  parentSpanId?: string;
  /** 2 is server, 3 is client, 5 is consumer. Source: opentelemetry/proto/trace/v1/trace.proto. */
  kind: number;
  links?: { traceId: string }[];
}

/** A collector that listens, and what it was sent so far. */
export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** All that was sent, as text. */
  text(): string;
  close(): void;
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: CollectedSpan[] }[];
  }[];
}

/** Listens on a port of this machine; `answer` false takes everything and never answers. */
export async function startCollector({ answers = true } = {}): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const texts: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    texts.push(text);
    if (!answers) return;
    spans.push(...spansOf(JSON.parse(text) as Export));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    text: () => texts.join('\n'),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function spansOf({ resourceSpans }: Export): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const name = resource.attributes.find(({ key }) => key === 'service.name');
    const process = name?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, process })));
  });
}
