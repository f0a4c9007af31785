import { setImmediate as nextTurn } from 'node:timers/promises';
import { createRecent } from '#kit/recent.ts';
import { readCondition } from './condition.ts';
import { compileCondition } from './domain/compile.ts';
import type { ReadyRule, ReadyRuleSet } from './domain/decide.ts';
import type { Evaluate } from './domain/term.ts';
import { limits, type Rule, RuleInvalid, RuleSetNotFound } from './domain.ts';
import type { RuleSetStore } from './store/rule-sets.ts';

/** Rule sets that can decide, and conditions that can be asked. */
export interface RuleBook {
  /** The set of a version, read and compiled when it is not at hand. Throws RuleSetNotFound. */
  of(version: bigint): Promise<ReadyRuleSet>;
  /** A condition as a function; `field` is its path in the request. Throws RuleInvalid. */
  compile(condition: string, field: string): Evaluate<boolean>;
}

/** A version never changes, so one that was compiled stays right; a change of one rule compiles one condition. */
export function createRuleBook(store: Pick<RuleSetStore, 'read'>): RuleBook {
  const sets = createRecent<ReadyRuleSet>(limits.ruleSetsKnownMax);
  const conditions = createRecent<Evaluate<boolean>>(limits.conditionsKnownMax);

  function compile(condition: string, field: string): Evaluate<boolean> {
    const known = conditions.get(condition);
    if (known !== undefined) return known;
    const evaluate = compileCondition(readCondition(condition, field));
    conditions.set(condition, evaluate);
    return evaluate;
  }

  /** What was a condition once and is none any more has no value, so its rule denies: it was to be asked. */
  function compileKept(condition: string): Evaluate<boolean> {
    try {
      return compile(condition, 'condition');
    } catch (error) {
      if (error instanceof RuleInvalid) return () => undefined;
      throw error;
    }
  }

  function toReady({ ruleId, action, explanation, condition }: Rule): ReadyRule {
    return { ruleId, action, explanation, evaluate: compileKept(condition) };
  }

  return {
    async of(version) {
      const known = sets.get(String(version));
      if (known !== undefined) return known;
      const kept = await store.read(version);
      if (kept === undefined) throw new RuleSetNotFound({ version: String(version) });
      const enabled = kept.rules.filter(({ isEnabled }) => isEnabled);
      const ready = { version, mode: kept.mode, rules: await inPieces(enabled, toReady) };
      sets.set(String(version), ready);
      return ready;
    },
    compile,
  };
}

/** Does something to each rule of a set: to compile a thousand at once would keep all calls waiting. */
export async function inPieces<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % limits.compilePieceMax === 0) await nextTurn();
    results.push(work(item, i));
  }
  return results;
}
