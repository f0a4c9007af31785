import { afterAll, beforeAll, expect, test } from 'vitest';
import { runChaos } from '#tools/chaos/chaos.ts';
import { chaosEnvironment, victimsOf } from '#tools/chaos/mesh.ts';
import { planEverything } from '#tools/chaos/plan.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';

/** Far above what a busy machine takes; the run itself notes what is overdue. */
const timeoutMs = 600_000;
const seed = Number(process.env.SEED ?? 1);
let mesh: TestMesh;

beforeAll(async () => {
  const env = chaosEnvironment;
  mesh = await startTestMesh('service', { durable: true, env, logLevel: 'error' });
});
afterAll(() => mesh?.stop());

test(
  'the death of everybody, and of services at every place of an order, loses and doubles nothing',
  async () => {
    const plan = planEverything(victimsOf(mesh), seed);
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    const result = await runChaos(mesh, plan, { callers: 16, seed, say });
    const broken = result.findings.filter(({ broken }) => broken > 0);
    expect(broken, `SEED=${seed}\n${lines.join('\n')}`).toEqual([]);
    expect(result.missed, 'places that nobody came by').toEqual([]);
    expect(result.acknowledged).toBeGreaterThan(0);
  },
  timeoutMs,
);
