import type { Mesh } from '../../mesh/mesh.ts';
import type { Desk } from '../desk.ts';
import type { Evidence } from '../evidence.ts';
import type { Act, Progress } from '../load.ts';
import { count } from '../settle.ts';
import type { System } from '../system.ts';
import { type Bank, openBank } from './bank.ts';
import { createCaller } from './customer.ts';
import { checkAccounts } from './invariants/accounts.ts';
import { createAuditCheck } from './invariants/audit.ts';
import { checkBalances } from './invariants/balances.ts';
import { checkLedger } from './invariants/ledger.ts';
import { checkNotifications } from './invariants/notifications.ts';
import { checkTransactions } from './invariants/transactions.ts';
import { checkVelocity } from './invariants/velocity.ts';
import { createOversight } from './overseers.ts';
import { bankPoints, otherPoints } from './points.ts';
import { createTasks } from './staff.ts';
import { createTeller } from './teller.ts';

const customersPerCaller = 2;
const clerks = 4;

/** Callers who pay each other, under the eyes of risk and compliance. */
export const bank: System = {
  name: 'bank',
  services: [
    'platform.gateway',
    'platform.user',
    'platform.notification',
    'platform.audit',
    'finance.account',
    'finance.transaction',
    'finance.risk',
    'finance.compliance',
  ],
  service: 'finance.account',
  points: bankPoints,
  otherPoints,
  async open(mesh, desk, callers) {
    const opened = await openBank(mesh, desk, callers * customersPerCaller);
    return {
      acts: (progress) => createActs({ mesh, desk, bank: opened, progress }, callers),
      findBusy,
      checks: [
        checkLedger,
        checkTransactions,
        checkBalances,
        checkVelocity,
        checkAccounts,
        checkNotifications,
        createAuditCheck(mesh, opened.staff[0]!),
      ],
    };
  },
};

function createActs(
  { progress, ...deps }: { mesh: Mesh; desk: Desk; bank: Bank; progress: Progress },
  callers: number,
): Act[] {
  const teller = createTeller({ ...deps, progress });
  const acts = Array.from({ length: callers }, (_, index) => {
    const own = deps.bank.customers.filter((_, i) => i % callers === index);
    return createCaller({ bank: deps.bank, teller }, own);
  });
  const staff = { ...deps, teller };
  const tasks = [...createTasks(staff), ...createOversight(staff)];
  const work: Act = (random) => random.pick(tasks)(random);
  return [...acts, ...Array<Act>(clerks).fill(work)];
}

/** What waits for an analyst may wait on; what was to expire by itself may not. */
function findBusy({ sql }: Evidence): Promise<[string, number][]> {
  return Promise.all([
    count(
      'holds to expire',
      sql`
      select from finance_transaction.transaction
      where awaits is not null and expires_at < now() + interval '1 minute'`,
    ),
    count(
      'reservations of what has ended',
      sql`
      select from finance_risk.reservation join finance_risk.decision using (decision_id)
        join finance_transaction.transaction t using (transaction_id)
      where t.awaits is null`,
    ),
    count('accounts to open', sql`select from finance_account.account where opened_at is null`),
    count('entries to seal', sql`select from platform_audit.waiting_entry`),
  ]);
}
