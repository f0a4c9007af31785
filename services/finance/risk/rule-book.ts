import { createRecent } from '#kit/recent.ts';
import { readCondition } from './condition.ts';
import { compileCondition } from './domain/compile.ts';
import type { ReadyRule, ReadyRuleSet } from './domain/decide.ts';
import type { Evaluate } from './domain/term.ts';
import { limits, type Rule, RuleInvalid, type RuleSet, RuleSetNotFound } from './domain.ts';
import type { RuleSetStore } from './store/rule-sets.ts';

/** Rule sets that can decide. */
export interface RuleBook {
  /** The set of a version, read and compiled when it is not at hand. Throws RuleSetNotFound. */
  of(version: bigint): Promise<ReadyRuleSet>;
}

/** A version never changes, so one that was compiled stays right; a change of one rule compiles one condition. */
export function createRuleBook(store: Pick<RuleSetStore, 'read'>): RuleBook {
  const sets = createRecent<ReadyRuleSet>(limits.ruleSetsKnownMax);
  const conditions = createRecent<Evaluate<boolean>>(limits.conditionsKnownMax);

  function evaluateOf(rule: Rule): Evaluate<boolean> {
    const known = conditions.get(rule.condition);
    if (known !== undefined) return known;
    const evaluate = compileKept(rule);
    conditions.set(rule.condition, evaluate);
    return evaluate;
  }

  return {
    async of(version) {
      const known = sets.get(String(version));
      if (known !== undefined) return known;
      const kept = await store.read(version);
      if (kept === undefined) throw new RuleSetNotFound({ version: String(version) });
      const ready = readySet(kept, evaluateOf);
      sets.set(String(version), ready);
      return ready;
    },
  };
}

/** A rule set as it decides: the rules that are on, in the order in which they are. */
export function readySet(
  { version, mode, rules }: RuleSet,
  evaluateOf: (rule: Rule) => Evaluate<boolean>,
): ReadyRuleSet {
  const ready = rules
    .filter(({ isEnabled }) => isEnabled)
    .map((rule): ReadyRule => {
      const { ruleId, action, explanation } = rule;
      return { ruleId, action, explanation, evaluate: evaluateOf(rule) };
    });
  return { version, mode, rules: ready };
}

/** What was a condition once and is none any more has no value, so its rule denies: it was to be asked. */
function compileKept({ condition }: Rule): Evaluate<boolean> {
  try {
    return compileCondition(readCondition(condition, 'condition'));
  } catch (error) {
    if (error instanceof RuleInvalid) return () => undefined;
    throw error;
  }
}
