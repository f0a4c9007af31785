import { beforeScrape, workRunning, workWaiting } from './metrics.ts';

/** Something of this process in which work waits for its turn. */
export interface Work {
  readonly waiting: number;
  readonly running: number;
}

/** By name. Whoever uses the work holds it; what nobody holds any more is forgotten with the next scrape. */
const observed = new Map<string, Set<WeakRef<Work>>>();

/**
 * Shows how much waits and how much runs, from the next scrape on; until somebody asks it costs nothing. The name is given
 * by the code, so there are few; those of one name, such as in two services of a process, are added up.
 */
export function observeWork(name: string, work: Work): void {
  const named = observed.get(name) ?? new Set();
  observed.set(name, named.add(new WeakRef(work)));
}

beforeScrape(async () => {
  for (const [work, named] of observed) {
    let waiting = 0;
    let running = 0;
    for (const ref of named) {
      const found = ref.deref();
      if (found === undefined) named.delete(ref);
      waiting += found?.waiting ?? 0;
      running += found?.running ?? 0;
    }
    workWaiting.set({ work }, waiting);
    workRunning.set({ work }, running);
  }
});
