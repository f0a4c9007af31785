import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from '../host/node-http.ts';
import { limits } from '../limits.ts';

/** HTTP/1.1 on connections that somebody else accepts. */
export interface Http1 {
  accept(socket: Socket): void;
  /** Closes the connections that carry no request, and each of the others when its last one is answered. */
  drain(): void;
}

/** Node closes idle connections by itself only for a server that listens; this one is handed its connections. */
export function createHttp1(
  options: { headerBytesMax: number; transferMsMax: number },
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Http1 {
  /** Requests under way by connection. */
  const underWay = new Map<Socket, number>();
  let isDraining = false;

  function settle(socket: Socket): void {
    if (isDraining && underWay.get(socket) === 0) socket.destroySoon();
  }

  const serverOptions = {
    maxHeaderSize: options.headerBytesMax,
    headersTimeout: options.transferMsMax,
    // Bodies are bounded with their exchange, for some are uploads.
    requestTimeout: 0,
    connectionsCheckingInterval: options.transferMsMax / limits.transferLooks,
  };
  const server = createServer(serverOptions, (request, response) => {
    const { socket } = request;
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const count = underWay.get(socket);
      if (count === undefined) return;
      underWay.set(socket, count - 1);
      settle(socket);
    });
    handle(request, response);
  });
  // Node begins to watch for headers that do not come when a server listens, and this one does not.
  server.emit('listening');

  return {
    accept(socket) {
      underWay.set(socket, 0);
      socket.once('close', () => underWay.delete(socket));
      server.emit('connection', socket);
    },
    drain() {
      isDraining = true;
      server.close();
      for (const socket of underWay.keys()) settle(socket);
    },
  };
}
