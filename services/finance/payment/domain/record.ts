/** A payment with all that belongs to working on it. Pure. */
import type { Fact, Payment } from '../domain.ts';
import type { Verdict } from './reducer.ts';
import { idle, taken, type Work } from './work.ts';

/** Times are milliseconds since the epoch. */
export interface PaymentRecord extends Payment {
  /** The provider's token for the card, until the call that needs it is known to have ended. */
  readonly token: string | undefined;
  /** Undefined when a card pays, and for a void. */
  readonly account: Account | undefined;
  /** The request that began it: a UUID of caller, method and request id, and what it said. Undefined for a void. */
  readonly request: { readonly key: string; readonly hash: Buffer } | undefined;
  readonly work: Work;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The accounts of the ledger between which a payment goes. */
export interface Account {
  /** Which pays; it must belong to who pays. */
  readonly accountId: string;
  /** Which is paid. */
  readonly payeeAccountId: string;
  /** The ledger's authorization, whether it is there already or not. */
  readonly transactionId: string;
}

/** A fact with where it came from and what it did. */
export interface StoredFact extends Fact {
  source: 'ANSWER' | 'EVENT' | 'LOOKUP';
  /** The provider's id of the event that told it. */
  eventId: string | undefined;
  verdict: Verdict;
}

const blank = {
  authorizedMinor: 0n,
  capturedMinor: 0n,
  declineCode: '',
  isReleased: false,
  operations: [],
  version: 1n,
} as const;

type Asked = Pick<
  PaymentRecord,
  'paymentId' | 'orderId' | 'currency' | 'amountMinor' | 'request' | 'token' | 'account'
> & {
  userId: string;
  intent: 'CHARGE' | 'AUTHORIZE';
};

/** A payment that begins now, in the hands of whoever asks for it. */
export function begunNow(asked: Asked, now: number): PaymentRecord {
  const times = { work: taken(idle, now), createdAt: now, updatedAt: now };
  return { ...blank, ...asked, ...times, status: 'PROCESSING', voidRequested: false };
}

/** An order without a payment may still ask for one, in a message that is under way: it must find the door closed. */
export function closedNow(of: { orderId: string; paymentId: string }, now: number): PaymentRecord {
  return {
    ...blank,
    ...of,
    userId: undefined,
    currency: '',
    amountMinor: 0n,
    intent: 'NONE',
    status: 'VOIDED',
    voidRequested: true,
    token: undefined,
    account: undefined,
    request: undefined,
    work: idle,
    createdAt: now,
    updatedAt: now,
  };
}
