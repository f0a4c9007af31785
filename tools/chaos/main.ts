// Kills a mesh under load, over and over, and checks that nothing was lost or doubled: npm run chaos -- --kills 200 --seed 1
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../bench/benchmark.ts';
import { startMesh } from '../mesh/mesh.ts';
import { placements, readPlacement } from '../mesh/placements.ts';
import { freePortBase } from '../mesh/ports.ts';
import { say } from '../run.ts';
import { removeData } from '../servers/data-dir.ts';
import { runTool, UsageError } from '../tool.ts';
import { runChaos } from './chaos.ts';
import { meshOptionsOf, victimsOf } from './mesh.ts';
import { planKills } from './plan.ts';
import { verdictLines } from './report.ts';
import { readSystem, systems } from './systems.ts';

const options = {
  system: { type: 'string', default: 'shop' },
  kills: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  callers: { type: 'string', default: '16' },
  placement: { type: 'string', default: 'service' },
} as const;

const usage = `npm run chaos -- [options]
  --system <${systems.map(({ name }) => name).join(' | ')}>                   what the callers trade with (${options.system.default})
  --kills <number>                         how many deaths (${options.kills.default})
  --seed <number>                          who dies when follows from it (${options.seed.default})
  --callers <number>                       how many go on meanwhile (${options.callers.default})
  --placement <${placements.join(' | ')}>  how services are spread over processes (${options.placement.default})`;

await runTool(usage, { options }, async ({ values }) => {
  const system = readSystem(values.system);
  const run = {
    system: system.name,
    kills: readNumber('kills', values.kills, 1),
    seed: readNumber('seed', values.seed, 0),
    callers: readNumber('callers', values.callers, 1),
    placement: readPlacement(values.placement),
    dataDir: mkdtempSync(join(tmpdir(), 'meshwork-chaos-')),
  };
  const { kills, seed, callers, placement, dataDir } = run;
  say(
    `${system.name}: ${kills} kills, seed ${seed}, ${callers} callers, placement ${placement}, in ${dataDir}`,
  );
  const portBase = await freePortBase();
  const mesh = await startMesh({
    dataDir,
    portBase,
    placement,
    ...meshOptionsOf(system),
  });
  process.once('SIGINT', () => void mesh.stop().then(() => process.exit(130)));
  const plan = planKills(victimsOf(mesh, system), kills, seed);
  const result = await runChaos(system, mesh, plan, { callers, seed, say }).finally(mesh.stop);

  for (const line of verdictLines(result, run)) say(line);
  const { deaths, acknowledged, missed, violations } = result;
  const figures = Object.fromEntries(
    Object.entries(result.figures).map(([name, value]) => [name, rounded(value)]),
  );
  const summary = {
    chaos: system.name,
    seed,
    kills: deaths,
    acknowledged,
    figures,
    missed,
    violations,
  };
  say(JSON.stringify(summary));
  // What is broken is looked into with the logs and the data at hand.
  if (violations === 0) removeData(dataDir);
  else process.exitCode = 1;
});

/** Reads what somebody gave as an option. Throws UsageError. */
function readNumber(option: string, text: string, least: number): number {
  const number = text === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${option} must be a whole number from ${least} on, not "${text}"`);
}
