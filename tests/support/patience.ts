import { RpcError } from '#kit/errors.ts';

/** A shared machine may stand still for a moment, and services then shed calls. */
const shedMsMax = 15_000;
const pauseMs = 50;

/** Does `work` anew while a call of it is shed: such a call was not begun. `attempt` counts from 0. */
export async function patiently<Result>(
  work: (attempt: number) => Promise<Result>,
): Promise<Result> {
  const until = Date.now() + shedMsMax;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const isShed = error instanceof RpcError && error.reason === 'OVERLOADED';
      if (!isShed || Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
