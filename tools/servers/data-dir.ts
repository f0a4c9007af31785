import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Removes a data folder whose servers have ended, with what PostgreSQL keeps elsewhere (reachable.ts). */
export function removeData(dataDir: string): void {
  const far = elsewhere(dataDir);
  if (far?.startsWith(tmpdir())) rmSync(far, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}

/** Where PostgreSQL's data went when its account could not reach the data folder. */
function elsewhere(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, 'postgres.location'), 'utf8').trim();
  } catch {
    return undefined;
  }
}
