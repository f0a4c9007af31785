import type { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { RpcError } from '#kit/errors.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Job } from '#kit/service.ts';
import type { Ending } from './domain/settle.ts';
import { limits } from './domain.ts';
import { endingsOf } from './events.ts';
import type { Settle } from './settlement.ts';
import type { ReservationStore } from './store/reservations.ts';

/**
 * Asks the ledger what became of transactions of which nothing was heard in time. One that it does not know will never
 * be by that decision, whose verdict has expired long ago: it lapses. One that still waits is asked about again later,
 * and while the ledger is away nothing is given back.
 */
export function createSweep(deps: {
  database: Database;
  reservations: ReservationStore;
  ledger: Client<typeof TransactionService>;
  settle: Settle;
  clock: Clock;
}): Job {
  const { database, reservations, ledger, settle, clock } = deps;
  return {
    name: 'finance.risk.sweep',
    everyMs: limits.sweepEveryMs,
    async run() {
      const due = await reservations.findDue(clock.now());
      if (due.length === 0) return 0;
      const ids = due.map(({ transactionId }) => transactionId);
      const transactions = await findTransactions(ledger, ids);
      if (transactions === undefined) return 0;
      const endings: Map<string, Ending> = endingsOf(transactions);
      const known = new Set(transactions.map(({ transactionId }) => transactionId));
      for (const { transactionId, decisionId } of due) {
        if (!known.has(transactionId)) endings.set(transactionId, { kind: 'lapsed', decisionId });
      }
      await debugPoint('finance.risk.before-lapse');
      await database.transaction(async (tx) => {
        await settle(tx, endings);
        const waiting = ids.filter((transactionId) => !endings.has(transactionId));
        reservations.postpone(tx, waiting, clock.now() + limits.keptAskedAgainMs);
      });
      return due.length;
    },
  };
}

/** What the ledger knows of transactions; undefined while it does not answer. */
async function findTransactions(
  ledger: Client<typeof TransactionService>,
  transactionIds: string[],
) {
  try {
    return (await ledger.batchGetTransactions({ transactionIds })).transactions;
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}
