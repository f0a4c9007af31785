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
  const firstType = text.indexOf('import type { ServiceModule }');
  const start = text.indexOf('export const registry');
  const end = text.indexOf('\n];', start) + 1;
  if (firstType < 0 || start < 0 || end === 0) {
    throw new Error('services/registry.ts looks other than this tool expects');
  }
  const contract = `import { ${Thing}Service } from '#gen/${domain}/${thing}/v1/${thing}_pb.ts';\n`;
  const entry = `  {
    name: '${domain}.${thing}',
    port: ${port},
    contracts: [${Thing}Service],
    calls: [],
    load: async () => (await import('./${domain}/${thing}/service.ts')).${thing},
  },
`;
  const imports = text.slice(0, firstType) + contract + text.slice(firstType, end);
  return imports + entry + text.slice(end);
}
