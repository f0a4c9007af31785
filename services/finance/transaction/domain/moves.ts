/** Money that is held, given free and moved: all legs of a transaction or none. Pure. */
import { assert } from '#kit/errors.ts';
import { type Account, availableOf, type Entry, type Leg, limits } from '../domain.ts';
import type { Book } from './book.ts';
import { AccountClosed, AccountFrozen, BalanceOutOfRange, InsufficientFunds } from './refusals.ts';

/** The accounts of one transaction while its legs are tried. Nothing is in the book before `keep`. */
export interface Draft {
  /**
   * Moves the legs, one after the other. Throws AccountFrozen, AccountClosed, InsufficientFunds or BalanceOutOfRange at the
   * first step that an account does not allow.
   */
  post(legs: readonly Leg[]): void;
  /** Holds the legs: what they will take is no longer available. Throws like `post`. */
  hold(legs: readonly Leg[]): void;
  /** Gives free what was held for the legs. */
  release(legs: readonly Leg[]): void;
  /** Writes into the book what was done. */
  keep(): void;
}

/** Begins to try a transaction. Its accounts are there, and of the currencies of its legs. */
export function draftOf(book: Book, transactionId: string): Draft {
  const accounts = new Map<string, Account>();
  const entries: Entry[] = [];
  const read = (id: string) => accounts.get(id) ?? book.account(id)!;
  const write = (account: Account) => void accounts.set(account.accountId, account);

  function move(account: Account, deltaMinor: bigint): void {
    const posted = inRange(account, account.posted + deltaMinor, transactionId);
    const sequence = account.sequence + 1n;
    const { accountId } = account;
    write({ ...account, posted, sequence });
    entries.push({ accountId, sequence, transactionId, deltaMinor, balanceMinor: posted });
  }

  return {
    post(legs) {
      for (const { sourceId, destinationId, amountMinor } of legs) {
        const source = read(sourceId);
        checkDebit(source, amountMinor, transactionId);
        move(source, -amountMinor);
        const destination = read(destinationId);
        checkCredit(destination, transactionId);
        move(destination, amountMinor);
      }
    },
    hold(legs) {
      for (const { sourceId, destinationId, amountMinor } of legs) {
        const source = read(sourceId);
        checkDebit(source, amountMinor, transactionId);
        write({ ...source, held: inRange(source, source.held + amountMinor, transactionId) });
        const destination = read(destinationId);
        checkCredit(destination, transactionId);
        const incoming = inRange(destination, destination.incoming + amountMinor, transactionId);
        write({ ...destination, incoming });
      }
    },
    release(legs) {
      for (const { sourceId, destinationId, amountMinor } of legs) {
        const source = read(sourceId);
        assert(source.held >= amountMinor, 'what is given free was held');
        write({ ...source, held: source.held - amountMinor });
        const destination = read(destinationId);
        assert(destination.incoming >= amountMinor, 'what is given free was expected');
        write({ ...destination, incoming: destination.incoming - amountMinor });
      }
    },
    keep() {
      for (const account of accounts.values()) book.putAccount(account);
      book.putEntries(entries);
    },
  };
}

function checkDebit(account: Account, amountMinor: bigint, transactionId: string): void {
  const { accountId, status } = account;
  const where = { transaction_id: transactionId, account_id: accountId };
  if (status === 'CLOSED') throw new AccountClosed(where);
  if (status === 'FROZEN') throw new AccountFrozen(where);
  const available = availableOf(account);
  if (available !== undefined && available < amountMinor) {
    throw new InsufficientFunds({
      ...where,
      required_minor: String(amountMinor),
      available_minor: String(available),
    });
  }
}

function checkCredit({ accountId, status }: Account, transactionId: string): void {
  if (status === 'CLOSED') {
    throw new AccountClosed({ transaction_id: transactionId, account_id: accountId });
  }
}

function inRange({ accountId }: Account, minor: bigint, transactionId: string): bigint {
  if (minor > limits.balanceMinorMax || minor < -limits.balanceMinorMax) {
    throw new BalanceOutOfRange({ transaction_id: transactionId, account_id: accountId });
  }
  return minor;
}
