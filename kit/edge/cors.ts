import { cors as connectCors } from '@connectrpc/connect';
import { limits } from '../limits.ts';
import type { Request, Response } from './listen.ts';

/** From where browsers may call. */
export interface CorsOptions {
  /** Origins that browsers may call from; "*" for any. */
  origins: readonly string[];
}

/** Request headers of ours that a browser may send, beside those of the protocols. */
const ownHeaders = ['Authorization', 'Traceparent'];

/** Answers preflights, and lets browsers of the named origins read what RPCs answer. Source: Fetch standard, CORS. */
export function withCors(
  options: CorsOptions,
  handle: (request: Request, response: Response) => void,
): (request: Request, response: Response) => void {
  const origins = new Set(options.origins);
  return (request, response) => {
    const origin = request.headers.origin;
    if (typeof origin === 'string' && (origins.has('*') || origins.has(origin))) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
      response.setHeader('Access-Control-Expose-Headers', connectCors.exposedHeaders.join(', '));
      if (request.method === 'OPTIONS') {
        const headers = [...connectCors.allowedHeaders, ...ownHeaders];
        response.setHeader('Access-Control-Allow-Methods', connectCors.allowedMethods.join(', '));
        response.setHeader('Access-Control-Allow-Headers', headers.join(', '));
        response.setHeader('Access-Control-Max-Age', String(limits.preflightAgeMsMax / 1000));
      }
    }
    if (request.method === 'OPTIONS') {
      response.statusCode = 204;
      response.end();
      return;
    }
    handle(request, response);
  };
}
