/** Money that comes back to where it began, through accounts that may be anybody's. Pure. */
import { type Leg, limits, type Transaction } from '../domain.ts';
import { amountText } from './amounts.ts';
import type { ParametersOf, Rule } from './rules.ts';
import { counts, hourMs } from './typologies.ts';
import { arrayOf, type Movement, type MovementList, tagOf } from './window.ts';

/** The movements of accounts, as far as they were read. */
export type Movements = ReadonlyMap<string, MovementList>;

/** A leg that may close a cycle: a way back is looked for, from its destination to its source. */
export interface CycleSearch {
  readonly leg: Leg;
  readonly transaction: Transaction;
  readonly rule: Rule;
  readonly ownerId: string;
  readonly parameters: ParametersOf<'CYCLE'>;
}

/** One transfer of a way. */
interface Step {
  readonly from: string;
  readonly to: string;
  readonly at: number;
}

/**
 * Whether a search is worth its reads: money of about this amount left the destination lately, and came to the source.
 * Both accounts must have been read.
 */
export function mayClose(search: CycleSearch, known: Movements): boolean {
  const began = outgoing(search, known, search.leg.destination.accountId);
  return began.length > 0 && stepsTo(search, known).length > 0;
}

/** How many steps a search reads ahead: of a way back, this transfer and the last one are known without. */
export const depthMax = limits.cycleLengthMax - 3;

/**
 * The accounts so many steps from the destination whose movements are needed to go on, at most limits.cycleAccountsMax;
 * none when all were read.
 */
export function missing(search: CycleSearch, known: Movements, depth: number): string[] {
  const wanted = new Set<string>();
  let reached = [search.leg.destination.accountId];
  for (let i = 0; i < depth; i += 1) {
    const steps = reached.flatMap((id) => outgoing(search, known, id));
    reached = [...new Set(steps.map(({ to }) => to))].slice(0, limits.cycleAccountsMax);
    for (const id of reached) wanted.add(id);
  }
  wanted.delete(search.leg.source.accountId);
  return [...wanted].filter((id) => !known.has(id)).slice(0, limits.cycleAccountsMax);
}

/** What was found, in words with figures; undefined when there is no way back among what was read. */
export function lookForCycle(search: CycleSearch, known: Movements): string | undefined {
  const { leg, parameters } = search;
  const way = findWay(search, known);
  if (way === undefined) return undefined;
  const { amountMinor, currency } = leg;
  return `about ${amountText(amountMinor, currency)} ${currency} came back through ${way.length + 1} transfers within ${parameters.windowHours} h`;
}

/** A way from the destination to the source on which time does not go back, found step by step within bounds. */
function findWay(search: CycleSearch, known: Movements): Step[] | undefined {
  const { source, destination } = search.leg;
  const last = new Map<string, Step[]>();
  for (const step of stepsTo(search, known)) {
    last.set(step.from, [...(last.get(step.from) ?? []), step]);
  }
  const seen = new Set([destination.accountId]);
  let left: number = limits.cycleStepsMax;

  function follow(at: string, since: number, way: Step[]): Step[] | undefined {
    // Whoever gives back what they were given has borrowed it: a cycle has three parties at least.
    const closing = way.length > 0 && last.get(at)?.find((step) => step.at >= since);
    if (closing) return [...way, closing];
    // One transfer closes the way, and this one the cycle.
    if (way.length + 2 >= limits.cycleLengthMax) return undefined;
    for (const step of outgoing(search, known, at)) {
      left -= 1;
      if (left < 0) return undefined;
      if (step.at < since || step.to === source.accountId || seen.has(step.to)) continue;
      seen.add(step.to);
      const found = follow(step.to, step.at, [...way, step]);
      if (found !== undefined) return found;
      seen.delete(step.to);
    }
    return undefined;
  }
  return follow(destination.accountId, 0, []);
}

/** The transfers that brought such an amount to where it is about to leave from. */
function stepsTo(search: CycleSearch, known: Movements): Step[] {
  const to = search.leg.source.accountId;
  return like(search, known.get(to))
    .filter(({ isIncoming }) => isIncoming)
    .map(({ counterpartyId, at }) => ({ from: counterpartyId, to, at }));
}

function outgoing(search: CycleSearch, known: Movements, from: string): Step[] {
  return like(search, known.get(from))
    .filter(({ isIncoming }) => !isIncoming)
    .map(({ counterpartyId, at }) => ({ from, to: counterpartyId, at }));
}

/** Transfers of about the amount, within the time. */
function like(search: CycleSearch, movements: MovementList = []): Movement[] {
  const { leg, transaction, rule, parameters } = search;
  const tolerance = (leg.amountMinor * BigInt(parameters.tolerancePercent)) / 100n;
  const since = transaction.at - parameters.windowHours * hourMs;
  const tag = tagOf(transaction.transactionId);
  return arrayOf(movements).filter(
    (movement) =>
      movement.at > since &&
      movement.at <= transaction.at &&
      (movement.type === 'TRANSFER' || movement.type === 'PAYMENT') &&
      counts(movement, rule) &&
      !movement.isByService &&
      movement.transactionTag !== tag &&
      movement.amountMinor >= leg.amountMinor - tolerance &&
      movement.amountMinor <= leg.amountMinor + tolerance,
  );
}
