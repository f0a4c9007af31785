// Runs one benchmark: npm run bench reserve -- --seconds 10
import { parseArgs } from 'node:util';
import { say } from '../run.ts';
import { type Benchmark, meets, rounded } from './benchmark.ts';

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  memory: async () => (await import('./memory.ts')).memory,
  orders: async () => (await import('./orders.ts')).orders,
  rpc: async () => (await import('./rpc.ts')).rpc,
  reserve: async () => (await import('./reserve.ts')).reserve,
};

/** Undefined where an option is unknown. */
function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seconds: { type: 'string', default: '10' } },
    });
    return { name: positionals[0] ?? '', seconds: Number(values.seconds) };
  } catch {
    return undefined;
  }
}

const asked = readArguments();
const load = benchmarks[asked?.name ?? ''];
if (asked === undefined || load === undefined || !(asked.seconds > 0)) {
  say(`npm run bench <${Object.keys(benchmarks).join(' | ')}> -- --seconds 10`);
  process.exit(1);
}

const bench = await load();
say(bench.title);
const { figures, violations } = await bench.run({ seconds: asked.seconds, say });
for (const [name, target] of Object.entries(bench.targets)) {
  const value = figures[name] ?? Number.NaN;
  const bound = 'atLeast' in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`;
  say(`${meets(value, target) ? 'met   ' : 'MISSED'} ${name} ${rounded(value)} (${bound})`);
}
const result = {
  bench: bench.name,
  figures: Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, rounded(value)]),
  ),
  targets: bench.targets,
  violations,
};
say(JSON.stringify(result));
process.exit(violations === 0 ? 0 : 1);
