/** What is left of a call for its SQL. */
import { limits } from '../limits.ts';
import { DeadlineTooShort } from '../mesh-errors.ts';
import { currentScope, type Scope } from '../scope.ts';

/** How long SQL may take, and whether anybody still waits for it: what a scope says of it. */
export type Budget = Pick<Scope, 'deadlineAt' | 'cancellation'>;

const unbounded: Budget = { deadlineAt: Number.POSITIVE_INFINITY, cancellation: undefined };

/** Budgets this close to the connection's own limit are left to it: a batch begins a moment after its budget did. */
const slackMs = 1_000;

/** The budget of the current scope; outside of any there is no end to it. */
export function currentBudget(): Budget {
  return currentScope() ?? unbounded;
}

/**
 * The milliseconds that a statement may take now; undefined when the connection's own limit does. Throws DeadlineTooShort
 * when there is no time left for one, or nobody who waits for it.
 */
export function statementMs({ deadlineAt, cancellation }: Budget): number | undefined {
  if (cancellation?.cancelled) throw new DeadlineTooShort();
  const leftMs = deadlineAt - Date.now();
  if (leftMs < limits.deadlineUsefulMsMin) throw new DeadlineTooShort();
  return leftMs < limits.statementMsMax - slackMs ? leftMs : undefined;
}

/**
 * The milliseconds that a statement outside of a transaction may take now. A budget that is over says nothing of it: what
 * still asks then works for others, or undoes something.
 */
export function aloneMs({ deadlineAt }: Budget): number {
  const leftMs = deadlineAt - Date.now();
  return leftMs > 0 ? Math.min(leftMs, limits.statementMsMax) : limits.statementMsMax;
}
