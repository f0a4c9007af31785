/** Memory of processes, read from the kernel. Linux only. */
import { readFileSync } from 'node:fs';

/** Megabytes (2^20 bytes). */
export interface Resident {
  /** All pages in memory, also those that it shares with others, such as the program's own code. */
  rss: number;
  /** Its own pages, and its share of the others: these can be summed without counting a page twice. */
  pss: number;
}

/** What a process holds at this moment. Throws when there is no such process, or no Linux. */
export function residentOf(pid: number): Resident {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return { rss: megabytes(text, 'Rss'), pss: megabytes(text, 'Pss') };
}

function megabytes(text: string, key: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key}:`));
  if (line === undefined) throw new Error(`the kernel does not tell ${key}`);
  // "Rss:               43232 kB", where kB is 1024 bytes.
  return Number.parseInt(line.slice(key.length + 1), 10) / 1024;
}
