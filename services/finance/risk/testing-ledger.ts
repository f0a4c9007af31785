/** A ledger for this service's own tests: it knows what it was told, and publishes it when and as often as it is told. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type BatchGetTransactionsRequest,
  type TransactionSchema,
  TransactionService,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { event } from '#kit/bus/event.ts';
import type { Database } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { type Handlers, implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';

type Transaction = MessageInitShape<typeof TransactionSchema>;

/** Methods that nobody here calls. */
const unanswered = Object.fromEntries(
  TransactionService.methods.map(({ localName }) => [
    localName,
    () => {
      throw new Error(`the ledger of this test has no ${localName}`);
    },
  ]),
);

export function createTestLedger() {
  const known = new Map<string, Transaction>();
  let database: Database | undefined;
  let isAway = false;

  const module: ServiceModule = {
    name: 'finance.transaction',
    create(deps) {
      ({ database } = deps);
      const handlers = {
        ...unanswered,
        batchGetTransactions({ transactionIds }: BatchGetTransactionsRequest) {
          if (isAway) throw new Error('the ledger of this test is away');
          return { transactions: transactionIds.flatMap((id) => known.get(id) ?? []) };
        },
      } as unknown as Handlers<typeof TransactionService>;
      return {
        implementations: [implement(TransactionService, handlers)],
      };
    },
  };

  return {
    module,
    /** Lets the ledger know of transactions, without a word to anybody. */
    know(...transactions: Transaction[]) {
      for (const transaction of transactions) known.set(transaction.transactionId!, transaction);
    },
    /** Publishes one event of these transactions. */
    async announce(...transactions: Transaction[]) {
      const message = event(TransactionsChangedSchema, transactions[0]!.transactionId!, {
        transactions,
      });
      await database!.transaction(async (tx) => publish(database!, tx, [message]));
    },
    leave() {
      isAway = true;
    },
    comeBack() {
      isAway = false;
    },
  };
}

/** Of `amountMinor`, when it is given, so much moved; otherwise all of it. */
const ended =
  (status: TransactionStatus) =>
  (transactionId: string, capturedMinor = 0n, amountMinor = capturedMinor) => ({
    transactionId,
    status,
    amount: { currencyCode: 'EUR', amountMinor },
    capturedMinor,
  });

export const completed = ended(TransactionStatus.COMPLETED);
export const failed = ended(TransactionStatus.FAILED);
export const cancelled = ended(TransactionStatus.CANCELLED);
export const pending = ended(TransactionStatus.PENDING);
