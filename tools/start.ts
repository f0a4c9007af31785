// Starts the whole platform on this machine and stays until Ctrl-C: npm start [-- --placement service --port-base 9000]
import { parseArgs } from 'node:util';
import { portBaseDefault } from '#kit/config.ts';
import { serviceContracts } from '#services/contracts.ts';
import { operator } from './mesh/authority.ts';
import { type Mesh, startMesh } from './mesh/mesh.ts';
import { type Placement, placements } from './mesh/placements.ts';
import { portBaseText, readPortBase } from './mesh/ports.ts';
import { root, say } from './run.ts';
import { seed } from './seed/seed.ts';

const usage = `npm start -- [options]
  --placement ${placements.join(' | ')}   how services are spread over processes (domain)
  --port-base <port>              first port of the services (${portBaseDefault})
  --data-dir <folder>             where everything is kept (.meshwork/data)
  --mtls                          services know each other by certificates of a local authority, not by tokens
  --empty                         without demo data`;

const options = {
  placement: { type: 'string', default: 'domain' },
  'port-base': { type: 'string', default: portBaseText },
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
  mtls: { type: 'boolean', default: false },
  empty: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) return say(usage);
  if (!placements.includes(values.placement as Placement)) {
    throw new UsageError(`"${values.placement}" is no placement\n${usage}`);
  }
  const startedAt = performance.now();
  const dataDir = values['data-dir'];
  const portBase = readPortBase(values['port-base']);
  const mesh = await startMesh({
    dataDir,
    portBase,
    placement: values.placement as Placement,
    durable: true,
    mtls: values.mtls,
    onProgress: (line) => say(`  ${line}`),
  });
  stopOnSignal(mesh);
  if (!values.empty) await seed(mesh, { dataDir, onProgress: (line) => say(`  ${line}`) });
  say('');
  for (const line of table(mesh)) say(line);
  say('');
  for (const line of commandsToTry(mesh)) say(line);
  say('');
  say(`ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

class UsageError extends Error {}

function table(mesh: Mesh): string[] {
  const services = serviceContracts.map(({ name, contracts }) => [
    name,
    mesh.addressOf(name),
    contracts.map(({ typeName }) => typeName).join(', ') || 'all public services, for everybody',
  ]);
  const provider = [
    'card provider',
    hostOf(mesh.providerUrl),
    'takes cards in place of a real one',
  ];
  const metrics = Object.entries(mesh.metricsUrls).map(([name, url]) => [
    `process ${name}`,
    hostOf(url),
    `${url}/metrics, ${url}/healthz`,
  ]);
  const servers = mesh.servers.managed.map(({ name, url }) => [name, hostOf(url), url]);
  const all = [['service', 'address', 'serves'], ...services, provider, ...metrics, ...servers];
  const widths = [0, 1].map((i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map(([a, b, c]) => `  ${a!.padEnd(widths[0]!)}  ${b!.padEnd(widths[1]!)}  ${c}`);
}

function hostOf(url: string): string {
  return new URL(url).host;
}

function commandsToTry(mesh: Mesh): string[] {
  const gateway = mesh.addressOf('platform.gateway');
  return [
    'try',
    `  npm run demo -- --gateway ${gateway}`,
    `  curl -s http://${gateway}/commerce.product.v1.ProductService/ListProducts \\`,
    `    -H 'content-type: application/json' -d '{"pageSize": 3}'`,
    ...grpcurl(mesh),
  ];
}

/** With certificates a service answers nobody without one, and the operator's is for people. */
function grpcurl({ certificates, addressOf }: Mesh): string[] {
  if (certificates === undefined) {
    return [`  grpcurl -plaintext ${addressOf('platform.gateway')} list`];
  }
  const { ca, certificate, key } = certificates.pathsOf(operator);
  return [
    `  grpcurl -cacert ${ca} \\`,
    `    -cert ${certificate} \\`,
    `    -key ${key} ${addressOf('commerce.order')} list`,
  ];
}

/** Signals that come so close together, in milliseconds, are one: npm passes on what the terminal has sent already. */
const sameSignalMs = 1_000;

/** Ctrl-C drains and stops all that was started; a second one ends at once. */
function stopOnSignal(mesh: Mesh): void {
  let stoppingSince: number | undefined;
  const stop = () => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > sameSignalMs) process.exit(130);
      return;
    }
    stoppingSince = performance.now();
    say('stopping…');
    void mesh.stop().then(() => {
      say('stopped; the next npm start finds everything again');
      process.exit(0);
    });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

main().catch((error) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
