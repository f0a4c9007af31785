import { sqlState } from './errors.ts';

/** What PostgreSQL says to statements behind one that failed: nothing about themselves. */
const behindFailure = '25P02';

/**
 * Waits for statements of one transaction that were sent together, in one round trip. When one fails, those behind it
 * are refused as well; what is thrown is why the first one failed. (Promise.all throws whichever rejection comes first,
 * and one that was made into a Collision on its way comes last.)
 */
export async function together<Results extends readonly unknown[]>(
  statements: Results,
): Promise<{ -readonly [Index in keyof Results]: Awaited<Results[Index]> }> {
  const settled = await Promise.allSettled(statements);
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (failures.length > 0) {
    throw failures.find((error) => sqlState(error) !== behindFailure) ?? failures[0];
  }
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as never;
}
