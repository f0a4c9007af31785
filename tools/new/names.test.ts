import { expect, test } from 'vitest';
import { NameRefused, readNames } from './names.ts';

test('a name is put into every form', () => {
  expect(readNames('social/story')).toEqual({
    domain: 'social',
    thing: 'story',
    Thing: 'Story',
    THING: 'STORY',
    things: 'stories',
    Things: 'Stories',
    THINGS: 'STORIES',
    a_thing: 'a story',
  });
  expect(readNames('social.alert')).toMatchObject({ things: 'alerts', a_thing: 'an alert' });
  expect(readNames('finance/box').things).toBe('boxes');
});

test.each([
  undefined,
  '',
  'social',
  'social/',
  'Social/Story',
  'social/my-story',
  'a/b/c',
  '../x/y',
])('%j is no name for a service', (text) => {
  expect(() => readNames(text)).toThrow(NameRefused);
});

test.each(['social/group', 'social/class', 'social/event'])(
  '%s is taken by SQL or by code',
  (text) => {
    expect(() => readNames(text)).toThrow('means something else');
  },
);
