import type { Names } from './names.ts';

/** What the registry knows already. */
interface Known {
  name: string;
  port: number;
}

/** Ports of a domain stand together; further ones begin at the next ten. Above are the mesh's own. */
const portMax = 89;
const portsPerDomain = 10;

/** The port after those of the domain, or the first of a new ten. Throws when there is none left. */
export function nextPort(domain: string, known: readonly Known[]): number {
  const ports = new Set(known.map(({ port }) => port));
  const own = known.filter(({ name }) => name.startsWith(`${domain}.`)).map(({ port }) => port);
  const tens = Math.floor(Math.max(...ports) / portsPerDomain) + 1;
  let port = own.length > 0 ? Math.max(...own) + 1 : tens * portsPerDomain + 1;
  while (ports.has(port)) port += 1;
  if (port > portMax) throw new Error(`services/registry.ts has no port left below ${portMax + 1}`);
  return port;
}

/** The text of services/registry.ts with one service more, at its end. */
export function withService(text: string, { domain, thing, Thing }: Names, port: number): string {
  const start = text.indexOf('export const registry');
  const end = text.indexOf('\n];', start) + 1;
  if (start < 0 || end === 0) {
    throw new Error('services/registry.ts looks other than this tool expects');
  }
  const entry = `  {
    name: '${domain}.${thing}',
    port: ${port},
    contracts: async () => [
      (await import('#gen/${domain}/${thing}/v1/${thing}_pb.ts')).${Thing}Service,
    ],
    calls: [],
    load: async () => (await import('./${domain}/${thing}/service.ts')).${thing},
  },
`;
  return text.slice(0, end) + entry + text.slice(end);
}
