import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { type Book, openBook } from './domain/book.ts';
import { accountIdsOf, type Command, limits } from './domain.ts';
import { statusChanged, transactionsChanged } from './events.ts';
import { insertAccounts, lockAccounts, updateAccounts } from './store/accounts.ts';
import { insertEntries } from './store/entries.ts';
import { insertTransactions, lockTransactions, updateTransactions } from './store/transactions.ts';

/** The ledger as it is written: who changes it opens a book, applies commands to it and writes it, in one transaction. */
export interface Store {
  /**
   * Locks all that the commands touch (transactions by their ids, then accounts by theirs: the one order of all writers)
   * and opens the book on it. `now` is in milliseconds since the epoch.
   */
  openBook(tx: Tx, commands: readonly Command[], now: number): Promise<Book>;
  /**
   * Writes what changed in the book, with its events, together with the commit. That throws Collision when another writer
   * made the same row.
   */
  writeBook(tx: Tx, book: Book): void;
  /** Open transactions whose time is over, the oldest first, at most limits.batchMax. `now` as above. */
  findDue(now: number): Promise<string[]>;
}

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
      return openBook(await lockAccounts(tx, [...accountIds]), transactions, now);
    },

    writeBook(tx, book) {
      insertAccounts(database, tx, book.newAccounts());
      updateAccounts(database, tx, book.changedAccounts());
      const [made, changed] = [book.newTransactions(), book.changedTransactions()];
      insertTransactions(database, tx, made);
      updateTransactions(database, tx, changed);
      insertEntries(database, tx, book.entries(), book.now);
      const all = [...made, ...changed];
      const ownerOf = (accountId: string) => book.account(accountId)?.ownerId;
      for (let i = 0; i < all.length; i += limits.eventTransactionsMax) {
        const part = all.slice(i, i + limits.eventTransactionsMax);
        publish(database, tx, [transactionsChanged(part, ownerOf)]);
      }
      publish(database, tx, book.accountsOfNewStatus().map(statusChanged));
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

function accountsOf(command: Command): string[] {
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
