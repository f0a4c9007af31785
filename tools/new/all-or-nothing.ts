import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Whoever asked for the work asked for its end, before it was done. */
class Interrupted extends Error {
  constructor() {
    super('interrupted');
  }
}

/**
 * Runs work that changes these files and folders, named from `root`, and puts all of them back as they were when it fails
 * or is interrupted; what was not there goes again, with the folders around it.
 */
export async function allOrNothing(
  root: string,
  paths: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const kept = mkdtempSync(join(tmpdir(), 'meshwork-before-'));
  const there = paths.filter((path) => existsSync(join(root, path)));
  const made = new Set(paths.map((path) => firstMissing(root, path)));
  for (const path of there) cpSync(join(root, path), join(kept, path), { recursive: true });
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    await work();
    if (isInterrupted) throw new Interrupted();
  } catch (error) {
    for (const path of [...made, ...there]) {
      if (path !== undefined) rmSync(join(root, path), { recursive: true, force: true });
    }
    for (const path of there) cpSync(join(kept, path), join(root, path), { recursive: true });
    throw isInterrupted ? new Interrupted() : error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    rmSync(kept, { recursive: true, force: true });
  }
}

/** The outermost folder on the way to a path that is not there yet, or the path itself; undefined when all are. */
function firstMissing(root: string, path: string): string | undefined {
  if (existsSync(join(root, path))) return undefined;
  const above = dirname(path);
  return above === '.' ? path : (firstMissing(root, above) ?? path);
}
