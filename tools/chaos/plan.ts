/** Who is killed, in which order: it follows from the seed. Pure. */
import { createDeck, createRandom, type Random } from './random.ts';

/** One act of violence. `pauseMs` is how long the mesh was left alone before it. */
export type Kill = { pauseMs: number } /** They all die at once. */ & (
  | { kind: 'crash'; victims: readonly string[] }
  /** The processes that host these services die, each then at its own places in turn. */
  | { kind: 'points'; rows: readonly Row[] }
);

/** Places of one service. Rows of one kill are of services with a process each. */
export interface Row {
  service: string;
  points: readonly Point[];
}

/** A named place in the code (kit/debug.ts), and at which pass it kills. */
export interface Point {
  name: string;
  pass: number;
}

/** Who can be killed. */
export interface Victims {
  processes: readonly string[];
  servers: readonly string[];
  /** Names of places by the service that they are in. */
  points: Readonly<Record<string, readonly string[]>>;
}

/** How often each act is chosen. */
const acts = dealt({ process: 10, server: 4, pair: 2, points: 4 });
const pauseMsMax = 400;
const pointsInRowMax = 3;
const passMax = 5;
const groupMax = 6;

/**
 * So many kills, of which about a third is at named places, the others wherever the victims happen to be. Everything is
 * drawn from decks, so that nobody is left out for long.
 */
export function planKills(victims: Victims, kills: number, seed: number): Kill[] {
  const random = createRandom(seed);
  const decks = openDecks(victims, random);
  const plan: Kill[] = [];
  for (let left = kills; left > 0; left -= deathsOf(plan.at(-1)!)) {
    plan.push(nextKill(decks, random, left));
  }
  return plan;
}

/**
 * The shortest plan that leaves nobody out: all processes and servers die, in groups, and then at each
 * place, all services side by side.
 */
export function planEverything(victims: Victims, seed: number): Kill[] {
  const random = createRandom(seed);
  const everybody = [...victims.processes, ...victims.servers];
  const draw = createDeck(everybody, random);
  const plan: Kill[] = [];
  for (let left = everybody.length; left > 0; left -= groupMax) {
    const group = Array.from({ length: Math.min(left, groupMax) }, draw);
    plan.push({ pauseMs: random.below(pauseMsMax), kind: 'crash', victims: group });
  }
  const rows = Object.entries(victims.points).map(([service, names]) => {
    return { service, points: names.map((name) => ({ name, pass: 1 })) };
  });
  return [...plan, { pauseMs: 0, kind: 'points', rows }];
}

export function deathsOf(kill: Kill): number {
  if (kill.kind === 'crash') return kill.victims.length;
  return kill.rows.reduce((sum, { points }) => sum + points.length + 1, 0);
}

type Decks = ReturnType<typeof openDecks>;

function openDecks({ processes, servers, points }: Victims, random: Random) {
  return {
    act: createDeck(acts, random),
    process: createDeck(processes, random),
    server: createDeck(servers, random),
    row: createRows(points, random),
  };
}

/** Draws rows of places, each of one service and at most so long; no place comes again before all have. */
function createRows(points: Victims['points'], random: Random) {
  const places = Object.entries(points).flatMap(([service, names]) =>
    names.map((name) => ({ service, name })),
  );
  let rest: typeof places = [];
  return (lengthMax: number) => {
    if (rest.length === 0) rest = places;
    const { service } = random.pick(rest);
    const own = rest.filter((place) => place.service === service);
    const draw = createDeck(own, random);
    const row = Array.from({ length: Math.min(lengthMax, own.length) }, draw);
    rest = rest.filter((place) => !row.includes(place));
    return { service, names: row.map(({ name }) => name) };
  };
}

function nextKill(decks: Decks, random: Random, left: number): Kill {
  const pauseMs = random.below(pauseMsMax);
  // The last death is of one alone.
  switch (left > 1 ? decks.act() : 'process') {
    case 'process':
      return { pauseMs, kind: 'crash', victims: [decks.process()] };
    case 'server':
      return { pauseMs, kind: 'crash', victims: [decks.server()] };
    case 'pair':
      return { pauseMs, kind: 'crash', victims: [decks.process(), decks.server()] };
    case 'points': {
      const { service, names } = decks.row(Math.min(left - 1, 1 + random.below(pointsInRowMax)));
      const points = names.map((name) => ({ name, pass: 1 + random.below(passMax) }));
      return { pauseMs, kind: 'points', rows: [{ service, points }] };
    }
  }
}

/** Each name as often as it says. */
function dealt<Name extends string>(counts: Record<Name, number>): Name[] {
  const names = Object.keys(counts) as Name[];
  return names.flatMap((name) => Array<Name>(counts[name]).fill(name));
}
