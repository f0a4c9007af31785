import { Conflict, DeadlineTooShort } from '../mesh-errors.ts';

/**
 * SQLSTATEs that mean "not now": the same request may simply be sent again. Serialisation failure, deadlock, lock not
 * available, server going down or full. Source: PostgreSQL manual, appendix A.
 */
const transient = new Set(['40001', '40P01', '55P03', '57P01', '57P02', '57P03', '53300']);

/**
 * Errors of the connection, by postgres.js and Node. The statement may or may not have been done. The last ones are of a
 * host that is just being replaced: its name, or the way to it, is gone for a while.
 */
const lost = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Failures of a whole transaction that met another one: it was rolled back and may be done anew at once. */
const undone = new Set(['40001', '40P01']);

/** A statement that ran into its timeout, or was cancelled because its caller gave up. */
const cancelled = '57014';

/** The SQLSTATE or driver code of an error, "" for other things. */
export function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** True when PostgreSQL itself chose this transaction to give way: nothing of it was done. */
export function isUndone(error: unknown): boolean {
  return undone.has(sqlState(error));
}

/** Turns a driver's error into one that callers understand; others are answered as they are. */
export function translateDriverError(error: unknown): unknown {
  const code = sqlState(error);
  if (code === cancelled) return new DeadlineTooShort();
  return transient.has(code) || lost.has(code) ? new Conflict() : error;
}
