import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import type { RowOf } from '#kit/db/row.ts';
import { together } from '#kit/db/together.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { FeedPosition } from '#kit/streams/feed.ts';
import { limits, meaningOf, type Notification, newTellings, type Telling } from './domain.ts';
import { notificationsAdded } from './events.ts';
import type { notification } from './schema.ts';

/** Which notifications of a person a list shows. */
export interface Filter {
  readonly userId: string;
  readonly unreadOnly: boolean;
}

/** What each person was told, as one list that only grows. Times are in milliseconds since the epoch. */
export interface Store {
  /**
   * Tells people what they have not been told, with an event, and answers what each telling has led to, now or before.
   * The lists of all these people stay locked until the commit.
   */
  tell(tx: Tx, tellings: readonly Telling[], now: number): Promise<Notification[]>;
  /** Newest first, those before `before` when it is given. */
  list(filter: Filter, before: bigint | undefined, limit: number): Promise<Notification[]>;
  /** At most limits.unreadCountMax. */
  countUnread(userId: string, tx?: Tx): Promise<number>;
  /** Which of these a person has. */
  findOwn(tx: Tx, userId: string, notificationIds: readonly string[]): Promise<Set<string>>;
  /** Marks those of a person's notifications that are unread; others keep the time at which they were read. */
  markRead(tx: Tx, userId: string, notificationIds: readonly string[], now: number): Promise<void>;
  /** The same for all that were made until `time`, inclusive. */
  markReadUpTo(tx: Tx, userId: string, time: number, now: number): Promise<void>;
  /** The position of a person's latest notification; 0 before the first. */
  readHead(userId: string): Promise<bigint>;
  /** What each person has after a position, the oldest first, at most `limit` each. */
  readAfter(asked: readonly FeedPosition[], limit: number): Promise<Notification[][]>;
}

type Row = RowOf<typeof notification>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  const columns = sql`n.notification_id, n.user_id, n.position, n.kind, n.subject_id, n.parameters,
    n.created_at, n.read_at`;

  /** Locks the lists, in one order, and finds what was told before: behind the locks, so nothing is missed. */
  async function open(tx: Tx, tellings: readonly Telling[]) {
    const userIds = tellings.map(({ userId }) => userId);
    const [, feeds, told] = await together([
      tx`
        insert into feed (user_id) select distinct user_id from unnest(${userIds}::uuid[]) as t (user_id)
        order by user_id on conflict do nothing`,
      tx<{ user_id: string; last_position: bigint }[]>`
        select user_id, last_position from feed where user_id = any(${userIds}::uuid[])
        order by user_id for no key update`,
      tx<Row[]>`
        select ${columns} from unnest(
          ${userIds}::uuid[],
          ${tellings.map(({ kind }) => kind)}::text[],
          ${tellings.map(({ subjectId }) => subjectId)}::text[]
        ) as t (user_id, kind, subject_id)
        join notification n on n.user_id = t.user_id and n.kind = t.kind
          and n.subject_id = t.subject_id`,
    ]);
    const heads = new Map(feeds.map((feed) => [feed.user_id, feed.last_position]));
    return { heads, told: told.map(toNotification) };
  }

  /** Together with the commit. */
  function write(tx: Tx, added: readonly Notification[], heads: ReadonlyMap<string, bigint>): void {
    if (added.length === 0) return;
    const feeds = [...new Set(added.map(({ userId }) => userId))].map((userId) => {
      return { userId, lastPosition: heads.get(userId)! };
    });
    database.deferRows(tx, insertNotifications, added);
    database.deferRows(tx, raiseHeads, feeds);
    publish(database, tx, addedEvents(added));
  }

  return {
    async tell(tx, tellings, now) {
      if (tellings.length === 0) return [];
      const { heads, told } = await open(tx, tellings);
      const found = new Map(told.map((one) => [meaningOf(one), one]));
      const added = newTellings(tellings, new Set(found.keys())).map((telling): Notification => {
        const position = heads.get(telling.userId)! + 1n;
        heads.set(telling.userId, position);
        const notificationId = uuidv7();
        return { ...telling, notificationId, position, createdAt: now, readAt: undefined };
      });
      write(tx, added, heads);
      for (const one of added) found.set(meaningOf(one), one);
      return tellings.map((telling) => found.get(meaningOf(telling))!);
    },

    async list({ userId, unreadOnly }, before, limit) {
      const rows = await sql<Row[]>`
        select ${columns} from notification n where n.user_id = ${userId}
          ${unreadOnly ? sql`and n.read_at is null` : sql``}
          ${before === undefined ? sql`` : sql`and n.position < ${before}`}
        order by n.position desc limit ${limit}`;
      return rows.map(toNotification);
    },

    async countUnread(userId, tx) {
      const [row] = await (tx ?? sql)<{ count: bigint }[]>`
        select count(*) as count from (
          select from notification where user_id = ${userId} and read_at is null
          limit ${limits.unreadCountMax}) as t`;
      return Number(row!.count);
    },

    async findOwn(tx, userId, notificationIds) {
      const rows = await tx<{ notification_id: string }[]>`
        select notification_id from notification
        where notification_id = any(${notificationIds as string[]}::uuid[]) and user_id = ${userId}`;
      return new Set(rows.map((row) => row.notification_id));
    },

    async markRead(tx, userId, notificationIds, now) {
      await tx`
        update notification set read_at = ${new Date(now)}
        where notification_id = any(${notificationIds as string[]}::uuid[])
          and user_id = ${userId} and read_at is null`;
    },

    async markReadUpTo(tx, userId, time, now) {
      await tx`
        update notification set read_at = ${new Date(now)}
        where user_id = ${userId} and read_at is null and created_at <= ${new Date(time)}`;
    },

    async readHead(userId) {
      const [row] = await sql<{ last_position: bigint }[]>`
        select last_position from feed where user_id = ${userId}`;
      return row?.last_position ?? 0n;
    },

    async readAfter(asked, limit) {
      const rows = await sql<(Row & { place: bigint })[]>`
        select f.place, ${columns} from unnest(
          ${asked.map(({ feed }) => feed)}::uuid[],
          ${asked.map(({ after }) => String(after))}::bigint[]
        ) with ordinality as f (user_id, after, place)
        cross join lateral (
          select * from notification n where n.user_id = f.user_id and n.position > f.after
          order by n.position limit ${limit}) as n
        order by f.place, n.position`;
      const found = asked.map((): Notification[] => []);
      for (const row of rows) found[Number(row.place) - 1]!.push(toNotification(row));
      return found;
    },
  };
}

