import { randomUUID } from 'node:crypto';
import type { Clock } from '#kit/clock.ts';
import { Collision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { createRecent } from '#kit/recent.ts';
import { within } from '#kit/within.ts';
import { type Book, openBook } from './domain/book.ts';
import { type Account, type Command, limits } from './domain.ts';
import { accountsOf, type Store } from './store.ts';

/**
 * What accounts will be once the batches under way are committed. The next batch is worked out on that meanwhile, so the
 * process computes while the database writes, and nobody waits for locks that are held for a commit. Nothing depends on a
 * forecast being right: a batch says what each account was when it was worked out, and one that meets another state is undone
 * and done again under locks.
 */
export interface Forecast {
  /** Batches are committed in the order of these calls. `work` may attempt its transaction several times. */
  inTurn<Result>(work: (turn: Turn) => Promise<Result>): Promise<Result>;
}

/** A batch's place in the line. */
export interface Turn {
  /**
   * Opens the book of an attempt: the first one upon the forecast when it only executes transactions, others under lock when
   * all batches before are over. `now` is in milliseconds since the epoch.
   */
  openBook(tx: Tx, commands: readonly Command[], now: number): Promise<Book>;
  /**
   * Writes what changed in the book, with its events, together with the commit, which throws Collision when another writer
   * was faster, or when the batch came to nothing upon which this one was worked out.
   */
  writeBook(tx: Tx, book: Book): Promise<void>;
}

/** What the batch behind needs to know of one. */
interface Place {
  /** Resolves when its forecast is made, or there will be none. */
  foreseen: PromiseWithResolvers<void>;
  /** Resolves when its first attempt is over: true when that was worked out on the forecast, and is committed. */
  cameTrue: PromiseWithResolvers<boolean>;
  over: PromiseWithResolvers<void>;
  /** It makes no forecast, or one that did not come true: who is behind waits until it is over. */
  isExclusive: boolean;
}

export function createForecast(deps: { database: Database; store: Store; clock: Clock }): Forecast {
  const { database, store, clock } = deps;
  const foreseen = createRecent<Account>(limits.foreseenAccountsMax);
  /** Accounts that another process writes as well, and until when they are left to locks: milliseconds since the epoch. */
  const contested = createRecent<number>(limits.foreseenAccountsMax);
  /** Transactions of batches that were worked out and are not over: who makes one of them again waits for those. */
  const underWay = new Set<string>();
  let last: Place | undefined;

  /** The book upon the forecast; undefined when it takes locks. */
  async function foresee(
    tx: Tx,
    commands: readonly Command[],
    { transactionIds, now }: { transactionIds: readonly string[]; now: number },
  ) {
    if (transactionIds.some((id) => underWay.has(id))) return undefined;
    const accountIds = [...new Set(commands.flatMap(accountsOf))];
    if (accountIds.some((id) => (contested.get(id) ?? 0) > now)) return undefined;
    const unknown = accountIds.filter((id) => foreseen.get(id) === undefined);
    if (unknown.length > 0) {
      for (const account of await store.readAccounts(tx, unknown)) put(account);
    }
    const accounts = accountIds.flatMap((id) => foreseen.get(id) ?? []);
    return openBook(accounts, [], { now, changeId: randomUUID() });
  }

  function put(account: Account): void {
    foreseen.set(account.accountId, account);
  }

  function remember(book: Book): void {
    for (const account of [...book.newAccounts(), ...book.changedAccounts()]) put(account);
  }

  function forget(book: Book | undefined): void {
    for (const { accountId } of book?.allAccounts() ?? []) foreseen.delete(accountId);
  }

  /** Notes the accounts that are not what they were foreseen to be. */
  function contest(wrong: Book, book: Book): void {
    const until = clock.now() + limits.contestedMs;
    for (const { accountId } of wrong.allAccounts()) {
      const [was, is] = [wrong, book].map((each) => each.formerAccount(accountId)?.changeId);
      if (was !== is) contested.set(accountId, until);
    }
  }

  return {
    async inTurn(work) {
      const place: Place = {
        foreseen: Promise.withResolvers(),
        cameTrue: Promise.withResolvers(),
        over: Promise.withResolvers(),
        isExclusive: false,
      };
      let before = last;
      last = place;
      let attempts = 0;
      let book: Book | undefined;
      let isOutdated = false;
      let begun: readonly string[] = [];

      function becomeExclusive(): void {
        if (place.isExclusive) return;
        forget(book);
        place.isExclusive = true;
        place.foreseen.resolve();
        place.cameTrue.resolve(false);
      }

      const turn: Turn = {
        async openBook(tx, commands, now) {
          attempts += 1;
          const executed = attempts === 1 ? transactionsExecuted(commands) : undefined;
          if (executed !== undefined) {
            await before?.foreseen.promise;
            if (before?.isExclusive) {
              await before.over.promise;
              before = undefined;
            }
            book = await foresee(tx, commands, { transactionIds: executed, now });
            if (book !== undefined) {
              begun = executed;
              for (const id of begun) underWay.add(id);
              return book;
            }
          }
          const outdated = isOutdated ? book : undefined;
          isOutdated = false;
          becomeExclusive();
          await before?.over.promise;
          book = await store.openBook(tx, commands, now);
          // Those before it came true, so others have written it.
          if (outdated !== undefined && !before?.isExclusive) contest(outdated, book);
          return book;
        },
        async writeBook(tx, written) {
          store.writeTransactions(tx, written);
          if (place.isExclusive) {
            store.writeAccounts(tx, written, { isLocked: true });
            return;
          }
          remember(written);
          place.foreseen.resolve();
          // The database writes the new rows while those before are committed. Whoever else makes the same rows waits for us,
          // and those before may wait for them: so this ends soon.
          void database.flush(tx);
          if (before !== undefined) {
            const { promise } = before.cameTrue;
            const cameTrue = await within(limits.forecastMsMax, promise, () => new Collision());
            if (!cameTrue) throw new Collision();
          }
          store.writeAccounts(tx, written, {
            isLocked: false,
            onOutdated: () => {
              isOutdated = true;
            },
          });
          void database.flush(tx);
        },
      };

      try {
        const result = await work(turn);
        if (place.isExclusive && book !== undefined) remember(book);
        place.cameTrue.resolve(!place.isExclusive);
        return result;
      } catch (error) {
        becomeExclusive();
        throw error;
      } finally {
        place.foreseen.resolve();
        place.over.resolve();
        for (const id of begun) underWay.delete(id);
        if (last === place) last = undefined;
      }
    },
  };
}

/** The transactions that commands execute; undefined when they do anything else. */
function transactionsExecuted(commands: readonly Command[]): string[] | undefined {
  const ids: string[] = [];
  for (const command of commands) {
    if (command.kind !== 'execute') return undefined;
    ids.push(command.intent.transactionId);
  }
  return ids;
}
