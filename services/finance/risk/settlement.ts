import type { Clock } from '#kit/clock.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Reservation } from './domain/check.ts';
import { type Ending, isEndOf, settle } from './domain/settle.ts';
import type { Stores } from './store.ts';

/** Ends the reservations of transactions whose end is known, and with them the decisions that lapsed. */
export type Settle = (tx: Tx, endings: ReadonlyMap<string, Ending>) => Promise<void>;

/**
 * A reservation goes with the end of its transaction, in one step: the end may be told twice, late, or by an event and by
 * the ledger itself, and is counted once. Where all of the amount moved, which is nearly always, the windows stay as they
 * are, and nobody who checks meanwhile waits for them.
 */
export function createSettlement(database: Database, stores: Stores, clock: Clock): Settle {
  async function giveBack(tx: Tx, endings: ReadonlyMap<string, Ending>): Promise<void> {
    const locked = await stores.reservations.lock(tx, [...endings.keys()]);
    const endOf = ({ transactionId }: Reservation) => endings.get(transactionId)!;
    const reservations = locked.filter((each) => isEndOf(endOf(each), each));
    if (reservations.length === 0) return;
    const subjects = new Set(
      reservations.flatMap(({ claims }) => claims.map(({ subject }) => subject)),
    );
    const book = await stores.velocity.open(tx, [...subjects]);
    for (const reservation of reservations) {
      settle(book, reservation, endOf(reservation));
    }
    stores.velocity.write(tx, book);
    stores.reservations.remove(tx, reservations);
    const lapsed = reservations.filter((each) => endOf(each).kind === 'lapsed');
    stores.decisions.lapse(
      tx,
      lapsed.map(({ decisionId }) => decisionId),
      clock.now(),
    );
  }

  return async (tx, endings) => {
    const { whole = [], others = [] } = Object.groupBy(endings, ([, { kind }]) =>
      kind === 'settled' ? 'whole' : 'others',
    );
    stores.reservations.removeOf(
      tx,
      whole.map(([transactionId]) => transactionId),
    );
    if (others.length > 0) {
      // Reservations are locked before windows.
      void database.flush(tx);
      await giveBack(tx, new Map(others));
    }
    await debugPoint('finance.risk.before-settle');
  };
}
