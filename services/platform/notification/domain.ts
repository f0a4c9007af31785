/** What people are told, and when it is the same thing. Pure. */
import { DomainError, type FieldViolation } from '#kit/errors.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';

export const limits = {
  pageSizeDefault: 20,
  unreadCountMax: 1_000, // beyond it nobody counts, and neither does the database
  eventNotificationsMax: 500, // notifications in one event
  largePaymentMajorMin: 1_000n, // whole units of a currency from which on a payment is called large
  feedReadMsMax: 2_000, // one look for all streams that wait; a late one ends them, and they come back by their cursors
} as const;

/** What is to be marked as read does not exist, or is not the caller's. */
export class NotificationNotFound extends DomainError<{ notification_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'NOTIFICATION_NOT_FOUND';
}

export type Kind =
  | 'ANNOUNCEMENT'
  | 'ORDER_CONFIRMED'
  | 'ORDER_SHIPPED'
  | 'ORDER_DELIVERED'
  | 'ORDER_CANCELLED'
  | 'PAYMENT_REFUNDED'
  | 'TRANSACTION_COMPLETED'
  | 'TRANSACTION_FAILED'
  | 'TRANSACTION_UNDER_REVIEW'
  | 'LARGE_PAYMENT'
  | 'ACCOUNT_FROZEN';

export type Parameters = Readonly<Record<string, string>>;

/** Something that a person is to be told. */
export interface Telling {
  readonly userId: string;
  readonly kind: Kind;
  /** Of one kind a person is told of one subject once. */
  readonly subjectId: string;
  readonly parameters: Parameters;
}

/** Something that a person was told. */
export interface Notification extends Telling {
  readonly notificationId: string;
  /** Its place in the person's list: the next one has the next number. */
  readonly position: bigint;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly readAt: number | undefined;
}

const payment = ['transaction_id', 'account_id', 'amount_minor', 'currency_code'];

/** What the texts of each kind cannot do without. */
const needed: Readonly<Record<Kind, readonly string[]>> = {
  ANNOUNCEMENT: ['title', 'body'],
  ORDER_CONFIRMED: ['order_id', 'amount_minor', 'currency_code'],
  ORDER_SHIPPED: ['order_id'],
  ORDER_DELIVERED: ['order_id'],
  ORDER_CANCELLED: ['order_id', 'reason'],
  PAYMENT_REFUNDED: ['payment_id', 'order_id', 'amount_minor', 'currency_code'],
  TRANSACTION_COMPLETED: [...payment, 'direction'],
  TRANSACTION_FAILED: [...payment, 'reason'],
  TRANSACTION_UNDER_REVIEW: payment,
  LARGE_PAYMENT: payment,
  ACCOUNT_FROZEN: ['account_id'],
};

/** The form of parameters that are more than words. */
const forms: Readonly<Record<string, RegExp>> = {
  amount_minor: /^\d{1,19}$/,
  direction: /^(in|out)$/,
  currency_code: /^[A-Z]{3}$/,
};

/** Throws FieldsInvalid when its kind has not all that it needs. */
export function checkTelling({ kind, parameters }: Telling): void {
  const violations: FieldViolation[] = [];
  for (const name of needed[kind]) {
    const value = parameters[name];
    const field = `parameters[${name}]`;
    if (!value) violations.push({ field, description: `${kind} needs it` });
    else if (forms[name]?.test(value) === false) {
      violations.push({ field, description: `must match ${forms[name].source}` });
    }
  }
  if (violations.length > 0) throw new FieldsInvalid(violations);
}

/** The same for whatever tells the same person the same thing. */
export function meaningOf({ userId, kind, subjectId }: Telling): string {
  return `${userId} ${kind} ${subjectId}`;
}

/** What is new in a batch of tellings, each once and in order, when `told` has been told before. */
export function newTellings(tellings: readonly Telling[], told: ReadonlySet<string>): Telling[] {
  const fresh = new Map<string, Telling>();
  for (const telling of tellings) {
    const meaning = meaningOf(telling);
    if (!told.has(meaning) && !fresh.has(meaning)) fresh.set(meaning, telling);
  }
  return [...fresh.values()];
}
