import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
      .map((name) => `gen/${name} is not what proto/ generates: npm run gen`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Whether deploy/envoy/envoy.yaml is what the contract implies. */
export async function findStaleEnvoy(): Promise<string[]> {
  const { deployedEnvoy } = await import('../envoy/deployed.ts');
  const isFresh = readFileSync(`${root}deploy/envoy/envoy.yaml`, 'utf8') === deployedEnvoy();
  return isFresh ? [] : ['deploy/envoy/envoy.yaml is not what proto/ generates: npm run gen'];
}

function filesOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}
