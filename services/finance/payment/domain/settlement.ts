/** How captures and refunds of cards come into the ledger. Pure. */
import { uuidAfter } from '#kit/derived-id.ts';
import { limits } from '../domain.ts';
import { cardsAccountId, shopAccountId } from './books.ts';

/** Captures or refunds of one currency that come into the ledger as one transaction. Times: milliseconds since the epoch. */
export interface Settlement {
  readonly settlementId: string;
  readonly kind: 'CAPTURE' | 'REFUND';
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly itemCount: number;
  readonly state: 'OPEN' | 'IN_REVIEW' | 'REFUSED' | 'SETTLED';
  /** How often the ledger has refused it. */
  readonly refusals: number;
  /** The ledger's, of its last answer. */
  readonly transactionId: string | undefined;
  /** Why the ledger refused it last. */
  readonly failure: string;
  /** Undefined when it is settled. */
  readonly dueAt: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What the ledger says of a settlement; `unknown` when it does not answer. */
export type LedgerSays =
  | { kind: 'settled' | 'in_review'; transactionId: string }
  | { kind: 'refused'; transactionId: string | undefined; failure: string }
  | { kind: 'unknown' };

/**
 * The request_id of the transaction: one for each time that the ledger has refused, for what it has refused once it
 * refuses for ever. So the next is asked for only when nothing can come of the last any more.
 */
export function settlementRequestId({ settlementId, refusals }: Settlement): string {
  return uuidAfter(settlementId, String(refusals));
}

/** From which account of the ledger to which it goes. */
export function partiesOf({ kind, currency }: Pick<Settlement, 'kind' | 'currency'>) {
  const [cards, shop] = [cardsAccountId(currency), shopAccountId(currency)];
  const [sourceAccountId, destinationAccountId] =
    kind === 'CAPTURE' ? [cards, shop] : [shop, cards];
  return { sourceAccountId, destinationAccountId };
}

/** The settlement after what the ledger has said of it. */
export function hear(before: Settlement, said: LedgerSays, now: number): Settlement {
  const heard = { ...before, updatedAt: now };
  switch (said.kind) {
    case 'settled': {
      const { transactionId } = said;
      return { ...heard, state: 'SETTLED', transactionId, failure: '', dueAt: undefined };
    }
    case 'in_review': {
      const { transactionId } = said;
      const dueAt = now + limits.settlementLookMs;
      return { ...heard, state: 'IN_REVIEW', transactionId, dueAt };
    }
    case 'refused': {
      const { transactionId, failure } = said;
      const refusals = before.refusals + 1;
      const dueAt = now + limits.settlementRefusedMs;
      return { ...heard, state: 'REFUSED', transactionId, failure, refusals, dueAt };
    }
    case 'unknown':
      return { ...before, dueAt: now + limits.settlementRetryMs };
  }
}
