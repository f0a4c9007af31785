import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { type Ending, settle } from './domain/settle.ts';
import type { Stores } from './store.ts';

/** Ends the reservations of transactions whose end is known. */
export type Settle = (tx: Tx, endings: ReadonlyMap<string, Ending>) => Promise<void>;

/**
 * A reservation goes with the end of its transaction, in one step: the end may be told twice, late, or by an event and by
 * the ledger itself, and is counted once.
 */
export function createSettlement(stores: Stores): Settle {
  return async (tx, endings) => {
    const reservations = await stores.reservations.lock(tx, [...endings.keys()]);
    if (reservations.length === 0) return;
    const subjects = new Set(
      reservations.flatMap(({ claims }) => claims.map(({ subject }) => subject)),
    );
    const book = await stores.velocity.open(tx, [...subjects]);
    for (const reservation of reservations) {
      settle(book, reservation, endings.get(reservation.transactionId)!);
    }
    stores.velocity.write(tx, book);
    stores.reservations.remove(tx, reservations);
    await debugPoint('finance.risk.before-settle');
  };
}
