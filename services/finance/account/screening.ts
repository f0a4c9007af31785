import {
  type ComplianceService,
  SanctionsListChangedSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import { type Subscription, subscription } from '#kit/bus/consumer.ts';
import type { Database } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidOf } from '#kit/derived-id.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Job } from '#kit/service.ts';
import type { DetailsVault } from './details.ts';
import { limits } from './domain.ts';
import type { ScreeningStore } from './store/screenings.ts';
import type { Store } from './store.ts';

/** Screens all customers anew when there is another list: nobody else has their names. */
export interface Screening {
  readonly subscription: Subscription;
  readonly job: Job;
}

export function createScreening(deps: {
  database: Database;
  store: Store;
  screenings: ScreeningStore;
  details: DetailsVault;
  compliance: Client<typeof ComplianceService>;
}): Screening {
  const { database, store, screenings, details, compliance } = deps;

  /** Goes on where the row says. Two processes may do the same customers: compliance answers each request once. */
  async function screenSome(): Promise<number> {
    const current = await screenings.current();
    if (current === undefined) return 0;
    const accounts = await store.walk(current.after, limits.screeningBatchMax);
    const holders = await details.open(database.sql, accounts, ['legalName']);
    await Promise.all(
      accounts.map(async ({ accountId, ownerId }, i) => {
        const holder = holders[i];
        if (holder === undefined) return;
        const requestId = uuidOf('screen', current.eventId, accountId);
        await compliance.screenCustomer({ requestId, ownerId, name: holder.legalName });
      }),
    );
    await debugPoint('finance.account.after-screening-some');
    await screenings.advance(current, accounts.at(-1)?.accountId);
    return accounts.length;
  }

  return {
    subscription: subscription({
      name: 'sanctions-lists',
      schema: SanctionsListChangedSchema,
      handle: (events, tx) => screenings.begin(tx, events.at(-1)!.id),
    }),
    job: {
      name: 'finance.account.screening',
      everyMs: limits.screeningEveryMs,
      run: screenSome,
      pending: async () => ((await screenings.isUnderWay()) ? 1 : 0),
    },
  };
}
