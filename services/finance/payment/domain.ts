/** What a payment is: its states and sums, its limits, and why it is refused. Pure. */
import { DomainError } from '#kit/errors.ts';

export const limits = {
  batchMax: 500, // payments in one transaction: past this a batch only adds latency
  batchMsMax: 5_000, // of such a transaction: half of what the caller of a charge has
  readMsMax: 2_000, // as GetPayment's own deadline
  operationsMax: 100, // captures and refunds asked for, per payment
  undosMax: 100, // refunds that we promise ourselves; a provider that refuses so many needs a person
  providerCallsMax: 256, // connections to the provider, one call on each at a time
  providerTimeoutMsMax: 10_000, // of one call; a step may take two, and must end within its drive
  providerTextMax: 64, // letters kept of a provider's reason and of its event's id
  settleMsDefault: 250, // BatchProcessPayments waits so long for its slowest
  answerReserveMs: 25, // what a caller's budget keeps for the way back, at least, …
  answerReserveShare: 0.05, // … and of long ones more, for a machine that is busy
  leaseMs: 5_000, // a driver that lives renews it; the payments of a dead one are taken over after it
  leaseRenewMs: 1_500, // two renewals may fail before a lease is lost
  driveMsMax: 30_000, // above the longest step: look-up and call, two transactions; no lease is renewed beyond
  recoverEveryMs: 250, // how late payments that nobody works on are taken over
  claimMax: 200, // payments that one round of the recovery takes over
  retryBackoffMs: [200, 1_000, 5_000, 15_000, 60_000, 300_000, 3_600_000],
  recoveriesMax: 1_000, // payments in hand above which the recovery takes no more
  stopMsMax: 2_000, // a stop then gives up calls to the provider: they are taken up again afterwards
  lookMs: 250, // how often a waiting caller looks for what another process found out
  holdSeconds: 7 * 86_400, // for which the ledger holds the money of an account, as card providers do
  knownOwnersMax: 10_000, // accounts of the ledger of which one process remembers whose they are
  settlementItemsMax: 1_000, // captures or refunds in one settlement: at the largest amounts far below what 64 bits hold
  settlementsPerRoundMax: 50, // settlements that one round asks the ledger about
  settleEveryMs: 5_000, // how late what cards paid is in the ledger
  settlementRetryMs: 10_000, // after no answer; a shop may have no bank at all
  settlementLookMs: 60_000, // how often one in review is looked at, beside the event that tells
  settlementRefusedMs: 3_600_000, // until one that was refused is asked for anew: somebody has to do something first
  pageDefault: 50,
  eventAgeMsMax: 300_000, // older signatures are refused: a recorded event cannot be sent in again
} as const;

/** No such payment, or not one that the caller may see. Metadata: payment_id or order_id, whichever was named. */
export class PaymentNotFound extends DomainError<Record<string, string>> {
  readonly code = 'not_found';
  readonly reason = 'PAYMENT_NOT_FOUND';
}

/** The order has a payment already, under another request. */
export class PaymentExists extends DomainError<{ order_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'PAYMENT_EXISTS';
}

/** The order was voided, so its payment will not be made. */
export class PaymentVoided extends DomainError<{ order_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'PAYMENT_VOIDED';
}

/** A capture finds no open authorization, or the provider refused to take from it. */
export class PaymentNotAuthorized extends DomainError<{ payment_id: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'PAYMENT_NOT_AUTHORIZED';
}

/** A capture asks for more than was authorized. */
export class CaptureTooLarge extends DomainError<{ payment_id: string; authorized_minor: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'CAPTURE_TOO_LARGE';
}

/** A refund finds nothing taken that could be given back. */
export class PaymentNotCaptured extends DomainError<{ payment_id: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'PAYMENT_NOT_CAPTURED';
}

/** A refund asks for more than is left of the capture, refunds under way deducted. */
export class RefundTooLarge extends DomainError<{ payment_id: string; refundable_minor: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'REFUND_TOO_LARGE';
}

/** The provider will not give the money back; `code` is its reason. */
export class RefundRefused extends DomainError<{ payment_id: string; code: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'REFUND_REFUSED';
}

