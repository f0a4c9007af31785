/**
 * Arrays as parameters and in rows. The driver can ask each new connection for its array types, but it leaves that query
 * to itself: when the connection is lost in it, nobody hears the error and the process ends.
 */
import type { PostgresType } from 'postgres';
import {
  type ElementType,
  fixedSizeMax,
  notOfType,
  type OutgoingArrays,
  type Room,
} from './outgoing-arrays.ts';

/**
 * The type of `bytea[]`. The driver takes an array of bytes for bytes; `tx.typed(values, byteaArray)` tells it better,
 * and no cast from text is needed.
 */
export const byteaArray = 1001;

const same = (text: string): unknown => text;

const bool: ElementType = {
  oid: 16,
  sizeMax: fixedSizeMax,
  write({ bytes }, at, value) {
    bytes[at] = value ? 1 : 0;
    return at + 1;
  },
};

const bytea: ElementType = {
  oid: 17,
  sizeMax: (value) => (value as Uint8Array).length,
  write({ bytes }, at, value) {
    bytes.set(value as Uint8Array, at);
    return at + (value as Uint8Array).length;
  },
};

const int8: ElementType = {
  oid: 20,
  sizeMax: fixedSizeMax,
  write: (room, at, value) => writeInt8(room, at, integerOf(value)),
};

const int4: ElementType = {
  oid: 23,
  sizeMax: fixedSizeMax,
  write(room, at, value) {
    const integer = integerOf(value);
    if (integer === undefined || BigInt.asIntN(32, BigInt(integer)) !== BigInt(integer)) {
      return notOfType(room, at);
    }
    room.view.setInt32(at, Number(integer));
    return at + 4;
  },
};

/** Microseconds since the beginning of 2000. */
const timestamptz: ElementType = {
  oid: 1184,
  sizeMax: fixedSizeMax,
  write(room, at, value) {
    const ms = Number(value) - Date.UTC(2000, 0);
    return writeInt8(room, at, Number.isSafeInteger(ms) ? BigInt(ms) * 1000n : undefined);
  },
};

const text: ElementType = textOf(25);
const varchar: ElementType = textOf(1043);

const uuid: ElementType = { oid: 2950, sizeMax: fixedSizeMax, write: writeUuid };

/** The types of arrays that are used, with how an element is read. */
const arrays: [array: number, element: ElementType, read: (text: string) => unknown][] = [
  [1000, bool, (each) => each === 't'],
  [byteaArray, bytea, (each) => Buffer.from(each.slice(2), 'hex')],
  [1007, int4, Number],
  [1009, text, same],
  [1015, varchar, same],
  [1016, int8, BigInt],
  [1185, timestamptz, (each) => new Date(each)],
  [2951, uuid, same],
];

/**
 * For the driver of one connection: arrays of one dimension, of bool, bytea, int4, int8, text, varchar, timestamptz and
 * uuid. NULL among the elements is null. Numbers go out as number, bigint or text.
 */
export function arrayTypes(outgoing: OutgoingArrays): Record<string, PostgresType> {
  return Object.fromEntries(
    arrays.map(([oid, element, read]) => {
      const serialize = (values: readonly unknown[]) => outgoing.add(element, values);
      const parse = (array: string) => readArray(array, read);
      return [`array_${oid}`, { to: oid, from: [oid], serialize, parse }];
    }),
  );
}

/** Text up to this length is written without a call of Node's, which costs more than the writing. */
const shortTextMax = 64;

function textOf(oid: number): ElementType {
  return {
    oid,
    sizeMax: (value) => 3 * String(value).length,
    write({ bytes }, at, value) {
      const string = String(value);
      if (string.length > shortTextMax) return at + bytes.write(string, at);
      for (let i = 0; i < string.length; i++) {
        const code = string.charCodeAt(i);
        if (code > 0x7f) return at + bytes.write(string, at);
        bytes[at + i] = code;
      }
      return at + string.length;
    },
  };
}

const digitsExact = 15;

/** Undefined when it is no integer. */
function integerOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  const string = String(value);
  const isNegative = string.charCodeAt(0) === minus;
  const begin = isNegative ? 1 : 0;
  if (string.length === begin) return undefined;
  let number = 0;
  for (let i = begin; i < string.length; i++) {
    const digit = string.charCodeAt(i) - zero;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    number = number * 10 + digit;
  }
  if (string.length - begin > digitsExact) return BigInt(string);
  return isNegative ? -number : number;
}

const zero = '0'.charCodeAt(0);
const minus = '-'.charCodeAt(0);

function writeInt8(room: Room, at: number, integer: number | bigint | undefined): number {
  if (integer === undefined) return notOfType(room, at);
  if (typeof integer === 'number') {
    room.view.setInt32(at, Math.floor(integer / 2 ** 32));
    room.view.setInt32(at + 4, integer);
  } else {
    if (BigInt.asIntN(64, integer) !== integer) return notOfType(room, at);
    room.view.setBigInt64(at, integer);
  }
  return at + 8;
}

/** By the code of a character; what is no digit makes all that is or-ed with it negative. */
const hexDigits = new Int8Array(128).fill(-1);
for (const digit of '0123456789abcdefABCDEF') {
  hexDigits[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
}
/** Where in the text of a UUID its bytes are. Source: RFC 9562, section 4. */
const uuidBytesAt = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const uuidMinusAt = [8, 13, 18, 23];
const uuidLength = 36;

function writeUuid(room: Room, at: number, value: unknown): number {
  const string = String(value);
  if (string.length !== uuidLength) return notOfType(room, at);
  let faults = 0;
  for (const place of uuidMinusAt) faults |= string.charCodeAt(place) ^ minus;
  for (let i = 0; i < uuidBytesAt.length; i++) {
    const place = uuidBytesAt[i]!;
    const byte = (hexDigit(string, place) << 4) | hexDigit(string, place + 1);
    room.bytes[at + i] = byte;
    faults |= byte & ~0xff;
  }
  return faults === 0 ? at + uuidBytesAt.length : notOfType(room, at);
}

function hexDigit(string: string, at: number): number {
  return hexDigits[string.charCodeAt(at)] ?? -1;
}

/** Arrays of one dimension. An element is quoted, with backslashes before what would end it, or bare. */
function readArray(text: string, read: (text: string) => unknown): unknown[] {
  const found = text.matchAll(/[{,](?:"((?:[^"\\]|\\.)*)"|([^{},"]+))/gs);
  return [...found].map(([, quoted, bare]) => {
    if (quoted !== undefined) return read(quoted.replaceAll(/\\(.)/gs, '$1'));
    return bare === 'NULL' ? null : read(bare!);
  });
}
