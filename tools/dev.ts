// The platform, a process a service, that follows the files: npm run dev [-- --port-base 9000]
import { createRestarter } from './dev/restarter.ts';
import { watchFiles } from './dev/watch.ts';
import { startMesh } from './mesh/mesh.ts';
import { portBaseText, readPortBase } from './mesh/ports.ts';
import { root, say } from './run.ts';
import { seed } from './seed/seed.ts';
import { runTool } from './tool.ts';

const usage = `npm run dev -- [options]
  --port-base <port>   first port of the services (${portBaseText})
  --data-dir <folder>  where everything is kept (.meshwork/data)
  --empty              without demo data`;

const options = {
  'port-base': { type: 'string', default: portBaseText },
  'data-dir': { type: 'string', default: `${root}.meshwork/data` },
  empty: { type: 'boolean', default: false },
} as const;

await runTool(usage, { options }, async ({ values }) => {
  const dataDir = values['data-dir'];
  const onProgress = (line: string) => say(`  ${line}`);
  const mesh = await startMesh({
    dataDir,
    portBase: readPortBase(values['port-base']),
    placement: 'service',
    durable: true,
    onProgress,
  });
  const restarter = createRestarter(mesh.processes, say);
  const stopWatching = watchFiles(root, restarter.changed);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (!values.empty) await seed(mesh, { dataDir, onProgress });
  say(`ready at ${mesh.addressOf('platform.gateway')}; watching services, kit and gen`);

  async function stop(): Promise<void> {
    say('stopping…');
    stopWatching();
    await restarter.stop();
    await mesh.stop();
    say('stopped');
    process.exit(0);
  }
});
