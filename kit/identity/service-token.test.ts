import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createServiceTokenVerifier, signServiceToken } from './service-token.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const lifeMs = 60_000;
const invalid = expect.objectContaining({ reason: 'CREDENTIALS_INVALID' });
const expired = expect.objectContaining({ reason: 'CREDENTIALS_EXPIRED' });

const createVerifier = () =>
  createServiceTokenVerifier(publicKey.export({ type: 'spki', format: 'pem' }) as string);
const tokenOf = (service: string, key = privateKey) =>
  signServiceToken(service, Date.now() + lifeMs, key);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a service token', () => {
  test('names its service until it expires, also once it is remembered', () => {
    const verifier = createVerifier();
    const token = tokenOf('commerce.order');
    expect(verifier.verify(token)).toBe('commerce.order');
    vi.advanceTimersByTime(lifeMs - 1);
    expect(verifier.verify(token)).toBe('commerce.order');
    vi.advanceTimersByTime(1);
    expect(() => verifier.verify(token)).toThrow(expired);
    expect(() => createVerifier().verify(token)).toThrow(expired);
  });

  test('whose time is no number has none', () => {
    const token = signServiceToken('commerce.order', Number.NaN, privateKey);
    expect(() => createVerifier().verify(token)).toThrow(expired);
  });

  test('of another key is refused', () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    expect(() => createVerifier().verify(tokenOf('commerce.order', stranger))).toThrow(invalid);
  });

  test('that was changed is refused, also by a verifier that knows the original', () => {
    const verifier = createVerifier();
    const token = tokenOf('commerce.order');
    expect(verifier.verify(token)).toBe('commerce.order');
    const [service, expiry, signature] = token.split(':') as [string, string, string];
    const forged = Buffer.from(signature, 'base64url');
    forged[0]! ^= 1;
    for (const changed of [
      `platform.gateway:${expiry}:${signature}`,
      `${service}:${Number(expiry) + 1}:${signature}`,
      `${service}:${expiry}:${forged.toString('base64url')}`,
      `${service}:${expiry}:${Buffer.alloc(64).toString('base64url')}`,
    ]) {
      expect(() => verifier.verify(changed), changed).toThrow(invalid);
      // What was refused once is not remembered as good.
      expect(() => verifier.verify(changed), changed).toThrow(invalid);
    }
  });

  test('that is none is refused', () => {
    const later = Date.now() + lifeMs;
    const short = sign(null, Buffer.from('commerce.order'), privateKey).toString('base64url');
    for (const text of [
      '',
      ':',
      '::',
      'commerce.order',
      `commerce.order:${later}`,
      `commerce.order:${later}:`,
      `commerce.order:${later}:no signature`,
      `commerce.order::${short}`,
    ]) {
      expect(() => createVerifier().verify(text), text).toThrow(invalid);
    }
  });
});
