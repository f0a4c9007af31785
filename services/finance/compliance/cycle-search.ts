import { type CycleSearch, depthMax, mayClose, missing } from './domain/cycles.ts';
import { cycleFinding } from './domain/decide.ts';
import type { MovementList } from './domain/window.ts';
import type { Finding } from './domain.ts';

/** What a search for a cycle has found. */
export interface FoundCycle {
  readonly search: CycleSearch;
  readonly finding: Finding;
}

/**
 * Looks for cycles, many at once: what they have to read they read together, a few steps from account to account. `known`
 * has the movements of all accounts that the transactions name, and is filled with what was read. Most transactions end no
 * cycle by what is known, and cost nothing.
 */
export async function searchCycles(
  searches: readonly CycleSearch[],
  known: Map<string, MovementList>,
  read: (accountIds: string[]) => Promise<ReadonlyMap<string, { movements: MovementList }>>,
): Promise<FoundCycle[]> {
  const hopeful = searches.filter((search) => mayClose(search, known));
  for (let depth = 1; depth <= depthMax && hopeful.length > 0; depth += 1) {
    const wanted = new Set(hopeful.flatMap((search) => missing(search, known, depth)));
    if (wanted.size === 0) continue;
    const windows = await read([...wanted]);
    for (const accountId of wanted) known.set(accountId, windows.get(accountId)?.movements ?? []);
  }
  return hopeful.flatMap((search) => {
    const finding = cycleFinding(search, known);
    return finding === undefined ? [] : [{ search, finding }];
  });
}
