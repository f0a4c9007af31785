/**
 * Arrays as parameters and in rows. The driver can ask each new connection for its array types, but it leaves that query
 * to itself: when the connection is lost in it, nobody hears the error and the process ends.
 */
import type { PostgresType } from 'postgres';

const same = (text: string): unknown => text;

/**
 * The type of `bytea[]`. The driver takes an array of bytes for bytes; `tx.typed(values, byteaArray)` tells it better,
 * and no cast from text is needed.
 */
export const byteaArray = 1001;

/** The types of arrays that are used, by the type of their elements, with how an element is read. */
const elements: [array: number, read: (text: string) => unknown][] = [
  [1000, (text) => text === 't'],
  [byteaArray, (text) => Buffer.from(text.slice(2), 'hex')],
  [1007, Number],
  [1009, same],
  [1015, same],
  [1016, BigInt],
  [1185, (text) => new Date(text)],
  [2951, same],
];

/**
 * For the driver: arrays of one dimension, of bool, bytea, int4, int8, text, varchar, timestamptz and uuid. NULL among
 * the elements is null.
 */
export const arrayTypes: Record<string, PostgresType> = Object.fromEntries(
  elements.map(([array, read]) => [
    `array_${array}`,
    { to: array, from: [array], serialize: writeArray, parse: (text) => readArray(text, read) },
  ]),
);

function writeArray(values: readonly unknown[]): string {
  // Rows of one batch have much in common, and what is like the one before is written already.
  let last: unknown;
  let written = writeElement(last);
  const elements = values.map((value) => {
    if (value !== last) {
      last = value;
      written = writeElement(value);
    }
    return written;
  });
  return `{${elements.join(',')}}`;
}

/** What may stand in an array as it is: the bulk of ids, numbers and names. */
const bare = /^(?!null$)[0-9A-Za-z_./-]+$/i;

function writeElement(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Uint8Array) return `"\\\\x${hexOf(value)}"`;
  const text = value instanceof Date ? value.toISOString() : String(value);
  if (bare.test(text)) return text;
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function hexOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}

/** Arrays of one dimension. An element is quoted, with backslashes before what would end it, or bare. */
function readArray(text: string, read: (text: string) => unknown): unknown[] {
  const found = text.matchAll(/[{,](?:"((?:[^"\\]|\\.)*)"|([^{},"]+))/gs);
  return [...found].map(([, quoted, bare]) => {
    if (quoted !== undefined) return read(quoted.replaceAll(/\\(.)/gs, '$1'));
    return bare === 'NULL' ? null : read(bare!);
  });
}
