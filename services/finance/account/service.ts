import { randomInt } from 'node:crypto';
import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { createSealer } from '#kit/identity/sealer.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createVault } from '#kit/vault/vault.ts';
import { createDetailsVault } from './details.ts';
import { createEraser } from './erasing.ts';
import { createLedger } from './ledger.ts';
import { createOpener } from './opening.ts';
import { createAccountRpc } from './rpc.ts';
import { createScreening } from './screening.ts';
import { createErasureStore } from './store/erasures.ts';
import { createScreeningStore } from './store/screenings.ts';
import { createStore } from './store.ts';

/** `drawDigits` draws the digits of a number; tests say which. */
export function createAccountModule(drawDigits: (count: number) => string): ServiceModule {
  return {
    name: 'finance.account',
    usesVault: true,
    migrations: new URL('./migrations/', import.meta.url),
    create({ database, clock, client, settings }) {
      const vault = createVault(database, settings.ACCOUNT_VAULT_SECRET ?? '');
      const indexSecret = settings.ACCOUNT_INDEX_SECRET ?? '';
      const details = createDetailsVault(vault, indexSecret);
      // Not that of the vault, which is given up some day: records of requests are kept for ever, as the index is.
      const sealer = createSealer(indexSecret, 'finance.account requests');
      const store = createStore(database);
      const erasures = createErasureStore(database);
      const screenings = createScreeningStore(database);
      const ledger = createLedger(client);
      const compliance = client(ComplianceService, 'finance.compliance');
      const audit = client(AuditService, 'platform.audit');
      const users = client(UserService, 'platform.user');
      const opener = createOpener({ database, store, details, ledger, compliance, clock });
      const eraser = createEraser({ erasures, audit, clock });
      const screening = createScreening({ database, store, screenings, details, compliance });
      const rpc = createAccountRpc({
        ...{ database, store, erasures, vault, details, ledger, opener, eraser, users },
        ...{ drawDigits, sealer, clock },
      });
      return {
        implementations: [implement(AccountService, rpc)],
        subscriptions: [screening.subscription],
        jobs: [opener.recovery, eraser.recovery, screening.job, vault.rewrapping],
      };
    },
  };
}

export const account = createAccountModule((count) =>
  String(randomInt(10 ** count)).padStart(count, '0'),
);
