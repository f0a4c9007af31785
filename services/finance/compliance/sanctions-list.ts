import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '#kit/clock.ts';
import type { Job } from '#kit/service.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { referenceDataFault } from '#kit/telemetry/metrics.ts';
import { createNameIndexBuilder, type NameIndex } from './domain/name-index.ts';
import { BrokenList, parseSdn } from './domain/sdn.ts';
import { limits } from './domain.ts';
import type { ListStore } from './store/lists.ts';

/** A list that was loaded. It never changes: whoever screens takes one and keeps to it. */
export interface SanctionsList {
  /** Made of what is in the files. */
  readonly version: string;
  readonly entryCount: number;
  readonly index: NameIndex;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
}

/** The newest list that could be loaded. */
export interface SanctionsLists {
  /** Undefined when none could be loaded yet. */
  current(): SanctionsList | undefined;
  /** Why a newer file was not taken; empty when there is none. */
  fault(): string;
  /** Looks whether the files changed, and loads them; when they are broken the list stays. Never rejects for that. */
  look(): Promise<void>;
  /** Looks now and then. */
  readonly job: Job;
}

/** Ships with the service: nobody on it exists. */
const inventedList = fileURLToPath(new URL('./sanctions/sdn.csv', import.meta.url));

/** Entries that are indexed before others get their turn. */
const entriesPerTurn = 500;

/**
 * Loads the list from a file, `path`, and alt.csv beside it, and again whenever either changes. Looks that meet are one.
 * Files of which only one was replaced so far mostly do not fit together, and are looked at again.
 */
export function createSanctionsLists(deps: {
  /** Empty for the invented list. */
  path: string;
  store: ListStore;
  clock: Clock;
  log: Logger;
}): SanctionsLists {
  const { store, clock, log } = deps;
  const sdnPath = deps.path || inventedList;
  const altPath = join(dirname(sdnPath), 'alt.csv');
  let current: SanctionsList | undefined;
  let fault = '';
  let seen = '';
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      const stamp = await stampOf([sdnPath, altPath]);
      if (stamp === seen) return;
      const loaded = await load(sdnPath, altPath, clock.now());
      // Files that changed while they were read are read again.
      if ((await stampOf([sdnPath, altPath])) !== stamp) return;
      await store.putInForce(loaded);
      current = loaded;
      seen = stamp;
      noteFault('');
      log.info({ version: loaded.version, entries: loaded.entryCount }, 'sanctions.loaded');
    } catch (error) {
      if (!isOfFiles(error)) throw error;
      noteFault(error instanceof BrokenList ? error.message : 'the files cannot be read');
    }
  }

  function noteFault(next: string): void {
    if (next !== '' && next !== fault) log.error({ fault: next }, 'sanctions.broken');
    fault = next;
    const labels = { service: 'finance.compliance', data: 'sanctions-list' };
    referenceDataFault.set(labels, fault === '' ? 0 : 1);
  }

  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    current: () => current,
    fault: () => fault,
    look: lookOnce,
    job: {
      name: 'finance.compliance.sanctions-list',
      everyMs: limits.listLookMs,
      async run() {
        await lookOnce();
        return 0;
      },
    },
  };
}

/** What changes with any of the files. */
async function stampOf(paths: readonly string[]): Promise<string> {
  const stats = await Promise.all(paths.map((path) => stat(path)));
  return stats.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join(' ');
}

async function load(sdnPath: string, altPath: string, now: number): Promise<SanctionsList> {
  const [sdn, alt] = await Promise.all([readText(sdnPath), readText(altPath)]);
  const entries = parseSdn(sdn, alt);
  if (entries.length > limits.listEntriesMax) throw new BrokenList('sdn.csv has too many entries');
  const builder = createNameIndexBuilder();
  for (const [i, entry] of entries.entries()) {
    builder.add(entry);
    // A list takes longer than a call may wait.
    if (i % entriesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return {
    version: hash('sha256', `${sdn}\n${alt}`, 'hex').slice(0, 16),
    entryCount: entries.length,
    index: builder.finish(),
    loadedAt: now,
  };
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > limits.listBytesMax) throw new BrokenList('a file is too large');
  return bytes.toString('utf8');
}

function isOfFiles(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return error instanceof BrokenList || (typeof code === 'string' && /^E[A-Z]+$/.test(code));
}
