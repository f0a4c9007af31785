import { Client, credentials, getChannelzServiceDefinition, Metadata } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { startEcho } from '../../testing/echo-fixture.ts';
import { transports } from '../../testing/transports.ts';
import { grpcJsEngine } from './engine.ts';

const transport = transports.find(({ engine }) => engine === grpcJsEngine)!;
const definition = getChannelzServiceDefinition();

/** Asks channelz as an operator's tool would: with a client that knows nothing of the kit. */
async function startChannelz() {
  const echo = await startEcho(transport);
  const { address } = await echo.server.listen('127.0.0.1:0', grpcJsEngine);
  const client = new Client(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  function ask(method: keyof typeof definition, request: object, headers: Record<string, string>) {
    const { path, requestSerialize, responseDeserialize } = definition[method]!;
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    return new Promise<never>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize as never,
        responseDeserialize as never,
        request,
        metadata,
        (error, response) => (error ? reject(error) : resolve(response as never)),
      );
    });
  }
  return { ...echo, ask };
}

const staff = { authorization: 'Bearer sam,staff' };
const service = { 'x-meshwork-service': 'testing.caller' };

test('staff and services see servers, sockets and channels', async () => {
  const { ask, client } = await startChannelz();
  for (let i = 0; i < 10; i += 1) await client.echo({});
  for (const headers of [staff, service]) {
    const { server } = (await ask('GetServers', { start_server_id: 0 }, headers)) as {
      server: { ref: { server_id: string }; data: { calls_succeeded: string } }[];
    };
    const busiest = server.find(({ data }) => Number(data.calls_succeeded) >= 10)!;
    const { socket_ref: sockets } = (await ask(
      'GetServerSockets',
      { server_id: busiest.ref.server_id },
      headers,
    )) as { socket_ref: { socket_id: string }[] };
    const socket = (await ask('GetSocket', { socket_id: sockets[0]!.socket_id }, headers)) as {
      socket: { data: { streams_started: string } };
    };
    expect(Number(socket.socket.data.streams_started)).toBeGreaterThanOrEqual(10);
    const { channel } = (await ask('GetTopChannels', {}, headers)) as { channel: object[] };
    expect(channel.length).toBeGreaterThan(0);
  }
});

test('nobody else does', async () => {
  const { ask } = await startChannelz();
  await expect(ask('GetServers', {}, {})).rejects.toMatchObject({ code: 16 });
  const user = { authorization: 'Bearer ann' };
  await expect(ask('GetServers', {}, user)).rejects.toMatchObject({ code: 7 });
});

test('an id that names nothing is NOT_FOUND', async () => {
  const { ask } = await startChannelz();
  for (const [method, request] of [
    ['GetServer', { server_id: 99_999 }],
    ['GetSocket', { socket_id: 99_999 }],
    ['GetChannel', { channel_id: 99_999 }],
    ['GetSubchannel', { subchannel_id: 99_999 }],
  ] as const) {
    await expect(ask(method, request, staff)).rejects.toMatchObject({ code: 5 });
  }
});
