import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createCheckWriter } from './check-writer.ts';
import { settleOnChange } from './events.ts';
import { createPruning } from './prune.ts';
import { createRiskRpc } from './rpc.ts';
import { createRuleBook } from './rule-book.ts';
import { createSettlement } from './settlement.ts';
import { createStores } from './store.ts';
import { createSweep } from './sweep.ts';

export const risk: ServiceModule = {
  name: 'finance.risk',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, clock, client }) {
    const stores = createStores(database);
    const { velocity, reservations } = stores;
    const ruleBook = createRuleBook(stores.ruleSets);
    const writer = createCheckWriter({ database, stores, ruleBook, clock });
    const settle = createSettlement(database, stores, clock);
    const ledger = client(TransactionService, 'finance.transaction');
    return {
      implementations: [
        implement(RiskService, createRiskRpc({ database, stores, ruleBook, writer, clock })),
      ],
      subscriptions: [settleOnChange(settle)],
      jobs: [
        createSweep({ database, reservations, ledger, settle, clock }),
        createPruning({ velocity, clock }),
      ],
      stop: () => writer.idle(),
    };
  },
};
