/** A whole mesh that keeps all it leaves behind, and in whose requests any text may be planted. */
import type { RpcError } from '#kit/errors.ts';
import { admitted, createCaller, type Subject } from './any-method.ts';
import { collectEvidence, type Evidence } from './evidence.ts';
import { requestsWith } from './requests/planted.ts';
import { refusalText } from './secrecy.ts';
import { startWorld, type World } from './world.ts';

export interface WatchedWorld {
  readonly world: World;
  readonly evidence: Evidence;
  /**
   * Calls a method once for each field of its request that is meant, with the text in it, as somebody whom the method
   * admits. What refusals say becomes evidence.
   */
  plant(
    text: string,
    subject: Subject,
    isMeant: (field: string) => boolean,
  ): Promise<{ field: string; refusal: RpcError | undefined }[]>;
  stop(): Promise<void>;
}

/** Starts every service, logging at every level. */
export async function startWatchedWorld(): Promise<WatchedWorld> {
  const evidence = collectEvidence();
  const world = await startWorld(evidence.options);
  const call = createCaller(world.network);
  return {
    world,
    evidence,
    async plant(text, subject, isMeant) {
      const planted: { field: string; refusal: RpcError | undefined }[] = [];
      for (const { field, request } of requestsWith(text, subject.method.input)) {
        if (!isMeant(field)) continue;
        const refusal = await call(subject, admitted(subject), request);
        if (refusal !== undefined) evidence.errors.push(refusalText(refusal));
        planted.push({ field, refusal });
      }
      return planted;
    },
    async stop() {
      evidence.stop();
      await world.stop();
    },
  };
}
