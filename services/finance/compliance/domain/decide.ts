/** What speaks against a transaction. Pure: the same function decides before the posting and looks again after it. */
import {
  type Action,
  type Finding,
  graver,
  type Leg,
  limits,
  type Party,
  type Standing,
  type Transaction,
} from '../domain.ts';
import { minorOf } from './amounts.ts';
import { type CycleSearch, lookForCycle, type Movements } from './cycles.ts';
import type { Parameters, Rule } from './rules.ts';
import { counts, isFor, looks, type Side } from './typologies.ts';
import type { MovementList } from './window.ts';

/** What is kept of one account. */
export interface AccountWindow {
  readonly accountId: string;
  readonly ownerId: string;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  /** The oldest first. */
  readonly movements: MovementList;
}

/** What accounts did lately, by their ids. */
export type Windows = ReadonlyMap<string, Pick<AccountWindow, 'movements'>>;

/** Stand for a rule in findings that come of what stands against a customer. */
export const sanctionsRuleId = 'sanctions';
export const blockedRuleId = 'blocked';

/** What the rules find in a transaction, cycles excepted. What services do by themselves is nobody's behaviour. */
export function findingsOf(
  transaction: Transaction,
  rules: readonly Rule[],
  windows: Windows,
): Finding[] {
  if (transaction.initiatorId === '') return [];
  const findings: Finding[] = [];
  for (const leg of transaction.legs) {
    if (isOwn(leg)) continue;
    const asked = rules.filter((rule) => isAsked(rule, transaction, leg));
    if (asked.length === 0) continue;
    for (const side of sidesOf(leg, transaction, windows)) {
      for (const rule of asked) {
        const explanation = look(side, rule);
        if (explanation !== undefined) findings.push(findingOf(rule, side, explanation));
      }
    }
  }
  return findings;
}

function isAsked(rule: Rule, transaction: Transaction, { currency }: Leg): boolean {
  return rule.spec.isEnabled && counts(transaction, rule) && isFor(rule, currency);
}

/** The cycles that a transaction may close: most are too small for any. */
export function cyclesOf(transaction: Transaction, rules: readonly Rule[]): CycleSearch[] {
  if (transaction.initiatorId === '') return [];
  const searches: CycleSearch[] = [];
  for (const rule of rules) {
    const { parameters } = rule.spec;
    if (parameters.typology !== 'CYCLE') continue;
    for (const leg of transaction.legs) {
      const { ownerId } = leg.source;
      if (ownerId === '' || leg.destination.ownerId === '' || isOwn(leg)) continue;
      if (leg.amountMinor < minorOf(parameters.amountMajorMin, leg.currency)) continue;
      if (!isAsked(rule, transaction, leg)) continue;
      searches.push({ leg, transaction, rule, ownerId, parameters });
    }
  }
  return searches;
}

/** What a search for a cycle has found; undefined when nothing. */
export function cycleFinding(search: CycleSearch, known: Movements): Finding | undefined {
  const explanation = lookForCycle(search, known);
  if (explanation === undefined) return undefined;
  const { rule, leg, ownerId } = search;
  return findingOf(rule, { leg, ownerId }, explanation);
}

/** What stands against the customers of a transaction, whatever the rules say. */
export function standingsOf(
  transaction: Transaction,
  standings: ReadonlyMap<string, Standing>,
): Finding[] {
  if (standings.size === 0) return [];
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const leg of transaction.legs) {
    for (const { ownerId } of [leg.source, leg.destination]) {
      const standing = standings.get(ownerId);
      if (standing === undefined || seen.has(ownerId)) continue;
      seen.add(ownerId);
      const { amountMinor, currency } = leg;
      const finding = { ownerId, amountMinor, currency };
      if (standing.blockingCaseId !== undefined) {
        const explanation = `case ${standing.blockingCaseId} blocks the customer`;
        const blocked = { ruleId: blockedRuleId, typology: undefined, explanation };
        findings.push({ ...finding, ...blocked, action: 'DENY' });
      }
      if (standing.match !== 'ALLOW') {
        const explanation = 'the customer’s name is like one of the sanctions list';
        const matched = { ruleId: sanctionsRuleId, typology: 'SANCTIONS' as const, explanation };
        findings.push({ ...finding, ...matched, action: standing.match });
      }
    }
  }
  return findings;
}

/** Those that stop a transaction, the gravest first; at most limits.findingsMax. */
export function stopping(findings: readonly Finding[]): Finding[] {
  return findings
    .filter(({ action }) => action !== 'ALLOW')
    .sort((one, other) => Number(other.action === 'DENY') - Number(one.action === 'DENY'))
    .slice(0, limits.findingsMax);
}

/** The gravest of what findings demand. */
export function gravestOf(findings: readonly Finding[]): Action {
  return findings.map(({ action }) => action).reduce(graver, 'ALLOW');
}

/** Between accounts of one customer: money that is moved about at home. */
export function isOwn({ source, destination }: Leg): boolean {
  return source.ownerId !== '' && source.ownerId === destination.ownerId;
}

function sidesOf(leg: Leg, transaction: Transaction, windows: Windows): (Side & Owned)[] {
  const side = (party: Party, other: Party, isIncoming: boolean): (Side & Owned)[] => {
    if (party.ownerId === '') return [];
    const movements = windows.get(party.accountId)?.movements ?? [];
    const { ownerId, openedAt } = party;
    const counterpartyId = other.accountId;
    return [{ leg, isIncoming, counterpartyId, transaction, openedAt, movements, ownerId }];
  };
  return [...side(leg.source, leg.destination, false), ...side(leg.destination, leg.source, true)];
}

interface Owned {
  readonly ownerId: string;
}

function look(side: Side, rule: Rule): string | undefined {
  const { parameters } = rule.spec;
  if (parameters.typology === 'CYCLE') return undefined;
  // The table has the function for each typology; the compiler does not follow that the two go together.
  const found = looks[parameters.typology] as (
    side: Side,
    parameters: Parameters,
    rule: Rule,
  ) => string | undefined;
  return found(side, parameters, rule);
}

function findingOf(rule: Rule, { leg, ownerId }: Owned & { leg: Leg }, explanation: string) {
  return {
    ruleId: rule.ruleId,
    typology: rule.spec.parameters.typology,
    action: rule.spec.action,
    ownerId,
    explanation,
    amountMinor: leg.amountMinor,
    currency: leg.currency,
  };
}
