import type { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidOf } from '#kit/derived-id.ts';
import { assert } from '#kit/errors.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Job } from '#kit/service.ts';
import type { DetailsVault } from './details.ts';
import { limits } from './domain.ts';
import { accountOpened } from './events.ts';
import type { Ledger } from './ledger.ts';
import { recoverAll } from './recovery.ts';
import type { Store } from './store.ts';

/** Brings accounts that are written down into the ledger. */
export interface Opener {
  /** Opens one; nothing is left to do when it is open. Whoever does it again, after a death or beside another, does it once. */
  open(accountId: string): Promise<void>;
  /** Opens those whose callers died or gave up. */
  readonly recovery: Job;
}

export function createOpener(deps: {
  database: Database;
  store: Store;
  details: DetailsVault;
  ledger: Ledger;
  compliance: Client<typeof ComplianceService>;
  clock: Clock;
}): Opener {
  const { database, store, details, ledger, compliance, clock } = deps;

  async function open(accountId: string): Promise<void> {
    const account = await store.read(database.sql, accountId);
    assert(account !== undefined, 'an account that is opened is written down');
    if (account.isOpen) return;
    const [holder] = await details.open(database.sql, [account], ['legalName']);
    assert(holder !== undefined, 'nobody is erased while an account of theirs is opened');
    await compliance.screenCustomer({
      requestId: uuidOf('screen', accountId),
      ownerId: account.ownerId,
      name: holder.legalName,
    });
    await debugPoint('finance.account.after-screening');
    await ledger.open(account);
    await debugPoint('finance.account.after-ledger');
    await database.transaction(async (tx) => {
      const isNews = await store.markOpen(tx, accountId, clock.now());
      if (isNews) publish(database, tx, [accountOpened(account)]);
      await debugPoint('finance.account.before-opened');
    });
  }

  return {
    open,
    recovery: {
      name: 'finance.account.recovery',
      everyMs: limits.recoveryEveryMs,
      async run() {
        const until = clock.now() - limits.openingMs;
        return recoverAll(await store.findOpening(until, limits.recoveryBatchMax), open);
      },
      pending: () => store.countOpening(),
    },
  };
}
