/** Bounds on waiting. The work itself goes on: whoever gives up gives up waiting for it. */

/** Rejects when the work has no outcome after `ms`, with what `why` makes. */
export function within<Result>(
  ms: number,
  work: Promise<Result>,
  why: () => Error = () => new Error('no answer in time'),
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(why()), Math.max(0, ms));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Resolves when the work has, or after `ms` in any case. Rejects as the work does. */
export function atMost(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
