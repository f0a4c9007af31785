import { connect } from 'node:net';
import { limits } from './limits.ts';

/**
 * Asks a server on 127.0.0.1 over plain TCP: sends `request` and resolves when the answer contains
 * `answer`.
 *
 * Rejects when nobody listens, the connection ends first, or `limits.probeMs` pass.
 */
export function askOverTcp(port: number, request: string, answer: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: '127.0.0.1', port });
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), limits.probeMs);
  let received = '';
  socket.setEncoding('utf8');
  socket.once('connect', () => socket.write(request));
  socket.on('data', (text: string) => {
    received += text;
    if (!received.includes(answer)) return;
    resolve();
    socket.destroy();
  });
  socket.once('error', reject);
  socket.once('close', () => {
    clearTimeout(timer);
    reject(new Error(`closed after "${received.slice(0, 200).trim()}"`));
  });
  return promise;
}
