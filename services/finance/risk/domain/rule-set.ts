/** How one version of the rules follows from another. Pure. */
import {
  limits,
  type Rule,
  type RuleContent,
  RuleNotFound,
  type RuleSet,
  TooManyRules,
} from '../domain.ts';

/** The rules of a set in the order in which they are asked. */
export function inOrder(rules: readonly Rule[]): Rule[] {
  return rules.toSorted((a, b) => a.priority - b.priority || (a.ruleId < b.ruleId ? -1 : 1));
}

/** Throws RuleNotFound. */
export function ruleOf({ rules }: RuleSet, ruleId: string): Rule {
  const found = rules.find((rule) => rule.ruleId === ruleId);
  if (found === undefined) throw new RuleNotFound({ rule_id: ruleId });
  return found;
}

/** Throws TooManyRules. */
export function withRule(set: RuleSet, ruleId: string, content: RuleContent): RuleSet {
  if (set.rules.length >= limits.rulesMax) {
    throw new TooManyRules({ limit: String(limits.rulesMax) });
  }
  const ruleSetVersion = set.version + 1n;
  return next(set, { rules: inOrder([...set.rules, { ...content, ruleId, ruleSetVersion }]) });
}

/** Throws RuleNotFound. */
export function withChangedRule(set: RuleSet, ruleId: string, content: RuleContent): RuleSet {
  const former = ruleOf(set, ruleId);
  const changed: Rule = { ...content, ruleId, ruleSetVersion: set.version + 1n };
  return next(set, {
    rules: inOrder(set.rules.map((rule) => (rule === former ? changed : rule))),
  });
}

/** Throws RuleNotFound. */
export function withoutRule(set: RuleSet, ruleId: string): RuleSet {
  const former = ruleOf(set, ruleId);
  return next(set, { rules: set.rules.filter((rule) => rule !== former) });
}

export function withMode(set: RuleSet, mode: RuleSet['mode']): RuleSet {
  return next(set, { mode });
}

function next(set: RuleSet, change: Partial<RuleSet>): RuleSet {
  return { ...set, ...change, version: set.version + 1n };
}
