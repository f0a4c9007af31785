import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { assert } from '#kit/errors.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceDeps, ServiceModule } from '#kit/service.ts';
import { createBeginner } from './beginner.ts';
import type { PaymentRecord } from './domain/record.ts';
import { limits } from './domain.ts';
import { createDriver } from './driver.ts';
import { createHttpProvider } from './http-provider.ts';
import { createLedger } from './ledger.ts';
import { ledgerSubscription } from './ledger-events.ts';
import { createLedgerProvider } from './ledger-provider.ts';
import { createPayments } from './payments.ts';
import { createPaymentRpc } from './rpc.ts';
import { createSettlementJob } from './settlement-job.ts';
import { createSettlements } from './store/settlements.ts';
import { createStore, type Store } from './store.ts';
import { createWaiters } from './waiters.ts';
import { createPaymentWriter } from './writer.ts';

export const payment: ServiceModule = {
  name: 'finance.payment',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, clock, log, settings, client }: ServiceDeps) {
    const store = createStore(database);
    const waiters = createWaiters((paymentIds) => store.read('payment_id', paymentIds));
    const writer = createPaymentWriter({ database, store, clock, log, tell: waiters.tell });
    const timeoutMs = Number(settings.PROVIDER_TIMEOUT_MS);
    assert(
      timeoutMs > 0 && timeoutMs <= limits.providerTimeoutMsMax,
      'PROVIDER_TIMEOUT_MS is sane',
    );
    const cards = createHttpProvider({ url: settings.PROVIDER_URL!, timeoutMs, log });
    const bank = createLedger(client(TransactionService, 'finance.transaction'));
    const ledger = createLedgerProvider({ ledger: bank, log });
    const driver = createDriver({ cards, ledger, writer, store, clock, log });
    const settlements = createSettlements(database);
    const beginner = createBeginner({ database, store });
    const payments = createPayments({ beginner, writer, driver, waiters, log });
    const rpc = createPaymentRpc({
      payments,
      writer,
      reads: createReads(store, 'payment_id'),
      readsByOrder: createReads(store, 'order_id'),
      settlements,
      clock,
      webhookSecret: settings.PROVIDER_WEBHOOK_SECRET!,
    });
    return {
      implementations: [implement(PaymentService, rpc)],
      subscriptions: [ledgerSubscription({ writer, store, settlements, clock })],
      jobs: [
        driver.renewal,
        driver.recovery,
        createSettlementJob({ ledger: bank, settlements, clock, log }),
      ],
      busy: () => driver.driving,
      async stop() {
        const closeProviders = () => Promise.all([cards.close(), ledger.close()]);
        const timer = setTimeout(() => void closeProviders(), limits.stopMsMax);
        await driver.idle();
        clearTimeout(timer);
        waiters.stop();
        await Promise.all([closeProviders(), beginner.idle(), writer.idle()]);
      },
    };
  },
};

function createReads(store: Store, by: 'payment_id' | 'order_id') {
  return createCoalescer<string, PaymentRecord | undefined>({
    name: `finance.payment.read_${by}`,
    timeoutMs: limits.readMsMax,
    async run(ids) {
      const records = await store.read(by, [...new Set(ids)]);
      const idOf = ({ paymentId, orderId }: PaymentRecord) =>
        by === 'payment_id' ? paymentId : orderId;
      const found = new Map(records.map((record) => [idOf(record), record]));
      return ids.map((id) => ({ value: found.get(id) }));
    },
  });
}
