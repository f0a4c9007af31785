// Removes all data of the local mesh; the next npm start begins anew: npm run reset [-- --data-dir folder]
import { existsSync, readdirSync } from 'node:fs';
import { root, say } from './run.ts';
import { removeData } from './servers/data-dir.ts';
import type { ServerName } from './servers/errors.ts';
import { limits } from './servers/limits.ts';
import { sendSignal, waitUntil } from './servers/process.ts';
import { isRunning, readRecord, type ServerRecord } from './servers/record.ts';
import { runTool } from './tool.ts';

const usage = `npm run reset -- [options]
  --data-dir <folder>  what to remove (.meshwork/data): databases, logs, logins`;

const options = {
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
} as const;
const serverNames: readonly ServerName[] = ['postgres', 'nats', 'redis'];
/** A platform leaves at least one of these. */
const marks = new Set(['secrets.json', ...serverNames.map((name) => `${name}.port`)]);

await runTool(usage, { options }, async ({ values }) => {
  const dataDir = values['data-dir'];
  const servers = serverNames.flatMap((name) => readRecord(dataDir, name) ?? []).filter(isRunning);
  const owner = servers.map((record) => record.owner).find(isRunning);
  if (owner !== undefined) {
    throw new Error(`a platform runs on ${dataDir} (process ${owner.pid}); stop it first: Ctrl-C`);
  }
  if (!isData(dataDir)) throw new Error(`${dataDir} is no data folder of a platform: it stays`);
  for (const server of servers) await end(server);
  removeData(dataDir);
  say(`removed ${dataDir}`);
});

/** A folder that was named by mistake has none of what a platform keeps. */
function isData(dataDir: string): boolean {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  return names.length === 0 || names.some((name) => marks.has(name));
}

/** Ends a server that a killed platform left behind; its data goes, so it need not be orderly. */
async function end(server: ServerRecord): Promise<void> {
  // PostgreSQL takes its backends along; the others end as well.
  sendSignal(server.pid, 'SIGQUIT');
  if (await waitUntil(() => !isRunning(server), limits.killMs)) return;
  throw new Error(`process ${server.pid} still runs on it; end that by hand`);
}
