/** Which status may follow which. Pure. */
import { assert } from '#kit/errors.ts';
import type { Transaction, TransactionStatus } from '../domain.ts';

/** What may follow; `new` stands for a transaction that is not kept yet. */
export const transitions: Readonly<
  Record<TransactionStatus | 'new', readonly TransactionStatus[]>
> = {
  new: ['PENDING', 'COMPLETED', 'FAILED'],
  // To itself: an approved authorization goes on waiting, for its capture.
  PENDING: ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'],
  PROCESSING: ['PENDING', 'COMPLETED', 'FAILED', 'CANCELLED'],
  // To itself: a reversal is noted in what it moves back.
  COMPLETED: ['COMPLETED'],
  FAILED: [],
  CANCELLED: [],
};

/** Holds a change to the table: what breaks it is a bug, for whoever asks is refused before. */
export function checkTransition(before: Transaction | undefined, after: Transaction): void {
  const from = before?.status ?? 'new';
  assert(transitions[from].includes(after.status), `a transaction goes from ${from} as it may`);
  const isHolding = after.status === 'PENDING' || after.status === 'PROCESSING';
  assert(isHolding === (after.awaits !== undefined), 'what holds money waits for something');
  assert(isHolding === (after.expiresAt !== undefined), 'what holds money does so for a time');
  const isRefused = after.status === 'FAILED' || after.status === 'CANCELLED';
  assert(isRefused === (after.failure !== undefined), 'what failed says why');
}
