// Removes all data of the local mesh; the next npm start begins anew: npm run reset [-- --data-dir folder]
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, say } from './run.ts';

const options = {
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
} as const;
const dataDir = parseArgs({ options }).values['data-dir'];

/** Where PostgreSQL's data went when its account could not reach the data folder (tools/servers/reachable.ts). */
function elsewhere(): string | undefined {
  try {
    return readFileSync(join(dataDir, 'postgres.location'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

const far = elsewhere();
if (far?.startsWith(tmpdir())) rmSync(far, { recursive: true, force: true });
rmSync(dataDir, { recursive: true, force: true });
say(`removed ${dataDir}`);
