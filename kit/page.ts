import { hash } from 'node:crypto';
import { isUuid } from './ids.ts';
import { InvalidPageToken } from './mesh-errors.ts';

/**
 * An opaque page token: the keyset position after which the next page begins, bound to the query that it was made for
 * (method, filters, viewer), so that a token cannot be carried over to another list. Pure. Source: AIP-158.
 */
export function encodePageToken(query: readonly string[], position: readonly string[]): string {
  return Buffer.from(JSON.stringify([digest(query), ...position])).toString('base64url');
}

/**
 * The position that a token holds, `parts` strings long; undefined for the empty token, which asks for the first page.
 * Throws InvalidPageToken when the token is damaged or was made for another query.
 */
export function decodePageToken(
  query: readonly string[],
  token: string,
  parts: number,
): string[] | undefined {
  if (token === '') return undefined;
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    throw new InvalidPageToken();
  }
  if (!Array.isArray(read) || read.length !== parts + 1) throw new InvalidPageToken();
  const [made, ...position] = read;
  if (made !== digest(query) || !position.every((part) => typeof part === 'string')) {
    throw new InvalidPageToken();
  }
  return position;
}

/** The position of a token that is one id, for the many lists that are ordered by it. Throws InvalidPageToken. */
export function decodeIdToken(query: readonly string[], token: string): string | undefined {
  const [id] = decodePageToken(query, token, 1) ?? [];
  // A token is not a secret: what it holds may have been made up.
  if (id !== undefined && !isUuid(id)) throw new InvalidPageToken();
  return id;
}

/** The position of a token that is one number, as decodeIdToken. */
export function decodeNumberToken(query: readonly string[], token: string): bigint | undefined {
  const [number] = decodePageToken(query, token, 1) ?? [];
  if (number === undefined) return undefined;
  // 15 digits: a double holds them, and more would be made up.
  if (!/^\d{1,15}$/.test(number)) throw new InvalidPageToken();
  return BigInt(number);
}

function digest(query: readonly string[]): string {
  return hash('sha256', JSON.stringify(query), 'base64url').slice(0, 12);
}

/**
 * Cuts one page out of `rows`, which were read one more than asked for: the rows of the page, and the token of the next
 * one, empty on the last.
 */
export function cutPage<Row>(
  rows: readonly Row[],
  pageSize: number,
  tokenOf: (last: Row) => string,
): { page: Row[]; nextPageToken: string } {
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  return { page, nextPageToken: rows.length > pageSize && last ? tokenOf(last) : '' };
}
