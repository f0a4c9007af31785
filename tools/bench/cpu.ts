/** CPU time of processes, read from the kernel: what a call costs, however busy the neighbours are. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second on every Linux that we know of. */
const ticksPerSecond = 100;

/** CPU seconds that a process and those below it have used so far. Linux only; 0 where it cannot be read. */
export function cpuSeconds(pid: number): number {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    const stat = readStat(id);
    if (stat === undefined) continue;
    parents.set(id, stat.parent);
    ticks.set(id, stat.ticks);
  }
  let total = 0;
  for (const id of ticks.keys()) if (isBelow(id, pid, parents)) total += ticks.get(id)!;
  return total / ticksPerSecond;
}

function isBelow(id: number, ancestor: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = id; at !== undefined && at !== 0; at = parents.get(at)) {
    if (at === ancestor) return true;
  }
  return false;
}

function readStat(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold spaces and brackets; the numbers begin after the last bracket.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // user, system, and both of children that have ended: PostgreSQL's backends come and go.
    const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    return undefined;
  }
}
