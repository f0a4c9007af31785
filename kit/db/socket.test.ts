import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, expect, inject, test } from 'vitest';
import { createAuthority } from '../testing/certificates.ts';
import { createDatabase } from './database.ts';
import { tlsModeOf } from './socket.ts';

const { databaseUrl } = inject('servers');
const authority = createAuthority();
/** The first bytes of what came on each connection. */
const asked: string[] = [];

/** PostgreSQL behind TLS: it answers the request for it with `answer`, and goes on as that says. */
async function startServer(answer: string) {
  const files = authority.issue('postgres', { hosts: ['127.0.0.1'] });
  const sockets = new Set<Socket>();
  const heard = new EventEmitter();
  const server = createServer(async (plain) => {
    sockets.add(plain);
    plain.on('error', () => {});
    const [request] = (await once(plain, 'data')) as [Buffer];
    asked.push(request.toString('hex'));
    plain.pause();
    plain.write(answer);
    if (answer.length > 1) return;
    const { certificate: cert, key } = files;
    const client = answer === 'S' ? new TLSSocket(plain, { isServer: true, cert, key }) : plain;
    client.on('error', () => {});
    const { hostname, port } = new URL(databaseUrl);
    const target = connect(Number(port), hostname);
    sockets.add(target);
    target.on('error', () => {});
    client.on('data', (chunk) => heard.emit(chunk.includes('pg_sleep') ? 'pg_sleep' : 'other'));
    client.pipe(target).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    urlOf(mode: string) {
      const url = new URL(databaseUrl);
      url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      url.searchParams.set('sslmode', mode);
      return url.toString();
    },
    /** Resolves when a client has sent this. */
    heard(text: 'pg_sleep') {
      return once(heard, text);
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    stop() {
      this.cut();
      server.close();
    },
  };
}

const able = await startServer('S');
const unable = await startServer('N');
const meddled = await startServer('SX');
afterAll(() => {
  for (const server of [able, unable, meddled]) server.stop();
});

async function ask(url: string): Promise<unknown> {
  const database = createDatabase({ url, schema: 'public' });
  try {
    const [row] = await database.sql`select ${['a', 'b']}::text[] as array`;
    return row!.array;
  } finally {
    await database.close();
  }
}

const request = '0000000804d2162f';

test.each(['require', 'prefer'])('asks a server for TLS and speaks it: %s', async (mode) => {
  asked.length = 0;
  await expect(ask(able.urlOf(mode))).resolves.toEqual(['a', 'b']);
  expect(asked).toEqual([request]);
});

test('goes on without TLS where a server has none, when it was only preferred', async () => {
  await expect(ask(unable.urlOf('prefer'))).resolves.toEqual(['a', 'b']);
  await expect(ask(unable.urlOf('require'))).rejects.toThrow('offers no TLS');
});

test('refuses a server whose certificate is by nobody that is trusted', async () => {
  await expect(ask(able.urlOf('verify-full'))).rejects.toThrow('unable to verify');
});

test('refuses what was put in before the handshake', async () => {
  await expect(ask(meddled.urlOf('require'))).rejects.toThrow('offers no TLS');
});

test('statements fail when a connection with TLS is lost, and later ones have a new one', async () => {
  const database = createDatabase({ url: able.urlOf('require'), schema: 'public' });
  try {
    await database.sql`select 1`;
    const isThere = able.heard('pg_sleep');
    const statement = database.sql`select pg_sleep(30)`;
    const failed = expect(statement).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await isThere;
    able.cut();
    await failed;
    await expect(database.sql`select 1 as one`).resolves.toEqual([{ one: 1 }]);
  } finally {
    await database.close();
  }
});

test('a mode that there is none of is refused', () => {
  expect(() => tlsModeOf('postgres://localhost/x?sslmode=allow')).toThrow('not allow');
  expect(() => tlsModeOf('postgres://localhost/x?ssl=true')).toThrow('sslmode');
  expect(tlsModeOf('postgres://localhost/x')).toBe('disable');
});
