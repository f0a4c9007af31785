import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../clock.ts';
import { accessTokenRules, createAccessTokenVerifier } from './access-token.ts';
import { createRevocations } from './revocations.ts';

async function createKey(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: accessTokenRules.algorithm };
  return { kid, privateKey, jwk };
}
type Key = Awaited<ReturnType<typeof createKey>>;

const clock = createTestClock();

function sign(key: Key, claims: { sid?: string; lifeMs?: number; audience?: string } = {}) {
  const now = clock.now();
  return new SignJWT({ sid: claims.sid ?? 'session', roles: ['customer'] })
    .setProtectedHeader({ alg: accessTokenRules.algorithm, kid: key.kid })
    .setSubject('person')
    .setIssuer(accessTokenRules.issuer)
    .setAudience(claims.audience ?? accessTokenRules.audience)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor((now + (claims.lifeMs ?? 600_000)) / 1000))
    .sign(key.privateKey);
}

/** A verifier whose issuer publishes `keys`, and how often it was asked for them. */
function createIssuer(keys: Key[]) {
  const issuer = { keys, loads: 0, isAway: false };
  const revocations = createRevocations(clock.now);
  const verifier = createAccessTokenVerifier({
    async loadKeys() {
      issuer.loads += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (issuer.isAway) throw new Error('the issuer is away');
      return { keys: issuer.keys.map(({ jwk }) => jwk) };
    },
    revocations,
    now: clock.now,
  });
  return { issuer, verifier, revocations };
}

describe('an access token', () => {
  test('names its person until it expires or its session is revoked', async () => {
    const key = await createKey('one');
    const { verifier, revocations } = createIssuer([key]);
    const [kept, ended] = await Promise.all([sign(key), sign(key, { sid: 'ended' })]);
    await expect(verifier.verify(kept)).resolves.toMatchObject({
      id: 'person',
      sessionId: 'session',
      roles: ['customer'],
    });
    await verifier.verify(ended);
    revocations.revoke(['ended'], clock.now() + 600_000);
    expect(() => verifier.verify(ended)).toThrow('session revoked');
    expect(verifier.verify(kept)).toMatchObject({ id: 'person' });
    clock.advance({ minutes: 10 });
    expect(() => verifier.verify(kept)).toThrow('credentials expired');
  });

  test('that is expired, for another mesh, or signed by a stranger under a known key id is refused', async () => {
    const key = await createKey('one');
    const { verifier } = createIssuer([key]);
    const stranger = await createKey('one');
    await expect(verifier.verify(await sign(key, { lifeMs: -1_000 }))).rejects.toMatchObject({
      reason: 'CREDENTIALS_EXPIRED',
    });
    for (const token of [await sign(key, { audience: 'other' }), await sign(stranger), 'x.y.z']) {
      await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    }
  });

  test('of a new key is good for all callers that meet it at once, with one fetch', async () => {
    const [old, next] = [await createKey('old'), await createKey('next')];
    const { issuer, verifier } = createIssuer([old]);
    await verifier.verify(await sign(old));
    clock.advance({ minutes: 1 });
    issuer.keys = [old, next];
    const tokens = await Promise.all([1, 2, 3].map((n) => sign(next, { sid: `session ${n}` })));
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(issuer.loads).toBe(2);
    await expect(verifier.verify(await sign(old, { sid: 'late' }))).resolves.toBeDefined();
  });

  test('of a made-up key makes nobody ask the issuer more often than every five seconds', async () => {
    const [key, madeUp] = [await createKey('one'), await createKey('made-up')];
    const { issuer, verifier } = createIssuer([key]);
    await verifier.verify(await sign(key));
    const guess = async () =>
      expect(verifier.verify(await sign(madeUp))).rejects.toMatchObject({
        reason: 'CREDENTIALS_INVALID',
      });
    for (let i = 0; i < 10; i += 1) await guess();
    expect(issuer.loads).toBe(1);
    clock.advance({ seconds: 6 });
    await guess();
    await guess();
    expect(issuer.loads).toBe(2);
  });

  test('of a key that was withdrawn is believed no longer than five minutes', async () => {
    const [gone, kept] = [await createKey('gone'), await createKey('kept')];
    const { issuer, verifier } = createIssuer([gone, kept]);
    await verifier.verify(await sign(gone));
    issuer.keys = [kept];
    clock.advance({ minutes: 6 });
    await verifier.verify(await sign(kept));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await expect(verifier.verify(await sign(gone, { sid: 'forged' }))).rejects.toMatchObject({
      reason: 'CREDENTIALS_INVALID',
    });
  });

  test('goes on being good while the issuer is away', async () => {
    const key = await createKey('one');
    const { issuer, verifier } = createIssuer([key]);
    await verifier.verify(await sign(key));
    issuer.isAway = true;
    clock.advance({ minutes: 30 });
    await expect(verifier.verify(await sign(key))).resolves.toBeDefined();
  });
});
