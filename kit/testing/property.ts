import { randomInt } from 'node:crypto';
import { onTestFailed } from 'vitest';

/** How a property test runs: so many times, with the seed of `SEED=…` when a failure that printed it is to be repeated. */
export function runs(numRuns: number): { numRuns: number; seed?: number } {
  const seed = process.env.SEED;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}

/** The seed of chance that is no property's: that of `SEED=…`, or a new one. Tests that use it call `printSeed`. */
export function chooseSeed(): number {
  return process.env.SEED === undefined ? randomInt(2 ** 31) : Number(process.env.SEED);
}

/** Says on failure how to have the same chance again. */
export function printSeed(seed: number): void {
  onTestFailed(({ task }) => {
    process.stderr.write(`${task.name}\n  has failed with SEED=${seed}\n`);
  });
}
