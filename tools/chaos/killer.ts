/** Kills, and waits until what was killed serves again. */
import type { Mesh } from '../mesh/mesh.ts';
import type { MeshProcess } from '../mesh/process.ts';
import type { ManagedServer } from '../servers/servers.ts';
import type { Load } from './load.ts';
import { Overdue, until } from './patience.ts';
import { deathsOf, type Kill, type Point } from './plan.ts';

/** What came of a kill. */
export interface Killed {
  deaths: number;
  /** Milliseconds from the last death until something that began after it has come out as it should. */
  recoveryMs: number;
  /** Places that nobody came by in time. */
  missed: string[];
}

const limits = {
  readyMs: 60_000,
  servedMs: 60_000,
  /** How long a place may go without visitors: far above the leases for which callers of a dead driver wait. */
  pointMs: 30_000,
};

/** Does one kill, and resolves when the mesh serves its callers again. Throws Overdue when it does not. */
export async function carryOut(mesh: Mesh, load: Load, kill: Kill): Promise<Killed> {
  let missed: string[] = [];
  let diedAt = performance.now();
  if (kill.kind === 'crash') await Promise.all(kill.victims.map((name) => killOne(mesh, name)));
  else {
    const rows = await Promise.all(
      kill.rows.map(({ service, points }) => killAtPoints(hostOf(mesh, service), points)),
    );
    missed = rows.flatMap((row) => row.missed);
    diedAt = Math.max(...rows.map((row) => row.diedAt));
  }
  await load.untilServed(limits.servedMs);
  return { deaths: deathsOf(kill), recoveryMs: performance.now() - diedAt, missed };
}

async function killOne({ processes, servers }: Mesh, name: string): Promise<void> {
  const server = servers.managed.find((each) => each.name === name);
  await (server ? killServer(server) : killProcess(find(processes, name)));
}

async function killProcess(victim: MeshProcess): Promise<void> {
  await until(`${victim.name} is there`, limits.readyMs, () => victim.pid !== undefined);
  const { restarts } = victim;
  victim.kill('SIGKILL');
  await servesAgain(victim, restarts + 1);
}

async function killServer(victim: ManagedServer): Promise<void> {
  await victim.kill('SIGKILL');
  await victim.start();
}

/** The process dies where it stands, and then once at each place; a place that nobody comes by is given up. */
async function killAtPoints(victim: MeshProcess, points: readonly Point[]) {
  const missed: string[] = [];
  await until(`${victim.name} is there`, limits.readyMs, () => victim.pid !== undefined);
  let { restarts } = victim;
  const lives = points.map(({ name, pass }) => ({ MESHWORK_DEBUG_POINTS: `${name}=kill:${pass}` }));
  victim.armLives(lives);
  victim.kill('SIGKILL');
  for (const { name } of points) {
    restarts += 1;
    await servesAgain(victim, restarts);
    try {
      await until(`death at ${name}`, limits.pointMs, () => victim.restarts > restarts);
    } catch (error) {
      if (!(error instanceof Overdue)) throw error;
      missed.push(name);
      victim.kill('SIGKILL');
    }
  }
  const diedAt = performance.now();
  await servesAgain(victim, restarts + 1);
  return { missed, diedAt };
}

/** Resolves when the process serves in the given life or a later one: it may have died at its place already. */
async function servesAgain(victim: MeshProcess, life: number): Promise<void> {
  await until(`${victim.name} was started again`, limits.readyMs, () => victim.restarts >= life);
  await until(`${victim.name} serves again`, limits.readyMs, async () => {
    const lifeBefore = victim.restarts;
    const isReady = await victim.ready().then(
      () => true,
      () => false,
    );
    return isReady || lifeBefore > life;
  });
}

function hostOf({ processes }: Mesh, service: string): MeshProcess {
  const [domain = ''] = service.split('.');
  const names = [service, domain, 'mesh'];
  return find(processes, names.find((name) => processes.some((each) => each.name === name)) ?? '');
}

function find(processes: readonly MeshProcess[], name: string): MeshProcess {
  const found = processes.find((victim) => victim.name === name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}
