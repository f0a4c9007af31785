/** What each typology looks like in the movements of one account. Pure. */
import { decimalsOf } from '#kit/currency.ts';
import type { Leg, Transaction } from '../domain.ts';
import { amountText, minorOf } from './amounts.ts';
import type { ParametersOf, Rule, RuleTypology } from './rules.ts';
import { type Movement, type MovementList, tagOf } from './window.ts';

/** One side of one leg: an account of a customer, what it did lately, and what it is about to do. */
export interface Side {
  readonly leg: Leg;
  readonly isIncoming: boolean;
  readonly counterpartyId: string;
  readonly transaction: Transaction;
  /** When the account was opened: milliseconds since the epoch. */
  readonly openedAt: number;
  /** What was posted, the oldest first. */
  readonly movements: MovementList;
}

/** What a typology found, in words with figures; undefined when it found nothing. */
type Look<Name extends RuleTypology> = (
  side: Side,
  parameters: ParametersOf<Name>,
  rule: Rule,
) => string | undefined;

const minuteMs = 60_000;
export const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** All but CYCLE, which looks at the movements of more than one account. */
export const looks: { [Name in Exclude<RuleTypology, 'CYCLE'>]: Look<Name> } = {
  STRUCTURING: lookForStructuring,
  RAPID_MOVEMENT: lookForRapidMovement,
  FAN_IN: (side, parameters, rule) =>
    side.isIncoming ? lookForFan(side, parameters, rule) : undefined,
  FAN_OUT: (side, parameters, rule) =>
    side.isIncoming ? undefined : lookForFan(side, parameters, rule),
  DORMANT_ACCOUNT: lookForAwakening,
};

/** Amounts of one direction just below a threshold: whoever splits a sum to stay below a limit that has to be reported. */
function lookForStructuring(
  side: Side,
  { thresholdMajor, bandPercent, countMin, windowHours }: ParametersOf<'STRUCTURING'>,
  rule: Rule,
): string | undefined {
  const { amountMinor, currency } = side.leg;
  const threshold = minorOf(thresholdMajor, currency);
  const floor = threshold - (threshold * BigInt(bandPercent)) / 100n;
  const isJustBelow = (amount: bigint) => amount >= floor && amount < threshold;
  if (!isJustBelow(amountMinor)) return undefined;
  const like = recent(side, rule, windowHours * hourMs).filter(
    (movement) => movement.isIncoming === side.isIncoming && isJustBelow(movement.amountMinor),
  );
  const count = like.length + 1;
  if (count < countMin) return undefined;
  const direction = side.isIncoming ? 'incoming' : 'outgoing';
  const highest = amountText(threshold - 1n, currency);
  return `${count} ${direction} amounts between ${amountText(floor, currency)} and ${highest} ${currency} within ${windowHours} h`;
}

/** What comes in leaves again at once: an account that is lent to launderers. */
function lookForRapidMovement(
  side: Side,
  parameters: ParametersOf<'RAPID_MOVEMENT'>,
  rule: Rule,
): string | undefined {
  if (side.isIncoming) return undefined;
  const { totalMajorMin, percentMin, windowMinutes, countMin } = parameters;
  const { amountMinor, currency } = side.leg;
  let comeIn = 0n;
  let left = amountMinor;
  let count = 1;
  for (const movement of recent(side, rule, windowMinutes * minuteMs)) {
    if (movement.isIncoming) {
      comeIn += movement.amountMinor;
    } else {
      left += movement.amountMinor;
      count += 1;
    }
  }
  if (comeIn < minorOf(totalMajorMin, currency) || count < countMin) return undefined;
  if (left * 100n < comeIn * BigInt(percentMin)) return undefined;
  return `${amountText(comeIn, currency)} ${currency} came in and ${amountText(left, currency)} left in ${count} movements within ${windowMinutes} min`;
}

/** Many others pay the account, or are paid by it. */
function lookForFan(
  side: Side,
  { counterpartiesMin, totalMajorMin, windowHours }: ParametersOf<'FAN_IN' | 'FAN_OUT'>,
  rule: Rule,
): string | undefined {
  if (!isBetweenPeople(side.transaction, rule)) return undefined;
  const { amountMinor, currency } = side.leg;
  const like = recent(side, rule, windowHours * hourMs).filter(
    (movement) => movement.isIncoming === side.isIncoming && isBetweenPeople(movement, rule),
  );
  if (like.length + 1 < counterpartiesMin) return undefined;
  const total = like.reduce((sum, movement) => sum + movement.amountMinor, amountMinor);
  if (total < minorOf(totalMajorMin, currency)) return undefined;
  // Last: to read who they were takes longer than all the rest.
  const others = new Set(like.map(({ counterpartyId }) => counterpartyId));
  others.add(side.counterpartyId);
  if (others.size < counterpartiesMin) return undefined;
  const who = side.isIncoming ? 'accounts paid in' : 'accounts were paid';
  return `${others.size} ${who} ${amountText(total, currency)} ${currency} within ${windowHours} h`;
}

/** Nothing moved for long, and now much does: an account that was taken over or sold. */
function lookForAwakening(
  side: Side,
  { dormantDays, amountMajorMin }: ParametersOf<'DORMANT_ACCOUNT'>,
): string | undefined {
  const { amountMinor, currency } = side.leg;
  if (amountMinor < minorOf(amountMajorMin, currency)) return undefined;
  const { movements, openedAt, transaction } = side;
  const tag = tagOf(transaction.transactionId);
  let last = movements.length - 1;
  while (last >= 0 && movements.at(last)!.transactionTag === tag) last -= 1;
  const usedAt = movements.at(last)?.at ?? openedAt;
  const days = Math.floor((transaction.at - usedAt) / dayMs);
  if (days < dormantDays) return undefined;
  return `${amountText(amountMinor, currency)} ${currency} after ${days} days without a movement`;
}

/** Whether a rule counts a movement, or a transaction: not what services do, and payments only where it says so. */
export function counts({ type }: { type: Transaction['type'] }, { spec }: Rule): boolean {
  return type !== 'PAYMENT' || spec.includesPayments;
}

/** A fan has people at both ends: cash at a desk comes from one account, whoever brings it. */
function isBetweenPeople({ type }: { type: Transaction['type'] }, rule: Rule): boolean {
  return (type === 'TRANSFER' || type === 'PAYMENT') && counts({ type }, rule);
}

/** The movements within a time that the rule counts, but for those of the transaction itself; the newest first. */
export function recent(
  { movements, transaction }: Pick<Side, 'movements' | 'transaction'>,
  rule: Rule,
  windowMs: number,
): Movement[] {
  const since = transaction.at - windowMs;
  const tag = tagOf(transaction.transactionId);
  const found: Movement[] = [];
  for (let i = movements.length - 1; i >= 0; i -= 1) {
    const movement = movements.at(i)!;
    if (movement.at <= since) break;
    if (movement.isOwn || movement.isByService || !counts(movement, rule)) continue;
    if (movement.transactionTag !== tag) found.push(movement);
  }
  return found;
}

/** Whether a rule is for a currency, which must be one that is known. */
export function isFor({ spec }: Rule, currency: string): boolean {
  if (decimalsOf(currency) === undefined) return false;
  return spec.currencyCodes.length === 0 || spec.currencyCodes.includes(currency);
}
