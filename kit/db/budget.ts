/** What is left of a call for its SQL. */
import { limits } from '../limits.ts';
import { DeadlineTooShort } from '../mesh-errors.ts';
import { type Cancellation, currentScope } from '../scope.ts';

/** How long SQL may take, and whether anybody still waits for it. */
export interface Budget {
  /** Milliseconds since the epoch; Infinity outside of any scope. */
  readonly deadlineAt: number;
  readonly cancellation: Cancellation | undefined;
}

/** Budgets this close to the connection's own limit are left to it: a batch begins a moment after its budget did. */
const slackMs = 1_000;

/** The budget of the current scope. */
export function currentBudget(): Budget {
  const scope = currentScope();
  const deadlineAt = scope?.deadlineAt ?? Number.POSITIVE_INFINITY;
  return { deadlineAt, cancellation: scope?.cancellation };
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
