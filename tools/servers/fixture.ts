// What the tests of tools/servers share: a data folder per test, and servers that never outlive it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect } from 'vitest';
import { birthOf } from './process.ts';
import {
  type ManagedServer,
  type Servers,
  type StartServersOptions,
  startServers,
} from './servers.ts';

/** Long enough for the first run on a machine, which installs NATS and Redis. */
export const testTimeoutMs = 300_000;

export interface ServersFixture {
  /** A folder of this test alone, which any account may enter. */
  readonly dataDir: string;
  open(options?: Partial<StartServersOptions>): Promise<Servers>;
  /** Starts the servers from another process and answers when they run. */
  openElsewhere(): Promise<Launcher>;
}

export interface Launcher {
  process: ChildProcess;
  pids: number[];
}

export function useServers(): ServersFixture {
  let dataDir = '';
  let opened: Servers[] = [];
  let launchers: ChildProcess[] = [];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'meshwork-servers-'));
    chmodSync(dataDir, 0o755);
    opened = [];
    launchers = [];
  });
  afterEach(async () => {
    for (const launcher of launchers) await endLauncher(launcher);
    const managed = opened.flatMap((servers) => servers.managed);
    for (const server of managed) await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    expect(managed.filter(isUp)).toEqual([]);
  });
  return {
    get dataDir() {
      return dataDir;
    },
    async open(options = {}) {
      const servers = await startServers({ dataDir, durable: false, ...options });
      opened.push(servers);
      return servers;
    },
    async openElsewhere() {
      const launcher = await launchElsewhere(dataDir, launchers);
      return launcher;
    },
  };
}

const program = `
  const { startServers } = await import(process.argv[1]);
  const servers = await startServers({ dataDir: process.argv[2], durable: false });
  process.stdout.write(JSON.stringify(servers.managed.map((server) => server.pid)) + '\\n');
  process.stdin.resume();
`;

async function launchElsewhere(dataDir: string, launchers: ChildProcess[]): Promise<Launcher> {
  const module = new URL('./servers.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, module, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  launchers.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { process: child, pids: JSON.parse(line) as number[] };
}

/** Kills a launcher as the kernel would: its servers keep running. */
export async function endLauncher(launcher: ChildProcess): Promise<void> {
  if (launcher.exitCode !== null || launcher.signalCode !== null) return;
  launcher.kill('SIGKILL');
  await once(launcher, 'exit');
}

export function isUp(server: Pick<ManagedServer, 'pid'>): boolean {
  return birthOf(server.pid) !== undefined;
}

export function serverOf(servers: Servers, name: ManagedServer['name']): ManagedServer {
  const server = servers.managed.find((candidate) => candidate.name === name);
  if (server === undefined) throw new Error(`${name} is not managed`);
  return server;
}
