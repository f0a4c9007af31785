import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Ask, Book, Done } from './book.ts';
import { cardOf } from './tokens.ts';

const bodyBytesMax = 16 * 1024;

interface Reply {
  status: number;
  body: unknown;
}

/** No answer at all: the caller runs into its time-out. */
const silence = Symbol('silence');

type Route = (body: Record<string, string>) => Promise<Reply | typeof silence>;

/** The provider's HTTP API. */
export function createApi(
  book: Book,
  options: { delayMs: number; eventsSettled(): Promise<void> },
): RequestListener {
  // Faults that happen before anything is written are remembered here, so that they happen once.
  const failed = new Set<string>();

  const open =
    (kind: Ask['kind']): Route =>
    async (body) => {
      const ask = readAsk(kind, body);
      const card = cardOf(ask.token);
      await pause(card.delayMs + options.delayMs);
      if ((card.fault === 'lost' || card.fault === 'error_before') && !failed.has(ask.key)) {
        failed.add(ask.key);
        return card.fault === 'lost' ? silence : { status: 500, body: { error: 'internal' } };
      }
      const done = await book.open(ask);
      const isFirst = 'isNew' in done && done.isNew;
      if (isFirst && card.fault === 'timeout') return silence;
      if (isFirst && card.fault === 'error') return { status: 500, body: { error: 'internal' } };
      if (isFirst && card.isEventFirst) await options.eventsSettled();
      return toReply(done);
    };

  const routes: Record<string, Route | undefined> = {
    'POST /v1/charges': open('charge'),
    'POST /v1/authorizations': open('authorization'),
    'POST /v1/captures': async (body) => toReply(await book.follow(readAsk('capture', body))),
    'POST /v1/refunds': async (body) => toReply(await book.follow(readAsk('refund', body))),
    'POST /v1/voids': async (body) => toReply(await book.void(text(body.origin))),
    'GET /v1/summary': async () => ({ status: 200, body: await book.summary() }),
  };

  async function answer(request: IncomingMessage): Promise<Reply | typeof silence> {
    const [, key] = /^\/v1\/operations\/([^/]+)$/.exec(request.url ?? '') ?? [];
    if (request.method === 'GET' && key !== undefined) {
      const operation = await book.find(decodeURIComponent(key));
      return operation ? { status: 200, body: operation } : notFound;
    }
    const route = routes[`${request.method} ${request.url}`];
    return route === undefined ? notFound : route(await readJson(request));
  }

  return (request, response) => {
    answer(request).then(
      (reply) => reply !== silence && send(response, reply),
      (error) =>
        send(
          response,
          error instanceof BadRequest
            ? { status: 400, body: { error: error.message } }
            : { status: 503, body: { error: 'unavailable' } },
        ),
    );
  };
}

const notFound: Reply = { status: 404, body: { error: 'not_found' } };

class BadRequest extends Error {}

function toReply(done: Done): Reply {
  if ('conflict' in done) return { status: 409, body: { error: 'key_reused' } };
  return { status: 200, body: done.operation };
}

function readAsk(kind: Ask['kind'], body: Record<string, string>): Ask {
  const isOpening = kind === 'charge' || kind === 'authorization';
  if (!/^\d{1,16}$/.test(String(body.amount_minor))) throw new BadRequest('amount_minor');
  return {
    kind,
    key: text(body.key),
    origin: isOpening ? '' : text(body.origin),
    token: isOpening ? text(body.token) : '',
    currency: text(body.currency),
    amountMinor: BigInt(body.amount_minor!),
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 200) throw new BadRequest('text');
  return value;
}

async function readJson(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyBytesMax) throw new BadRequest('too large');
    chunks.push(chunk);
  }
  try {
    return size === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new BadRequest('not JSON');
  }
}

function send(response: ServerResponse, { status, body }: Reply): void {
  const json = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
  });
  response.end(json);
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
