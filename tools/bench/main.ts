// Runs one benchmark: npm run bench reserve -- --seconds 10
import { spawnSync } from 'node:child_process';
import { afterStart } from '#kit/host/after-start.ts';
import { nodeFlags } from '../mesh/node.ts';
import { say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { type Benchmark, meets, rounded } from './benchmark.ts';

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  checks: async () => (await import('./checks.ts')).checks,
  ledger: async () => (await import('./ledger.ts')).ledger,
  memory: async () => (await import('./memory.ts')).memory,
  orders: async () => (await import('./orders.ts')).orders,
  reserve: async () => (await import('./reserve.ts')).reserve,
  rpc: async () => (await import('./rpc.ts')).rpc,
  rules: async () => (await import('./rules.ts')).rules,
  transfer: async () => (await import('./transfer.ts')).transfer,
};

const options = { seconds: { type: 'string', default: '10' } } as const;

const usage = `npm run bench -- <${Object.keys(benchmarks).join(' | ')}> [options]
  --seconds <number>  how long each of its measurements takes (${options.seconds.default})`;

// What is measured within this process is to be what a process of the mesh would do.
if (!nodeFlags.every((flag) => process.execArgv.includes(flag))) {
  const args = [...nodeFlags, ...process.argv.slice(1)];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exit(status ?? 1);
}
afterStart();

await runTool(usage, { options, allowPositionals: true }, async ({ values, positionals }) => {
  const load = benchmarks[positionals[0] ?? ''];
  if (load === undefined) throw new UsageError(`name one of ${Object.keys(benchmarks).join(', ')}`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new UsageError(`--seconds must be above 0, not "${values.seconds}"`);
  process.exit(await measure(await load(), seconds));
});

/** Prints what it finds, and answers the exit code. */
async function measure(bench: Benchmark, seconds: number): Promise<number> {
  say(bench.title);
  const { figures, violations } = await bench.run({ seconds, say });
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
  return violations === 0 ? 0 : 1;
}
