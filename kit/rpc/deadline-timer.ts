/**
 * Calls `run` when a deadline (milliseconds since the epoch) has come. A deadline of Infinity, or one further away than
 * the 24 days that a timer reaches, has no timer: `clearTimeout` takes the undefined.
 */
export function onDeadline(deadlineAt: number, run: () => void): NodeJS.Timeout | undefined {
  const leftMs = deadlineAt - Date.now();
  return leftMs > timerMsMax ? undefined : setTimeout(run, leftMs);
}

/** Node runs a timer of more milliseconds than this at once. */
const timerMsMax = 2 ** 31 - 1;
