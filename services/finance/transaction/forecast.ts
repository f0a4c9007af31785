import type { Clock } from '#kit/clock.ts';
import { Collision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { createRecent } from '#kit/recent.ts';
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
   * was faster. Waits for the batches that the forecast was about, and throws Collision when they came to nothing.
   */
  writeBook(tx: Tx, book: Book): Promise<void>;
}

/** What the batch behind needs to know of one. */
interface Place {
  /** Resolves when its forecast is made, or when it is over. */
  foreseen: PromiseWithResolvers<void>;
  /** Resolves when its first attempt has ended: true when that was worked out on the forecast and is committed. */
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
  let last: Place | undefined;

  function isContested(accountId: string, now: number): boolean {
    return (contested.get(accountId) ?? 0) > now;
  }

  /** The book upon the forecast; undefined when it takes locks. */
  async function foresee(tx: Tx, commands: readonly Command[], now: number) {
    const accountIds = [...new Set(commands.flatMap(accountsOf))];
    if (accountIds.some((id) => isContested(id, clock.now()))) return undefined;
    const unknown = accountIds.filter((id) => foreseen.get(id) === undefined);
    if (unknown.length > 0) {
      for (const account of await store.readAccounts(tx, unknown)) put(account);
    }
    const accounts = accountIds.flatMap((id) => foreseen.get(id) ?? []);
    return openBook(accounts, [], now);
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

  function contest(book: Book): void {
    const until = clock.now() + limits.contestedMs;
    for (const { accountId } of book.allAccounts()) contested.set(accountId, until);
  }

  return {
    async inTurn(work) {
      const place: Place = {
        foreseen: Promise.withResolvers(),
        cameTrue: Promise.withResolvers(),
        over: Promise.withResolvers(),
        isExclusive: false,
      };
      const before = last;
      last = place;
      /** The batch that the forecast depends on. */
      let upon: Place | undefined;
      let book: Book | undefined;
      let attempts = 0;

      function becomeExclusive(): void {
        forget(book);
        place.isExclusive = true;
        place.foreseen.resolve();
        place.cameTrue.resolve(false);
      }

      const turn: Turn = {
        async openBook(tx, commands, now) {
          attempts += 1;
          if (attempts > 1) becomeExclusive();
          book = undefined;
          if (attempts === 1 && commands.every(({ kind }) => kind === 'execute')) {
            await before?.foreseen.promise;
            if (before?.isExclusive) await before.over.promise;
            else upon = before;
            book = await foresee(tx, commands, now);
          }
          if (book === undefined) {
            if (!place.isExclusive) becomeExclusive();
            await before?.over.promise;
            book = await store.openBook(tx, commands, now);
          }
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
          database.flush(tx);
          if ((await upon?.cameTrue.promise) === false) throw new Collision();
          const onOutdated = () => contest(written);
          store.writeAccounts(tx, written, { isLocked: false, onOutdated });
          database.flush(tx);
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
        if (last === place) last = undefined;
      }
    },
  };
}
