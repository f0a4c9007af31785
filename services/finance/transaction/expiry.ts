import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Job } from '#kit/service.ts';
import { applyCommand } from './domain/commands.ts';
import { type Command, limits } from './domain.ts';
import type { Forecast } from './forecast.ts';
import type { Store } from './store.ts';

/**
 * Gives free what was held for too long. Expiry, capture, void and review change the same locked row from the same state,
 * so exactly one of them happens.
 */
export function createExpiryJob(deps: {
  database: Database;
  store: Store;
  forecast: Forecast;
  clock: Clock;
}): Job {
  const { database, store, forecast, clock } = deps;
  return {
    name: 'finance.transaction.expiry',
    everyMs: limits.expiryEveryMs,
    async run() {
      const now = clock.now();
      const transactionIds = await store.findDue(now);
      if (transactionIds.length === 0) return 0;
      const commands: Command[] = transactionIds.map((transactionId) => ({
        kind: 'expire',
        transactionId,
      }));
      await forecast.inTurn((turn) =>
        database.transaction(async (tx) => {
          const book = await turn.openBook(tx, commands, now);
          for (const command of commands) applyCommand(book, command);
          await debugPoint('finance.transaction.before-expiry');
          await turn.writeBook(tx, book);
        }),
      );
      return transactionIds.length;
    },
  };
}
