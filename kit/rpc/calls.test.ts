import { clone, create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { EchoRequestSchema, EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { DomainError } from '../errors.ts';
import { FieldsInvalid } from '../mesh-errors.ts';
import { eventually, failure, read, startEcho, texts } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';
import { engineLimits } from './engine-limits.ts';

class TooLoud extends DomainError<{ decibels: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'TOO_LOUD';
}

describe.each(transports)('over $name', (transport) => {
  test('a unary call answers', async () => {
    const { client } = await startEcho(transport);
    const answer = await client.echo({ text: 'grüß dich', numbers: [1n, -2n] });
    expect(answer.text).toBe('grüß dich');
    expect(answer.numbers).toEqual([1n, -2n]);
  });

  test('a server stream answers in order', async () => {
    const { client } = await startEcho(transport);
    const answers = await read(client.echoMany({ text: 'a', count: 100 }));
    expect(answers.map(({ index }) => index)).toEqual([...Array(100).keys()]);
  });

  test('a client stream is answered once', async () => {
    const { client } = await startEcho(transport);
    expect((await client.echoJoined(texts('a', 'b', 'c'))).text).toBe('a b c');
    expect((await client.echoJoined(texts())).text).toBe('');
  });

  test('a bidirectional stream answers each message before the next is sent', async () => {
    const { client } = await startEcho(transport);
    const heard: string[] = [];
    const spoken = ['a', 'b', 'c'];
    async function* speak() {
      for (const text of spoken) {
        yield { text };
        await eventually(() => heard.at(-1)).toBe(text);
      }
    }
    for await (const { text } of client.echoEach(speak())) heard.push(text);
    expect(heard).toEqual(spoken);
  });

  test('a refusal arrives with its reason, its domain and its metadata', async () => {
    const refuse = () => {
      throw new TooLoud({ decibels: '120' });
    };
    const { client } = await startEcho(transport, {
      handlers: {
        echo: refuse,
        echoMany: refuse,
        echoJoined: async () => refuse(),
        async *echoEach() {
          yield { text: 'first' };
          refuse();
        },
      },
    });
    for (const call of [
      () => client.echo({}),
      () => read(client.echoMany({})),
      () => client.echoJoined(texts('a')),
      () => read(client.echoEach(texts('a'))),
    ]) {
      const error = await failure(call());
      expect(error.code).toBe('failed_precondition');
      expect(error.reason).toBe('TOO_LOUD');
      expect(error.domain).toBe(EchoService.typeName);
      expect(error.metadata).toEqual({ decibels: '120' });
      expect(error.message).toBe('too loud (decibels: 120)');
    }
  });

  test('a message that breaks its rules is refused with every violation', async () => {
    const { client } = await startEcho(transport);
    const numbers = Array<bigint>(101).fill(1n);
    const error = await failure(client.echo({ numbers, secret: 'x'.repeat(101) }));
    expect(error.code).toBe('invalid_argument');
    expect(error.reason).toBe('FIELD_INVALID');
    expect(error.domain).toBe('mesh');
    expect(error.violations.map(({ field }) => field)).toEqual(['numbers', 'secret']);
    const { description } = error.violations[0]!;
    expect(error.message).toBe(`field invalid (numbers: ${description}, and 1 more)`);
  });

  test('every message of a client stream is held to the rules', async () => {
    const { client } = await startEcho(transport);
    for (const call of [
      () => client.echoJoined(texts('a', 'x'.repeat(101))),
      () => read(client.echoMany({ count: -1 })),
    ]) {
      const error = await failure(call());
      expect(error.code).toBe('invalid_argument');
      expect(error.violations).toHaveLength(1);
    }
  });

  test('a bug in a handler is INTERNAL, and its text stays inside', async () => {
    const fail = () => {
      throw new Error('password is hunter2');
    };
    const { client } = await startEcho(transport, {
      handlers: { echo: fail, echoMany: fail, echoOnce: async () => fail() },
    });
    for (const call of [
      () => client.echo({}),
      () => client.echoOnce({}),
      () => read(client.echoMany({})),
    ]) {
      const error = await failure(call());
      expect(error.code).toBe('internal');
      expect(error.message).toBe('internal error');
      expect(JSON.stringify(error)).not.toContain('hunter2');
    }
  });

  test('a refusal with more violations than headers can carry still arrives', async () => {
    const violations = Array.from({ length: 2_000 }, (_, i) => ({
      field: `lines[${i}].quantity`,
      description: 'value must be greater than 0',
    }));
    const { client } = await startEcho(transport, {
      handlers: {
        echo() {
          throw new FieldsInvalid(violations);
        },
      },
    });
    const error = await failure(client.echo({}));
    expect(error.code).toBe('invalid_argument');
    expect(error.reason).toBe('FIELD_INVALID');
    expect(error.violations.length).toBeGreaterThan(0);
    expect(error.violations[0]).toEqual(violations[0]);
  });

  test('metadata that is no valid text still arrives as an answer', async () => {
    const { client } = await startEcho(transport, {
      handlers: {
        echo() {
          throw new TooLoud({ decibels: 'half a pair: \ud800' });
        },
      },
    });
    expect((await failure(client.echo({}))).reason).toBe('TOO_LOUD');
  });

  test('neither side sees what the other does to a message afterwards', async () => {
    const kept: { text: string; numbers: bigint[] }[] = [];
    const { client } = await startEcho(transport, {
      handlers: {
        echo(request) {
          request.text = 'changed by the handler';
          request.numbers.push(9n);
          const response = { text: 'answer', numbers: [1n] };
          kept.push(response);
          return response;
        },
      },
    });
    const request = create(EchoRequestSchema, { text: 'asked', numbers: [1n] });
    const before = clone(EchoRequestSchema, request);
    const answer = await client.echo(request);
    expect(request).toEqual(before);
    answer.numbers.push(8n);
    expect(kept[0]).toEqual({ text: 'answer', numbers: [1n] });
  });

  test('neither side of a stream sees what the other does to a message afterwards', async () => {
    const kept: { text: string }[] = [];
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoEach(requests) {
          for await (const request of requests) {
            const response = { text: request.text };
            request.text = 'changed by the handler';
            kept.push(response);
            yield response;
          }
        },
      },
    });
    const sent = [{ text: 'a' }, { text: 'b' }];
    async function* all() {
      yield* sent;
    }
    for await (const answer of client.echoEach(all())) answer.text = 'changed by the caller';
    expect(sent).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(kept).toEqual([{ text: 'a' }, { text: 'b' }]);
  });
});

