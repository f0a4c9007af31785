// All static checks and the unit tests that need no server: npm run check
import { findContractFaults } from './check/contract.ts';
import { findUndocumentedExports } from './check/docstrings.ts';
import { findStaleGenerated } from './check/gen-clean.ts';
import { findForbiddenImports } from './check/imports.ts';
import { run, say } from './run.ts';

interface Check {
  name: string;
  /** Answers what is wrong, a line each. */
  find(): Promise<string[]>;
}

const program = (name: string, command: string, ...args: string[]): Check => ({
  name,
  async find() {
    const { code, output } = await run(command, args);
    return code === 0 ? [] : [output.trim()];
  },
});

const checks: Check[] = [
  program('format and lint', 'biome', 'ci', '--colors=off', '--error-on-warnings'),
  program('types', 'tsc', '-p', '.'),
  program('types of the page in examples/', 'tsc', '-p', 'examples/browser'),
  program('contract lint', 'buf', 'lint'),
  { name: 'contract breaks nobody', find: findBreaking },
  { name: 'gen/ is what proto/ says', find: findStaleGenerated },
  { name: 'policies and request ids', find: async () => findContractFaults() },
  { name: 'who imports whom', find: async () => findForbiddenImports() },
  { name: 'what the kit exports is documented', find: async () => findUndocumentedExports() },
];

/** Against main; on main itself against the last commit. A tree without history has nothing to break. */
async function findBreaking(): Promise<string[]> {
  const branch = await run('git', ['rev-parse', '--abbrev-ref', 'HEAD']);
  const base = branch.output.trim() === 'main' ? 'HEAD' : 'main';
  const known = await run('git', ['rev-parse', '--verify', '--quiet', base]);
  if (known.code !== 0) return [];
  const { code, output } = await run('buf', ['breaking', '--against', `.git#ref=${base}`]);
  return code === 0 ? [] : [output.trim()];
}

// One after the other: the machine is small, and a reader wants them in order.
for (const check of checks) {
  const startedAt = performance.now();
  const faults = await check.find();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
  for (const fault of faults) say(fault);
  if (faults.length > 0) process.exitCode = 1;
}
