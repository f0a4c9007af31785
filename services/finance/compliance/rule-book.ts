import type { RuleSet } from './domain/rules.ts';
import type { RuleStore } from './store/rules.ts';

/** The rule set that was used last, so that it is read once and not with each check. */
export interface RuleBook {
  /** The rule set of a version. */
  of(version: bigint): Promise<RuleSet>;
}

/** A rule set is never altered, so what was read stays true. */
export function createRuleBook(store: Pick<RuleStore, 'read'>): RuleBook {
  let known: RuleSet | undefined;
  return {
    async of(version) {
      if (known?.version === version) return known;
      const read = await store.read(version);
      known = read;
      return read;
    },
  };
}
