import { generateKeySync } from 'node:crypto';
import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Database } from '../db/database.ts';
import { armDebugPoint } from '../debug.ts';
import { SealBroken } from '../identity/aead.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { countWaiting, meetAt } from '../testing/meet.ts';
import { runs } from '../testing/property.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { createBlindIndex } from './blind-index.ts';
import { vaultMigrations } from './data-keys.ts';
import { type FieldPlace, openField, sealField } from './sealed-field.ts';
import { createVault, type Vault } from './vault.ts';

const secret = 'the master key of a service that has one';
const next = 'the master key that comes after that one';

let testing: TestSchema;
/** Of two processes that host the same service. */
let database: Database;
let other: Database;
let vault: Vault;
let otherVault: Vault;
let sent: string[] = [];
/** As the superuser, who sees what others wait for. */
let admin: postgres.Sql;

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl, [vaultMigrations]);
  database = testing.open({ onStatement: (text) => sent.push(text) });
  other = testing.open();
  vault = createVault(database, secret);
  otherVault = createVault(other, secret);
  admin = postgres(testing.url, { max: 1 });
});
afterAll(async () => {
  await admin.end();
  await testing.stop();
});

const placeOf = (subject: string, field = 'email'): FieldPlace => ({
  subject,
  table: 'account',
  record: '1',
  field,
});

const seal = (place: FieldPlace, text: string, by = { vault, database }) =>
  by.database
    .transaction((tx) => by.vault.seal(tx, [{ ...place, plain: Buffer.from(text) }]))
    .then(([sealed]) => sealed);

const open = (place: FieldPlace, sealed: Buffer, by = { vault, database }) =>
  by.vault.open(by.database.sql, [{ ...place, sealed }]).then(([plain]) => plain?.toString());

const erase = (subject: string, by = { vault, database }) =>
  by.database.transaction((tx) => by.vault.erase(tx, [subject]));

const second = () => ({ vault: otherVault, database: other });

