import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { freePort } from '#kit/testing/port.ts';
import { envoyConfig } from '#tools/envoy/config.ts';
import { mtlsSecrets } from '#tools/envoy/mtls.ts';
import { operator } from '#tools/mesh/authority.ts';
import { findPeer } from '#tools/peers.ts';
import type { TestMesh } from './mesh.ts';

/** In CI findPeer throws where there is no Envoy, so what needs it is left out on users' machines only. */
export const isEnvoyHere = (await findPeer('envoy')) !== undefined;

/** How people come through it, by name. */
export const protocols: [string, (baseUrl: string) => Transport][] = [
  ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
  ['gRPC-Web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
];

export interface Envoy {
  /** "http://127.0.0.1:…" */
  readonly url: string;
  readonly adminUrl: string;
  stop(): Promise<void>;
}

const readyMsMax = 20_000;
/** Of its last words, in UTF-16 units. */
const saidMax = 2_000;

/**
 * A real Envoy before a mesh, configured as the contract says, for browsers of the given origins (a regular expression);
 * undefined where there is none to be had.
 */
export async function startEnvoy(
  mesh: TestMesh,
  corsOriginRegex: string,
): Promise<Envoy | undefined> {
  const binary = await findPeer('envoy');
  if (binary === undefined) return undefined;
  const [port, adminPort] = await Promise.all([freePort(), freePort()]);
  const mtls = mesh.certificates && {
    certificates: dirname(mesh.certificates.pathsOf(operator).certificate),
    secrets: mesh.dataDir,
  };
  const config = envoyConfig({
    port,
    adminPort,
    addressOf: mesh.addressOf,
    isStatic: true,
    mtls,
    corsOriginRegex,
  });
  for (const [name, secret] of Object.entries(mtls ? mtlsSecrets(mtls) : {})) {
    writeFileSync(join(mesh.dataDir, name), JSON.stringify(secret));
  }
  const file = join(mesh.dataDir, 'envoy.json');
  writeFileSync(file, JSON.stringify(config));
  // One base id per run: Envoys on one machine otherwise share memory.
  const args = ['-c', file, '--use-dynamic-base-id', '--log-level', 'warn', '--concurrency', '1'];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await untilReady(`http://127.0.0.1:${adminPort}/ready`, child);
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + readyMsMax;
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-saidMax);
  });
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${said}`);
    if (Date.now() > until) throw new Error('Envoy was not ready in time');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