/** The payment has had limits.operationsMax captures and refunds. */
export class TooManyRefunds extends DomainError<{ payment_id: string; limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_REFUNDS';
}

/** The caller's budget ended before the outcome was known. It is unknown, not negative: the same request asks again. */
export class ProviderUnavailable extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'PROVIDER_UNAVAILABLE';
}

/** An event was not signed with our secret, or longer ago than limits.eventAgeMsMax. */
export class SignatureInvalid extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'SIGNATURE_INVALID';
}

/** An event is signed, but tells nothing that we know of. */
export class EventMalformed extends DomainError {
  readonly code = 'invalid_argument';
  readonly reason = 'EVENT_MALFORMED';
}

export type Status = 'PROCESSING' | 'AUTHORIZED' | 'CAPTURED' | 'DECLINED' | 'VOIDED' | 'REFUNDED';

/** Where a payment may go from where it stands. */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  PROCESSING: ['AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED'],
  AUTHORIZED: ['CAPTURED', 'VOIDED'],
  CAPTURED: ['REFUNDED'],
  DECLINED: [],
  VOIDED: [],
  REFUNDED: [],
};

/** A capture or a refund: promised before the provider is asked, so that two together never take too much. */
export interface Operation {
  readonly operationId: string;
  readonly kind: 'CAPTURE' | 'REFUND';
  readonly amountMinor: bigint;
  readonly state: 'PROMISED' | 'DONE' | 'REFUSED';
  /** Why the provider refused. */
  readonly code: string;
  /** Why it was asked for. */
  readonly reason: string;
  /** SHA-256 in hex of the request that asked for it, whose id gave the operation its own; empty when nobody asked. */
  readonly requestHash: string;
}

/** Always: 0 <= refunded (promises included) <= captured <= authorized <= amount. */
export interface Payment {
  readonly paymentId: string;
  readonly orderId: string;
  /** Undefined, and the amount 0, for an order that was voided before anybody asked for money. */
  readonly userId: string | undefined;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly intent: 'CHARGE' | 'AUTHORIZE' | 'NONE';
  readonly status: Status;
  readonly authorizedMinor: bigint;
  readonly capturedMinor: bigint;
  readonly declineCode: string;
  readonly voidRequested: boolean;
  /** The provider has given the authorization free. */
  readonly isReleased: boolean;
  readonly operations: readonly Operation[];
  readonly version: bigint;
}

/** What the provider says has happened. Its identity is payment, operation and kind: told twice, it is one fact. */
export interface Fact {
  readonly paymentId: string;
  /** What it happened to: "charge", "authorize", "capture:<id>", "refund:<id>". */
  readonly operation: string;
  readonly kind: 'authorized' | 'captured' | 'declined' | 'voided' | 'refunded' | 'refused';
  readonly amountMinor: bigint;
  readonly currency: string;
  /** The provider's reason for `declined` and `refused`. */
  readonly code: string;
}

/** What was given back, promises included. */
export function refundedMinor(payment: Payment): bigint {
  return sumOf(payment, ({ kind, state }) => kind === 'REFUND' && state !== 'REFUSED');
}

/** What the provider has given back. Never shrinks. */
export function refundConfirmedMinor(payment: Payment): bigint {
  return sumOf(payment, ({ kind, state }) => kind === 'REFUND' && state === 'DONE');
}

/** Nothing of this payment may stay with us. */
export function mustBeUndone({ voidRequested, status }: Payment): boolean {
  return voidRequested || status === 'VOIDED' || status === 'DECLINED';
}

/** Adds up the operations that match. */
function sumOf({ operations }: Payment, matches: (operation: Operation) => boolean): bigint {
  let sum = 0n;
  for (const operation of operations) if (matches(operation)) sum += operation.amountMinor;
  return sum;
}

export function promise<P extends Payment>(payment: P, made: Omit<Operation, 'state' | 'code'>): P {
  const operation: Operation = { ...made, state: 'PROMISED', code: '' };
  return { ...payment, operations: [...payment.operations, operation] };
}