function insertNotifications(tx: Tx, added: readonly Notification[]) {
  return tx`
    insert into notification (notification_id, user_id, position, kind, subject_id, parameters,
      created_at)
    select notification_id, user_id, position, kind, subject_id, parameters::jsonb,
      to_timestamp(created_ms / 1000::float8)
    from unnest(
      ${added.map((one) => one.notificationId)}::uuid[],
      ${added.map((one) => one.userId)}::uuid[],
      ${added.map((one) => String(one.position))}::bigint[],
      ${added.map((one) => one.kind)}::text[],
      ${added.map((one) => one.subjectId)}::text[],
      ${added.map((one) => JSON.stringify(one.parameters))}::text[],
      ${added.map((one) => one.createdAt)}::bigint[]
    ) as t (notification_id, user_id, position, kind, subject_id, parameters, created_ms)`;
}

function raiseHeads(tx: Tx, feeds: readonly { userId: string; lastPosition: bigint }[]) {
  return tx`
    update feed f set last_position = t.last_position
    from unnest(
      ${feeds.map(({ userId }) => userId)}::uuid[],
      ${feeds.map(({ lastPosition }) => String(lastPosition))}::bigint[]
    ) as t (user_id, last_position)
    where f.user_id = t.user_id`;
}

function addedEvents(added: readonly Notification[]) {
  const events = [];
  for (let i = 0; i < added.length; i += limits.eventNotificationsMax) {
    events.push(notificationsAdded(added.slice(i, i + limits.eventNotificationsMax)));
  }
  return events;
}

function toNotification(row: Row): Notification {
  const { kind, position, parameters } = row;
  return {
    notificationId: row.notification_id,
    userId: row.user_id,
    position,
    kind,
    subjectId: row.subject_id,
    parameters,
    createdAt: row.created_at.getTime(),
    readAt: row.read_at?.getTime(),
  };
}
