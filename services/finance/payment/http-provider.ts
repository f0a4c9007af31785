import { createRequire } from 'node:module';
import type { Dispatcher, Pool } from 'undici';
import type { Logger } from '#kit/telemetry/log.ts';
import { limits } from './domain.ts';
import type { Provider, ProviderAnswer } from './provider.ts';
import { factOf, type WireOperation } from './provider-wire.ts';

/** The pool alone: `undici` as a whole loads fetch, a cache and WebSockets too, 3 MB. It has no entry for its parts. */
const UndiciPool: typeof Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js');

/**
 * A provider over HTTP/1.1 and JSON. Connections are kept; a call waits for a free one. Nothing is sent again by
 * itself: whoever repeats a call does so with its key.
 */
export function createHttpProvider(options: {
  url: string;
  timeoutMs: number;
  log: Logger;
}): Provider {
  const { url, timeoutMs, log } = options;
  const pool = new UndiciPool(url, {
    connections: limits.providerCallsMax,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs },
  });
  const headers = { 'content-type': 'application/json' };

  async function ask(method: 'GET' | 'POST', path: string, body?: Record<string, string>) {
    try {
      const text = body === undefined ? null : JSON.stringify(body);
      const { status, said } = await send(pool, { method, path, headers, body: text });
      if (status === 404) return 'none';
      const fact = status === 200 ? factOf(JSON.parse(said)) : undefined;
      if (fact !== undefined) return [fact];
      log.warn({ path, status }, 'payment.provider_answer_unclear');
    } catch (error) {
      log.debug({ path, error }, 'payment.provider_silent');
    }
    return 'unknown';
  }

  async function post(path: string, body: Record<string, string>): Promise<ProviderAnswer> {
    const answer = await ask('POST', path, body);
    return answer === 'none' ? 'unknown' : answer;
  }

  return {
    charge: (call) => post('/v1/charges', toBody(call)),
    authorize: (call) => post('/v1/authorizations', toBody(call)),
    capture: (call) => post('/v1/captures', toBody(call)),
    void: (call) => post('/v1/voids', call),
    refund: (call) => post('/v1/refunds', toBody(call)),
    lookup: (key) => ask('GET', `/v1/operations/${encodeURIComponent(key)}`),
    close: () => pool.destroy(),
  };
}

/** One call with nothing around it: the streams of `pool.request` cost more than the call itself. */
function send(
  pool: Pool,
  options: Dispatcher.DispatchOptions,
): Promise<{ status: number; said: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    pool.dispatch(options, {
      onRequestStart() {},
      onResponseStart(_, statusCode) {
        status = statusCode;
      },
      onResponseData(_, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        resolve({ status, said: Buffer.concat(chunks).toString() });
      },
      onResponseError(_, error) {
        reject(error);
      },
    });
  });
}

function toBody<Call extends { amountMinor: bigint }>({ amountMinor, ...rest }: Call) {
  const amount: Pick<WireOperation, 'amount_minor'> = { amount_minor: String(amountMinor) };
  return { ...rest, ...amount } as unknown as Record<string, string>;
}
