import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import type { TlsFiles } from '../identity/tls-files.ts';
import { createIdentityVerifier } from '../identity/verifier.ts';
import { createAuthority, createTlsSource } from '../testing/certificates.ts';
import { createEchoServer } from '../testing/echo.ts';
import { eventually, failure, patient, read } from '../testing/echo-fixture.ts';
import { callMany } from '../testing/fleet.ts';
import { transports } from '../testing/transports.ts';
import { createClient } from './client/client.ts';
import { createStaticResolver } from './client/resolver.ts';
import { createChannel } from './client/wire-channel.ts';
import type { EngineOptions } from './engine.ts';
import { engineLimits } from './engine-limits.ts';
import type { Handlers } from './server/handlers.ts';

const engines = transports.flatMap(({ engine }) => (engine ? [{ name: engine.name, engine }] : []));
const authority = createAuthority();
const stranger = createAuthority();
const yesterday = Date.now() - 24 * 3_600_000;

describe.each(engines)('mTLS over $name', ({ engine }) => {
  /** A server that believes certificates only. `undefined` files mean plaintext. */
  async function serve(
    files: TlsFiles | undefined = authority.issue('testing.echo'),
    handlers: Partial<Handlers<typeof EchoService>> = {},
  ) {
    const tls = files && createTlsSource(files);
    const identity = createIdentityVerifier({ serviceTokens: undefined, accessTokens: undefined });
    const server = createEchoServer({ identity, handlers });
    onTestFinished(() => server.close());
    const { address } = await server.listen('127.0.0.1:0', engine, { ...engineLimits, tls });
    return { server, address, tls: tls! };
  }

  function client(address: string, files: TlsFiles | undefined, target = 'testing.echo') {
    const tls = files && createTlsSource(files);
    const engineOptions: EngineOptions = { ...engineLimits, tls };
    const resolver = createStaticResolver([address]);
    const channel = createChannel({ target, resolver, engine, engineOptions });
    onTestFinished(() => channel.close());
    return { client: createClient(EchoService, channel), tls: tls! };
  }

  test('a service is admitted by its certificate, and another one is not', async () => {
    const { address } = await serve();
    const right = client(address, authority.issue('testing.caller'));
    await right.client.echoInternal({}, patient);
    await read(right.client.echoMany({ count: 3 }));
    const wrong = client(address, authority.issue('testing.stranger'));
    await wrong.client.echo({}, patient);
    expect((await failure(wrong.client.echoInternal({}, patient))).reason).toBe(
      'CALLER_NOT_ALLOWED',
    );
    const nameless = client(address, authority.issue('testing.caller', { uris: [] }));
    expect((await failure(nameless.client.echoInternal({}, patient))).reason).toBe(
      'CALLER_NOT_ALLOWED',
    );
  });

  test('a server that is another service than the one called gets no call', async () => {
    let calls = 0;
    const { address } = await serve(authority.issue('testing.stranger'), {
      echo() {
        calls += 1;
        return {};
      },
    });
    const { client: caller } = client(address, authority.issue('testing.caller'));
    const error = await failure(caller.echo({}, patient));
    expect(error).toMatchObject({ code: 'unavailable', notProcessed: true });
    expect(calls).toBe(0);
    await client(address, authority.issue('testing.caller'), 'testing.stranger').client.echo(
      {},
      patient,
    );
  });

  const refusals: Record<string, { server?: TlsFiles; caller: TlsFiles | undefined }> = {
    'a caller of another authority': {
      caller: { ...stranger.issue('testing.caller'), ca: authority.ca },
    },
    'a server of another authority': {
      server: { ...stranger.issue('testing.echo'), ca: authority.ca },
      caller: authority.issue('testing.caller'),
    },
    'a caller whose certificate has expired': {
      caller: authority.issue('testing.caller', { expiresAt: yesterday }),
    },
    'a server whose certificate has expired': {
      server: authority.issue('testing.echo', { expiresAt: yesterday }),
      caller: authority.issue('testing.caller'),
    },
    'a caller in plaintext': { caller: undefined },
  };

  test.each(Object.entries(refusals))('%s is refused', async (_, { server, caller }) => {
    let calls = 0;
    const { address } = await serve(server, {
      echo() {
        calls += 1;
        return {};
      },
    });
    const error = await failure(client(address, caller).client.echo({}, patient));
    expect(error).toMatchObject({ code: 'unavailable', notProcessed: true });
    expect(calls).toBe(0);
  });

  test('a caller with a certificate does not talk to a server in plaintext', async () => {
    const server = createEchoServer();
    onTestFinished(() => server.close());
    const { address } = await server.listen('127.0.0.1:0', engine);
    const error = await failure(
      client(address, authority.issue('testing.caller')).client.echo({}, patient),
    );
    expect(error).toMatchObject({ code: 'unavailable', notProcessed: true });
  });

  test('a peer without a certificate is hung up on', async () => {
    const { address } = await serve();
    const [host, port] = address.split(':');
    const options = { host, port: Number(port), ca: authority.ca, ALPNProtocols: ['h2'] };
    const socket = connectTls({ ...options, checkServerIdentity: () => undefined });
    const ended = await new Promise((resolve) => {
      socket.on('error', resolve);
      socket.on('close', resolve);
      socket.resume();
    });
    expect(ended).toBeDefined();
    const plain = connectTcp({ host, port: Number(port) }).end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await new Promise((resolve) => {
      plain.on('error', resolve);
      plain.on('close', resolve);
      plain.resume();
    });
  });

  /** The serial number that a new connection is shown. */
  async function serialOf(address: string): Promise<string> {
    const [host, port] = address.split(':');
    const { certificate: cert, key, ca } = authority.issue('testing.caller');
    const options = { host, port: Number(port), cert, key, ca, ALPNProtocols: ['h2'] };
    const socket = connectTls({ ...options, checkServerIdentity: () => undefined });
    await new Promise((resolve, reject) => {
      socket.on('secureConnect', resolve);
      socket.on('error', reject);
    });
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  test('certificates of both sides rotate under load without a lost call', async () => {
    const callers = new Set<string | undefined>();
    const { address, tls: serverTls } = await serve(undefined, {
      echoOnce(_, call) {
        callers.add(call.caller.service);
        return {};
      },
    });
    const { client: caller, tls: clientTls } = client(address, authority.issue('testing.caller'));
    const before = await serialOf(address);
    await caller.echoOnce({}, patient);

    const failures = await callMany(2_000, 32, async (index) => {
      if (index % 400 === 200) serverTls.rotate(authority.issue('testing.echo'));
      if (index % 400 === 399) clientTls.rotate(authority.issue(`testing.caller${index}`));
      await caller.echoOnce({}, patient);
    });
    expect(failures).toEqual([]);
    expect(await serialOf(address)).not.toBe(before);
    // Who the caller is comes from its newest certificate.
    await eventually(async () => {
      callers.clear();
      await caller.echoOnce({}, patient);
      return [...callers];
    }).toEqual(['testing.caller1999']);
  });

  test('a stream outlives the rotation of both sides', async () => {
    const { address, tls: serverTls } = await serve();
    const { client: caller, tls: clientTls } = client(address, authority.issue('testing.caller'));
    const stream = caller.echoMany({})[Symbol.asyncIterator]();
    await stream.next();
    serverTls.rotate(authority.issue('testing.echo'));
    clientTls.rotate(authority.issue('testing.caller'));
    for (let i = 0; i < 100; i += 1) {
      await caller.echo({}, patient);
      expect((await stream.next()).done).toBe(false);
    }
    await stream.return?.();
  });

  test('a new authority takes over while both are trusted', async () => {
    const next = createAuthority();
    const both = `${authority.ca}${next.ca}`;
    const { address, tls: serverTls } = await serve({
      ...authority.issue('testing.echo'),
      ca: both,
    });
    const old = client(address, { ...authority.issue('testing.caller'), ca: both });
    await old.client.echoInternal({}, patient);
    serverTls.rotate({ ...next.issue('testing.echo'), ca: next.ca });
    await client(address, next.issue('testing.caller')).client.echoInternal({}, patient);
    // The old one is known by its connection for as long as that lasts, and no longer admitted on a new one.
    await old.client.echoInternal({}, patient);
    const late = client(address, { ...authority.issue('testing.caller'), ca: both });
    expect((await failure(late.client.echoInternal({}, patient))).code).toBe('unavailable');
  });
});
