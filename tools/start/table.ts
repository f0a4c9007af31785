import { serviceContracts } from '#services/contracts.ts';
import type { Mesh } from '../mesh/mesh.ts';

/** Where everything of a mesh is, a line each: the gateway first, then the services, and then what they stand on. */
export function tableOf(mesh: Mesh): string[] {
  const services = inOrder().map(({ name, contracts }) => [
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

/** People use the gateway; the others come by domain and name. */
function inOrder(): typeof serviceContracts {
  const rank = (name: string) => (name === 'platform.gateway' ? '' : name);
  return serviceContracts.toSorted((a, b) => (rank(a.name) < rank(b.name) ? -1 : 1));
}

function hostOf(url: string): string {
  return new URL(url).host;
}
