import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { createSealer } from '#kit/identity/sealer.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createChecker } from './checker.ts';
import { createDesk } from './desk.ts';
import { detectorSubscription } from './detector.ts';
import { SanctionsListMissing } from './domain/refusals.ts';
import { createCaseRpc } from './rpc/cases.ts';
import { createCheckRpc } from './rpc/checks.ts';
import { createRuleRpc } from './rpc/rules.ts';
import { createScreeningRpc } from './rpc/screening.ts';
import { createRuleBook } from './rule-book.ts';
import { createSanctionsLists } from './sanctions-list.ts';
import { createScreener } from './screener.ts';
import { createCaseStore } from './store/cases.ts';
import { createCheckStore } from './store/checks.ts';
import { createCustomerStore } from './store/customers.ts';
import { createFindingStore } from './store/findings.ts';
import { createListStore } from './store/lists.ts';
import { createRuleStore } from './store/rules.ts';
import { createWindowStore } from './store/windows.ts';

export const compliance: ServiceModule = {
  name: 'finance.compliance',
  migrations: new URL('./migrations/', import.meta.url),
  async create({ database, clock, log, settings }) {
    const sealer = createSealer(settings.SCREENING_SECRET ?? '', 'finance.compliance');
    const rules = createRuleStore(database);
    const ruleBook = createRuleBook(rules);
    const cases = createCaseStore(database);
    const customers = createCustomerStore(database);
    const findings = createFindingStore(database, cases);
    const windows = createWindowStore(database);
    const checks = createCheckStore(database);
    const listStore = createListStore(database);
    const path = settings.SANCTIONS_LIST ?? '';
    const lists = createSanctionsLists({ path, store: listStore, clock, log });
    await lists.look();
    const checker = createChecker({ database, checks, windows, findings, ruleBook, clock });
    const desk = createDesk({ database, cases, customers });
    const screener = createScreener({ lists, listStore, customers, findings, sealer, clock });
    return {
      implementations: [
        implement(ComplianceService, {
          ...createCheckRpc({ checker, clock }),
          ...createRuleRpc({ database, rules, clock }),
          ...createCaseRpc({ database, cases, desk, clock }),
          ...createScreeningRpc({ database, screener, lists, sealer }),
        }),
      ],
      subscriptions: [detectorSubscription({ windows, findings, rules, ruleBook, clock })],
      jobs: [lists.job],
      checks: [
        async () => {
          if (lists.current() === undefined) throw new SanctionsListMissing();
        },
      ],
      stop: () => checker.idle(),
    };
  },
};
