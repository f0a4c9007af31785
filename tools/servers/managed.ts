import { isPortFree } from '#kit/testing/port.ts';
import { ServerStartError } from './errors.ts';
import { endServer, isOurs, startOn, stopOrderly } from './lifecycle.ts';
import { limits } from './limits.ts';
import { portCandidates, rememberPort } from './ports.ts';
import { commandLineOf } from './process.ts';
import {
  isRunning,
  processId,
  readRecord,
  type ServerRecord,
  withServerLock,
  writeRecord,
} from './record.ts';
import type { LaunchedServer, Progress, ServerSpec } from './spec.ts';

/**
 * Adopts the server that an earlier launcher left running, or starts it. Throws ServerStartError.
 */
export async function launchServer(
  spec: ServerSpec,
  onProgress: Progress,
): Promise<LaunchedServer> {
  const { name, dataDir } = spec;
  const locked = <T>(work: () => Promise<T>) => withServerLock(dataDir, name, work);
  let record = await locked(
    async () => (await adopt(spec, onProgress)) ?? (await startOnAnyPort(spec, onProgress)),
  );
  rememberPort(dataDir, name, record.port);
  // Another launcher may have restarted it since.
  const current = () => {
    record = readRecord(dataDir, name) ?? record;
    return record;
  };
  const server: LaunchedServer = {
    name,
    get pid() {
      return record.pid;
    },
    url: spec.urlOn(record.port),
    start: () =>
      locked(async () => {
        record = (await adopt(spec, onProgress)) ?? (await startOn(spec, record.port));
      }),
    kill: (signal) => locked(() => endServer(spec, current(), signal, limits.killMs)),
    stop: () => locked(() => stopOrderly(spec, current())),
    async release() {
      const owner = readRecord(dataDir, name)?.owner;
      if (owner === undefined || owner.pid === process.pid || !isRunning(owner))
        await server.stop();
    },
  };
  return server;
}

async function adopt(spec: ServerSpec, onProgress: Progress): Promise<ServerRecord | undefined> {
  const record = readRecord(spec.dataDir, spec.name);
  if (record === undefined || !isOurs(spec, record)) return undefined;
  const reusable = spec.isReusable?.(commandLineOf(record.pid)) ?? true;
  const answers =
    reusable &&
    (await spec.ask(record.port).then(
      () => true,
      () => false,
    ));
  if (!answers) {
    onProgress(`${spec.name}: ends process ${record.pid}, left over and not usable`);
    await stopOrderly(spec, record);
    return undefined;
  }
  if (isRunning(record.owner)) return record;
  onProgress(`${spec.name}: takes over process ${record.pid}, left running on port ${record.port}`);
  const adopted = { ...record, owner: processId(process.pid) };
  writeRecord(spec.dataDir, spec.name, adopted);
  return adopted;
}

async function startOnAnyPort(spec: ServerSpec, onProgress: Progress): Promise<ServerRecord> {
  const begun = performance.now();
  for await (const port of portCandidates(spec.dataDir, spec.name)) {
    try {
      const record = await startOn(spec, port);
      onProgress(
        `${spec.name}: ready on port ${port} in ${Math.round(performance.now() - begun)} ms`,
      );
      return record;
    } catch (error) {
      // Somebody may have taken the port between the look and the start. Any other failure would
      // repeat itself on every port.
      if (await isPortFree(port)) throw error;
    }
  }
  throw new ServerStartError(spec.name, 'no free port found; end some servers on 127.0.0.1');
}
