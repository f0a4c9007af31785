/** What a changed file, named from the repository's folder, touches: processes by name, all of them, or none. */
export function affectedBy(file: string, processes: readonly string[]): readonly string[] {
  if (!watched.test(file) || ignored.test(file)) return [];
  if (sandbox.test(file)) return processes.filter((name) => name === 'sandbox');
  const [, domain, service] = /^services\/([^/]+)\/([^/]+)\//.exec(file) ?? [];
  if (domain !== undefined) return processes.filter((name) => name === `${domain}.${service}`);
  return /^(kit|gen|services)\//.test(file) ? processes : [];
}

/** The sandbox provider is a process of its own, with its files in the folder of the service that calls it. */
const sandbox = /^services\/finance\/payment\/sandbox\//;
const ignored = /\.test\.ts$|\/testing\.ts$|^kit\/testing\/|\.md$/;
const watched = /\.(ts|sql)$/;
