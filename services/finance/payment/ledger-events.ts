import {
  type Transaction,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { type Subscription, subscription } from '#kit/bus/consumer.ts';
import type { Clock } from '#kit/clock.ts';
import { requestIdOf, subjectOf, transactionIdOf } from './domain/books.ts';
import { factOf } from './ledger-provider.ts';
import type { Settlements } from './store/settlements.ts';
import type { Store } from './store.ts';
import type { PaymentWriter } from './writer.ts';

/**
 * What the ledger tells of transactions of ours. It says that there may be something to find out, and what that is is
 * looked up; only of a hold that is gone nobody would ask, so there the event is the fact.
 */
export function ledgerSubscription(deps: {
  writer: PaymentWriter;
  store: Store;
  settlements: Settlements;
  clock: Clock;
}): Subscription {
  const { writer, store, settlements, clock } = deps;

  async function tellEnd(paymentId: string, transaction: Transaction): Promise<void> {
    const key = `${paymentId}:authorize`;
    // References are for people to write. Ids are not.
    const isOurs =
      transaction.transactionId === transactionIdOf('AuthorizeTransaction', requestIdOf(key));
    const fact = isOurs ? factOf(key, transaction) : undefined;
    if (fact === undefined) return;
    const told = { ...fact, source: 'EVENT', eventId: undefined } as const;
    await writer.do({ of: { paymentId }, facts: [told] });
  }

  return subscription({
    name: 'ledger',
    schema: TransactionsChangedSchema,
    concerns: ({ transactions }) => transactions.some((each) => subjectIn(each) !== undefined),
    async handle(events, tx) {
      const ours = events.flatMap(({ message }) =>
        message.transactions.flatMap((transaction) => {
          const subject = subjectIn(transaction);
          return subject ? [{ ...subject, transaction }] : [];
        }),
      );
      for (const { what, id, transaction } of ours) {
        const isOver = transaction.status === TransactionStatus.CANCELLED;
        if (what === 'payment' && isOver) await tellEnd(id, transaction);
      }
      const idsOf = (isOne: (what: string) => boolean) =>
        ours.flatMap(({ what, id }) => (isOne(what) ? [id] : []));
      // Behind the facts, which are written by a transaction of their own.
      await store.wake(
        tx,
        idsOf((what) => what !== 'settlement'),
        clock.now(),
      );
      await settlements.wake(
        tx,
        idsOf((what) => what === 'settlement'),
        clock.now(),
      );
    },
  });
}

/** What a transaction is about that a service has asked for. */
function subjectIn({ initiatorId, reference }: Transaction) {
  return initiatorId === '' ? subjectOf(reference) : undefined;
}
