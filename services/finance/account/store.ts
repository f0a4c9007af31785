import { byteaArray } from '#kit/db/arrays.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Account, Details } from './domain.ts';
import type { accountTable } from './schema.ts';

/** What is sealed of an account, as it is kept. */
export type SealedDetails = Readonly<Record<keyof Details, Buffer>>;

/** An account as it is kept. */
export interface AccountRecord extends Account {
  readonly sealed: SealedDetails;
}

/** By what a new account will be found. */
export interface Tokens {
  readonly number: Buffer;
  readonly taxId: Buffer;
}

/** On what a statement that only reads is run. */
export type Reading = Tx | Database['sql'];

/** The accounts of everybody; who may see which is not asked here. */
export interface Store {
  read(on: Reading, accountId: string): Promise<AccountRecord | undefined>;
  /** Accounts of a person in descending order of their ids, from below `before` on. */
  list(ownerId: string, before: string | undefined, limit: number): Promise<AccountRecord[]>;
  /** The account of a number, by the tokens that it may have. */
  findByNumber(on: Reading, tokens: readonly Buffer[]): Promise<AccountRecord | undefined>;
  /** As `list`, of a tax id by its tokens. */
  listByTaxId(
    tokens: readonly Buffer[],
    before: string | undefined,
    limit: number,
  ): Promise<AccountRecord[]>;
  /** Accounts of everybody in ascending order of their ids, from above `after` on. */
  walk(after: string | undefined, limit: number): Promise<AccountRecord[]>;
  /** How many a person has. Until the end of the transaction nobody else can make one of theirs. */
  lockCount(tx: Tx, ownerId: string): Promise<number>;
  /** Keeps a new account. Answers whether it did: its id or its number may be there already. */
  insert(tx: Tx, record: AccountRecord, tokens: Tokens): Promise<boolean>;
  /** Notes that the ledger has an account. Answers whether that is news. */
  markOpen(tx: Tx, accountId: string, now: number): Promise<boolean>;
  /** Accounts that were to be opened before `until` and are not, the oldest first. */
  findOpening(until: number, limit: number): Promise<string[]>;
  countOpening(): Promise<number>;
  /** The ids of all accounts of a person. */
  idsOf(tx: Tx, ownerId: string): Promise<string[]>;
  /** Removes by what the accounts of a person are found. */
  removeTokens(tx: Tx, ownerId: string): Promise<void>;
}

type Row = RowOf<typeof accountTable>;

/** Keeps them in the schema of the database, of which each `tx` must be a transaction. Times are in milliseconds. */
export function createStore({ sql, schema }: Database): Store {
  const below = (before: string | undefined) =>
    before === undefined ? sql`` : sql`and account_id < ${before}`;

  return {
    async read(on, accountId) {
      const [row] = await (on as Tx)<Row[]>`select * from account where account_id = ${accountId}`;
      return row && toRecord(row);
    },

    async list(ownerId, before, limit) {
      const rows = await sql<Row[]>`
        select * from account where owner_id = ${ownerId} ${below(before)}
        order by account_id desc limit ${limit}`;
      return rows.map(toRecord);
    },

    async findByNumber(on, tokens) {
      const [row] = await (on as Tx)<Row[]>`
        select * from account where number_token = any(${sql.typed(tokens, byteaArray)})`;
      return row && toRecord(row);
    },

    async listByTaxId(tokens, before, limit) {
      const rows = await sql<Row[]>`
        select * from account
        where tax_id_token = any(${sql.typed(tokens, byteaArray)}) ${below(before)}
        order by account_id desc limit ${limit}`;
      return rows.map(toRecord);
    },

    async walk(after, limit) {
      const rows = await sql<Row[]>`
        select * from account ${after === undefined ? sql`` : sql`where account_id > ${after}`}
        order by account_id limit ${limit}`;
      return rows.map(toRecord);
    },

    async lockCount(tx, ownerId) {
      await tx`select pg_advisory_xact_lock(hashtextextended(${`${schema} ${ownerId}`}, 0))`;
      const [row] = await tx<{ count: number }[]>`
        select count(*)::integer as count from account where owner_id = ${ownerId}`;
      return row!.count;
    },

    async insert(tx, { sealed, ...made }, tokens) {
      const rows = await tx`
        insert into account (account_id, owner_id, type, currency, credit_limit_minor,
          number_sealed, legal_name_sealed, tax_id_sealed, number_token, tax_id_token, created_at)
        values (${made.accountId}, ${made.ownerId}, ${made.type}, ${made.currency},
          ${String(made.creditLimitMinor)}::bigint, ${sealed.number}, ${sealed.legalName},
          ${sealed.taxId}, ${tokens.number}, ${tokens.taxId}, ${new Date(made.createdAt)})
        on conflict do nothing returning account_id`;
      return rows.length > 0;
    },

    async markOpen(tx, accountId, now) {
      const rows = await tx`
        update account set opened_at = ${new Date(now)}
        where account_id = ${accountId} and opened_at is null returning account_id`;
      return rows.length > 0;
    },

    async findOpening(until, limit) {
      const rows = await sql<{ account_id: string }[]>`
        select account_id from account
        where opened_at is null and created_at <= ${new Date(until)}
        order by created_at limit ${limit}`;
      return rows.map((row) => row.account_id);
    },

    async countOpening() {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::integer as count from account where opened_at is null`;
      return row!.count;
    },

    async idsOf(tx, ownerId) {
      const rows = await tx<{ account_id: string }[]>`
        select account_id from account where owner_id = ${ownerId} order by account_id`;
      return rows.map((row) => row.account_id);
    },

    async removeTokens(tx, ownerId) {
      await tx`
        update account set number_token = null, tax_id_token = null where owner_id = ${ownerId}`;
    },
  };
}

function toRecord(row: Row): AccountRecord {
  return {
    accountId: row.account_id,
    ownerId: row.owner_id,
    type: row.type,
    currency: row.currency,
    creditLimitMinor: row.credit_limit_minor,
    createdAt: row.created_at.getTime(),
    isOpen: row.opened_at !== null,
    sealed: {
      number: row.number_sealed,
      legalName: row.legal_name_sealed,
      taxId: row.tax_id_sealed,
    },
  };
}
