/** What a rule set says of a transaction: the same function live and in a backtest. Pure. */
import { type Action, type Finding, type Judgement, limits, type RuleSetMode } from '../domain.ts';
import type { Evaluate } from './term.ts';
import type { Inputs } from './variables.ts';

/** A rule that is on, ready to be asked. */
export interface ReadyRule {
  readonly ruleId: string;
  readonly action: Action;
  readonly explanation: string;
  readonly evaluate: Evaluate<boolean>;
}

/** A rule set, ready to decide: the rules that are on, in their order. */
export interface ReadyRuleSet {
  readonly version: bigint;
  readonly mode: RuleSetMode;
  readonly rules: readonly ReadyRule[];
}

const nothingFound: Judgement = { action: 'ALLOW', findings: [] };

const gravity: Record<Action, number> = { DENY: 0, REVIEW: 1, ALLOW: 2 };

/** Asks the rules. One that cannot be evaluated denies: nobody knows what it would have said. */
export function decide({ mode, rules }: ReadyRuleSet, inputs: Inputs): Judgement {
  const findings: Finding[] = [];
  for (const rule of rules) {
    const matches = rule.evaluate(inputs);
    if (matches === false) continue;
    findings.push(matches === true ? findingOf(rule) : failureOf(rule));
    if (mode === 'FIRST_MATCH') break;
  }
  return findings.length === 0 ? nothingFound : judge(findings);
}

function findingOf({ ruleId, action, explanation }: ReadyRule): Finding {
  return { ruleId, action, explanation };
}

function failureOf({ ruleId }: ReadyRule): Finding {
  const explanation = 'Its condition cannot be evaluated: a number ran over, or was divided by 0.';
  return { ruleId, action: 'DENY', explanation };
}

function judge(matched: readonly Finding[]): Judgement {
  const findings = matched
    .filter(({ action }) => action !== 'ALLOW')
    // Stable: of the same gravity the one that is asked first comes first.
    .sort((a, b) => gravity[a.action] - gravity[b.action])
    .slice(0, limits.findingsMax);
  return { action: findings[0]?.action ?? 'ALLOW', findings };
}
