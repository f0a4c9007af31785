import { Socket } from 'node:net';

/**
 * Opens the socket of one database connection, for the `socket` option of postgres.js.
 *
 * NOTE: postgres.js (3.4.9) collects what it writes within a turn of the event loop, and keeps it when the socket closes
 * in that same turn: the next connection would then begin with a stale statement, and hang. So the news of the close is
 * held back for two turns, in which what was collected goes to the dead socket and is gone.
 */
export function openSocket(options: { host: string[]; port: number[] }): Socket {
  const socket = new Socket();
  const emit = socket.emit.bind(socket) as (event: string, ...args: unknown[]) => boolean;
  socket.emit = (event: string, ...args: unknown[]) => {
    if (event !== 'close') return emit(event, ...args);
    setImmediate(() => setImmediate(() => emit('close', ...args)));
    return true;
  };
  socket.setNoDelay(true);
  socket.connect(options.port[0]!, options.host[0]!);
  return socket;
}
