import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** To the server, and from it. */
export type Way = 'there' | 'back';

/** A wire to a server that a test may cut. */
export interface Wire {
  /** Where it begins: "127.0.0.1:4711". */
  readonly address: string;
  /** Breaks all connections, as the death of the server's machine does, and refuses new ones. */
  cut(): void;
  /** Lets nothing through and says nothing, as a network does that loses every packet; of one way only where one is named. */
  hush(way?: Way): void;
  /** Lets what is sent from now on arrive so many milliseconds later, for each way that is named. */
  delay(ms: Partial<Record<Way, number>>): void;
  /** Lets connections through again, without delay: late is only what is under way. */
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
  const lines = new Set<Line>();
  const faults = { there: { ...none }, back: { ...none } };
  let isCut = false;
  function lay(from: Socket, to: Socket, fault: Fault): void {
    const line = createLine(from, to, fault);
    lines.add(line);
    from.on('close', () => lines.delete(line));
  }
  const server = createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const { hostname, port } = new URL(`tcp://${findTarget()}`);
    const upstream = connect(Number(port), hostname);
    lay(socket, upstream, faults.there);
    lay(upstream, socket, faults.back);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const breakAll = () => {
    for (const line of lines) line.break();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      breakAll();
    },
    hush(way) {
      for (const each of way === undefined ? ways : [way]) faults[each].isSilent = true;
      for (const line of lines) line.flow();
    },
    delay(ms) {
      for (const way of ways) faults[way].delayMs = ms[way] ?? faults[way].delayMs;
    },
    mend() {
      isCut = false;
      for (const way of ways) Object.assign(faults[way], none);
      for (const line of lines) line.flow();
    },
    async stop() {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ways: readonly Way[] = ['there', 'back'];

/** What is wrong with one way. */
interface Fault {
  delayMs: number;
  isSilent: boolean;
}

const none: Readonly<Fault> = { delayMs: 0, isSilent: false };

/** One way of one connection. */
interface Line {
  /** Goes on as the fault now says: hands over what is due and reads more, or neither. */
  flow(): void;
  break(): void;
}

/**
 * Bytes wait here in their order until they are due, and the end of the stream behind them. On a silent way nothing is
 * read either, so that whoever sends finds out as in a network: when nobody takes more.
 */
function createLine(from: Socket, to: Socket, fault: Readonly<Fault>): Line {
  const waiting: { dueAt: number; hand: () => void }[] = [];

  function flow(): void {
    if (fault.isSilent) {
      from.pause();
      return;
    }
    from.resume();
    while (waiting.length > 0 && waiting[0]!.dueAt <= performance.now()) waiting.shift()!.hand();
  }

  function keep(hand: () => void): void {
    const dueAt = performance.now() + fault.delayMs;
    waiting.push({ dueAt: Math.max(dueAt, waiting.at(-1)?.dueAt ?? 0), hand });
    if (fault.delayMs > 0) setTimeout(flow, fault.delayMs + 1);
    else flow();
  }

  from.on('data', (bytes) =>
    keep(() => {
      if (!to.write(bytes)) from.pause();
    }),
  );
  to.on('drain', flow);
  from.on('end', () => keep(() => to.end()));
  from.on('error', () => {});
  from.on('close', () => to.destroy());
  flow();
  return { flow, break: () => from.resetAndDestroy() };
}