describe('a vault', () => {
  test('opens what it sealed in any process, and shows nothing of it before', async () => {
    const place = placeOf(uuidv7());
    const sealed = (await seal(place, 'ada@example.com'))!;
    expect(sealed.includes('ada')).toBe(false);
    expect(await seal(place, 'ada@example.com')).not.toEqual(sealed);
    expect(await open(place, sealed)).toBe('ada@example.com');
    const inCapitals = { ...place, subject: place.subject.toUpperCase() };
    expect(await open(inCapitals, sealed, second())).toBe('ada@example.com');
  });

  test('opens no field in another place, of another person, or changed', async () => {
    const people = [uuidv7(), uuidv7()];
    const part = fc.constantFrom('a', 'b', 'a|b', '"', '');
    const places = fc.record({
      subject: fc.constantFrom(...people),
      table: part,
      record: part,
      field: part,
    });
    const parts = fc.constantFrom('subject', 'table', 'record', 'field');
    const moves = fc.tuple(places, places, parts, fc.nat());
    const property = fc.asyncProperty(moves, async ([place, elsewhere, changing, at]) => {
      const sealed = (await seal(place, 'secret'))!;
      const moved = { ...place, [changing]: elsewhere[changing as keyof FieldPlace] };
      const isSame = JSON.stringify(place) === JSON.stringify(moved);
      if (!isSame) await expect(open(moved, sealed)).rejects.toThrow(SealBroken);
      const changed = Buffer.from(sealed);
      changed[at % changed.length]! ^= 1;
      await expect(open(place, changed)).rejects.toThrow(SealBroken);
      expect(await open(place, sealed)).toBe('secret');
    });
    await fc.assert(property, runs(80));
  });

  test('opens nothing that another service sealed, though secret and key are the same', async () => {
    const place = placeOf(uuidv7());
    const sealed = (await seal(place, 'x'))!;
    const stranger = createVault({ ...other, schema: 'another_schema' }, secret);
    const opening = open(place, sealed, { vault: stranger, database: other });
    await expect(opening).rejects.toThrow(SealBroken);

    const key = generateKeySync('aes', { length: 256 });
    const field = sealField({ key, version: 1, schema: 'one' }, place, Buffer.from('x'));
    expect(() => openField({ keys: [key], schema: 'other' }, place, field)).toThrow(SealBroken);
    expect(openField({ keys: [key], schema: 'one' }, place, field).toString()).toBe('x');
  });

  test('seals and opens many fields of many persons by one statement', async () => {
    const fields = Array.from({ length: 60 }, (_, i) => ({
      ...placeOf(`00000000-0000-7000-8000-0000000000${10 + (i % 30)}`, `field ${i}`),
      plain: Buffer.from(`text ${i}`),
    }));
    await database.transaction((tx) => vault.seal(tx, fields));
    sent = [];
    const sealed = await database.transaction((tx) => vault.seal(tx, fields));
    expect(sent.filter((text) => text.includes('vault_subject'))).toHaveLength(1);
    sent = [];
    const asked = fields.map((field, i) => ({ ...field, sealed: sealed[i]! }));
    const plain = await vault.open(database.sql, asked);
    expect(sent.filter((text) => text.includes('vault_subject'))).toHaveLength(1);
    expect(plain.map(String)).toEqual(fields.map((field) => field.plain.toString()));
  });

  test('gives a person one key when two processes seal their first field at once', async () => {
    const place = placeOf(uuidv7());
    const meeting = meetAt(['kit.vault.keys-made'], admin);
    const both = Promise.all([seal(place, 'one'), seal(place, 'two', second())]);
    await meeting.joined(2);
    meeting.letAllGo();
    const [one, two] = await both;
    expect(await open(place, one!)).toBe('one');
    expect(await open(place, two!)).toBe('two');
  });

  test('leaves nothing of a first key whose process died before the commit', async () => {
    const place = placeOf(uuidv7());
    const disarm = armDebugPoint('kit.vault.keys-made', () => {
      throw new Error('dead');
    });
    await expect(seal(place, 'x')).rejects.toThrow('dead');
    disarm();
    const rows = await database.sql`
      select from vault_subject where subject_id = ${place.subject}`;
    expect(rows).toHaveLength(0);
    expect(await open(place, (await seal(place, 'y'))!)).toBe('y');
  });
});

describe('an erased person', () => {
  test('is read by nobody any more, also where the key was used just before', async () => {
    const place = placeOf(uuidv7());
    const sealed = (await seal(place, 'x'))!;
    expect(await open(place, sealed, second())).toBe('x');
    await erase(place.subject);
    expect(await open(place, sealed)).toBeUndefined();
    expect(await open(place, sealed, second())).toBeUndefined();
  });

  test('gets no new key, not even who never had one', async () => {
    const [known, unknown] = [placeOf(uuidv7()), placeOf(uuidv7())];
    await seal(known, 'x');
    for (const place of [known, unknown]) {
      await erase(place.subject);
      await erase(place.subject);
      expect(await seal(place, 'y', second())).toBeUndefined();
    }
  });

  test('harms nobody else of the same batch', async () => {
    const [gone, here] = [placeOf(uuidv7()), placeOf(uuidv7())];
    await erase(gone.subject);
    const fields = [gone, here].map((place) => ({ ...place, plain: Buffer.from('x') }));
    const sealed = await database.transaction((tx) => vault.seal(tx, fields));
    expect(sealed[0]).toBeUndefined();
    expect(await open(here, sealed[1]!)).toBe('x');
  });

  test('is erased after whoever seals at that moment, never in the middle', async () => {
    const place = placeOf(uuidv7());
    await seal(place, 'x');
    let sealed: Buffer | undefined;
    let erasing: Promise<unknown> | undefined;
    await database.transaction(async (tx) => {
      [sealed] = await vault.seal(tx, [{ ...place, plain: Buffer.from('y') }]);
      erasing = erase(place.subject, second());
      await expect.poll(() => countWaiting(admin)).toBe(1);
      const [row] =
        await tx`select erased_at from vault_subject where subject_id = ${place.subject}`;
      expect(row!.erased_at).toBeNull();
    });
    await erasing;
    expect(await open(place, sealed!)).toBeUndefined();
  });
});

