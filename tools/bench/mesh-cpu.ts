import type { Mesh } from '../mesh/mesh.ts';
import type { Loaded } from './benchmark.ts';
import { cpuSeconds } from './cpu.ts';

/** What a load on a mesh cost: milliseconds of CPU for each call, by process, and cores in use. */
export interface Cost {
  readonly loaded: Loaded;
  readonly cpuMsByProcess: Readonly<Record<string, number>>;
  /** Of all processes together, the load generator included. */
  readonly cpuMs: number;
  readonly cores: number;
}

/** Makes a load, and reads what it cost: ours, the servers' and this process, which makes the load. */
export async function measureCost(mesh: Mesh, make: () => Promise<Loaded>): Promise<Cost> {
  const processes = [
    ...mesh.processes.map(({ name, pid }) => ({ name, pid: pid ?? 0 })),
    ...mesh.servers.managed,
  ].map(({ name, pid }) => ({ name, pid, cpu: cpuSeconds(pid) }));
  const own = process.cpuUsage();
  const startedAt = performance.now();
  const loaded = await make();
  const elapsed = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage(own);
  const count = loaded.latenciesMs.length;
  const cpuMsByProcess: Record<string, number> = {
    load: (used.user + used.system) / 1000 / count,
  };
  for (const { name, pid, cpu } of processes) {
    cpuMsByProcess[name] = ((cpuSeconds(pid) - cpu) * 1000) / count;
  }
  const cpuMs = Object.values(cpuMsByProcess).reduce((sum, ms) => sum + ms, 0);
  return { loaded, cpuMsByProcess, cpuMs, cores: (cpuMs * count) / 1000 / elapsed };
}
