import type { Clock } from '#kit/clock.ts';
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Reservation } from './domain/check.ts';
import { type Ending, isEndOf, settle } from './domain/settle.ts';
import type { Stores } from './store.ts';

/** Ends the reservations of transactions whose end is known, and with them the decisions that lapsed. */
export type Settle = (tx: Tx, endings: ReadonlyMap<string, Ending>) => Promise<void>;

/**
 * A reservation goes with the end of its transaction, in one step: the end may be told twice, late, or by an event and by
 * the ledger itself, and is counted once.
 */
export function createSettlement(stores: Stores, clock: Clock): Settle {
  return async (tx, endings) => {
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
    await debugPoint('finance.risk.before-settle');
  };
}
