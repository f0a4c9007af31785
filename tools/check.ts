// All static checks: npm run check
import { findUndocumentedExports } from './check/docstrings.ts';
import { findStaleEnvoy, findStaleGenerated } from './check/gen-clean.ts';
import { findForbiddenImports } from './check/imports.ts';
import { findImpurity } from './check/purity.ts';
import { run, say } from './run.ts';
import { runTool } from './tool.ts';

const usage = `npm run check
  format, lint, types, contract, generated code, imports, docstrings; ends with code 1 when something is wrong`;

interface Check {
  name: string;
  /** Answers what is wrong, a line each. */
  find(): Promise<string[]>;
  /** The command that repairs some of it. */
  remedy?: string;
}

const program = (name: string, command: string, ...args: string[]): Check => ({
  name,
  async find() {
    const { code, output } = await run(command, args);
    return code === 0 ? [] : [output.trim()];
  },
});

const checks: Check[] = [
  {
    ...program('format and lint', 'biome', 'ci', '--colors=off', '--error-on-warnings'),
    remedy: 'npm run format',
  },
  program('types', 'tsc', '-p', '.'),
  program('types of the page in examples/', 'tsc', '-p', 'examples/browser'),
  program('contract lint', 'buf', 'lint'),
  { name: 'contract breaks nobody', find: findBreaking },
  { name: 'gen/ is what proto/ says', find: findStaleGenerated },
  { name: 'policies and request ids', find: findContractFaults },
  { name: 'deploy/envoy/ is what proto/ says', find: findStaleEnvoy },
  { name: 'who imports whom', find: async () => findForbiddenImports() },
  { name: 'domain.ts is pure', find: async () => findImpurity() },
  { name: 'what the kit exports is documented', find: async () => findUndocumentedExports() },
];

/** Loads the whole contract, which fails where gen/ and the registry do not agree. */
async function findContractFaults(): Promise<string[]> {
  return (await import('./check/contract.ts')).findContractFaults();
}

/** Against main; on main itself against the commit before the last, so that a break shows once more after it. */
async function findBreaking(): Promise<string[]> {
  const branch = await run('git', ['rev-parse', '--abbrev-ref', 'HEAD']);
  const bases = branch.output.trim() === 'main' ? ['HEAD^'] : ['main', 'origin/main'];
  const base = await firstKnown(bases);
  if (base === undefined) {
    say(`     skipped: there is no ${bases.join(' and no ')} to compare with`);
    return [];
  }
  const { code, output } = await run('buf', ['breaking', '--against', `.git#ref=${base}`]);
  return code === 0 ? [] : [output.trim()];
}

async function firstKnown(revisions: readonly string[]): Promise<string | undefined> {
  for (const revision of revisions) {
    const { code, output } = await run('git', ['rev-parse', '--verify', '--quiet', revision]);
    if (code === 0) return output.trim();
  }
  return undefined;
}

// One after the other: the machine is small, and a reader wants them in order.
await runTool(usage, {}, async () => {
  for (const check of checks) {
    const startedAt = performance.now();
    const faults = await check.find().catch((error: Error) => [error.message]);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
    for (const fault of faults) say(fault);
    if (faults.length === 0) continue;
    process.exitCode = 1;
    if (check.remedy !== undefined) say(`${check.remedy} repairs what needs no thought`);
  }
});
