/** Rules, and how a rule set changes. Pure. */
import { decimalsOf } from '#kit/currency.ts';
import { type Action, limits, type Typology } from '../domain.ts';
import {
  RuleChanged,
  RuleNotFound,
  TooManyRules,
  TypologyFixed,
  UnknownCurrency,
} from './refusals.ts';

/** The typologies that rules look for. */
export type RuleTypology = Exclude<Typology, 'SANCTIONS'>;

/** What each typology is measured by. Amounts are whole units of the currency of the transaction. */
export type Parameters =
  | {
      readonly typology: 'STRUCTURING';
      readonly thresholdMajor: bigint;
      readonly bandPercent: number;
      readonly countMin: number;
      readonly windowHours: number;
    }
  | {
      readonly typology: 'RAPID_MOVEMENT';
      readonly totalMajorMin: bigint;
      readonly percentMin: number;
      readonly windowMinutes: number;
      readonly countMin: number;
    }
  | {
      readonly typology: 'FAN_IN' | 'FAN_OUT';
      readonly counterpartiesMin: number;
      readonly totalMajorMin: bigint;
      readonly windowHours: number;
    }
  | {
      readonly typology: 'CYCLE';
      readonly amountMajorMin: bigint;
      readonly tolerancePercent: number;
      readonly windowHours: number;
    }
  | {
      readonly typology: 'DORMANT_ACCOUNT';
      readonly dormantDays: number;
      readonly amountMajorMin: bigint;
    };

/** The parameters of one typology. */
export type ParametersOf<Name extends RuleTypology> = Extract<Parameters, { typology: Name }>;

/** What a rule looks for and what it demands. */
export interface RuleSpec {
  readonly name: string;
  /** ALLOW stops nothing: a case is opened once the transaction is posted. */
  readonly action: Action;
  readonly isEnabled: boolean;
  /** None means all. */
  readonly currencyCodes: readonly string[];
  readonly includesPayments: boolean;
  readonly parameters: Parameters;
}

export interface Rule {
  readonly ruleId: string;
  readonly spec: RuleSpec;
  /** Of the rule set with which it came to be as it is. */
  readonly version: bigint;
  /** Who made it so; empty for a rule that the service began with. */
  readonly staffId: string;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** All rules of one version, in the order in which they were made. It is never altered. */
export interface RuleSet {
  readonly version: bigint;
  readonly rules: readonly Rule[];
}

/** Who changes a rule, and when. */
export interface Change {
  readonly staffId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The next rule set, with one rule more. Throws TooManyRules and UnknownCurrency. */
export function addRule(set: RuleSet, ruleId: string, spec: RuleSpec, change: Change): RuleSet {
  if (set.rules.length >= limits.rulesMax) {
    throw new TooManyRules({ limit: String(limits.rulesMax) });
  }
  checkCurrencies(spec);
  const version = set.version + 1n;
  return { version, rules: [...set.rules, changed({ ruleId, spec, version }, change)] };
}

/**
 * The next rule set, with one rule changed. `version` is the rule's as whoever changes it has read it; 0n changes whatever
 * is there. Throws RuleNotFound, RuleChanged, TypologyFixed and UnknownCurrency.
 */
export function updateRule(
  set: RuleSet,
  { ruleId, spec, version }: { ruleId: string; spec: RuleSpec; version: bigint },
  change: Change,
): RuleSet {
  const present = ruleOf(set, ruleId);
  if (version !== 0n && version !== present.version) {
    throw new RuleChanged({ rule_id: ruleId, version: String(present.version) });
  }
  const { typology } = present.spec.parameters;
  if (spec.parameters.typology !== typology) {
    throw new TypologyFixed({ rule_id: ruleId, typology });
  }
  checkCurrencies(spec);
  const next = changed({ ruleId, spec, version: set.version + 1n }, change);
  return {
    version: next.version,
    rules: set.rules.map((rule) => (rule.ruleId === ruleId ? next : rule)),
  };
}

/** The next rule set, without one rule. Throws RuleNotFound. */
export function deleteRule(set: RuleSet, ruleId: string): RuleSet {
  const gone = ruleOf(set, ruleId);
  return { version: set.version + 1n, rules: set.rules.filter((rule) => rule !== gone) };
}

/** Throws RuleNotFound. */
export function ruleOf(set: RuleSet, ruleId: string): Rule {
  const found = set.rules.find((rule) => rule.ruleId === ruleId);
  if (found === undefined) throw new RuleNotFound({ rule_id: ruleId });
  return found;
}

function changed(rule: Pick<Rule, 'ruleId' | 'spec' | 'version'>, { staffId, now }: Change): Rule {
  return { ...rule, staffId, updatedAt: now };
}

function checkCurrencies({ currencyCodes }: RuleSpec): void {
  const unknown = currencyCodes.find((code) => decimalsOf(code) === undefined);
  if (unknown !== undefined) throw new UnknownCurrency({ currency_code: unknown });
}
