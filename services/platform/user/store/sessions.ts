import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Rotation, Session } from '../domain/sessions.ts';
import { limits } from '../domain.ts';
import type { session } from '../schema.ts';

/** A session that has not ended, without what only its refresh needs. */
export type OpenSession = Omit<Session, 'tokenDigest' | 'previous' | 'isEnded'>;

/**
 * Sessions and what their refresh needs. They change under the lock of their person (UserStore.lockAccount); `sweep`
 * takes only what no longer counts. `now` is in milliseconds since the epoch.
 */
export interface SessionStore {
  /** Whose session it is, whatever became of it. */
  findOwner(sessionId: string): Promise<string | undefined>;
  /** Reads a session whose person is locked: sessions change under that lock only. */
  read(tx: Tx, sessionId: string): Promise<Session | undefined>;
  insert(tx: Tx, session: Session): Promise<void>;
  /** Makes another refresh token the good one, and keeps the answer that told of it. */
  rotate(tx: Tx, session: Session, previous: Rotation): Promise<void>;
  /** A person's open sessions. */
  listOpen(tx: Tx, userId: string, now: number): Promise<OpenSession[]>;
  /** One page of them, newest first, older than `before` (exclusive). */
  page(options: {
    userId: string;
    now: number;
    before: string | undefined;
    limit: number;
  }): Promise<OpenSession[]>;
  /** Ends those of the named sessions that are open, and answers which they were. */
  end(tx: Tx, sessionIds: readonly string[], now: number): Promise<string[]>;
  /** Removes answers that may not be repeated any more, and sessions long over; answers how many. */
  sweep(now: number): Promise<number>;
}

type SessionRow = RowOf<typeof session>;

/** After every UUIDv7. */
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createSessionStore({ sql }: Database): SessionStore {
  return {
    async findOwner(sessionId) {
      const [row] = await sql<{ user_id: string }[]>`
        select user_id from session where session_id = ${sessionId}`;
      return row?.user_id;
    },

    async read(tx, sessionId) {
      const [row] = await tx<SessionRow[]>`select * from session where session_id = ${sessionId}`;
      return row && toSession(row);
    },

    async insert(tx, session) {
      await tx`
        insert into session (session_id, user_id, device_name, started_at, used_at, expires_at,
          token_digest)
        values (${session.sessionId}, ${session.userId}, ${session.deviceName},
          ${new Date(session.startedAt)}, ${new Date(session.usedAt)},
          ${new Date(session.expiresAt)}, ${Buffer.from(session.tokenDigest, 'hex')})`;
    },

    async rotate(tx, session, previous) {
      await tx`
        update session set used_at = ${new Date(session.usedAt)},
          expires_at = ${new Date(session.expiresAt)},
          token_digest = ${Buffer.from(session.tokenDigest, 'hex')},
          previous_digest = ${Buffer.from(previous.tokenDigest, 'hex')},
          previous_request_id = ${previous.requestId},
          previous_answer = ${Buffer.from(previous.answer!)},
          rotated_at = ${new Date(previous.rotatedAt)}
        where session_id = ${session.sessionId}`;
    },

    async listOpen(tx, userId, now) {
      const rows = await tx<SessionRow[]>`
        select * from session
        where user_id = ${userId} and ended_at is null and expires_at > ${new Date(now)}`;
      return rows.map(toSession);
    },

    async page({ userId, now, before, limit }) {
      const rows = await sql<SessionRow[]>`
        select * from session
        where user_id = ${userId} and ended_at is null and expires_at > ${new Date(now)}
          and session_id < ${before ?? lastId}
        order by session_id desc limit ${limit}`;
      return rows.map(toSession);
    },

    async end(tx, sessionIds, now) {
      const rows = await tx<{ session_id: string }[]>`
        update session set ended_at = ${new Date(now)}, previous_answer = null
        where session_id = any(${sessionIds as string[]}::uuid[]) and ended_at is null
        returning session_id`;
      return rows.map((row) => row.session_id);
    },

    async sweep(now) {
      const answers = await sql`
        update session set previous_answer = null where session_id = any(array(
          select session_id from session
          where previous_answer is not null
            and rotated_at <= ${new Date(now - limits.refreshReplayMsMax - limits.clockSkewMs)}
          limit ${limits.sweepBatchMax}))`;
      const sessions = await sql`
        delete from session where session_id = any(array(
          select session_id from session
          where expires_at <= ${new Date(now - limits.sessionKeptMs)}
          limit ${limits.sweepBatchMax}))`;
      return answers.count + sessions.count;
    },
  };
}

function toSession(row: SessionRow): Session {
  return {
    sessionId: row.session_id,
    userId: row.user_id,
    deviceName: row.device_name,
    startedAt: row.started_at.getTime(),
    usedAt: row.used_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    isEnded: row.ended_at !== null,
    tokenDigest: row.token_digest.toString('hex'),
    previous:
      row.previous_digest === null
        ? undefined
        : {
            tokenDigest: row.previous_digest.toString('hex'),
            requestId: row.previous_request_id!,
            rotatedAt: row.rotated_at!.getTime(),
            answer: row.previous_answer ?? undefined,
          },
  };
}
