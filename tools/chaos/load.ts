/** Callers who go on, whatever happens around them. */
import { RpcError } from '#kit/errors.ts';
import { pause, until } from './patience.ts';
import { createRandom, type Random } from './random.ts';
import type { Stage } from './system.ts';

/** What one caller does, over and over. */
export type Act = (random: Random) => Promise<void>;

/** What the callers bring about: whether the mesh serves, it shows. */
export interface Progress {
  /** Something begins; to be called when it has come out as it should. */
  begin(): () => void;
}

export interface Load {
  /** Refusals that no caller had reason to expect. */
  readonly surprises: readonly string[];
  /** Resolves when something that began after this call has come out as it should. Throws Overdue. */
  untilServed(timeoutMs: number): Promise<void>;
  /** Nothing new; resolves when all that began is answered. Throws Overdue. */
  stop(timeoutMs: number): Promise<void>;
}

const thinkMsMax = 300;

export function startLoad(stage: Stage, seed: number): Load {
  const surprises: string[] = [];
  let begun = 0;
  let newestDone = 0;
  let isStopping = false;
  let isDone = false;

  const progress: Progress = {
    begin() {
      begun += 1;
      const number = begun;
      return () => {
        newestDone = Math.max(newestDone, number);
      };
    },
  };

  async function goOn(index: number, act: Act): Promise<void> {
    const random = createRandom(seed * 1_000 + index);
    while (!isStopping) {
      await pause(random.below(thinkMsMax));
      await act(random).catch((error) => {
        surprises.push(error instanceof RpcError ? `${error.code} ${error.message}` : `${error}`);
      });
    }
  }

  void Promise.all(stage.acts(progress).map((act, index) => goOn(index, act))).then(() => {
    isDone = true;
  });

  return {
    surprises,
    async untilServed(timeoutMs) {
      const mark = begun;
      await until('the mesh serves callers again', timeoutMs, () => newestDone > mark);
    },
    async stop(timeoutMs) {
      isStopping = true;
      await until('every caller is answered', timeoutMs, () => isDone);
    },
  };
}