describe('a newer key', () => {
  test('of a person seals from then on, and the older one still opens', async () => {
    const place = placeOf(uuidv7());
    const before = (await seal(place, 'before'))!;
    await database.transaction((tx) => vault.renew(tx, [place.subject]));
    const after = (await seal(place, 'after', second()))!;
    expect([before.readUInt16BE(), after.readUInt16BE()]).toEqual([1, 2]);
    expect(await open(place, before, second())).toBe('before');
    expect(await open(place, after)).toBe('after');
  });

  test('brings nobody back who was erased', async () => {
    const place = placeOf(uuidv7());
    await erase(place.subject);
    await database.transaction((tx) => vault.renew(tx, [place.subject]));
    expect(await seal(place, 'x')).toBeUndefined();
  });
});

describe('another master key', () => {
  const all = async (run: () => Promise<number>) => {
    let total = 0;
    for (let count = await run(); count > 0; count = await run()) total += count;
    return total;
  };

  test('takes over in bounded steps while both are in use, and then the former is not needed', async () => {
    const people = Array.from({ length: limits.vaultRewrapMax + 1 }, () => placeOf(uuidv7()));
    const sealed = await database.transaction((tx) =>
      vault.seal(
        tx,
        people.map((place) => ({ ...place, plain: Buffer.from('x') })),
      ),
    );
    // A process with the former order of secrets renews a key in the middle.
    const changed = createVault(database, `${next},${secret}`);
    const former = createVault(other, `${secret},${next}`);
    expect(await changed.rewrapping.run()).toBe(limits.vaultRewrapMax);
    await other.transaction((tx) => former.renew(tx, [people[0]!.subject]));
    await other.transaction((tx) => former.renew(tx, [people.at(-1)!.subject]));
    expect(await all(() => changed.rewrapping.run())).toBeGreaterThanOrEqual(2);

    const alone = createVault(database, next);
    for (const [i, place] of people.entries()) {
      if (i % 100 !== 0) continue;
      expect(await open(place, sealed[i]!, { vault: alone, database })).toBe('x');
    }
    for (const place of [people[0]!, people.at(-1)!]) {
      const newest = (await seal(place, 'y', { vault: alone, database }))!;
      expect(newest.readUInt16BE()).toBe(2);
      expect(await open(place, newest, { vault: alone, database })).toBe('y');
    }
    expect(await alone.rewrapping.run()).toBe(0);
  });
});

describe('a blind index', () => {
  test('finds equal texts, and those that an earlier secret wrote', () => {
    const index = createBlindIndex(secret, 'finance_account.account.email');
    const rotated = createBlindIndex(`${next},${secret}`, 'finance_account.account.email');
    const written = index.token('ada@example.com');
    expect(written).toHaveLength(16);
    expect(index.token('ada@example.com')).toEqual(written);
    expect(index.token('bob@example.com')).not.toEqual(written);
    expect(rotated.tokens('ada@example.com')).toContainEqual(written);
    expect(rotated.token('ada@example.com')).not.toEqual(written);
  });

  test('of one field tells nothing of another', () => {
    const [one, two] = ['email', 'name'].map((field) => createBlindIndex(secret, `a.b.${field}`));
    expect(one!.token('x')).not.toEqual(two!.token('x'));
    expect(createBlindIndex(secret, 'a.b.year', { tokenBytes: 2 }).token('1970')).toHaveLength(2);
  });
});
