import { describe, expect, onTestFinished, test } from 'vitest';
import { runChaos } from '#tools/chaos/chaos.ts';
import { meshOptionsOf, victimsOf } from '#tools/chaos/mesh.ts';
import { planEverything } from '#tools/chaos/plan.ts';
import { systems } from '#tools/chaos/systems.ts';
import { startTestMesh } from '../support/mesh.ts';

/** Far above what a busy machine takes; the run itself notes what is overdue. */
const timeoutMs = 600_000;
const seed = Number(process.env.SEED ?? 1);
/** Enough to come by every place, and soon asked for everything again. */
const callers = 8;

describe.each(systems)('the $name', (system) => {
  test(
    'loses and doubles nothing by the death of everybody, and of services at every place on its way',
    async () => {
      const mesh = await startTestMesh('service', meshOptionsOf(system));
      onTestFinished(() => mesh.stop(), timeoutMs);
      const plan = planEverything(victimsOf(mesh, system), seed);
      const lines: string[] = [];
      const say = (line: string) => lines.push(line);
      const result = await runChaos(system, mesh, plan, { callers, seed, say });
      const broken = result.findings.filter(({ broken }) => broken > 0);
      expect(broken, `SEED=${seed}\n${lines.join('\n')}`).toEqual([]);
      expect(result.missed, 'places that nobody came by').toEqual([]);
      expect(result.acknowledged).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
