import { limits } from '../limits.ts';
import { detached } from '../scope.ts';
import type { Job } from '../service.ts';
import type { Logger } from '../telemetry/log.ts';

/** A job that runs again and again until it is stopped. */
export interface RunningJob {
  readonly job: Job;
  /** Runs it until nothing is due. Rejects when a run fails. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** Runs a job again and again; a failed run is logged once per streak and tried again at the next turn. */
export function startJob(job: Job, log: Logger): RunningJob {
  let stopped = false;
  let wake = () => {};
  let failures = 0;
  const once = () => detached({ timeoutMs: limits.statementMsMax }, () => job.run());

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        while (!stopped && (await once()) > 0);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 2) log.warn({ job: job.name, error }, 'job.failing');
      }
      if (!stopped) await pause();
    }
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, job.everyMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  const running = loop();
  return {
    job,
    async drain() {
      while ((await once()) > 0);
    },
    async stop() {
      stopped = true;
      wake();
      await running;
    },
  };
}
