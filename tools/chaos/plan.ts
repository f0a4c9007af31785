/** Who is killed, in which order: it follows from the seed. Pure. */
import { createRandom, type Random } from './random.ts';

/** One act of violence. `pauseMs` is how long the mesh was left alone before it. */
export type Kill = { pauseMs: number } & (
  | { kind: 'process'; victim: string }
  | { kind: 'server'; victim: string }
  /** Both at once. */
  | { kind: 'pair'; victim: string; server: string }
  /** The process that hosts the service dies, and then at each of these places in turn. */
  | { kind: 'points'; service: string; points: readonly Point[] }
);

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

/**
 * Places between two effects of an order, the last of which is that somebody is told. Not among them:
 * `before-payment_timed_out` and `before-reservation_lost`, for which a provider has to be away for a minute, or a
 * cancellation has to meet the very last step.
 */
export const orderPoints: Victims['points'] = {
  'commerce.order': [
    'commerce.order.after-reserve',
    'commerce.order.before-reserved',
    'commerce.order.before-stock_refused',
    'commerce.order.after-payment',
    'commerce.order.before-paid',
    'commerce.order.before-payment_declined',
    'commerce.order.after-commit',
    'commerce.order.before-committed',
    'commerce.order.after-release',
    'commerce.order.after-void',
    'commerce.order.before-compensated',
  ],
  'finance.payment': [
    'finance.payment.before-charge',
    'finance.payment.after-charge',
    'finance.payment.after-record',
    'finance.payment.before-refund',
    'finance.payment.after-refund',
    'finance.payment.before-void',
    'finance.payment.after-void',
  ],
  'platform.notification': ['platform.notification.before-commit'],
};

/** How often places of each service are chosen: an order has most of them. */
const services = [
  ...Array<string>(5).fill('commerce.order'),
  ...Array<string>(3).fill('finance.payment'),
  'platform.notification',
];
const pauseMsMax = 400;
const pointsInRowMax = 3;
const passMax = 5;

/** So many kills, of which about a third is at named places, the others wherever the victims happen to be. */
export function planKills(victims: Victims, kills: number, seed: number): Kill[] {
  const random = createRandom(seed);
  const nextPoint = createRotation(victims.points, random);
  const plan: Kill[] = [];
  for (let left = kills; left > 0; left -= deathsOf(plan.at(-1)!)) {
    plan.push({ pauseMs: random.below(pauseMsMax), ...nextKill(victims, random, nextPoint, left) });
  }
  return plan;
}

export function deathsOf(kill: Kill): number {
  if (kill.kind === 'points') return kill.points.length + 1;
  return kill.kind === 'pair' ? 2 : 1;
}

type Act = Kill extends infer Each ? (Each extends Kill ? Omit<Each, 'pauseMs'> : never) : never;

function nextKill(
  { processes, servers }: Victims,
  random: Random,
  nextPoint: (service: string) => string,
  left: number,
): Act {
  const dice = random.below(100);
  if (dice < 20 && left > 1) {
    const service = random.pick(services);
    const length = Math.min(left - 1, 1 + random.below(pointsInRowMax));
    const points = Array.from({ length }, () => ({
      name: nextPoint(service),
      pass: 1 + random.below(passMax),
    }));
    return { kind: 'points', service, points };
  }
  if (dice < 30 && left > 1) {
    return { kind: 'pair', victim: random.pick(processes), server: random.pick(servers) };
  }
  if (dice < 50) return { kind: 'server', victim: random.pick(servers) };
  return { kind: 'process', victim: random.pick(processes) };
}

/** Goes through the places of each service in an order of its own, so that none is left out for long. */
function createRotation(points: Victims['points'], random: Random): (service: string) => string {
  const rest: Record<string, string[]> = {};
  return (service) => {
    if (!rest[service]?.length) rest[service] = [...(points[service] ?? [])];
    const names = rest[service];
    return names.splice(random.below(names.length), 1)[0]!;
  };
}
