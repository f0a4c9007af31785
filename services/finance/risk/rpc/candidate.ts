import type {
  BacktestRulesRequest,
  BacktestRulesRequest_Candidate,
} from '#gen/finance/risk/v1/risk_pb.ts';
import type { Against } from '../backtest.ts';
import { readCondition } from '../condition.ts';
import { compileCondition } from '../domain/compile.ts';
import type { ReadyRuleSet } from '../domain/decide.ts';
import { actionOfProto, modeOfProto } from '../proto.ts';
import type { RuleBook } from '../rule-book.ts';

/** By what a backtest is to decide. Throws RuleInvalid and RuleSetNotFound. */
export async function againstOf(
  { ruleSet }: BacktestRulesRequest,
  ruleBook: RuleBook,
): Promise<Against> {
  switch (ruleSet.case) {
    case 'candidate':
      return { kind: 'set', set: readyCandidate(ruleSet.value) };
    case 'version':
      return { kind: 'set', set: await ruleBook.of(ruleSet.value) };
    default:
      return { kind: 'recorded' };
  }
}

/** The rules have no ids yet; their places in the request stand for them. */
function readyCandidate({ mode, rules }: BacktestRulesRequest_Candidate): ReadyRuleSet {
  const ready = rules
    .map(({ condition, action, explanation, priority, isEnabled }, i) => ({
      ruleId: String(i),
      action: actionOfProto(action),
      explanation,
      priority,
      isEnabled,
      evaluate: compileCondition(readCondition(condition, `candidate.rules[${i}].condition`)),
    }))
    .filter(({ isEnabled }) => isEnabled)
    // Stable: those of the same priority stay as they were named.
    .sort((a, b) => a.priority - b.priority);
  return { version: 0n, mode: modeOfProto(mode), rules: ready };
}
