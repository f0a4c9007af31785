import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Transaction,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { type Subscription, subscription } from '#kit/bus/consumer.ts';
import type { Clock } from '#kit/clock.ts';
import { originOf } from './domain/work.ts';
import { factOf } from './ledger-provider.ts';
import type { Settlements } from './store/settlements.ts';
import type { Store } from './store.ts';
import type { PaymentWriter } from './writer.ts';

/**
 * What the ledger tells of what we asked for: that there may be something to find out, and what that is is looked up. Only
 * of a hold that is gone nobody would ask, so there the event itself is the fact.
 */
export function ledgerSubscription(deps: {
  writer: PaymentWriter;
  store: Store;
  settlements: Settlements;
  clock: Clock;
}): Subscription {
  const { writer, store, settlements, clock } = deps;

  async function tellOfLostHolds(transactions: readonly Transaction[]): Promise<void> {
    const lost = transactions.filter(({ status }) => status === TransactionStatus.CANCELLED);
    if (lost.length === 0) return;
    const payments = await store.findByTransaction(lost.map(({ transactionId }) => transactionId));
    const tell = async (transaction: Transaction) => {
      const payment = payments.get(transaction.transactionId);
      if (payment?.status !== 'AUTHORIZED') return;
      const { paymentId } = payment;
      const fact = factOf(originOf(payment), transaction);
      const facts = fact && [{ ...fact, source: 'EVENT' as const, eventId: undefined }];
      await writer.do({ of: { paymentId }, ...(facts && { facts }) });
    };
    await Promise.all(lost.map(tell));
  }

  return subscription({
    name: 'ledger',
    schema: TransactionsChangedSchema,
    concerns: ({ transactions }) => transactions.some(mayBeNews),
    async handle(events, tx) {
      const now = clock.now();
      const news = events.flatMap(({ message }) => message.transactions.filter(mayBeNews));
      // First: its transaction is another than that of the locks below.
      await tellOfLostHolds(news);
      await store.wake(
        tx,
        news.map((each) => [each.sourceAccountId, each.destinationAccountId]),
        now,
      );
      await settlements.wake(
        tx,
        news.map(({ transactionId }) => transactionId),
        now,
      );
    },
  });
}

/**
 * Whether a transaction may be one that we asked for, and of which the answer did not tell the end. What a customer has paid
 * to the system was captured by whoever asked for it.
 */
function mayBeNews(transaction: Transaction): boolean {
  const { type, status, createTime, updateTime } = transaction;
  if (type !== TransactionType.PAYMENT) return false;
  const { sourceOwnerId, destinationOwnerId } = transaction;
  const isToSystem = sourceOwnerId !== '' && destinationOwnerId === '';
  if (isToSystem && status === TransactionStatus.COMPLETED) return false;
  return timestampMs(updateTime!) > timestampMs(createTime!);
}
