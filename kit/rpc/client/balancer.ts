import { type Clock, systemClock } from '../../clock.ts';
import { spiffeId } from '../../identity/caller.ts';
import type { Engine, EngineOptions } from '../engine.ts';
import { engineLimits } from '../engine-limits.ts';
import { createEndpoint, type Endpoint, type Kind, type Rank, ranks } from './endpoint.ts';
import { createOutlierDetector, type Suspicion } from './outlier.ts';
import { createStaticResolver, type Resolver } from './resolver.ts';

/** Chooses an address for each attempt. */
export interface Balancer {
  /**
   * The best address there is, another than `after` where there is one as good; undefined when there is none at all. What
   * is picked has begun: it is settled once.
   */
  pick(kind: Kind, after?: Endpoint): Endpoint | undefined;
  /** Resolves when the addresses have first been looked for; absent where there is nothing to wait for. */
  readonly looked: Promise<void> | undefined;
  close(): void;
}

/** Where the addresses come from, and what carries the calls. */
export interface BalancerOptions {
  /** The service's name: what its certificate must say, and for metrics. */
  target?: string;
  resolver?: Resolver;
  /** Addresses that never change, instead of a resolver. */
  addresses?: readonly string[];
  engine: Engine;
  engineOptions?: EngineOptions;
  clock?: Clock;
  /** A number from 0 up to 1. */
  random?: () => number;
}

/** Up to this many times what the other had under way lately, and these many calls more, counts as equal. */
const equalLoadFactor = 2;
const equalLoadCalls = 4;

/**
 * Whether an address has more to do than another. Streams are few and long, so their number decides. Calls under way are
 * held against the most that the other had lately, and must be clearly more: answers come in bursts, so whoever was just
 * relieved of twenty calls is not idle. To compare the present numbers alone splits 64 calls in flight over three equal
 * processes with errors of up to 13 %, this of up to 3 %; the price is that an address that hangs gets a few calls more
 * before it is passed over.
 */
function isBusier(kind: Kind, one: Endpoint, other: Endpoint): boolean {
  if (kind === 'stream') return one.inFlight.stream > other.inFlight.stream;
  return one.inFlight.call > other.recentPeak * equalLoadFactor + equalLoadCalls;
}

interface Member {
  endpoint: Endpoint;
  suspicion: Suspicion;
}

/**
 * Balances over the addresses of a resolver, each with its own connection. Of two addresses, the next in turn and one by
 * chance, the less loaded is taken, and the one in turn while they are about equal: so a slow address gets less, equal ones
 * get the same, and no choice compares more than two. Source: Mitzenmacher, "The power of two choices in randomized load
 * balancing".
 *
 * With more than one address each is asked for its health; a single one is always called, for there is nobody else.
 */
export function createBalancer(options: BalancerOptions): Balancer {
  const { target = '', engine, engineOptions = engineLimits, clock = systemClock } = options;
  const { random = Math.random } = options;
  const resolver = options.resolver ?? createStaticResolver(options.addresses ?? []);
  const serverId = options.target === undefined ? undefined : spiffeId(options.target);
  const outliers = createOutlierDetector({ target, clock });
  const members = new Map<string, Member>();
  const retired = new Set<Endpoint>();
  let endpoints: readonly Endpoint[] = [];
  const candidates: Endpoint[] = [];
  let turn = 0;

  function join(address: string): Member {
    const suspicion = outliers.join();
    const connection = engine.connect(address, { ...engineOptions, serverId });
    return { suspicion, endpoint: createEndpoint({ connection, suspicion, clock }) };
  }

  function update() {
    const addresses = new Set(resolver.addresses());
    for (const [address, member] of members) {
      if (addresses.has(address)) continue;
      members.delete(address);
      member.suspicion.leave();
      retired.add(member.endpoint);
      member.endpoint.retire(() => retired.delete(member.endpoint));
    }
    for (const address of addresses) {
      if (!members.has(address)) members.set(address, join(address));
    }
    endpoints = [...members.values()].map(({ endpoint }) => endpoint);
    for (const endpoint of endpoints) {
      if (endpoints.length > 1) endpoint.watch();
      else endpoint.unwatch();
    }
  }

  /** Fills `candidates` with the best there are, and answers how good they are. */
  function collect(except: Endpoint | undefined): Rank {
    let best: Rank = ranks.none;
    candidates.length = 0;
    for (const endpoint of endpoints) {
      if (endpoint === except) continue;
      const rank = endpoint.rank();
      if (rank < best) {
        best = rank;
        candidates.length = 0;
      }
      if (rank === best) candidates.push(endpoint);
    }
    return best;
  }

  function choose(kind: Kind): Endpoint | undefined {
    const count = candidates.length;
    turn += 1;
    const inTurn = candidates[turn % count];
    if (count < 2) return inTurn;
    // Any other: a step of 1 to count - 1 ahead.
    const other = candidates[(turn + 1 + Math.floor(random() * (count - 1))) % count];
    return isBusier(kind, inTurn!, other!) ? other : inTurn;
  }

  const unsubscribe = resolver.onChange(update);
  update();
  return {
    looked: resolver.looked,
    pick(kind, after) {
      const others = collect(after);
      // The one that just failed is still better than one that was ejected or is down.
      if (after !== undefined && others >= ranks.ejected && after.rank() < others) {
        collect(undefined);
      }
      const chosen = choose(kind);
      chosen?.begin(kind);
      return chosen;
    },
    close() {
      unsubscribe();
      resolver.close?.();
      for (const endpoint of [...endpoints, ...retired]) endpoint.close();
      endpoints = [];
    },
  };
}
