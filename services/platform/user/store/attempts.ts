import type { Database } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { AttemptWindow } from '../domain/sessions.ts';
import { limits } from '../domain.ts';
import type { signInAttempt } from '../schema.ts';

/** Attempts to sign in, by a digest of the address: no list of addresses lies here. */
export interface AttemptStore {
  /**
   * Replaces what is known of a subject by what `count` makes of it, one caller at a time. What `count` throws changes
   * nothing.
   */
  take(subject: Buffer, count: (window: AttemptWindow | undefined) => AttemptWindow): Promise<void>;
  clear(subject: Buffer): Promise<void>;
  /** Removes what counts no longer; answers how many. */
  sweep(now: number): Promise<number>;
}

type AttemptRow = Omit<RowOf<typeof signInAttempt>, 'subject'>;

/** Keeps them in the schema of `database`, each attempt in a transaction of its own. */
export function createAttemptStore(database: Database): AttemptStore {
  const { sql } = database;
  return {
    async take(subject, count) {
      await database.transaction(async (tx) => {
        // A subject that was never tried has no row to lock.
        await tx`select pg_advisory_xact_lock(hashtextextended(${subject.toString('hex')}, 0))`;
        const [row] = await tx<AttemptRow[]>`
          select attempts, started_at from sign_in_attempt where subject = ${subject}`;
        const window = row && { attempts: row.attempts, startedAt: row.started_at.getTime() };
        const { attempts, startedAt } = count(window);
        await tx`
          insert into sign_in_attempt (subject, attempts, started_at)
          values (${subject}, ${attempts}, ${new Date(startedAt)})
          on conflict (subject) do update
          set attempts = excluded.attempts, started_at = excluded.started_at`;
      });
    },

    async clear(subject) {
      await sql`delete from sign_in_attempt where subject = ${subject}`;
    },

    async sweep(now) {
      const removed = await sql`
        delete from sign_in_attempt where subject = any(array(
          select subject from sign_in_attempt
          where started_at <= ${new Date(now - limits.lockoutMs)}
          limit ${limits.sweepBatchMax}))`;
      return removed.count;
    },
  };
}
