/** What a batch of commands works on, and what it has changed. Pure. */
import { assert } from '#kit/errors.ts';
import type { Account, Entry, Transaction } from '../domain.ts';
import { checkTransition } from './status.ts';
import { newSystemAccount } from './system.ts';

/** The accounts and transactions that a batch of commands touches, as they were read under lock. */
export interface Book {
  /**
   * The time of all that changes, in milliseconds since the epoch: the clock's, or that of the last change of one of its
   * accounts when the clock of another process went ahead.
   */
  readonly now: number;
  /** The time of the clock itself, which verdicts run out by. */
  readonly askedAt: number;
  /** An account; one of the system comes into being when it is first asked for. */
  account(accountId: string): Account | undefined;
  transaction(transactionId: string): Transaction | undefined;
  putAccount(account: Account): Account;
  /** Holds the change to the table of domain/status.ts. */
  putTransaction(transaction: Transaction): Transaction;
  putEntries(entries: readonly Entry[]): void;
  /** Accounts as they were read or have become. */
  allAccounts(): Account[];
  newAccounts(): Account[];
  changedAccounts(): Account[];
  /** An account as it was read. */
  formerAccount(accountId: string): Account | undefined;
  /** Those that were read and are as they were. */
  unchangedAccounts(): Account[];
  /** Those of them whose status is not what it was. */
  accountsOfNewStatus(): Account[];
  newTransactions(): Transaction[];
  changedTransactions(): Transaction[];
  /** In the order in which they were posted. */
  entries(): readonly Entry[];
}

/** Opens the book on what was read; `now` is the clock's, and `changeId` a UUID that no other book has. */
export function openBook(
  accounts: readonly Account[],
  transactions: readonly Transaction[],
  { now, changeId }: { now: number; changeId: string },
): Book {
  const accountsById = new Map(accounts.map((account) => [account.accountId, account]));
  const transactionsById = new Map(transactions.map((each) => [each.transactionId, each]));
  const formerAccounts: ReadonlyMap<string, Account> = new Map(accountsById);
  const knownTransactions = new Set(transactionsById.keys());
  const touchedAccounts = new Set<string>();
  const touchedTransactions = new Set<string>();
  const entries: Entry[] = [];
  const time = accounts.reduce((latest, { updatedAt }) => Math.max(latest, updatedAt), now);

  function touched(isKnown: boolean): Transaction[] {
    return [...touchedTransactions]
      .filter((id) => knownTransactions.has(id) === isKnown)
      .map((id) => transactionsById.get(id)!);
  }

  function changed(isNew: boolean): Account[] {
    return [...touchedAccounts]
      .map((id) => accountsById.get(id)!)
      .filter(({ version }) => (version === 1n) === isNew);
  }

  return {
    now: time,
    askedAt: now,
    account: (id) => accountsById.get(id) ?? newSystemAccount(id),
    transaction: (id) => transactionsById.get(id),
    putAccount(account) {
      const { accountId, version } = account;
      // One version per batch: readers see the batch as one change.
      const next = touchedAccounts.has(accountId)
        ? account
        : { ...account, version: version + 1n, changeId, updatedAt: time };
      accountsById.set(accountId, next);
      touchedAccounts.add(accountId);
      return next;
    },
    putTransaction(transaction) {
      const { transactionId } = transaction;
      checkTransition(transactionsById.get(transactionId), transaction);
      const isOfNow = transaction.updatedAt === time;
      const next = isOfNow ? transaction : { ...transaction, updatedAt: time };
      transactionsById.set(transactionId, next);
      touchedTransactions.add(transactionId);
      return next;
    },
    putEntries(posted) {
      const sum = posted.reduce((total, { deltaMinor }) => total + deltaMinor, 0n);
      assert(sum === 0n, 'what leaves one account comes to another');
      entries.push(...posted);
    },
    allAccounts: () => [...accountsById.values()],
    newAccounts: () => changed(true),
    changedAccounts: () => changed(false),
    formerAccount: (id) => formerAccounts.get(id),
    unchangedAccounts: () =>
      [...formerAccounts.values()].filter(({ accountId }) => !touchedAccounts.has(accountId)),
    accountsOfNewStatus: () =>
      changed(false).filter((one) => formerAccounts.get(one.accountId)!.status !== one.status),
    newTransactions: () => touched(false),
    changedTransactions: () => touched(true),
    entries: () => entries,
  };
}
