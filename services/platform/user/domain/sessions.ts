/** Attempts, sessions and refresh tokens: what may happen to them, and when. Pure. */
import { limits, RefreshTokenInvalid, TooManyAttempts } from '../domain.ts';

/** Passwords that were tried for one address since `startedAt`. */
export interface AttemptWindow {
  readonly attempts: number;
  readonly startedAt: number;
}

/**
 * Counts one more attempt, before its password is tested: what is in flight counts, so racing guesses get no extra ones.
 * Throws TooManyAttempts.
 */
export function countAttempt(window: AttemptWindow | undefined, now: number): AttemptWindow {
  const isOver = window === undefined || now >= window.startedAt + limits.lockoutMs;
  if (isOver) return { attempts: 1, startedAt: now };
  if (window.attempts < limits.attemptsMax) return { ...window, attempts: window.attempts + 1 };
  const retryAfterMs = window.startedAt + limits.lockoutMs - now;
  throw new TooManyAttempts({ retry_after_ms: String(retryAfterMs) });
}

export interface Session {
  readonly sessionId: string;
  readonly userId: string;
  readonly deviceName: string;
  /** Milliseconds since the epoch, all of them. */
  readonly startedAt: number;
  readonly usedAt: number;
  readonly expiresAt: number;
  readonly isEnded: boolean;
  /** SHA-256 of the refresh token that is good now, in hex. */
  readonly tokenDigest: string;
  readonly previous: Rotation | undefined;
}

/** The last use of a refresh token. */
export interface Rotation {
  /** Of the token that was traded in. */
  readonly tokenDigest: string;
  readonly requestId: string;
  readonly rotatedAt: number;
  /** Encrypted; undefined when it has been removed. */
  readonly answer: Uint8Array | undefined;
}

/** When a session ends by itself, if nobody uses it any more. */
export function sessionExpiry(session: { startedAt: number; usedAt: number }): number {
  return Math.min(
    session.usedAt + limits.sessionIdleMsMax,
    session.startedAt + limits.sessionMsMax,
  );
}

/** An access token never outlives its session, so a session that ended by time needs no revocation. */
export function accessExpiry(session: { expiresAt: number }, now: number): number {
  return Math.min(now + limits.accessTokenMs, session.expiresAt);
}

export interface PresentedToken {
  readonly digest: string;
  /** Whether this service made it, whenever that was. */
  readonly isGenuine: boolean;
  readonly requestId: string;
}

/**
 * What to do about a refresh token: trade it in, give the answer that was lost on its way, or end the session because
 * two hold what one should. Throws RefreshTokenInvalid for a session that is over and for a token that nobody issued:
 * a forged one must not end anybody's session.
 */
export function decideRefresh(
  session: Session,
  token: PresentedToken,
  now: number,
): { verdict: 'rotate' | 'reuse' } | { verdict: 'replay'; answer: Uint8Array } {
  if (session.isEnded || now >= session.expiresAt) throw new RefreshTokenInvalid();
  if (token.digest === session.tokenDigest) return { verdict: 'rotate' };
  const { previous } = session;
  if (
    previous?.answer !== undefined &&
    previous.tokenDigest === token.digest &&
    previous.requestId === token.requestId &&
    now < previous.rotatedAt + limits.refreshReplayMsMax
  ) {
    return { verdict: 'replay', answer: previous.answer };
  }
  const wasIssued = previous?.tokenDigest === token.digest || token.isGenuine;
  if (wasIssued) return { verdict: 'reuse' };
  throw new RefreshTokenInvalid();
}

/** Which of a person's open sessions must end so that there is room for one more: those not used for longest. */
export function sessionsToEnd<Open extends { usedAt: number }>(open: readonly Open[]): Open[] {
  return open.toSorted((a, b) => b.usedAt - a.usedAt).slice(limits.sessionsPerUserMax - 1);
}
