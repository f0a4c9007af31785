import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployedEnvoy } from '../envoy/deployed.ts';
import { root, run } from '../run.ts';

/** Generates anew beside gen/ and names the files that differ: gen/ must be what proto/ says, to the byte. */
export async function findStaleGenerated(): Promise<string[]> {
  const fresh = mkdtempSync(join(tmpdir(), 'meshwork-gen-'));
  try {
    const { code, output } = await run('buf', ['generate', '-o', fresh]);
    if (code !== 0) return [output];
    const there = filesOf(`${root}gen`);
    const wanted = filesOf(join(fresh, 'gen'));
    const stale = [...new Set([...there.keys(), ...wanted.keys()])]
      .filter((name) => there.get(name) !== wanted.get(name))
      .map((name) => `gen/${name}`);
    return [...stale, ...staleEnvoy()].map(
      (path) => `${path} is not what proto/ generates: npm run gen`,
    );
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function staleEnvoy(): string[] {
  const wanted = [...deployedEnvoy()];
  return wanted.filter(([path, text]) => readIfThere(root + path) !== text).map(([path]) => path);
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
