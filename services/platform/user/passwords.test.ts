import { expect, test } from 'vitest';
import { limits } from './domain.ts';
import { argon2, createPasswords } from './passwords.ts';

test('a password is hashed by Argon2id with the parameters that are promised', async () => {
  const passwords = await createPasswords(argon2);
  const hash = await passwords.hash('correct horse');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await expect(passwords.verify(hash, 'correct horse')).resolves.toBe(true);
  await expect(passwords.verify(hash, 'wrong horse')).resolves.toBe(false);
});

test('a password is the same however a keyboard composes its letters', async () => {
  const passwords = await createPasswords(argon2);
  const hash = await passwords.hash('caf\u00e9 au lait');
  await expect(passwords.verify(hash, 'cafe\u0301 au lait')).resolves.toBe(true);
});

test('a password of nobody is tested as all others are, and never fits', async () => {
  const tested: string[] = [];
  const passwords = await createPasswords({
    hash: async () => 'the hash of nobody',
    verify: async (hash) => {
      tested.push(hash);
      return true;
    },
  });
  await expect(passwords.verify(undefined, 'any')).resolves.toBe(false);
  expect(tested).toEqual(['the hash of nobody']);
});

test('no more hashes are made at once than there are threads to spare, and the rest waits or is refused', async () => {
  let running = 0;
  let most = 0;
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const passwords = await createPasswords({
    hash: async () => '',
    async verify() {
      running += 1;
      most = Math.max(most, running);
      await gate;
      running -= 1;
      return true;
    },
  });
  const room = limits.hashesAtOnceMax + limits.hashQueueMax;
  const admitted = Array.from({ length: room }, () => passwords.verify('hash', 'any'));
  await expect(passwords.verify('hash', 'any')).rejects.toMatchObject({ reason: 'OVERLOADED' });
  release();
  await Promise.all(admitted);
  expect(most).toBe(limits.hashesAtOnceMax);
});
