import type { ServerInterceptor } from '#kit/rpc/server/interceptor.ts';
import { runInScope } from '#kit/scope.ts';
import { type Examination, examinationOf, movingRequestsOf } from './examination.ts';
import type { VerdictSource } from './verdicts.ts';

/** Asks finance.compliance about each request to move money that risk did not deny. */
export function complianceInterceptor({
  compliance,
}: {
  compliance: VerdictSource;
}): ServerInterceptor {
  async function judge(examination: Examination): Promise<void> {
    const { risk } = examination;
    if (risk === undefined || risk.action === 'DENY') return;
    try {
      examination.compliance = await compliance.do(examination);
    } catch (error) {
      examination.failure = error as Error;
    }
  }

  return {
    name: 'compliance',
    request(call, message) {
      const requests = movingRequestsOf(call, message);
      if (requests.length === 0) return;
      return runInScope(call, async () => {
        await Promise.all(requests.map(examinationOf).map(judge));
      });
    },
  };
}
