import type { ServerInterceptor } from '#kit/rpc/server/interceptor.ts';
import { runInScope } from '#kit/scope.ts';
import { type Examination, type Examiner, examine, movingRequestsOf } from './examination.ts';
import type { VerdictSource } from './verdicts.ts';

/** Asks finance.risk about each request to move money, before anybody else looks at it. */
export function riskInterceptor({
  risk,
  examiner,
}: {
  risk: VerdictSource;
  examiner: Examiner;
}): ServerInterceptor {
  async function judge(examination: Examination): Promise<void> {
    if (examination.refusal !== undefined) return;
    try {
      examination.risk = await risk.do(examination);
    } catch (error) {
      examination.failure = error as Error;
    }
  }

  return {
    name: 'risk',
    request(call, message) {
      const requests = movingRequestsOf(call, message);
      if (requests.length === 0) return;
      return runInScope(call, async () => {
        const examinations = await examine(requests, call, examiner);
        await Promise.all(examinations.map(judge));
      });
    },
  };
}
