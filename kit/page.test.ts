import { describe, expect, test } from 'vitest';
import { cutPage, decodePageToken, encodePageToken } from './page.ts';

describe('a page token', () => {
  const query = ['ListThings', 'somebody', 'filter'];

  test('brings its position back', () => {
    expect(decodePageToken(query, encodePageToken(query, ['a', 'b']), 2)).toEqual(['a', 'b']);
    expect(decodePageToken(query, '', 2)).toBeUndefined();
  });

  test.each([
    ['made for another query', encodePageToken(['ListThings', 'somebody else', 'filter'], ['a'])],
    ['with another number of parts', encodePageToken(query, ['a', 'b'])],
    ['that is not base64 of JSON', 'garbage'],
    ['that is JSON of something else', Buffer.from('{"a":1}').toString('base64url')],
    ['whose position is not text', Buffer.from('["x",1]').toString('base64url')],
  ])('%s is refused', (_, token) => {
    expect(() => decodePageToken(query, token, 1)).toThrow('invalid page token');
  });

  test('is given while more was read than asked for', () => {
    expect(cutPage([1, 2, 3], 2, String)).toEqual({ page: [1, 2], nextPageToken: '2' });
    expect(cutPage([1, 2], 2, String)).toEqual({ page: [1, 2], nextPageToken: '' });
    expect(cutPage([], 2, String)).toEqual({ page: [], nextPageToken: '' });
  });
});
