import type { Job } from '#kit/service.ts';
import { createGauge } from '#kit/telemetry/metrics.ts';
import { limits } from './domain.ts';
import type { Checks } from './store/checks.ts';

const violations = createGauge(
  'ledger_invariant_violations',
  'What does not fit in the ledger, of what was posted lately and of all balances: 0, or somebody has to look.',
);

/**
 * Holds what was posted since it last looked, whichever process that was, to what must be so. An account in which something
 * does not fit is looked at again each time, so the metric stays above 0 until it does. Nobody who posts waits for it.
 */
export function createCheckJob(checks: Checks): Job {
  let restsUntil = 0;
  return {
    name: 'finance.transaction.check',
    everyMs: limits.checkEveryMs,
    async run() {
      const startedAt = performance.now();
      if (startedAt < restsUntil) return 0;
      const { violations: found } = await checks.totals();
      const fresh = await checks.fresh();
      violations.set(found.length + fresh.length);
      // It reads all accounts: the more there are, the more seldom.
      const tookMs = performance.now() - startedAt;
      restsUntil = startedAt + tookMs / limits.checkShareMax;
      return 0;
    },
  };
}
