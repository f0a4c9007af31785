import { randomUUID } from 'node:crypto';
import { Collision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { assert } from '#kit/errors.ts';
import { type Book, openBook } from './domain/book.ts';
import { type Account, accountIdsOf, type Command, limits } from './domain.ts';
import { statusChanged, transactionsChanged } from './events.ts';
import {
  checkAccounts,
  insertAccounts,
  lockAccounts,
  readAccounts,
  updateAccounts,
} from './store/accounts.ts';
import { insertEntries } from './store/entries.ts';
import { insertTransactions, lockTransactions, updateTransactions } from './store/transactions.ts';

/**
 * The ledger as it is written: who changes it opens a book, applies commands to it and writes it, in one transaction. Of
 * writing, everything happens together with the commit, which throws Collision when another writer made the same row.
 */
export interface Store {
  /**
   * Locks all that the commands touch (transactions by their ids, then accounts by theirs: the one order of all writers)
   * and opens the book on it. `now` is in milliseconds since the epoch.
   */
  openBook(tx: Tx, commands: readonly Command[], now: number): Promise<Book>;
  /** Reads accounts without a lock; unknown ones are left out. */
  readAccounts(tx: Tx, accountIds: readonly string[]): Promise<Account[]>;
  /** Writes the transactions of the book that are new or changed, and the events. */
  writeTransactions(tx: Tx, book: Book): void;
  /**
   * Writes the accounts of the book that are new or changed, and the entries, behind its transactions. When the accounts were
   * not locked, all that the book was opened on is held to what was read: when it is not so any more the commit throws
   * Collision, after it has called `onOutdated`.
   */
  writeAccounts(tx: Tx, book: Book, reading: Reading): void;
  /** Open transactions whose time is over, the oldest first, at most limits.batchMax. `now` as above. */
  findDue(now: number): Promise<string[]>;
}

/** How the accounts of a book were read. */
export type Reading = { isLocked: true } | { isLocked: false; onOutdated: () => void };

/** Keeps it in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  return {
    async openBook(tx, commands, now) {
      const accountIds = new Set(commands.flatMap(accountsOf));
      const transactionIds = [...new Set(commands.flatMap(transactionsOf))];
      const transactions = await lockTransactions(tx, transactionIds);
      for (const { legs } of transactions) {
        for (const accountId of accountIdsOf(legs)) accountIds.add(accountId);
      }
      const accounts = await lockAccounts(tx, [...accountIds]);
      return openBook(accounts, transactions, { now, changeId: randomUUID() });
    },

    readAccounts,

    writeTransactions(tx, book) {
      const [made, changed] = [book.newTransactions(), book.changedTransactions()];
      insertTransactions(database, tx, made);
      updateTransactions(database, tx, changed);
      const all = [...made, ...changed];
      const ownerOf = (accountId: string) => book.account(accountId)?.ownerId;
      for (let i = 0; i < all.length; i += limits.eventTransactionsMax) {
        const part = all.slice(i, i + limits.eventTransactionsMax);
        publish(database, tx, [transactionsChanged(part, ownerOf)]);
      }
      publish(database, tx, book.accountsOfNewStatus().map(statusChanged));
    },

    writeAccounts(tx, book, reading) {
      const outdated = outdatedAs(reading);
      const changes = book.changedAccounts().map((present) => {
        return { former: book.formerAccount(present.accountId)!, present };
      });
      updateAccounts(database, tx, changes, outdated);
      if (!reading.isLocked) checkAccounts(database, tx, book.unchangedAccounts(), outdated);
      insertAccounts(database, tx, book.newAccounts());
      insertEntries(database, tx, book.entries(), book.now);
    },

    async findDue(now) {
      const rows = await sql<{ transaction_id: string }[]>`
        select transaction_id from transaction
        where awaits is not null and expires_at <= ${new Date(now)}
        order by expires_at limit ${limits.batchMax}`;
      return rows.map((row) => row.transaction_id);
    },
  };
}

/** What becomes of the database's word that an account is not as it was read. */
function outdatedAs(reading: Reading): (error: unknown) => never {
  return (error) => {
    if ((error as { constraint_name?: unknown }).constraint_name !== 'account_change') throw error;
    assert(!reading.isLocked, 'nobody changes what is locked');
    reading.onOutdated();
    throw new Collision();
  };
}

/** The accounts that a command names; others are named by the transaction that it is about. */
export function accountsOf(command: Command): string[] {
  if (command.kind === 'execute') {
    const { intent, judgement } = command;
    return 'refusal' in judgement ? [] : accountIdsOf(intent.legs);
  }
  if (command.kind === 'open') return [command.account.accountId];
  return command.kind === 'setStatus' ? [command.accountId] : [];
}

function transactionsOf(command: Command): string[] {
  return 'transactionId' in command ? [command.transactionId] : [];
}
