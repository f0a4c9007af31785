/** The latest movements of one account, in few bytes. Pure. */
import { limits, type TransactionType } from '../domain.ts';

/** One change of an account, as far as typologies ask for it. */
export interface Movement {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly amountMinor: bigint;
  readonly isIncoming: boolean;
  readonly type: TransactionType;
  /** Both accounts are the same customer's. */
  readonly isOwn: boolean;
  /** A service of the mesh did it by itself. */
  readonly isByService: boolean;
  readonly counterpartyId: string;
  /** By which a transaction knows its own movements, see tagOf. */
  readonly transactionTag: number;
}

/** Movements, the oldest first: an array, or bytes of which nothing is read before it is asked for. */
export interface MovementList {
  readonly length: number;
  at(i: number): Movement | undefined;
}

/** 48 bits of the id of a transaction, which are made by chance or of a hash: enough among a few dozen. */
export function tagOf(transactionId: string): number {
  return Number.parseInt(transactionId.slice(-12), 16);
}

// A movement: 6 bytes of time, 1 of flags, 8 of amount, 16 of the counterparty, 6 of the tag.
const amountAt = 7;
const counterpartyAt = 15;
const tagAt = 31;
const movementBytes = 37;

const types: readonly TransactionType[] = ['TRANSFER', 'DEPOSIT', 'WITHDRAWAL', 'PAYMENT'];
const incomingFlag = 4;
const ownFlag = 8;
const serviceFlag = 16;

class StoredMovement implements Movement {
  readonly #bytes: Buffer;
  readonly #start: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
  }

  get at(): number {
    return this.#bytes.readUIntBE(this.#start, 6);
  }
  get amountMinor(): bigint {
    return this.#bytes.readBigInt64BE(this.#start + amountAt);
  }
  get isIncoming(): boolean {
    return (this.#flags & incomingFlag) !== 0;
  }
  get type(): TransactionType {
    return types[this.#flags & 3]!;
  }
  get isOwn(): boolean {
    return (this.#flags & ownFlag) !== 0;
  }
  get isByService(): boolean {
    return (this.#flags & serviceFlag) !== 0;
  }
  get counterpartyId(): string {
    return idAt(this.#bytes, this.#start + counterpartyAt);
  }
  get transactionTag(): number {
    return this.#bytes.readUIntBE(this.#start + tagAt, 6);
  }
  get #flags(): number {
    return this.#bytes[this.#start + 6]!;
  }
}

/** Movements as they are kept. A check looks at few fields of few of them. */
class StoredMovements implements MovementList {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get length(): number {
    return Math.floor(this.bytes.length / movementBytes);
  }

  at(i: number): StoredMovement | undefined {
    return i < 0 || i >= this.length
      ? undefined
      : new StoredMovement(this.bytes, i * movementBytes);
  }
}

/** Movements as they were written. */
export function readMovements(bytes: Buffer): MovementList {
  return new StoredMovements(bytes);
}

/** As readMovements reads them. */
export function writeMovements(movements: MovementList): Buffer {
  if (movements instanceof StoredMovements) return movements.bytes;
  return Buffer.concat(arrayOf(movements).map(bytesOf));
}

function bytesOf(movement: Movement): Buffer {
  const bytes = Buffer.alloc(movementBytes);
  bytes.writeUIntBE(movement.at, 0, 6);
  bytes[6] = flagsOf(movement);
  bytes.writeBigInt64BE(movement.amountMinor, amountAt);
  bytes.write(movement.counterpartyId.replaceAll('-', ''), counterpartyAt, 'hex');
  bytes.writeUIntBE(movement.transactionTag, tagAt, 6);
  return bytes;
}

/** All movements of a list. */
export function arrayOf(movements: MovementList): Movement[] {
  return Array.from({ length: movements.length }, (_, i) => movements.at(i)!);
}

function flagsOf(movement: Movement): number {
  return (
    types.indexOf(movement.type) |
    (movement.isIncoming ? incomingFlag : 0) |
    (movement.isOwn ? ownFlag : 0) |
    (movement.isByService ? serviceFlag : 0)
  );
}

function idAt(bytes: Buffer, start: number): string {
  const hex = bytes.toString('hex', start, start + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * Adds a movement, in the order of time: events may come late. One that is there already changes nothing, and the list is
 * answered as it was. When there is no more room, of the older half the smallest is left out, so that nobody clears their
 * past with many small transfers.
 */
export function addMovement(movements: MovementList, added: Movement): MovementList {
  const known = new StoredMovements(writeMovements(movements));
  const { length } = known;
  let place = length;
  for (let i = length - 1; i >= 0; i -= 1) {
    const each = known.at(i)!;
    if (isSame(each, added)) return movements;
    if (each.at > added.at) place = i;
  }
  const end = place * movementBytes;
  // The bytes of the others stay as they are.
  const all = [known.bytes.subarray(0, end), bytesOf(added), known.bytes.subarray(end)];
  const next = new StoredMovements(Buffer.concat(all));
  return length < limits.movementsMax ? next : without(next, smallestOfOlderHalf(next));
}

function without({ bytes }: StoredMovements, i: number): StoredMovements {
  const start = i * movementBytes;
  return new StoredMovements(
    Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + movementBytes)]),
  );
}

/** A transaction may move several amounts between two accounts; each counts once. */
function isSame(one: Movement, other: Movement): boolean {
  return (
    one.transactionTag === other.transactionTag &&
    one.isIncoming === other.isIncoming &&
    one.amountMinor === other.amountMinor &&
    one.counterpartyId === other.counterpartyId
  );
}

function smallestOfOlderHalf(movements: StoredMovements): number {
  let smallest = 0;
  for (let i = 1; i < movements.length / 2; i += 1) {
    if (movements.at(i)!.amountMinor < movements.at(smallest)!.amountMinor) smallest = i;
  }
  return smallest;
}
