/**
 * Arrays as parameters, in the binary form of PostgreSQL. The driver sends every parameter as text, and a fifth of what a
 * batch of transfers costs the database goes into reading ids and numbers out of such text, one character at a time.
 *
 * So the driver is given a mark in the place of an array, and the mark gives way to the array when the message leaves.
 * Messages are as the PostgreSQL manual has them (55.7, Bind), arrays as its array_recv reads them.
 */
import { assert } from '../errors.ts';

/** What the elements of an array are: the OID of their type, and how one is written. */
export interface ElementType {
  readonly oid: number;
  /** The bytes that a value takes at most. */
  sizeMax(value: unknown): number;
  /**
   * Writes a value and returns where it ends. It must not throw: the driver would have the error for another statement's.
   * What is no value of the type is written as `notOfType`.
   */
  write(room: Room, at: number, value: unknown): number;
}

/** Bytes to be written into. */
export interface Room {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** The size of what the database refuses as a value of any type of fixed size: invalid_binary_representation. */
const notOfTypeBytes = 17;

/** Writes what the database refuses in place of a value of a type of fixed size. */
export function notOfType({ bytes }: Room, at: number): number {
  bytes.fill(0, at, at + notOfTypeBytes);
  return at + notOfTypeBytes;
}

/** What `sizeMax` answers for types of fixed size. */
export const fixedSizeMax = () => notOfTypeBytes;

const bindType = 'B'.charCodeAt(0);
/** What a room begins with: most connections send few arrays, and short ones. */
const roomBytes = 1024;
/** A room that had to grow beyond this is not kept. */
const keptBytesMax = 1024 * 1024;

/** The arrays of one connection that have not been sent yet. */
export class OutgoingArrays {
  #room = roomOf(roomBytes);
  #used = 0;
  /** Where in the room each begins and ends, by the numbers in their marks. */
  #places: { begin: number; end: number }[] = [];

  /** Writes an array and returns the mark for it, which is no text that the database would take. */
  add(type: ElementType, values: readonly unknown[]): string {
    const begin = this.#used;
    this.#makeRoom(20);
    const { view } = this.#room;
    // Dimensions, whether there are nulls, type; and of the one dimension: length, lowest index.
    view.setInt32(begin, values.length === 0 ? 0 : 1);
    view.setInt32(begin + 8, type.oid);
    view.setInt32(begin + 12, values.length);
    view.setInt32(begin + 16, 1);
    this.#used = begin + (values.length === 0 ? 12 : 20);
    let hasNull = 0;
    for (const value of values) {
      if (value === null || value === undefined) {
        hasNull = 1;
        this.#makeRoom(4);
        this.#room.view.setInt32(this.#used, -1);
        this.#used += 4;
      } else {
        this.#makeRoom(4 + type.sizeMax(value));
        const at = this.#used + 4;
        const end = type.write(this.#room, at, value);
        this.#room.view.setInt32(this.#used, end - at);
        this.#used = end;
      }
    }
    this.#room.view.setInt32(begin + 4, hasNull);
    this.#places.push({ begin, end: this.#used });
    return `\0${this.#places.length - 1}`;
  }

  /** What the driver writes, with the arrays in it. These are whole messages, and all that were made with marks. */
  fill(messages: Buffer): Buffer {
    if (this.#places.length === 0) return messages;
    // The format of a parameter takes two bytes, next to the four of its length.
    const filled = Buffer.allocUnsafe(Math.ceil(messages.length * 1.5) + this.#used);
    let to = 0;
    for (let at = 0; at < messages.length; ) {
      const end = at + 1 + messages.readInt32BE(at + 1);
      const message = messages.subarray(at, end);
      if (message[0] === bindType) to = this.#fillBind(message, filled, to);
      else to += message.copy(filled, to);
      at = end;
    }
    this.#places = [];
    this.#used = 0;
    if (this.#room.bytes.length > keptBytesMax) this.#room = roomOf(roomBytes);
    return filled.subarray(0, to);
  }

  /** Copies a Bind: its parameters follow the names of a portal and of a statement, each with a zero at its end. */
  #fillBind(bind: Buffer, filled: Buffer, begin: number): number {
    const formatsAt = bind.indexOf(0, bind.indexOf(0, 5) + 1) + 1;
    assert(bind.readInt16BE(formatsAt) === 0, 'the driver sends all parameters as text');
    const count = bind.readUInt16BE(formatsAt + 2);
    let to = begin + bind.copy(filled, begin, 0, formatsAt);
    to = filled.writeUInt16BE(count, to);
    let formatAt = to;
    to += 2 * count;
    to = filled.writeUInt16BE(count, to);
    let at = formatsAt + 4;
    for (let i = 0; i < count; i++) {
      const length = bind.readInt32BE(at);
      const end = at + 4 + Math.max(length, 0);
      const place = length > 0 && bind[at + 4] === 0 ? this.#placeOf(bind, at + 5, end) : undefined;
      formatAt = filled.writeInt16BE(place === undefined ? 0 : 1, formatAt);
      if (place === undefined) {
        to += bind.copy(filled, to, at, end);
      } else {
        to = filled.writeInt32BE(place.end - place.begin, to);
        to += this.#room.bytes.copy(filled, to, place.begin, place.end);
      }
      at = end;
    }
    to += bind.copy(filled, to, at);
    filled.writeInt32BE(to - begin - 1, begin + 1);
    return to;
  }

  /** Nothing for a text with a zero of its own, which the database is to refuse. */
  #placeOf(bind: Buffer, begin: number, end: number): { begin: number; end: number } | undefined {
    return this.#places[Number(bind.toString('latin1', begin, end))];
  }

  #makeRoom(size: number): void {
    if (this.#used + size <= this.#room.bytes.length) return;
    const larger = roomOf(2 * (this.#used + size));
    this.#room.bytes.copy(larger.bytes, 0, 0, this.#used);
    this.#room = larger;
  }
}

function roomOf(size: number): Room {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer) };
}
