/** Who agrees before money moves, in the order in which they are asked. */
import type { Call } from '#kit/rpc/server/call.ts';
import type { ServerInterceptor } from '#kit/rpc/server/interceptor.ts';
import { runInScope } from '#kit/scope.ts';
import {
  type Examination,
  type Examiner,
  examinationOf,
  examine,
  type MovingRequest,
  movingRequestsOf,
} from './examination.ts';
import type { VerdictSource } from './verdicts.ts';

/** Asks finance.risk about each request to move money, before anybody else looks at it. */
export function riskInterceptor(source: VerdictSource, examiner: Examiner): ServerInterceptor {
  return judgeInterceptor('risk', source, {
    examinationsOf: (requests, call) => examine(requests, call, examiner),
    isAsked: ({ refusal }) => refusal === undefined,
  });
}

/** Asks finance.compliance about each request to move money that risk did not deny. */
export function complianceInterceptor(source: VerdictSource): ServerInterceptor {
  return judgeInterceptor('compliance', source, {
    examinationsOf: async (requests) => requests.map(examinationOf),
    isAsked: ({ risk }) => risk !== undefined && risk.action !== 'DENY',
  });
}

function judgeInterceptor(
  judge: 'risk' | 'compliance',
  source: VerdictSource,
  of: {
    examinationsOf(requests: readonly MovingRequest[], call: Call): Promise<Examination[]>;
    isAsked(examination: Examination): boolean;
  },
): ServerInterceptor {
  async function ask(examination: Examination): Promise<void> {
    if (!of.isAsked(examination)) return;
    try {
      examination[judge] = await source.do(examination);
    } catch (error) {
      examination.failure = error as Error;
    }
  }

  return {
    name: judge,
    request(call, message) {
      const requests = movingRequestsOf(call, message);
      if (requests.length === 0) return;
      return runInScope(call, async () => {
        await Promise.all((await of.examinationsOf(requests, call)).map(ask));
      });
    },
  };
}
