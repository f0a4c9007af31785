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
  readonly transactionId: string;
}

// A movement: 6 bytes of time, 1 of flags, 8 of amount, 16 of each id.
const amountAt = 7;
const counterpartyAt = 15;
const transactionAt = 31;
const movementBytes = 47;

const types: readonly TransactionType[] = ['TRANSFER', 'DEPOSIT', 'WITHDRAWAL', 'PAYMENT'];
const incomingFlag = 4;
const ownFlag = 8;
const serviceFlag = 16;

/** A movement that is read from the bytes when it is asked for: a check looks at few fields of few. */
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
  get transactionId(): string {
    return idAt(this.#bytes, this.#start + transactionAt);
  }
  get #flags(): number {
    return this.#bytes[this.#start + 6]!;
  }
}

/** Movements as they were stored, the oldest first. */
export function readMovements(bytes: Buffer): Movement[] {
  const movements: Movement[] = [];
  for (let start = 0; start + movementBytes <= bytes.length; start += movementBytes) {
    movements.push(new StoredMovement(bytes, start));
  }
  return movements;
}

/** As readMovements reads them. */
export function writeMovements(movements: readonly Movement[]): Buffer {
  const bytes = Buffer.alloc(movements.length * movementBytes);
  movements.forEach((movement, i) => {
    const start = i * movementBytes;
    bytes.writeUIntBE(movement.at, start, 6);
    bytes[start + 6] = flagsOf(movement);
    bytes.writeBigInt64BE(movement.amountMinor, start + amountAt);
    bytes.write(movement.counterpartyId.replaceAll('-', ''), start + counterpartyAt, 'hex');
    bytes.write(movement.transactionId.replaceAll('-', ''), start + transactionAt, 'hex');
  });
  return bytes;
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
 * Adds a movement, in the order of time: events may come late. One that is there already changes nothing. When there is
 * no more room, of the older half the smallest is left out, so that nobody clears their past with many small transfers.
 */
export function addMovement(movements: readonly Movement[], added: Movement): readonly Movement[] {
  if (movements.some((known) => isSame(known, added))) return movements;
  const next = [...movements];
  const later = next.findIndex(({ at }) => at > added.at);
  next.splice(later === -1 ? next.length : later, 0, added);
  if (next.length > limits.movementsMax) next.splice(smallestOfOlderHalf(next), 1);
  return next;
}

/** A transaction may move several amounts between two accounts; each counts once. */
function isSame(one: Movement, other: Movement): boolean {
  return (
    one.amountMinor === other.amountMinor &&
    one.isIncoming === other.isIncoming &&
    one.transactionId === other.transactionId &&
    one.counterpartyId === other.counterpartyId
  );
}

function smallestOfOlderHalf(movements: readonly Movement[]): number {
  let smallest = 0;
  for (let i = 1; i < movements.length / 2; i += 1) {
    if (movements[i]!.amountMinor < movements[smallest]!.amountMinor) smallest = i;
  }
  return smallest;
}
