import {
  type CheckTransactionRequest,
  ComplianceService,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { batchResults } from '#kit/load/batch.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { Checker } from '../checker.ts';
import { transactionFromProto, verdictToProto } from '../proto.ts';

/**
 * Decides upon transactions at the moment at which it is asked: when the customer asked is the ledger's to keep, and may be
 * long ago by the time that a request is repeated.
 */
export function createCheckRpc({
  checker,
  clock,
}: {
  checker: Checker;
  clock: Clock;
}): Pick<Handlers<typeof ComplianceService>, 'checkTransaction' | 'batchCheckTransactions'> {
  async function check({ facts }: CheckTransactionRequest) {
    const askedAt = clock.now();
    const transaction = { ...transactionFromProto(facts!), at: askedAt };
    const decision = await checker.do({ transaction, contentHash: facts!.contentHash });
    return { verdict: verdictToProto(decision, Math.max(askedAt, decision.decidedAt)) };
  }
  return {
    checkTransaction: check,
    batchCheckTransactions: async ({ requests }) => ({
      results: await batchResults(ComplianceService, requests, check),
    }),
  };
}
