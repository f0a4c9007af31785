/** What each command does to accounts and transactions. Pure. */
import { assert } from '#kit/errors.ts';
import type { Account, Command, Result } from '../domain.ts';
import { capture, expire, voidAuthorization } from './authorizations.ts';
import type { Book } from './book.ts';
import { execute } from './execution.ts';
import { AccountClosed, AccountExists, AccountNotEmpty, AccountNotFound } from './refusals.ts';
import { reverse } from './reversal.ts';
import { review } from './reviews.ts';

/** The command of one kind, with what belongs to it. */
export type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/**
 * Applies one command to what the ones before it left. Throws the DomainError of a command that is refused; it has then
 * changed nothing, but for the FAILED transaction that a refused execution leaves where its accounts exist.
 */
export function applyCommand(book: Book, command: Command): Result {
  switch (command.kind) {
    case 'execute':
      return { transaction: execute(book, command) };
    case 'capture':
      return { transaction: capture(book, command) };
    case 'void':
      return { transaction: voidAuthorization(book, command) };
    case 'expire':
      return { transaction: expire(book, command) };
    case 'reverse':
      return { transaction: reverse(book, command) };
    case 'review':
      return { transaction: review(book, command) };
    case 'open':
      return { account: open(book, command) };
    case 'setStatus':
      return { account: setStatus(book, command) };
  }
}

function open(book: Book, { account, floor }: Of<'open'>): Account {
  const { accountId, ownerId } = account;
  if (book.account(accountId) !== undefined) throw new AccountExists({ account_id: accountId });
  assert(ownerId !== undefined && floor <= 0n, 'a customer has an account with a floor');
  return book.putAccount({
    ...account,
    openedAt: book.now,
    status: 'ACTIVE',
    floor,
    posted: 0n,
    held: 0n,
    incoming: 0n,
    sequence: 0n,
    version: 0n,
    changeId: '',
    updatedAt: book.now,
  });
}

function setStatus(book: Book, { accountId, status }: Of<'setStatus'>): Account {
  const account = book.account(accountId);
  // Accounts of the system belong to all transactions of their currency.
  if (account?.ownerId === undefined) throw new AccountNotFound({ account_id: accountId });
  if (account.status === status) return account;
  if (account.status === 'CLOSED') throw new AccountClosed({ account_id: accountId });
  const { posted, held, incoming } = account;
  if (status === 'CLOSED' && (posted !== 0n || held !== 0n || incoming !== 0n)) {
    throw new AccountNotEmpty({
      account_id: accountId,
      posted_minor: String(posted),
      held_minor: String(held),
      incoming_minor: String(incoming),
    });
  }
  return book.putAccount({ ...account, status });
}
