import { onTestFinished } from 'vitest';
import { armDebugPoint } from '../debug.ts';

/** Somebody who waits at a debug point. */
export interface Hold {
  /** Resolves when the first one has come there. */
  readonly reached: Promise<void>;
  /** Lets all who wait go on, and disarms the place. */
  letGo(): void;
}

/** Lets whoever reaches a debug point wait there until the test lets go; with `count`, only the first ones. */
export function holdAt(point: string, count = Number.POSITIVE_INFINITY): Hold {
  const open = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let left = count;
  const disarm = armDebugPoint(point, () => {
    left -= 1;
    if (left < 0) return;
    reached.resolve();
    return open.promise;
  });
  const letGo = () => {
    disarm();
    open.resolve();
  };
  onTestFinished(letGo);
  return { reached: reached.promise, letGo };
}
