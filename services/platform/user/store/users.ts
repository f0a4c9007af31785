import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Role, type User, UserNotFound } from '../domain.ts';
import type { appUser } from '../schema.ts';

/** A person and the hash that their password is checked against. */
export interface Account {
  user: User;
  passwordHash: string;
}

/**
 * People and their passwords, as hashes. Who changes a person, their addresses or their sessions begins with
 * lockAccount.
 */
export interface UserStore {
  /** Reads people by id; unknown ones are left out. */
  readUsers(userIds: readonly string[]): Promise<Map<string, User>>;
  /** By the normalised address. */
  findByEmail(email: string): Promise<Account | undefined>;
  /** The same by id. Neither locks, so what is decided by it is looked at again behind lockAccount. */
  findById(userId: string): Promise<Account | undefined>;
  /** Answers false when the address belongs to somebody. Waits for a sign-up with it that is under way. */
  insertUser(tx: Tx, account: Account): Promise<boolean>;
  /** Locks a person, for any change to them, their addresses or their sessions. Throws UserNotFound. */
  lockAccount(tx: Tx, userId: string): Promise<Account>;
  /**
   * Whether somebody else on the staff is ACTIVE. Of those who ask, and then take a person off the staff, one at a time
   * gets its answer: the next waits for the end of the transaction.
   */
  hasOtherStaff(tx: Tx, userId: string): Promise<boolean>;
  /** Writes what may change of a person who is locked: all but the address and the password. */
  writeUser(tx: Tx, user: User): Promise<void>;
  /** Replaces the hash that a password is checked against. */
  writePassword(tx: Tx, userId: string, passwordHash: string): Promise<void>;
  /** Keeps why staff changed the status last. */
  writeStatusReason(tx: Tx, userId: string, reason: string): Promise<void>;
}

type UserRow = Omit<RowOf<typeof appUser>, 'status_reason'>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createUserStore(database: Database): UserStore {
  const { sql } = database;
  const columns = sql`user_id, email, password_hash, name, phone, roles, status, version,
    created_at, updated_at`;

  return {
    async readUsers(userIds) {
      const rows = await sql<UserRow[]>`
        select ${columns} from app_user where user_id = any(${userIds as string[]}::uuid[])`;
      return new Map(rows.map((row) => [row.user_id, toUser(row)]));
    },

    async findByEmail(email) {
      const [row] = await sql<UserRow[]>`select ${columns} from app_user where email = ${email}`;
      return row && toAccount(row);
    },

    async findById(userId) {
      const [row] = await sql<UserRow[]>`select ${columns} from app_user where user_id = ${userId}`;
      return row && toAccount(row);
    },

    async insertUser(tx, { user, passwordHash }) {
      const inserted = await tx`
        insert into app_user (user_id, email, password_hash, name, phone, roles, status, version,
          created_at, updated_at)
        values (${user.userId}, ${user.email}, ${passwordHash}, ${user.name}, ${user.phone},
          ${user.roles as Role[]}, ${user.status}, ${String(user.version)},
          ${new Date(user.createdAt)}, ${new Date(user.updatedAt)})
        on conflict (email) do nothing`;
      return inserted.count === 1;
    },

    async lockAccount(tx, userId) {
      const [row] = await tx<UserRow[]>`
        select ${columns} from app_user where user_id = ${userId} for no key update`;
      if (row === undefined) throw new UserNotFound({ user_id: userId });
      return toAccount(row);
    },

    async hasOtherStaff(tx, userId) {
      // A statement of its own: what the one before has committed is seen by a query that begins behind the lock.
      await tx`
        select pg_advisory_xact_lock(hashtextextended(${`staff ${database.schema}`}, 0))`;
      const rows = await tx`
        select from app_user
        where 'STAFF' = any(roles) and status = 'ACTIVE' and user_id <> ${userId} limit 1`;
      return rows.length > 0;
    },

    async writeUser(tx, user) {
      await tx`
        update app_user set name = ${user.name}, phone = ${user.phone},
          roles = ${user.roles as Role[]}, status = ${user.status},
          version = ${String(user.version)}, updated_at = ${new Date(user.updatedAt)}
        where user_id = ${user.userId}`;
    },

    async writePassword(tx, userId, passwordHash) {
      await tx`update app_user set password_hash = ${passwordHash} where user_id = ${userId}`;
    },

    async writeStatusReason(tx, userId, reason) {
      await tx`update app_user set status_reason = ${reason} where user_id = ${userId}`;
    },
  };
}

function toAccount(row: UserRow): Account {
  return { user: toUser(row), passwordHash: row.password_hash };
}

function toUser(row: UserRow): User {
  const { email, name, phone, roles, status, version } = row;
  return {
    userId: row.user_id,
    email,
    name,
    phone,
    roles,
    status,
    version,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}
