// Starts the whole platform on this machine and stays until Ctrl-C: npm start [-- --placement service --port-base 9000]
import { join } from 'node:path';
import { type Mesh, startMesh } from './mesh/mesh.ts';
import { placements, readPlacement } from './mesh/placements.ts';
import { portBaseText, readPortBase } from './mesh/ports.ts';
import { root, say } from './run.ts';
import { seed } from './seed/seed.ts';
import { commandsToTry } from './start/commands.ts';
import { tableOf } from './start/table.ts';
import { runTool, shellWords } from './tool.ts';

const usage = `npm start -- [options]
  --placement <${placements.join(' | ')}>  how services are spread over processes (domain)
  --port-base <port>                       first port of the services (${portBaseText})
  --data-dir <folder>                      where everything is kept (.meshwork/data)
  --mtls                                   services know each other by certificates, not by tokens
  --empty                                  without demo data`;

const options = {
  placement: { type: 'string', default: 'domain' },
  'port-base': { type: 'string', default: portBaseText },
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
  mtls: { type: 'boolean', default: false },
  empty: { type: 'boolean', default: false },
} as const;

/** Signals that come so close together, in milliseconds, are one: npm passes on what the terminal has sent already. */
const sameSignalMs = 1_000;

await runTool(usage, { options }, async ({ values }) => {
  const startedAt = performance.now();
  const dataDir = values['data-dir'];
  const onProgress = (line: string) => say(`  ${line}`);
  const mesh = await startMesh({
    dataDir,
    portBase: readPortBase(values['port-base']),
    placement: readPlacement(values.placement),
    durable: true,
    mtls: values.mtls,
    onProgress,
  });
  stopOnSignal(mesh);
  if (!values.empty) await seed(mesh, { dataDir, onProgress });
  const commands = await commandsToTry(mesh, dataDir);
  for (const line of ['', ...tableOf(mesh), '', ...commands, '']) say(line);
  say(`Ctrl-C stops it; logs are in ${join(dataDir, 'logs')}`);
  say(`ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
});

/** Ctrl-C drains and stops all that was started; a second one ends at once. */
function stopOnSignal(mesh: Mesh): void {
  let stoppingSince: number | undefined;
  const stop = () => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > sameSignalMs) process.exit(130);
      return;
    }
    stoppingSince = performance.now();
    say('stopping…');
    void mesh.stop().then(() => {
      say(`stopped; everything is found again by: ${sameCommand()}`);
      process.exit(0);
    });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

/** This start once more: another data folder has other data. */
function sameCommand(): string {
  const typed = process.argv.slice(2);
  return typed.length === 0 ? 'npm start' : `npm start -- ${shellWords(typed)}`;
}
