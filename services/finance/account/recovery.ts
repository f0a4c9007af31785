/** Does what is left to do for each of these; answers how many were done. Throws when none could be, and there are some. */
export async function recoverAll(
  ids: readonly string[],
  work: (id: string) => Promise<void>,
): Promise<number> {
  const results = await Promise.allSettled(ids.map(work));
  const done = results.filter(({ status }) => status === 'fulfilled').length;
  const failed = results.find((result) => result.status === 'rejected');
  // One that cannot be done must not keep the others; what is away for all of them is told.
  if (done === 0 && failed !== undefined) throw failed.reason;
  return done;
}
