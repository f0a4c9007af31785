// Kills a mesh under load, over and over, and checks that nothing was lost or doubled: npm run chaos -- --kills 200 --seed 1
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rounded } from '../bench/benchmark.ts';
import { startMesh } from '../mesh/mesh.ts';
import { type Placement, placements } from '../mesh/placements.ts';
import { freePortBase } from '../mesh/ports.ts';
import { say } from '../run.ts';
import { removeData } from '../servers/data-dir.ts';
import { runChaos } from './chaos.ts';
import { chaosEnvironment, victimsOf } from './mesh.ts';
import { planKills } from './plan.ts';

const defaults = { kills: '200', seed: '1', placement: 'service', callers: '16' };
const values = readArguments();

/** Empty where an option is unknown. */
function readArguments(): Partial<typeof defaults> {
  const options = Object.entries(defaults).map(
    ([name, value]) => [name, { type: 'string', default: value }] as const,
  );
  try {
    return parseArgs({ options: Object.fromEntries(options) }).values;
  } catch {
    return {};
  }
}

const { placement = '' } = values;
const [kills, seed, callers] = [values.kills, values.seed, values.callers].map(Number);
if (!kills || !callers || !Number.isInteger(seed) || !isPlacement(placement)) {
  say(`npm run chaos -- --kills 200 --seed 1 --callers 16 --placement ${placements.join(' | ')}`);
  process.exit(1);
}

const dataDir = mkdtempSync(join(tmpdir(), 'meshwork-chaos-'));
const mesh = await startMesh({
  dataDir,
  portBase: await freePortBase(),
  placement,
  durable: true,
  env: chaosEnvironment,
  logLevel: 'error',
});
say(`${kills} kills, seed ${seed}, ${callers} callers, placement ${placement}, in ${dataDir}`);
process.once('SIGINT', () => void mesh.stop().then(() => process.exit(130)));
const plan = planKills(victimsOf(mesh), kills, seed!);
const result = await runChaos(mesh, plan, { callers, seed: seed!, say }).finally(mesh.stop);

for (const { invariant, broken, examples } of result.findings) {
  say(`${broken === 0 ? 'holds ' : 'BROKEN'} ${invariant}${broken === 0 ? '' : ` (${broken})`}`);
  for (const example of examples) say(`         ${example}`);
}
const { deaths, acknowledged, missed, violations } = result;
const figures = Object.fromEntries(
  Object.entries(result.figures).map(([name, value]) => [name, rounded(value)]),
);
say(
  JSON.stringify({ chaos: 'shop', seed, kills: deaths, acknowledged, figures, missed, violations }),
);
// What is broken is looked into with the logs and the data at hand.
if (violations === 0) removeData(dataDir);
else process.exitCode = 1;

function isPlacement(text: string): text is Placement {
  return placements.includes(text as Placement);
}
