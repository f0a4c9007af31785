import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import type { Listener } from '../rpc/engine.ts';
import { engineLimits } from '../rpc/engine-limits.ts';
import type { Server } from '../rpc/server/server.ts';
import { createAuthority, createTlsSource } from '../testing/certificates.ts';
import { createEchoServer } from '../testing/echo.ts';
import { createEdgeEngine } from './engine.ts';

const authority = createAuthority();
const { ca } = authority;
const issue = () => authority.issue('shop.example', { uris: [], hosts: ['127.0.0.1'] });
const tls = createTlsSource(issue());

let server: Server;
let edge: Listener;

beforeAll(async () => {
  server = createEchoServer();
  const engine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
  edge = await server.listen('127.0.0.1:0', engine, { ...engineLimits, tls });
});
afterAll(() => edge.close());

const base = () => ({ baseUrl: `https://${edge.address}`, nodeOptions: { ca } });
const doors: [string, () => Transport][] = [
  ['gRPC', () => createGrpcTransport(base())],
  ['gRPC-Web over HTTP/1.1', () => createGrpcWebTransport({ ...base(), httpVersion: '1.1' })],
  ['Connect over HTTP/2', () => createConnectTransport({ ...base(), httpVersion: '2' })],
];

/** The serial number that a new connection is shown, and the protocol that it was given. */
async function greet(...protocols: string[]) {
  const [host, port] = edge.address.split(':');
  const socket = connect({ host, port: Number(port), ca, ALPNProtocols: protocols });
  await new Promise((resolve, reject) => {
    socket.on('secureConnect', resolve);
    socket.on('error', reject);
  });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return { serialNumber, protocol: socket.alpnProtocol };
}

test.each(doors)(
  'the door answers over TLS, and asks nobody for a certificate: %s',
  async (_, door) => {
    const client = createClient(EchoService, door());
    expect(await client.echo({ text: 'hello' })).toMatchObject({ text: 'hello' });
  },
);

test('whoever knows no ALPN speaks HTTP/1.1', async () => {
  expect(await greet()).toMatchObject({ protocol: false });
  expect(await greet('h2', 'http/1.1')).toMatchObject({ protocol: 'h2' });
});

test('a call in plaintext gets no answer', async () => {
  await expect(fetch(`http://${edge.address}/`)).rejects.toThrow();
});

test('a rotation holds for new connections, and a stream that is open goes on', async () => {
  const client = createClient(EchoService, doors[0]![1]());
  const reading = new AbortController();
  const { signal } = reading;
  const answers = client.echoMany({ text: 'x', count: 0 }, { signal });
  const stream = answers[Symbol.asyncIterator]();
  await stream.next();
  const next = issue();
  tls.rotate(next);
  const { serialNumber } = new X509Certificate(next.certificate);
  expect(await greet('h2')).toMatchObject({ serialNumber });
  expect((await stream.next()).done).toBe(false);
  reading.abort();
});
