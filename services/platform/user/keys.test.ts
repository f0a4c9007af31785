import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { clientsOf, newEmail, password } from './testing.ts';

let network: Network;
let clients: ReturnType<typeof clientsOf>;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  clients = clientsOf(network);
});
afterAll(() => network.stop());

const keys = () => network.client(KeyService, 'platform.user');
const kidOf = ({ accessToken }: { accessToken: string }) => decodeProtectedHeader(accessToken).kid;

async function rotate(): Promise<string> {
  // A new member of the staff each time, for one alone may not rotate so often.
  const { headers } = await network.person({ roles: ['staff'] });
  const { key } = await keys().rotateSigningKey({ requestId: uuidv7() }, { headers });
  return key!.keyId;
}

async function published(): Promise<string[]> {
  return (await keys().getJwks({})).keys.map(({ keyId }) => keyId);
}

describe('signing keys', () => {
  test('are published as a JSON Web Key Set that others can check tokens with', async () => {
    const person = await clients.person();
    const { jwksJson } = await keys().getJwks({});
    const { payload } = await jwtVerify(
      person.accessToken,
      createLocalJWKSet(JSON.parse(jwksJson)),
      { issuer: 'meshwork', audience: 'meshwork', currentDate: new Date(network.clock.now()) },
    );
    expect(payload).toMatchObject({
      sub: person.userId,
      sid: person.sessionId,
      roles: ['customer'],
    });
    expect((payload.exp! - payload.iat!) * 1000).toBe(limits.accessTokenMs);
    expect(Object.keys(JSON.parse(jwksJson).keys[0])).not.toContain('d');
  });

  test('take over a while after they were published; tokens of the old one go on counting', async () => {
    const person = await clients.person();
    const old = kidOf(person)!;
    const next = await rotate();
    expect(await published()).toEqual([old, next]);
    expect(kidOf(await clients.signIn(person.email))).toBe(old);

    network.clock.advance({ milliseconds: limits.keyPublishMs });
    const later = await clients.signIn(person.email);
    expect(kidOf(later)).toBe(next);
    for (const { headers } of [person, later]) {
      const read = clients.users.getUser({ userId: person.userId }, { headers });
      await expect(read).resolves.toBeDefined();
    }
  });

  test('go when the last token that they signed has expired', async () => {
    const person = await clients.person();
    const old = kidOf(person)!;
    const next = await rotate();
    network.clock.advance({ milliseconds: limits.keyPublishMs });
    network.clock.advance({ minutes: 10 });
    await network.settle();
    expect(await published()).toContain(old);
    network.clock.advance({ minutes: 1 });
    await network.settle();
    expect(await published()).toEqual([next]);
    expect(await network.sql`select key_id from platform_user.signing_key`).toHaveLength(1);
  });

  test('sign also when the clock is put back to before the first of them', async () => {
    const other = await startNetwork(['platform.user']);
    onTestFinished(other.stop);
    other.clock.advance({ hours: -1 });
    const { headers, userId } = await clientsOf(other).person();
    const read = clientsOf(other).users.getUser({ userId }, { headers });
    await expect(read).resolves.toBeDefined();
  });

  test('rotate once, however many ask for it at once', async () => {
    const asked = await Promise.all(Array.from({ length: 8 }, () => rotate()));
    expect(new Set(asked).size).toBe(1);
  });

  test('rotate by themselves when they are old', async () => {
    network.clock.advance({ hours: 1 });
    await network.settle();
    const before = await published();
    network.clock.advance({ milliseconds: limits.keySignMsMax });
    await network.settle();
    expect(await published()).toHaveLength(before.length + 1);
  });

  test('are not rotated by just anybody', async () => {
    const { headers } = await clients.person();
    const asked = keys().rotateSigningKey({ requestId: uuidv7() }, { headers });
    await expect(asked).rejects.toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
  });

  test('lie in the database encrypted, and a process with another secret does not start', async () => {
    const rows = await network.sql`select private_key from platform_user.signing_key`;
    // The fixed beginning of a PKCS #8 Ed25519 key.
    const head = Buffer.from('302e020100300506032b6570', 'hex');
    for (const { private_key: key } of rows) expect(key.includes(head)).toBe(false);
    const settings = { SIGNING_KEY_SECRET: 'another secret of which nobody knows anything' };
    const other = startNetwork(['platform.user'], {
      joins: network,
      settings: { 'platform.user': settings },
    });
    await expect(other).rejects.toThrow('SIGNING_KEY_SECRET does not open the stored keys');
  });

  test('made by one process sign in another, whichever rotates', async () => {
    const second = await startNetwork(['platform.user'], { joins: network });
    try {
      const there = clientsOf(second);
      const next = await rotate();
      network.clock.advance({ milliseconds: limits.keyPublishMs });
      const person = await there.person();
      expect(kidOf(person)).toBe(next);
      const { headers } = person;
      await expect(
        clients.users.getUser({ userId: person.userId }, { headers }),
      ).resolves.toBeDefined();
    } finally {
      await second.stop();
    }
  });
});

describe('a new secret, given before the one so far', () => {
  const secrets = [
    'a secret that has been known for too long',
    'a secret that nobody has heard of before',
  ];
  const start = (secret: string, joins?: Network) =>
    startNetwork(['platform.user'], {
      ...(joins === undefined ? {} : { joins }),
      settings: { 'platform.user': { SIGNING_KEY_SECRET: secret } },
    });

  test('changes no answer, and no token that was used passes for a forged one', async () => {
    const before = await start(secrets[0]!);
    onTestFinished(before.stop);
    const there = clientsOf(before);
    const request = { requestId: uuidv7(), email: newEmail(), password, name: 'Ada' };
    const signedUp = await there.users.createUser(request);
    const first = await there.signIn(request.email);
    const next = await there.refresh((await there.refresh(first.refreshToken)).refreshToken);

    const after = await start(secrets.toReversed().join(), before);
    onTestFinished(after.stop);
    const here = clientsOf(after);
    expect(await here.users.createUser(request)).toEqual(signedUp);
    const other = { ...request, name: 'Bob' };
    await expect(here.users.createUser(other)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    await expect(here.refresh(first.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_REUSED',
    });
    await expect(here.refresh(next.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
  });
});
