// Begins a new service, complete and tested: npm run new -- <domain>/<service>
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { registry } from '#services/registry.ts';
import { allOrNothing } from './new/all-or-nothing.ts';
import { filesOf } from './new/files.ts';
import { NameRefused, type Names, readNames } from './new/names.ts';
import { nextPort, withService } from './new/registry.ts';
import { root, run, say } from './run.ts';

const registryFile = 'services/registry.ts';
/** What follows from proto/, written anew with every service. */
const generated = ['gen', 'deploy/envoy'];

async function main(): Promise<void> {
  const known = registry.map(({ name }) => name);
  const names = readNames(process.argv[2], known);
  const files = filesOf(names);
  const there = [...files.keys()].find((path) => existsSync(`${root}${path}`));
  if (there !== undefined) throw new NameRefused(`${there} is there already`);
  const text = readFileSync(`${root}${registryFile}`, 'utf8');
  files.set(registryFile, withService(text, names, nextPort(names.domain, registry)));
  await allOrNothing(root, [...files.keys(), ...generated], () => write(files, names));
  for (const path of files.keys()) say(`${path === registryFile ? 'changed' : 'wrote'} ${path}`);
  for (const line of whatIsLeft(names)) say(line);
}

async function write(files: ReadonlyMap<string, string>, { domain, thing }: Names): Promise<void> {
  for (const [path, content] of files) {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, content);
  }
  // Names differ in length, so lines break and imports sort differently for each.
  await mustRun('biome', 'check', '--write', `services/${domain}/${thing}`, registryFile);
  await mustRun('node', 'tools/gen.ts');
}

async function mustRun(command: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code === 0) return;
  throw new Error(`nothing was written, for ${command} ${args.join(' ')} fails:\n${output.trim()}`);
}

function whatIsLeft({ domain, thing }: Names): string[] {
  return [
    '',
    `${domain}.${thing} is complete: npm run check && npm test -- services/${domain}/${thing}`,
    'What is left to you:',
    `  proto/${domain}/${thing}/v1/${thing}.proto  say what it is, and give it fields (then: npm run gen)`,
    '  domain.ts, store.ts, schema.ts, migrations/ and proto.ts follow the fields',
    '  README.md  its one sentence; what other services it calls goes into services/registry.ts too',
  ];
}

main().catch((error) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
