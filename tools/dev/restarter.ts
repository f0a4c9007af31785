import type { MeshProcess } from '../mesh/process.ts';
import { affectedBy } from './affected.ts';

/** An editor writes a file in several steps, and a checkout many files: they make one restart. */
const quietMs = 150;

export interface Restarter {
  /** Notes a changed file; what it touches restarts once no more changes come. */
  changed(file: string): void;
  /** Forgets what is noted, and waits for the restart under way. */
  stop(): Promise<void>;
}

/** Restarts processes whose files changed, one after the other, so that the machine is never all at once in a start. */
export function createRestarter(
  processes: readonly Pick<MeshProcess, 'name' | 'restart'>[],
  say: (line: string) => void,
): Restarter {
  const names = processes.map(({ name }) => name);
  const waiting = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;

  async function restart(name: string, file: string): Promise<void> {
    try {
      await processes.find((one) => one.name === name)!.restart();
      say(`${name} restarted (${file} changed)`);
    } catch (error) {
      // It stays down, and silent, until the next version of a file.
      say(error instanceof Error ? error.message : String(error));
    }
  }

  async function work(): Promise<void> {
    for (;;) {
      const [next] = waiting;
      if (next === undefined) return;
      waiting.delete(next[0]);
      await restart(...next);
    }
  }

  return {
    changed(file) {
      for (const name of affectedBy(file, names)) waiting.set(name, file);
      if (waiting.size === 0) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        working ??= work().finally(() => {
          working = undefined;
        });
      }, quietMs);
    },
    async stop() {
      clearTimeout(timer);
      waiting.clear();
      await working;
    },
  };
}
