import { decide, type ReadyRuleSet } from './domain/decide.ts';
import { decodeInputs } from './domain/variables.ts';
import { type Decision, type Finding, type Judgement, limits } from './domain.ts';
import type { RuleBook } from './rule-book.ts';
import type { DecisionStore, Period } from './store/decisions.ts';

/** By what to decide again: a set, or for each decision the version that made it. */
export type Against = { kind: 'set'; set: ReadyRuleSet } | { kind: 'recorded' };

/** A decision that came out otherwise. */
export interface Difference {
  readonly decision: Decision;
  readonly judgement: Judgement;
}

export interface Backtest {
  readonly examined: number;
  readonly different: number;
  /** The first of them, at most limits.backtestExamplesMax. */
  readonly examples: readonly Difference[];
  /** The last decision that was looked at when there may be more; undefined at the end. */
  readonly last: string | undefined;
}

/** Makes decisions of a period again, at most `limit` from after a decision, by the very function that made them. */
export async function backtest(
  { decisions, ruleBook }: { decisions: DecisionStore; ruleBook: RuleBook },
  against: Against,
  { period, after, limit }: { period: Period; after: string | undefined; limit: number },
): Promise<Backtest> {
  const examples: Difference[] = [];
  let examined = 0;
  let different = 0;
  let last = after;
  while (examined < limit) {
    const pieceMax = Math.min(limits.backtestPieceMax, limit - examined);
    const piece = await decisions.listIn(period, last, pieceMax);
    for (const decision of piece) {
      const set = against.kind === 'set' ? against.set : await ruleBook.of(decision.ruleSetVersion);
      const judgement = decide(set, decodeInputs(decision.inputs));
      if (isSame(decision, judgement)) continue;
      different += 1;
      if (examples.length < limits.backtestExamplesMax) examples.push({ decision, judgement });
    }
    examined += piece.length;
    last = piece.at(-1)?.decisionId ?? last;
    if (piece.length < pieceMax) return { examined, different, examples, last: undefined };
  }
  return { examined, different, examples, last };
}

function isSame(one: Judgement, other: Judgement): boolean {
  if (one.action !== other.action || one.findings.length !== other.findings.length) return false;
  return one.findings.every((finding, i) => isSameFinding(finding, other.findings[i]!));
}

function isSameFinding(one: Finding, other: Finding): boolean {
  return one.action === other.action && one.explanation === other.explanation;
}
