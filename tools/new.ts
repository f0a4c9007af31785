// Begins a new service, complete and tested: npm run new -- <domain>/<service>
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { registry } from '#services/registry.ts';
import { filesOf } from './new/files.ts';
import { NameRefused, type Names, readNames } from './new/names.ts';
import { nextPort, withService } from './new/registry.ts';
import { root, run, say } from './run.ts';

const registryFile = 'services/registry.ts';

async function main(): Promise<void> {
  const names = readNames(process.argv[2]);
  const name = `${names.domain}.${names.thing}`;
  const files = filesOf(names);
  const there = [...files.keys()].find((path) => existsSync(`${root}${path}`));
  if (there !== undefined || registry.some((known) => known.name === name)) {
    throw new NameRefused(`${name} exists already: ${there ?? registryFile}`);
  }
  const text = readFileSync(`${root}${registryFile}`, 'utf8');
  files.set(registryFile, withService(text, names, nextPort(names.domain, registry)));
  for (const [path, content] of files) {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, content);
    say(`${path === registryFile ? 'changed' : 'wrote'} ${path}`);
  }
  // Names differ in length, so lines break and imports sort differently for each.
  await mustRun(
    'biome',
    'check',
    '--write',
    `services/${names.domain}/${names.thing}`,
    registryFile,
  );
  await mustRun('node', 'tools/gen.ts');
  for (const line of whatIsLeft(names)) say(line);
}

async function mustRun(command: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
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
