import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf, ServerStartError, urlVariables } from './errors.ts';
import { limits } from './limits.ts';
import type { Spawned } from './process.ts';
import { commandLineOf, logTail, sendSignal, spawnDetached, waitUntil } from './process.ts';
import { isRunning, processId, removeRecord, type ServerRecord, writeRecord } from './record.ts';
import type { ServerSpec } from './spec.ts';

/**
 * Spawns the server on this port and resolves when it answers.
 *
 * Throws ServerStartError, and leaves nothing running, when it ends early or stays silent.
 */
export async function startOn(spec: ServerSpec, port: number): Promise<ServerRecord> {
  await spec.settle?.();
  const command = await spec.prepare(port);
  const log = join(spec.dataDir, 'logs', `${spec.name}.log`);
  const child = spawnDetached(command, log);
  const record = { ...processId(child.pid ?? 0), port, owner: processId(process.pid) };
  writeRecord(spec.dataDir, spec.name, record);
  try {
    await untilItAnswers(spec, port, child, log);
    return record;
  } catch (error) {
    await endServer(spec, record, 'SIGKILL', limits.killMs);
    throw error;
  }
}

async function untilItAnswers(
  spec: ServerSpec,
  port: number,
  child: Spawned,
  log: string,
): Promise<void> {
  const deadline = performance.now() + limits.readyMs;
  for (;;) {
    const reason = await spec.ask(port).then(() => undefined, reasonOf);
    const ended = child.ended();
    if (ended === undefined && reason === undefined) return;
    if (ended !== undefined || performance.now() > deadline) {
      const what = ended ?? `gave no answer in ${limits.readyMs / 1000} s (${reason})`;
      const remedy = `correct what ${log} says, or set ${urlVariables[spec.name]}`;
      throw new ServerStartError(spec.name, `${what} at its start; ${remedy}\n${logTail(log)}`);
    }
    await delay(limits.pollMs);
  }
}

/** Ends the server in an orderly way, or by SIGKILL when that takes too long. */
export async function stopOrderly(spec: ServerSpec, record: ServerRecord): Promise<void> {
  try {
    await endServer(spec, record, spec.stopSignal, limits.stopMs);
  } catch {
    await endServer(spec, record, 'SIGKILL', limits.killMs);
  }
}

/**
 * Sends a fatal signal and waits until the server and whatever it leaves behind are gone.
 *
 * Throws ServerStartError after `limitMs`. Does nothing to a process that is not ours.
 */
export async function endServer(
  spec: ServerSpec,
  record: ServerRecord,
  signal: NodeJS.Signals,
  limitMs: number,
): Promise<void> {
  if (isOurs(spec, record)) {
    sendSignal(record.pid, signal);
    if (!(await waitUntil(() => !isRunning(record), limitMs))) {
      throw new ServerStartError(
        spec.name,
        `process ${record.pid} still runs ${limitMs / 1000} s after ${signal}; end it by hand`,
      );
    }
  }
  await spec.settle?.();
  removeRecord(spec.dataDir, spec.name);
}

/** Whether the recorded process still runs: same pid, same birth, and a command line of ours. */
export function isOurs(spec: ServerSpec, record: ServerRecord): boolean {
  if (!isRunning(record)) return false;
  const commandLine = commandLineOf(record.pid);
  return spec.commandLineHas(record.port).every((text) => commandLine.includes(text));
}
