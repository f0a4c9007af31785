/** Many calls at once, and what came of them. */

/** Makes `count` calls at once; none keeps the others. */
export function times<Result>(count: number, work: (i: number) => Promise<Result>) {
  return Promise.allSettled(Array.from({ length: count }, (_, i) => work(i)));
}

/** How often calls ended in which way: "done", or the reason of the refusal. */
export function tally(results: readonly PromiseSettledResult<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const outcome = result.status === 'fulfilled' ? 'done' : result.reason.reason;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}
