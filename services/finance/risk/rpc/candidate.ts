import type {
  BacktestRulesRequest,
  BacktestRulesRequest_Candidate,
} from '#gen/finance/risk/v1/risk_pb.ts';
import type { Against } from '../backtest.ts';
import type { ReadyRuleSet } from '../domain/decide.ts';
import { actionOfProto, modeOfProto } from '../proto.ts';
import { inPieces, type RuleBook } from '../rule-book.ts';

/** By what a backtest is to decide. Throws RuleInvalid and RuleSetNotFound. */
export async function againstOf(
  { ruleSet }: BacktestRulesRequest,
  ruleBook: RuleBook,
): Promise<Against> {
  switch (ruleSet.case) {
    case 'candidate':
      return { kind: 'set', set: await readyCandidate(ruleSet.value, ruleBook) };
    case 'version':
      return { kind: 'set', set: await ruleBook.of(ruleSet.value) };
    default:
      return { kind: 'recorded' };
  }
}

/** The rules have no ids yet; their places in the request stand for them. */
async function readyCandidate(
  { mode, rules }: BacktestRulesRequest_Candidate,
  ruleBook: RuleBook,
): Promise<ReadyRuleSet> {
  const all = await inPieces(
    rules,
    ({ condition, action, explanation, priority, isEnabled }, i) => ({
      ruleId: String(i),
      action: actionOfProto(action),
      explanation,
      priority,
      isEnabled,
      evaluate: ruleBook.compile(condition, `candidate.rules[${i}].condition`),
    }),
  );
  const ready = all
    .filter(({ isEnabled }) => isEnabled)
    // Stable: those of the same priority stay as they were named.
    .sort((a, b) => a.priority - b.priority);
  return { version: 0n, mode: modeOfProto(mode), rules: ready };
}
