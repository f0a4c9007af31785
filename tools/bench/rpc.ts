/** CPU per unary call: the kit with every interceptor on, against bare grpc-js and connect-node, the same message. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  median,
  percentile,
} from './benchmark.ts';
import {
  type CallOnce,
  type Credentials,
  caller,
  createCredentials,
  directCaller,
  kitServer,
  type Way,
  ways,
} from './rpc-peers.ts';

const manyInFlight = 64;
/** Variants take turns, so short that a neighbour's load falls on all of them alike. */
const turnSeconds = 0.1;
/** A turn may cost anything when a neighbour is busy: so many are needed for a median that says something. */
const roundsMin = 30;
/** Of each server so many processes take turns: what the compiler makes of one is a matter of luck. */
const processesEach = 2;
/** Until the compiler is done with a server: it goes on improving for some 20,000 calls. */
const warmSeconds = 5;

export const rpc: Benchmark = {
  name: 'rpc',
  title: `CPU per unary call, ${manyInFlight} and 1 in flight, client and servers in processes of their own`,
  targets: {
    serverRatio: { atMost: 1.5 },
    clientRatio: { atMost: 1.3 },
    connectRatio: { atLeast: 3 },
    singleRatio: { atLeast: 5 },
  },
  run,
};

/** Microseconds of CPU per call, and microseconds by the clock. */
interface Cost {
  client: number;
  server: number;
  wall: number;
}

/** Somebody to call. `server` is absent where the call stays in this process. */
interface Peer {
  call: CallOnce;
  server?: ChildProcess;
}

/** What takes turns with the others. */
interface Variant {
  name: string;
  callers: number;
  peers: readonly Peer[];
}

async function run({ seconds, say }: BenchOptions): Promise<Figures> {
  const identity = createCredentials();
  const peersOf = new Map<Way, (Peer & { server: ChildProcess })[]>();
  for (const way of ways) {
    const started = Array.from({ length: processesEach }, () => startPeer(way, identity));
    peersOf.set(way, await Promise.all(started));
  }
  let failures = 0;

  async function measure(
    { callers }: Variant,
    { call, server }: Peer,
    forSeconds = turnSeconds,
  ): Promise<Cost> {
    const before = await cpuOf(server);
    const own = process.cpuUsage();
    const { latenciesMs, perSecond } = await closedLoop({
      callers,
      seconds: forSeconds,
      call: async () => {
        await call().catch(() => {
          failures += 1;
        });
      },
    });
    const used = process.cpuUsage(own);
    const count = latenciesMs.length;
    return {
      client: (used.user + used.system) / count,
      server: ((await cpuOf(server)) - before) / count,
      wall: 1_000_000 / perSecond,
    };
  }

  // Those that are compared stand side by side.
  const variants: Variant[] = [
    ...[manyInFlight, 1].flatMap((callers) =>
      [...peersOf].map(([way, peers]) => ({ name: `${way} ${callers}`, callers, peers })),
    ),
    {
      name: 'direct',
      callers: manyInFlight,
      peers: [{ call: directCaller(kitServer(identity)) }],
    },
  ];
  // The first calls pay for the compiler, however short the run is.
  for (const variant of variants.filter(({ callers }) => callers === manyInFlight)) {
    for (const peer of variant.peers) await measure(variant, peer, warmSeconds);
  }
  const rounds = Math.max(roundsMin, Math.round(seconds / turnSeconds));
  const costs = new Map<string, Cost[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of variants) {
      const peer = variant.peers[round % variant.peers.length]!;
      costs.set(variant.name, [...(costs.get(variant.name) ?? []), await measure(variant, peer)]);
    }
  }
  for (const { server } of [...peersOf.values()].flat()) server.disconnect();

  // On a shared machine the lower quartile is what a call costs when nobody is in its way.
  const cost = (name: string, part: keyof Cost) =>
    percentile(
      costs.get(name)!.map((turn) => turn[part]),
      0.25,
    );
  // A neighbour is in the way of a whole round or of none: so ratios are taken within each.
  const ratio = (one: string, other: string, parts: (keyof Cost)[], otherParts = parts) =>
    median(
      costs.get(one)!.map((turn, round) => {
        return sum(turn, parts) / sum(costs.get(other)![round]!, otherParts);
      }),
    );
  for (const { name } of variants) {
    const parts = (['server', 'client', 'wall'] as const).map(
      (part) => `${part} ${cost(name, part).toFixed(0).padStart(5)} us`,
    );
    say(`  ${name.padEnd(11)} ${parts.join('   ')}`);
  }
  const [kit, bare, connect] = [
    `kit ${manyInFlight}`,
    `bare ${manyInFlight}`,
    `connect ${manyInFlight}`,
  ];
  return {
    violations: failures,
    figures: {
      kitServerUs: cost(kit, 'server'),
      kitClientUs: cost(kit, 'client'),
      serverRatio: ratio(kit, bare, ['server']),
      clientRatio: ratio(kit, bare, ['client']),
      serverRatioOne: ratio('kit 1', 'bare 1', ['server']),
      clientRatioOne: ratio('kit 1', 'bare 1', ['client']),
      connectRatio: ratio(connect, kit, ['client', 'server']),
      singleRatio: ratio(kit, 'direct', ['client', 'server'], ['client']),
    },
  };
}

function sum(cost: Cost, parts: readonly (keyof Cost)[]): number {
  return parts.reduce((total, part) => total + cost[part], 0);
}

/** A server of one way in a process of its own, and the call to it. */
async function startPeer(way: Way, identity: Credentials) {
  const entry = fileURLToPath(new URL('./rpc-server.ts', import.meta.url));
  const server = fork(entry, [way, JSON.stringify(identity)]);
  const [{ address }] = (await once(server, 'message')) as [{ address: string }];
  return { server, call: caller(way, address, identity) };
}

/** Microseconds of CPU that a server has used so far. */
async function cpuOf(child: ChildProcess | undefined): Promise<number> {
  if (child === undefined) return 0;
  child.send('cpu');
  const [{ cpu }] = (await once(child, 'message')) as [{ cpu: NodeJS.CpuUsage }];
  return cpu.user + cpu.system;
}
