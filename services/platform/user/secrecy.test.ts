import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { CreateUserRequestSchema, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { connectBus } from '#kit/bus/bus.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf } from './testing.ts';

/** Values that must be found nowhere but where the contract says. */
const canary = {
  email: 'canary-address@example.com',
  password: 'canary-password-one',
  next: 'canary-password-two',
  name: 'Canary Name',
  phone: '+49301234567890',
  device: 'canary-device',
  city: 'canary-city',
};

const signUp = {
  requestId: uuidv7(),
  email: canary.email,
  password: canary.password,
  name: canary.name,
  phone: canary.phone,
};

let network: Network;
const lines: string[] = [];
const errors: string[] = [];
const secrets = new Set(Object.values(canary));

beforeAll(async () => {
  network = await startNetwork(['platform.user'], {
    logLevel: 'trace',
    logDestination: { write: (line) => lines.push(line) },
  });
  await useEverything();
});
afterAll(() => network.stop());

/** Every way in which a secret comes in or goes out, refusals and failures included. */
async function useEverything(): Promise<void> {
  const { users, sessions } = clientsOf(network);
  const anonymous = network.client(UserService, 'platform.user');
  const { email, password, device: deviceName } = canary;
  await users.createUser(signUp);
  await users.createUser(signUp);
  await refused(users.createUser({ ...signUp, requestId: uuidv7() }));
  await refused(anonymous.createUser({ ...signUp, password: 'canary-password-bad' }));
  await refused(anonymous.createUser({ ...signUp, email: `${email} `, phone: 'x' }));

  const signIn = { requestId: uuidv7(), email, password, deviceName };
  const { tokens } = await sessions.authenticate(signIn);
  await sessions.authenticate(signIn);
  await refused(sessions.authenticate({ ...signIn, requestId: uuidv7(), password: canary.next }));
  const headers = { authorization: `Bearer ${tokens!.accessToken}` };
  const refresh = { requestId: uuidv7(), refreshToken: tokens!.refreshToken };
  const next = await sessions.refreshToken(refresh);
  await sessions.refreshToken(refresh);
  for (const pair of [tokens!, next.tokens!]) {
    secrets.add(pair.accessToken);
    secrets.add(pair.refreshToken);
  }
  await useAccount(headers);
  await refused(sessions.refreshToken({ ...refresh, requestId: uuidv7() }));
  await refused(
    anonymous.getUser({ userId: uuidv7() }, { headers: { authorization: 'Bearer x' } }),
  );
  await network.settle();
  await refused(users.getUser({ userId: uuidv7() }, { headers }));
  // A failure that is ours: the driver's error holds the statement and the values.
  await network.sql`alter table platform_user.app_user rename column phone to telephone`;
  await refused(users.createUser({ ...signUp, requestId: uuidv7(), email: `x${email}` }));
  await refused(sessions.authenticate({ ...signIn, requestId: uuidv7() }));
  await network.sql`alter table platform_user.app_user rename column telephone to phone`;
}

async function useAccount(headers: { authorization: string }): Promise<void> {
  const { users } = clientsOf(network);
  const { email, password, name, phone, city } = canary;
  const [row] = await network.sql`
    select user_id from platform_user.app_user where email = ${email}`;
  const userId = row!.user_id as string;
  await users.getUser({ userId }, { headers });
  const updateMask = { paths: ['name', 'phone'] };
  await users.updateUser({ requestId: uuidv7(), userId, name, phone, updateMask }, { headers });
  const postalAddress = { recipient: name, lines: ['1'], city, countryCode: 'DE' };
  await users.addAddress({ requestId: uuidv7(), label: 'home', postalAddress }, { headers });
  await users.changePassword(
    { requestId: uuidv7(), currentPassword: password, newPassword: canary.next },
    { headers },
  );
}

async function refused(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => expect.unreachable('this is refused'),
    (refusal) => refusal,
  );
  const { message, reason, metadata, violations, details } = error;
  errors.push(JSON.stringify({ message, reason, metadata, violations }), textOf(details));
}

/** Bytes as text in which an ASCII value would show. */
function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('latin1');
}

function expectNone(text: string): void {
  for (const secret of secrets) expect(text.includes(secret), secret).toBe(false);
}

describe('what is secret or personal', () => {
  test('is in no log line, at any level', () => {
    const text = lines.join('\n');
    expect(text).toContain('rpc.answered');
    expect(text).toContain('rpc.failed');
    expectNone(text);
  });

  test('is in no error', () => {
    expect(errors.length).toBeGreaterThan(10);
    expectNone(errors.join('\n'));
  });

  test('is in no event', async () => {
    const [row] = await network.sql`select current_database() as name`;
    const { natsUrl } = inject('servers');
    const bus = await connectBus({ url: natsUrl, namespace: row!.name, name: 'test' });
    const subjects = new Set<string>();
    for (const service of ['platform.user', 'platform.identity']) {
      const consumer = await bus.js.consumers.get(bus.streamOf(service));
      const { num_pending: count } = await consumer.info();
      for await (const message of await consumer.fetch({ max_messages: count })) {
        subjects.add(message.subject);
        const headers = [...message.headers!].map(String).join('\n');
        expectNone(`${message.subject}\n${headers}\n${textOf(message.data)}`);
      }
    }
    await bus.close();
    expect([...subjects].map((subject) => subject.split('.').at(-1)).sort()).toEqual([
      'SessionsRevoked',
      'UserChanged',
      'UserCreated',
    ]);
  });

  test('is not in the log of requests, nor can a password be guessed from it', async () => {
    const rows = await network.sql`
      select scope, request_hash, response, refusal from platform_user.request_log`;
    expect(rows.length).toBeGreaterThan(5);
    const message = toBinary(CreateUserRequestSchema, create(CreateUserRequestSchema, signUp));
    const bareHash = createHash('sha256').update(message).digest();
    for (const row of rows) {
      expectNone([row.scope, ...[row.request_hash, row.response, row.refusal].map(textOf)].join());
      expect(row.request_hash).not.toEqual(bareHash);
    }
  });

  test('is in no other table than the ones that are there for it', async () => {
    const tables = await network.sql`
      select table_name as name from information_schema.tables where table_schema = 'platform_user'`;
    for (const { name } of tables) {
      const rows = await network.sql`select * from platform_user.${network.sql(name)}`;
      const text = rows
        .flatMap((row) => Object.values(row))
        .map((value) => (Buffer.isBuffer(value) ? textOf(value) : JSON.stringify(value)))
        .join('\n');
      const { email, name: person, phone, device, city } = canary;
      const allowed: Record<string, string[]> = {
        app_user: [email, person, phone],
        address: [person, city],
        session: [device],
      };
      for (const secret of secrets) {
        if (!allowed[name]?.includes(secret))
          expect(text.includes(secret), `${name} ${secret}`).toBe(false);
      }
    }
  });
});

test('every field that holds a password or a token is marked in the contract', () => {
  const names = /password|token$/;
  const unmarked = [UserService, SessionService]
    .flatMap((service) => service.methods.flatMap(({ input, output }) => [input, output]))
    .flatMap((message) => message.fields)
    .filter(({ name }) => names.test(name) && !/page_token$/.test(name))
    .filter((field) => field.proto.options === undefined);
  expect(unmarked.map(({ name }) => name)).toEqual([]);
});
