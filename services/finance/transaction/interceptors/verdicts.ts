/** Asks another service for verdicts, many in one call. Fails closed: what is no clear answer is none. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type TransactionFacts,
  VerdictAction,
  type Verdict as VerdictMessage,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { type BatchResult, batchOutcomes } from '#kit/load/batch.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { VerdictUnavailable } from '../domain/refusals.ts';
import { limits, type Verdict } from '../domain.ts';
import type { Examination } from './examination.ts';

/** The method of a service that decides, as risk and compliance both have it. */
export interface VerdictClient {
  batchCheckTransactions(
    request: { requests: { facts: TransactionFacts }[] },
    options: { timeoutMs: number },
  ): Promise<{ results: BatchResult<{ verdict?: VerdictMessage | undefined }>[] }>;
}

/** Answers the verdict upon what is examined. Throws VerdictUnavailable, or RequestIdReused. */
export type VerdictSource = Coalescer<Examination, Verdict>;

/** Makes the source of one service, "finance.risk" or "finance.compliance". */
export function createVerdictSource(options: {
  service: string;
  client: VerdictClient;
  log: Logger;
}): VerdictSource {
  const { service, client, log } = options;

  async function ask(examinations: Examination[]): Promise<Outcome<Verdict>[]> {
    const requests = examinations.map(({ facts }) => ({ facts: facts! }));
    try {
      const { results } = await client.batchCheckTransactions(
        { requests },
        { timeoutMs: limits.verdictsMsMax },
      );
      if (results.length !== requests.length) throw new Error('an answer for each is missing');
      return batchOutcomes(results).map((outcome, i) => judge(outcome, examinations[i]!));
    } catch (error) {
      log.warn({ error, service }, 'verdict.unavailable');
      return examinations.map(() => ({ error: new VerdictUnavailable({ service }) }));
    }
  }

  function judge(
    outcome: Outcome<{ verdict?: VerdictMessage | undefined }>,
    { key, contentHash }: Examination,
  ): Outcome<Verdict> {
    if ('error' in outcome) {
      const { error } = outcome;
      // The same id was judged for another content: by the same caller, for their ids are their own.
      const isOther = error instanceof RpcError && error.reason === 'DECISION_EXISTS';
      if (isOther) return { error: new RequestIdReused({ request_id: key.requestId }) };
      log.warn({ error, service }, 'verdict.refused');
      return { error: new VerdictUnavailable({ service }) };
    }
    const { verdict } = outcome.value;
    if (verdict?.expireTime === undefined || !contentHash.equals(verdict.contentHash)) {
      log.error({ service }, 'verdict.malformed');
      return { error: new VerdictUnavailable({ service }) };
    }
    return { value: toVerdict(verdict, contentHash) };
  }

  return createCoalescer<Examination, Verdict>({
    name: `finance.transaction.verdicts ${service}`,
    timeoutMs: limits.verdictsMsMax,
    itemsMax: kitLimits.coalesceBatchMax,
    run: ask,
  });
}

function toVerdict(verdict: VerdictMessage, contentHash: Buffer): Verdict {
  return {
    decisionId: verdict.decisionId,
    action: actionFrom(verdict.action),
    contentHash,
    ruleSetVersion: verdict.ruleSetVersion,
    findings: verdict.findings.map(({ ruleId, action, explanation }) => ({
      ruleId,
      action: actionFrom(action),
      explanation,
    })),
    expiresAt: timestampMs(verdict.expireTime!),
  };
}

/** What nobody knows counts as the worst. */
function actionFrom(action: VerdictAction): Verdict['action'] {
  if (action === VerdictAction.ALLOW) return 'ALLOW';
  return action === VerdictAction.REVIEW ? 'REVIEW' : 'DENY';
}
