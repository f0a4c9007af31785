import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from '../run.ts';

/** Generates anew beside gen/ and names the files that differ: gen/ must be what proto/ says, to the byte. */
export async function findStaleGenerated(): Promise<string[]> {
  const fresh = mkdtempSync(join(tmpdir(), 'meshwork-gen-'));
  try {
    const { code, output } = await run('buf', ['generate', '-o', fresh]);
    if (code !== 0) return [output.trim()];
    const there = filesOf(`${root}gen`);
    const wanted = filesOf(join(fresh, 'gen'));
    return [...new Set([...there.keys(), ...wanted.keys()])]
      .filter((name) => there.get(name) !== wanted.get(name))
      .map((name) => staleFault(`gen/${name}`));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** The files of deploy/envoy/ that are not what the contract implies. */
export async function findStaleEnvoy(): Promise<string[]> {
  const { deployedEnvoy } = await import('../envoy/deployed.ts');
  return [...deployedEnvoy()]
    .filter(([path, text]) => readIfThere(root + path) !== text)
    .map(([path]) => staleFault(path));
}

function staleFault(path: string): string {
  return `${path} is not what proto/ generates: npm run gen`;
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function filesOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}
