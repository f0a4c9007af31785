// Begins a new service, complete and tested: npm run new -- <domain>/<service>
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { registry } from '#services/registry.ts';
import { allOrNothing } from './new/all-or-nothing.ts';
import { filesOf } from './new/files.ts';
import { NameRefused, type Names, readNames } from './new/names.ts';
import { nextPort, withService } from './new/registry.ts';
import { root, run, say } from './run.ts';
import { runTool, UsageError } from './tool.ts';

const usage = `npm run new -- <domain>/<service>
  begins a service that passes every check, as in: npm run new -- social/bookmark`;

const registryFile = 'services/registry.ts';
/** What follows from proto/, written anew with every service. */
const generated = ['gen', 'deploy/envoy'];

await runTool(usage, { allowPositionals: true }, async ({ positionals }) => {
  if (positionals.length !== 1) throw new UsageError('name one service to begin');
  const known = registry.map(({ name }) => name);
  const names = readNames(positionals[0], known);
  const files = filesOf(names);
  const there = [...files.keys()].find((path) => existsSync(`${root}${path}`));
  if (there !== undefined) throw new NameRefused(`${there} is there already`);
  const text = readFileSync(`${root}${registryFile}`, 'utf8');
  files.set(registryFile, withService(text, names, nextPort(names.domain, registry)));
  await allOrNothing(root, [...files.keys(), ...generated], () => write(files));
  for (const line of [...whatWasDone(files, names), ...whatIsLeft(names)]) say(line);
});

async function write(files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, content] of files) {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, content);
  }
  // Names differ in length, so lines break and imports sort differently for each.
  const code = [...files.keys()].filter((path) => path.endsWith('.ts'));
  await mustRun('biome', 'check', '--write', ...code);
  await mustRun('node', 'tools/gen.ts');
}

async function mustRun(command: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code === 0) return;
  throw new Error(`nothing was written, for ${command} ${args.join(' ')} fails:\n${output.trim()}`);
}

function whatWasDone(files: ReadonlyMap<string, string>, { domain, thing }: Names): string[] {
  return [
    ...[...files.keys()].filter((path) => path !== registryFile).map((path) => `wrote ${path}`),
    `wrote gen/${domain}/${thing}/v1/${thing}_pb.ts`,
    `changed ${registryFile}`,
    'changed deploy/envoy/',
  ];
}

function whatIsLeft({ domain, thing }: Names): string[] {
  const folder = `services/${domain}/${thing}`;
  return [
    '',
    `${domain}.${thing} is complete: npm run check && npm test -- ${folder}`,
    'What is left to you:',
    `  ${folder}/README.md  its one sentence; what it calls goes into ${registryFile} too`,
    `  proto/${domain}/${thing}/v1/${thing}.proto  say what it is, and give it fields (then: npm run gen)`,
    `A field more goes through these of ${folder}/ as well:`,
    `  migrations/0001_${thing}.sql  before the first start: once applied it must not change, and 0002 adds the column`,
    '  schema.ts, store.ts  the column, its row, and how it is read and inserted',
    '  domain.ts, rpc.ts, proto.ts  what it means, how it comes in, and how it goes out',
    `  domain.test.ts, ${thing}.test.ts  and the texts of tests/support/belongings/${domain}-${thing}.ts`,
    'events.ts tells every service: ids and times, never what people wrote.',
  ];
}
