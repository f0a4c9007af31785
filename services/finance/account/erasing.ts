import type { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidOf } from '#kit/derived-id.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Job } from '#kit/service.ts';
import { limits } from './domain.ts';
import { recoverAll } from './recovery.ts';
import type { ErasureStore } from './store/erasures.ts';

/** Erases from the audit log whoever is erased here. */
export interface Eraser {
  /** Finishes the erasure of one customer; nothing is left to do when it is. */
  finish(ownerId: string): Promise<void>;
  /** Finishes those whose callers died or gave up. */
  readonly recovery: Job;
}

export function createEraser(deps: {
  erasures: ErasureStore;
  audit: Client<typeof AuditService>;
  clock: Clock;
}): Eraser {
  const { erasures, audit, clock } = deps;

  async function eraseSubject(ownerId: string): Promise<void> {
    await audit.eraseSubject({ requestId: uuidOf('erase', ownerId), subjectId: ownerId });
    await debugPoint('finance.account.after-audit-erased');
    await erasures.finish(ownerId, clock.now());
  }

  return {
    async finish(ownerId) {
      for (const one of await erasures.findUnfinished(1, ownerId)) await eraseSubject(one);
    },
    recovery: {
      name: 'finance.account.erasing',
      everyMs: limits.recoveryEveryMs,
      run: async () =>
        recoverAll(await erasures.findUnfinished(limits.recoveryBatchMax), eraseSubject),
      pending: () => erasures.countUnfinished(),
    },
  };
}
