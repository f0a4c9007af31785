import { constants } from 'node:http2';
import type { Request, Response } from './listen.ts';

/**
 * Ends an exchange in which nothing moves: a request that has not arrived after `transferMsMax`, and an answer of which
 * its reader takes nothing for so long. An upload may take its time: its length is that of its stream.
 */
export function boundExchange(
  request: Request,
  response: Response,
  options: { transferMsMax: number; isUpload: boolean },
): void {
  const end = () => {
    if ('stream' in response) response.stream.close(constants.NGHTTP2_CANCEL);
    else request.destroy();
  };
  response.setTimeout(options.transferMsMax, () => {
    if (bytesWaiting(response) > 0) end();
  });
  if (options.isUpload) return;
  const timer = setTimeout(end, options.transferMsMax);
  const hasArrived = () => clearTimeout(timer);
  request.once('end', hasArrived);
  request.once('close', hasArrived);
}

function bytesWaiting(response: Response): number {
  return 'stream' in response ? response.stream.bufferSize : response.writableLength;
}
