import { fromBinary } from '@bufbuild/protobuf';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import {
  LedgerAccountStatusChangedSchema,
  TransactionService,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createWatchHub } from '#kit/streams/watch.ts';
import type { Account } from './domain.ts';
import { createExpiryJob } from './expiry.ts';
import { createForecast } from './forecast.ts';
import { complianceInterceptor, riskInterceptor } from './interceptors/judges.ts';
import { createVerdictSource, type VerdictClient } from './interceptors/verdicts.ts';
import { createTransactionRpc } from './rpc.ts';
import { createIdentities } from './store/identities.ts';
import { createReads } from './store/reads.ts';
import { createStore } from './store.ts';
import { createLedgerWriter } from './writer.ts';

export const transaction: ServiceModule = {
  name: 'finance.transaction',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, bus, clock, client, log }) {
    const store = createStore(database);
    const reads = createReads(database);
    const identities = createIdentities(database);
    const forecast = createForecast({ database, store, clock });
    const writer = createLedgerWriter({ database, forecast, clock });
    const verdictsOf = (service: string, of: VerdictClient) =>
      createVerdictSource({ service, client: of, log });
    const risk = verdictsOf('finance.risk', client(RiskService, 'finance.risk'));
    const compliance = verdictsOf(
      'finance.compliance',
      client(ComplianceService, 'finance.compliance'),
    );
    const hub = createWatchHub<Account>({
      read: (accountIds) => reads.accounts(accountIds),
      versionOf: (account) => account.version,
      clock,
    });
    const unlistens = [
      bus.listen(TransactionsChangedSchema.typeName, (payload) => {
        if (hub.watching === 0) return;
        for (const changed of fromBinary(TransactionsChangedSchema, payload).transactions) {
          hub.hint(changed.sourceAccountId);
          hub.hint(changed.destinationAccountId);
          for (const leg of changed.furtherLegs) {
            hub.hint(leg.sourceAccountId);
            hub.hint(leg.destinationAccountId);
          }
        }
      }),
      bus.listen(LedgerAccountStatusChangedSchema.typeName, (payload) => {
        if (hub.watching === 0) return;
        hub.hint(fromBinary(LedgerAccountStatusChangedSchema, payload).accountId);
      }),
    ];
    return {
      implementations: [
        implement(TransactionService, createTransactionRpc({ writer, reads, identities, hub })),
      ],
      interceptors: [
        riskInterceptor(risk, { readAccounts: identities.read, now: clock.now }),
        complianceInterceptor(compliance),
      ],
      jobs: [createExpiryJob({ database, store, forecast, clock })],
      async stop() {
        for (const unlisten of unlistens) unlisten();
        await writer.idle();
      },
    };
  },
};
