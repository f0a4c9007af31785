/** All that a condition can ask for: names, types, and what they stand for. Pure. */
import { type Facts, FactsOutOfRange, int64Max, type Leg, type Party } from '../domain.ts';
import { type Count, windows } from './usage.ts';

export type Value = bigint | string | boolean;

export type Type = 'integer' | 'text' | 'truth';

/** The values of all variables, in their order. */
export type Inputs = readonly Value[];

/** What there is in each window of the first leg's subjects, this transaction included. */
export interface Velocity {
  readonly account: readonly Count[];
  readonly person: readonly Count[];
  readonly counterparty: readonly Count[];
}

/** Where a system's account is debited. */
export const noVelocity: Velocity = (() => {
  const none = windows.map(() => ({ count: 0, sum: 0n }));
  return { account: none, person: none, counterparty: none };
})();

interface Known {
  readonly facts: Facts;
  readonly first: Leg;
  readonly velocity: Velocity;
}

export interface Variable {
  /** "transaction.amount_minor" */
  readonly name: string;
  readonly type: Type;
  of(known: Known): Value;
}

const daySeconds = 86_400n;

/**
 * The variables in the order in which decisions keep their values. New ones are added behind the last, and none is moved
 * or removed: it would change what past decisions say.
 */
export const variables: readonly Variable[] = [
  text('transaction.type', ({ facts }) => facts.type),
  integer('transaction.amount_minor', ({ first }) => first.amountMinor),
  integer('transaction.total_minor', ({ facts }) => totalMinor(facts)),
  text('transaction.currency', ({ first }) => first.currency),
  integer('transaction.minor_per_unit', ({ facts }) => facts.minorPerUnit),
  integer('transaction.leg_count', ({ facts }) => BigInt(facts.legs.length)),
  truth('transaction.is_authorization', ({ facts }) => facts.isAuthorization),
  truth('transaction.is_by_service', ({ facts }) => facts.initiatorId === ''),
  text('transaction.initiator_id', ({ facts }) => facts.initiatorId),
  truth('transaction.is_by_owner', ({ facts, first }) => isPerson(first, facts.initiatorId)),
  truth('transaction.is_same_owner', ({ first }) => isPerson(first, first.destination.ownerId)),
  integer('transaction.hour', ({ facts }) => modulo(facts.requestedAt, daySeconds) / 3_600n),
  // 1 January 1970 was a Thursday.
  integer(
    'transaction.weekday',
    ({ facts }) => modulo(floorDivide(facts.requestedAt, daySeconds) + 3n, 7n) + 1n,
  ),
  ...ofParty('source', ({ source }) => source),
  ...ofParty('destination', ({ destination }) => destination),
  ...ofVelocity('account'),
  ...ofVelocity('person'),
  ...ofVelocity('counterparty'),
];

/** The place of each variable, by its name. */
export const variableIndexes: ReadonlyMap<string, number> = new Map(
  variables.map(({ name }, index) => [name, index]),
);

function text(name: string, of: (known: Known) => string): Variable {
  return { name, type: 'text', of };
}

function integer(name: string, of: (known: Known) => bigint): Variable {
  return { name, type: 'integer', of };
}

function truth(name: string, of: (known: Known) => boolean): Variable {
  return { name, type: 'truth', of };
}

function ofParty(side: string, party: (leg: Leg) => Party): Variable[] {
  return [
    text(`${side}.account_id`, ({ first }) => party(first).accountId),
    text(`${side}.owner_id`, ({ first }) => party(first).ownerId),
    text(`${side}.account_type`, ({ first }) => party(first).accountType),
    truth(`${side}.is_system`, ({ first }) => party(first).ownerId === ''),
    integer(`${side}.age_seconds`, ({ facts, first }) => ageSeconds(facts, party(first))),
  ];
}

function ofVelocity(subject: keyof Velocity): Variable[] {
  const measures = windows.map(({ name }, i) => [
    integer(`velocity.${subject}.count_${name}`, ({ velocity }) =>
      BigInt(velocity[subject][i]!.count),
    ),
    integer(`velocity.${subject}.sum_${name}`, ({ velocity }) => velocity[subject][i]!.sum),
  ]);
  return measures.flat();
}

/** What the source account is debited with in all. Throws FactsOutOfRange past 64 bits. */
function totalMinor({ transactionId, legs }: Facts): bigint {
  const [first] = legs;
  let total = 0n;
  for (const { source, amountMinor } of legs) {
    if (source.accountId === first.source.accountId) total += amountMinor;
  }
  if (total <= int64Max) return total;
  throw new FactsOutOfRange({ transaction_id: transactionId, field: 'legs' });
}

/** Whether the source account belongs to this person: the system is nobody. */
function isPerson({ source }: Leg, userId: string): boolean {
  return source.ownerId !== '' && source.ownerId === userId;
}

/** An account that is younger than the request, as clocks may differ, is as old as nothing. */
function ageSeconds({ transactionId, requestedAt }: Facts, { ownerId, openedAt }: Party): bigint {
  if (ownerId === '') return 0n;
  const age = requestedAt - openedAt;
  if (age > int64Max) {
    throw new FactsOutOfRange({ transaction_id: transactionId, field: 'open_time' });
  }
  return age < 0n ? 0n : age;
}

function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}

function floorDivide(value: bigint, by: bigint): bigint {
  return (value - modulo(value, by)) / by;
}

/** The values of all variables for one transaction. Throws FactsOutOfRange. */
export function inputsOf(facts: Facts, velocity: Velocity): Inputs {
  const known = { facts, first: facts.legs[0], velocity };
  return variables.map((variable) => variable.of(known));
}

const separator = '/';

/** Inputs as they are kept: names are left out, and ids, codes and numbers have no slash in them. */
export function encodeInputs(inputs: Inputs): string {
  return inputs.join(separator);
}

/** Inputs as a decision kept them, which may be of a time with fewer variables: no rule then asked for more. */
export function decodeInputs(kept: string): Inputs {
  return kept.split(separator).map((value, i): Value => {
    const { type } = variables[i]!;
    if (type === 'integer') return BigInt(value);
    return type === 'truth' ? value === 'true' : value;
  });
}
