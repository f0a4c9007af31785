import postgres from 'postgres';
import { expect, inject, test } from 'vitest';
import { NameRefused, readNames } from './names.ts';
import { wordsOfSql } from './words.ts';

test('a name is put into every form', () => {
  expect(readNames('social/story', [])).toEqual({
    domain: 'social',
    thing: 'story',
    Thing: 'Story',
    THING: 'STORY',
    things: 'stories',
    Things: 'Stories',
    THINGS: 'STORIES',
    a_thing: 'a story',
    table: 'story',
  });
  expect(readNames('social.alert', [])).toMatchObject({ things: 'alerts', a_thing: 'an alert' });
  expect(readNames('finance/box', []).things).toBe('boxes');
});

test.each([
  undefined,
  '',
  'social',
  'social/',
  'social/x',
  'Social/Story',
  'social/my-story',
  'social/my_story',
  'social/2day',
  `social/${'a'.repeat(32)}`,
  'a/b/c',
  '../x/y',
])('%j is no name for a service', (text) => {
  expect(() => readNames(text, [])).toThrow(NameRefused);
});

test.each(['class/story', 'social/class', 'social/new', 'social/import', 'social/lambda'])(
  '%s is a word of a language',
  (text) => {
    expect(() => readNames(text, [])).toThrow('is a word of TypeScript or Python');
  },
);

test.each([
  'social/user',
  'social/outbox',
  'social/domain',
  'social/kit',
  'google/story',
  'pg/page',
  'kit/page',
])('%s is taken by the mesh', (text) => {
  expect(() => readNames(text, [])).toThrow('means something else in the mesh');
});

test('a service that is there is refused as such, whatever its name means', () => {
  const known = ['platform.user', 'platform.notification'];
  expect(() => readNames('platform/user', known)).toThrow(
    'platform/user is there already: services/platform/user',
  );
  expect(readNames('finance/notification', known).thing).toBe('notification');
});

test('a word of SQL names a table in quotes', async () => {
  expect(readNames('social/group', []).table).toBe('"group"');
  const sql = postgres(inject('servers').databaseUrl, { max: 1 });
  const reserved = await sql<{ word: string }[]>`
    select word from pg_get_keywords() where catcode in ('R', 'T') and word ~ '^[a-z0-9]+$'`;
  await sql.end();
  expect([...wordsOfSql].sort()).toEqual(reserved.map(({ word }) => word).sort());
});