const wires = transports.flatMap(({ name, engine }) => (engine ? [{ name, engine }] : []));

describe.each(wires)('bytes over $name', ({ name, engine }) => {
  const transport = transports.find((each) => each.name === name)!;

  async function raw(path: string, body: Uint8Array) {
    const { server } = await startEcho(transport);
    const { address } = await server.listen('127.0.0.1:0', engine);
    const connection = engine.connect(address, engineLimits);
    const deadlineAt = Date.now() + 5_000;
    const call = { path, metadata: {}, deadlineAt, cancellation: undefined };
    const reply = await connection.unary(call, body);
    const stream = connection.stream(call);
    void stream.send(body).then(() => stream.end());
    for await (const _ of stream.bodies);
    const status = await stream.status;
    connection.close();
    return [reply, status];
  }

  test('bytes that are no message are INVALID_ARGUMENT', async () => {
    for (const method of ['Echo', 'EchoMany', 'EchoJoined', 'EchoEach']) {
      const path = `/${EchoService.typeName}/${method}`;
      for (const { code } of await raw(path, Uint8Array.of(0x0a, 0xff))) expect(code).toBe(3);
    }
  });

  test('a method that is not there is UNIMPLEMENTED', async () => {
    for (const path of [`/${EchoService.typeName}/Nothing`, '/no.Service/Echo']) {
      for (const { code } of await raw(path, new Uint8Array())) expect(code).toBe(12);
    }
  });
});
