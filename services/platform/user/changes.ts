import type { Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import type { UserDeps } from './deps.ts';
import type { User, UserChange } from './domain.ts';
import { sessionsRevoked, userChanged } from './events.ts';

/** Writes a person as they became, with the event that tells of it. The person is locked. */
export async function writeChange(
  { database, users }: UserDeps,
  tx: Tx,
  change: UserChange,
): Promise<User> {
  await users.writeUser(tx, change.user);
  publish(database, tx, [userChanged(change)]);
  return change.user;
}

/**
 * Ends open sessions of a person who is locked, and tells the mesh to refuse their tokens. Answers how many there were.
 * `which` leaves some of them alone.
 */
export async function endSessions(
  { database, sessions, clock }: UserDeps,
  tx: Tx,
  userId: string,
  which: (sessionId: string) => boolean = () => true,
): Promise<number> {
  const now = clock.now();
  const open = await sessions.listOpen(tx, userId, now);
  const ids = open.map(({ sessionId }) => sessionId).filter(which);
  const ended = await sessions.end(tx, ids, now);
  publish(database, tx, sessionsRevoked(userId, ended, now));
  return ended.length;
}
