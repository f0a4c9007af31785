import {
  createFileRegistry,
  type DescService,
  fromBinary,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequestSchema,
} from '#gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ReflectionV1Alpha } from '#gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { codes } from '../../errors.ts';
import { createIdentityVerifier } from '../../identity/verifier.ts';
import { type Echo, read, startEcho } from '../../testing/echo-fixture.ts';
import { transports } from '../../testing/transports.ts';
import { type Client, createClient } from '../client/client.ts';

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest'];

/** Asks as grpcurl does: several questions over one stream. */
async function ask({ channel }: Echo, version: typeof ReflectionV1, ...questions: Question[]) {
  async function* requests() {
    for (const messageRequest of questions) yield { messageRequest };
  }
  const answers = await read(createClient(version, channel).serverReflectionInfo(requests()));
  return answers.map(({ messageResponse }) => messageResponse);
}

async function listServices(echo: Echo, version = ReflectionV1): Promise<string[]> {
  const [answer] = await ask(echo, version, { case: 'listServices', value: '' });
  expect(answer!.case).toBe('listServicesResponse');
  return (answer!.value as { service: { name: string }[] }).service.map(({ name }) => name).sort();
}

/** A service made of nothing but what reflection says of it. */
async function learn(echo: Echo, name: string): Promise<DescService> {
  const [answer] = await ask(echo, ReflectionV1, { case: 'fileContainingSymbol', value: name });
  expect(answer!.case, name).toBe('fileDescriptorResponse');
  const { fileDescriptorProto } = answer!.value as { fileDescriptorProto: Uint8Array[] };
  const files = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const byName = new Map(files.map((file) => [file.name, file]));
  return createFileRegistry(files[0]!, (imported) => byName.get(imported)).getService(name)!;
}

const always = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'platform.testing.v1.EchoService',
];

describe.each(transports)('reflection over $name', (transport) => {
  const served =
    transport.engine?.implementations === undefined
      ? always
      : ['grpc.channelz.v1.Channelz', ...always];

  test.each([ReflectionV1, ReflectionV1Alpha as unknown as typeof ReflectionV1])(
    'lists all that is served, by $typeName',
    async (version) => {
      expect(await listServices(await startEcho(transport), version)).toEqual(served);
    },
  );

  test('describes all that it lists, methods and fields', async () => {
    const echo = await startEcho(transport);
    for (const name of served) {
      const service = await learn(echo, name);
      expect(service.methods.length, name).toBeGreaterThan(0);
      for (const { input, output } of service.methods) {
        const fields = [...input.fields, ...output.fields];
        expect(fields.length, `${input.typeName}, ${output.typeName}`).toBeGreaterThan(0);
      }
    }
  });

  test('is enough to call a service with', async () => {
    const echo = await startEcho(transport);
    const service = await learn(echo, 'platform.testing.v1.EchoService');
    const client = createClient(service, echo.channel) as unknown as Echo['client'];
    expect(await client.echo({ text: 'learnt' })).toMatchObject({ text: 'learnt' });
  });

  test('knows what refusals carry, which no method names', async () => {
    const echo = await startEcho(transport);
    const answers = await ask(
      echo,
      ReflectionV1,
      { case: 'fileContainingSymbol', value: 'google.rpc.ErrorInfo' },
      { case: 'fileContainingSymbol', value: 'google.rpc.BadRequest' },
    );
    for (const answer of answers) expect(answer.case).toBe('fileDescriptorResponse');
  });

  test('is given whoever asks, with whatever credentials, which the call to come is refused for', async () => {
    const identity = createIdentityVerifier({ serviceTokens: undefined, accessTokens: undefined });
    const { client, channel } = await startEcho(transport, { identity });
    const headers = { authorization: 'not a token of anybody' };
    const question = { messageRequest: { case: 'listServices' as const, value: '' } };
    async function* requests() {
      yield question;
    }
    const reflection = createClient(ReflectionV1, channel);
    const [answer] = await read(reflection.serverReflectionInfo(requests(), { headers }));
    expect(answer!.messageResponse.case).toBe('listServicesResponse');
    await expect(client.echo({ text: 'anonymous' }, { headers })).rejects.toMatchObject({
      reason: 'CREDENTIALS_INVALID',
    });
  });

  test('finds a file by a method, a field and its name, and says what it does not know', async () => {
    const echo = await startEcho(transport);
    const answers = await ask(
      echo,
      ReflectionV1,
      { case: 'fileContainingSymbol', value: 'platform.testing.v1.EchoService.Echo' },
      { case: 'fileContainingSymbol', value: 'platform.testing.v1.EchoRequest.text' },
      { case: 'fileByFilename', value: 'platform/testing/v1/testing.proto' },
      { case: 'fileContainingSymbol', value: 'platform.testing.v1.Nothing' },
      { case: 'fileByFilename', value: 'nothing.proto' },
    );
    const kinds = answers.map((answer) => answer.case);
    expect(kinds.slice(0, 3)).toEqual(Array(3).fill('fileDescriptorResponse'));
    for (const answer of answers.slice(3)) {
      expect(answer).toMatchObject({ value: { errorCode: codes.not_found } });
    }
  });
});

describe.each(transports.filter(({ engine }) => engine?.implementations !== undefined))(
  'channelz over $name',
  (transport) => {
    test('can be called by whoever knows nothing but reflection', async () => {
      const echo = await startEcho(transport);
      const service = await learn(echo, 'grpc.channelz.v1.Channelz');
      interface Channelz {
        getServers(request: object, options: object): Promise<{ server: { ref: object }[] }>;
      }
      const client = createClient(service, echo.channel) as Client<DescService> & Channelz;
      const staff = { headers: { authorization: 'Bearer sam,staff' } };
      const { server } = await client.getServers({ maxResults: 1n }, staff);
      expect(server).toMatchObject([{ ref: { serverId: expect.any(BigInt) } }]);
    });

    test('is listed once, however often the server listens', async () => {
      const echo = await startEcho(transport);
      await echo.server.listen('127.0.0.1:0', transport.engine!);
      expect(await listServices(echo)).toEqual(['grpc.channelz.v1.Channelz', ...always]);
    });
  },
);
