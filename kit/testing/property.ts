/** How a property test runs: so many times, with the seed of `SEED=…` when a failure that printed it is to be repeated. */
export function runs(numRuns: number): { numRuns: number; seed?: number } {
  const seed = process.env.SEED;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
