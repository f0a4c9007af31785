import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A wire to a server that a test may cut. */
export interface Wire {
  /** Where it begins: "127.0.0.1:4711". */
  readonly address: string;
  /** Breaks all connections, as the death of the server's machine does, and refuses new ones. */
  cut(): void;
  /** Lets nothing through and says nothing, as a network does that loses every packet. */
  hush(): void;
  /** Lets connections through again. */
  mend(): void;
  stop(): Promise<void>;
}

/** A wire to a server that is known by its URL. */
export interface Proxy extends Wire {
  /** The server's URL, by way of this proxy. */
  readonly url: string;
}

/** Puts a proxy before a server such as Redis or NATS: to take it away from some and not from all. */
export async function startProxy(targetUrl: string): Promise<Proxy> {
  const url = new URL(targetUrl);
  const target = url.host;
  const wire = await startWire(() => target);
  url.host = wire.address;
  return { ...wire, url: url.toString() };
}

/** Lays a wire to "host:port", which is asked for at each new connection. */
export async function startWire(findTarget: () => string): Promise<Wire> {
  const sockets = new Set<Socket>();
  const pairs = new Set<readonly [from: Socket, to: Socket]>();
  let isCut = false;
  let isHushed = false;
  const server = createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const { hostname, port } = new URL(`tcp://${findTarget()}`);
    const upstream = connect(Number(port), hostname);
    for (const pair of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      const [from, to] = pair;
      sockets.add(from);
      pairs.add(pair);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        pairs.delete(pair);
        to.destroy();
      });
      if (!isHushed) from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      breakAll();
    },
    hush() {
      isHushed = true;
      for (const [from, to] of pairs) from.unpipe(to).pause();
    },
    mend() {
      isCut = false;
      if (isHushed) for (const [from, to] of pairs) from.pipe(to);
      isHushed = false;
    },
    async stop() {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
