import { describe, expect, test } from 'vitest';
import { SealBroken } from './aead.ts';
import { createSealer, isSameDigest } from './sealer.ts';

const secret = 'a secret that is long enough to be one';
const other = 'another secret that is long enough too';
const plain = Buffer.from('nobody may read this');

describe('a sealer', () => {
  test('opens what it sealed, and shows nothing of it before', () => {
    const sealer = createSealer(secret, 'test');
    const sealed = sealer.seal(plain, 'row 1');
    expect(sealed.includes(plain)).toBe(false);
    expect(sealer.open(sealed, 'row 1')).toEqual(plain);
    expect(sealer.seal(plain, 'row 1')).not.toEqual(sealed);
  });

  test('opens nothing that was moved, changed, cut or sealed for another purpose', () => {
    const sealer = createSealer(secret, 'test');
    const sealed = sealer.seal(plain, 'row 1');
    expect(() => sealer.open(sealed, 'row 2')).toThrow(SealBroken);
    expect(() => createSealer(secret, 'other').open(sealed, 'row 1')).toThrow(SealBroken);
    expect(() => sealer.open(sealed.subarray(0, 10), 'row 1')).toThrow(SealBroken);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      expect(() => sealer.open(changed, 'row 1')).toThrow(SealBroken);
    }
  });

  test('opens what an earlier secret sealed, as long as that is named', () => {
    const sealed = createSealer(secret, 'test').seal(plain, 'row 1');
    const rotated = createSealer(`${other},${secret}`, 'test');
    expect(rotated.open(sealed, 'row 1')).toEqual(plain);
    const next = rotated.seal(plain, 'row 1');
    expect(createSealer(other, 'test').open(next, 'row 1')).toEqual(plain);
    expect(() => createSealer(other, 'test').open(sealed, 'row 1')).toThrow(SealBroken);
  });

  test('digests depend on the secret, the purpose and where one part ends', () => {
    const sealer = createSealer(secret, 'test');
    expect(isSameDigest(sealer.digest('ab', 'c'), sealer.digest('ab', 'c'))).toBe(true);
    const digests = [
      sealer.digest('ab', 'c'),
      sealer.digest('a', 'bc'),
      sealer.digest('abc'),
      createSealer(secret, 'other').digest('ab', 'c'),
      createSealer(other, 'test').digest('ab', 'c'),
    ];
    expect(new Set(digests.map((digest) => digest.toString('hex'))).size).toBe(digests.length);
  });

  test('wants a secret that nobody guesses', () => {
    expect(() => createSealer('short', 'test')).toThrow('at least 32 characters');
  });
});
