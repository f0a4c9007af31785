import { expect, onTestFinished, test } from 'vitest';
import type { Origin } from '../../scope.ts';
import { createEchoServer } from '../../testing/echo.ts';
import { openEchoClient, type Transport, transports } from '../../testing/transports.ts';
import type { ClientOptions } from '../client/client.ts';
import { originHeaders } from './origin.ts';
import { createTrustedProxies } from './trusted-proxies.ts';

const [plain] = transports as [Transport];

/** A server that notes where each call came from, and a client of it. */
async function startNoting(
  options: ClientOptions & { transport?: Transport; caller?: string; proxies?: string[] } = {},
) {
  const { transport = plain, proxies = [], ...client } = options;
  const origins: Origin[] = [];
  const server = createEchoServer({
    trustedProxies: createTrustedProxies(proxies),
    handlers: {
      echo: (_, call) => {
        origins.push(call.origin);
        return {};
      },
    },
  });
  const opened = await openEchoClient(transport, server, client);
  onTestFinished(() => {
    opened.channel.close();
    server.close();
  });
  return { ...opened, server, origins };
}

const forged = {
  [originHeaders.address]: '198.51.100.1',
  [originHeaders.userAgent]: 'forged',
  'x-forwarded-for': '198.51.100.2',
};

test('a call tells of whoever is at the other end of its connection, whatever its headers say', async () => {
  const { client, origins } = await startNoting();
  await client.echo({}, { headers: forged });
  expect(origins).toMatchObject([{ address: '127.0.0.1' }]);
  expect(origins[0]!.userAgent).toContain('grpc-node-js');
});

test('a call through a trusted proxy tells of whom the proxy asks for', async () => {
  const { client, origins } = await startNoting({ proxies: ['127.0.0.1'] });
  await client.echo({}, { headers: { 'x-forwarded-for': '6.6.6.6, 192.0.2.7' } });
  expect(origins).toMatchObject([{ address: '192.0.2.7' }]);
});

test('a service passes on where a person called from, and only where it asks for the person', async () => {
  const behind = await startNoting({ caller: 'testing.door', forwardsUser: true });
  const alone = await startNoting({ caller: 'testing.door' });
  const door = createEchoServer({
    trustedProxies: createTrustedProxies(['127.0.0.1']),
    handlers: {
      echo: async () => {
        await alone.client.echo({});
        return behind.client.echo({});
      },
    },
  });
  const { client, channel } = await openEchoClient(plain, door);
  onTestFinished(() => {
    channel.close();
    door.close();
  });
  await client.echo({}, { headers: { 'x-forwarded-for': '2001:db8::7' } });
  const userAgent = behind.origins[0]?.userAgent;
  expect(behind.origins).toMatchObject([{ address: '2001:db8::7' }]);
  expect(userAgent).toContain('grpc-node-js');
  expect(alone.origins).toMatchObject([{ address: '127.0.0.1' }]);
});

test('a program may call itself what a header cannot carry, within limits', async () => {
  const { client, origins } = await startNoting({ caller: 'testing.door' });
  const said = encodeURIComponent('山行 browser '.padEnd(300, 'x'));
  const headers = { ...forged, [originHeaders.userAgent]: said };
  await client.echo({}, { headers });
  await client.echo({}, { headers: { ...headers, [originHeaders.userAgent]: '%' } });
  expect(origins).toEqual([
    { address: '198.51.100.1', userAgent: '山行 browser '.padEnd(256, 'x') },
    { address: '198.51.100.1', userAgent: '' },
  ]);
});

test('nobody knows where a call within the process came from', async () => {
  const { client, origins } = await startNoting({ transport: transports.at(-1)! });
  await client.echo({});
  expect(origins).toEqual([{ address: '', userAgent: '' }]);
});
