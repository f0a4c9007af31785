/** The ledger for this service's own tests, with judges that decide as a test tells them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import {
  type ExecuteTransactionRequestSchema,
  LedgerAccountStatus,
  TransactionService,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  AccountType,
  type TransactionFacts,
  TransactionType,
  VerdictAction,
  type VerdictSchema,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { batchResults } from '#kit/load/batch.ts';
import type { ServiceModule } from '#kit/service.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { transaction } from './service.ts';

/** What a judge says of a transaction: an action, a whole answer, or an error. */
export type Judgment = keyof typeof VerdictAction | MessageInitShape<typeof VerdictSchema> | Error;

/** A service that answers verdicts as a test wishes, over the wire as the real one. */
export interface Judge {
  module: ServiceModule;
  /** Decides each transaction; allows all of them at first. */
  decide: (facts: TransactionFacts) => Judgment;
  /** Everything that it was asked. */
  asked: TransactionFacts[];
}

export function createJudge(
  name: 'finance.risk' | 'finance.compliance',
  service: typeof RiskService | typeof ComplianceService,
): Judge {
  const judge: Judge = {
    decide: () => 'ALLOW',
    asked: [],
    module: {
      name,
      create: ({ clock }) => {
        const check = async ({ facts }: { facts?: TransactionFacts }) => {
          judge.asked.push(facts!);
          const said = judge.decide(facts!);
          if (said instanceof Error) throw said;
          const whole = typeof said === 'string' ? { action: VerdictAction[said] } : said;
          return {
            verdict: {
              decisionId: uuidv7(),
              contentHash: facts!.contentHash,
              ruleSetVersion: 1n,
              expireTime: timestampFromMs(clock.now() + 30_000),
              ...whole,
            },
          };
        };
        const handlers: Record<string, unknown> = {
          checkTransaction: check,
          batchCheckTransactions: async ({
            requests,
          }: {
            requests: { facts?: TransactionFacts }[];
          }) => ({
            results: await batchResults(service, requests, check),
          }),
        };
        // The ledger calls nothing else of it.
        for (const { localName } of service.methods) handlers[localName] ??= () => ({});
        return { implementations: [{ service, handlers: handlers as never }] };
      },
    },
  };
  return judge;
}

/** The ledger in a network of its own, with its judges. */
export interface Bank {
  network: Network;
  risk: Judge;
  compliance: Judge;
  ledger: ReturnType<typeof ledgerOf>;
  stop(): Promise<void>;
}

/** With `joins` it is a second process of that bank, with the same judges. */
export async function startBank({ joins }: { joins?: Bank } = {}): Promise<Bank> {
  const risk = joins?.risk ?? createJudge('finance.risk', RiskService);
  const compliance = joins?.compliance ?? createJudge('finance.compliance', ComplianceService);
  const network = await startNetwork([], {
    modules: [risk.module, compliance.module, transaction],
    ...(joins && { joins: joins.network }),
  });
  const ledger = ledgerOf(network, await network.person({ roles: ['staff'] }));
  return { network, risk, compliance, ledger, stop: () => network.stop() };
}

type Execution = Omit<MessageInitShape<typeof ExecuteTransactionRequestSchema>, '$typeName'>;

export const eur = (amountMinor: bigint) => ({ currencyCode: 'EUR', amountMinor });

/** The ledger as the services of the mesh and as people call it. */
export function ledgerOf(network: Network, staff: Person) {
  const as = (service: string) =>
    network.client(TransactionService, 'finance.transaction', { service });
  const accounts = as('finance.account');
  const payments = as('finance.payment');
  const people = network.client(TransactionService, 'finance.transaction');
  const { headers } = staff;

  /** Opens an account of a person, with so much on it. */
  async function open(
    ownerId: string,
    balanceMinor = 0n,
    more: { currencyCode?: string; accountType?: AccountType; creditLimitMinor?: bigint } = {},
  ): Promise<string> {
    const accountId = uuidv7();
    const currencyCode = more.currencyCode ?? 'EUR';
    await accounts.openLedgerAccount({
      requestId: uuidv7(),
      accountId,
      ownerId,
      currencyCode,
      accountType: more.accountType ?? AccountType.CHECKING,
      creditLimitMinor: more.creditLimitMinor ?? 0n,
    });
    if (balanceMinor > 0n) {
      const amount = { currencyCode, amountMinor: balanceMinor };
      await payments.executeTransaction({
        requestId: uuidv7(),
        type: TransactionType.DEPOSIT,
        destinationAccountId: accountId,
        amount,
      });
    }
    return accountId;
  }

  return {
    accounts,
    payments,
    people,
    open,
    staff: { headers },
    /** Transfers as a service does, or as the person whose headers are given. */
    transfer: (
      sourceAccountId: string,
      destinationAccountId: string,
      amountMinor: bigint,
      more: Partial<Execution> & { as?: Pick<Person, 'headers'> } = {},
    ) => {
      const { as: person, ...rest } = more;
      const client = person === undefined ? payments : people;
      return client.executeTransaction(
        {
          requestId: uuidv7(),
          type: TransactionType.TRANSFER,
          sourceAccountId,
          destinationAccountId,
          amount: eur(amountMinor),
          ...rest,
        },
        person && { headers: person.headers },
      );
    },
    setStatus: (accountId: string, status: keyof typeof LedgerAccountStatus) =>
      accounts.setLedgerAccountStatus({
        requestId: uuidv7(),
        accountId,
        status: LedgerAccountStatus[status],
      }),
    async balance(accountId: string) {
      const { balances } = await payments.getBalances({ accountIds: [accountId] });
      const { postedMinor, heldMinor, incomingMinor, availableMinor } = balances[0]!;
      return {
        posted: postedMinor,
        held: heldMinor,
        incoming: incomingMinor,
        available: availableMinor,
      };
    },
  };
}

/**
 * What must hold whatever happened: answers sentences about what does not. Sums per currency are 0, entries are gapless
 * and add up, balances are their last entries, holds are the open transactions, and no balance is below its floor.
 */
export async function brokenInvariants({ sql }: Pick<Network, 'sql'>): Promise<string[]> {
  const rows = await sql.begin(async (tx) => {
    await tx.unsafe('set local search_path = finance_transaction');
    return tx.unsafe<{ broken: string }[]>(invariantsSql);
  });
  return rows.map(({ broken }) => broken);
}

export const invariantsSql = `
  with legs as (
    select transaction_id, source_id, destination_id, amount_minor from transaction
    where awaits is not null
    union all
    select transaction_id, split_part(leg, ' ', 1)::uuid, split_part(leg, ' ', 2)::uuid,
      split_part(leg, ' ', 3)::bigint
    from transaction, unnest(string_to_array(further_legs, ',')) as leg where awaits is not null),
  ordered as (
    select *, lag(sequence, 1, 0::bigint) over w as before, lag(balance_minor, 1, 0::bigint) over w as was,
      lag(created_at) over w as earlier
    from entry window w as (partition by account_id order by sequence))
  select 'the balances of ' || currency || ' add up to ' || sum(posted_minor) as broken
  from account group by currency having sum(posted_minor) <> 0
  union all
  select 'the entries of ' || currency || ' add up to ' || sum(delta_minor)
  from entry join account using (account_id) group by currency having sum(delta_minor) <> 0
  union all
  select 'entry ' || sequence || ' of ' || account_id || ' does not follow from the one before'
  from ordered
  where sequence <> before + 1 or balance_minor <> was + delta_minor or created_at < earlier
  union all
  select 'account ' || a.account_id || ' is not what its last entry left'
  from account a left join lateral (
    select e.sequence, e.balance_minor from entry e where e.account_id = a.account_id
    order by e.sequence desc limit 1) e on true
  where a.sequence <> coalesce(e.sequence, 0) or a.posted_minor <> coalesce(e.balance_minor, 0)
  union all
  select 'account ' || account_id || ' holds ' || held_minor || ', open transactions ' || coalesce(sum, 0)
  from account left join (
    select source_id, sum(amount_minor) from legs group by source_id) l on source_id = account_id
  where held_minor <> coalesce(sum, 0)
  union all
  select 'account ' || account_id || ' expects ' || incoming_minor || ', not ' || coalesce(sum, 0)
  from account left join (
    select destination_id, sum(amount_minor) from legs group by destination_id) l
    on destination_id = account_id
  where incoming_minor <> coalesce(sum, 0)
  union all
  select 'account ' || account_id || ' is below its floor'
  from account where posted_minor - held_minor < floor_minor
  union all
  select 'entry ' || e.sequence || ' of ' || account_id || ' is below the floor'
  from entry e join account using (account_id) where balance_minor < floor_minor
  union all
  select 'transaction ' || transaction_id || ' moved money without a verdict'
  from transaction where status = 'COMPLETED' and reverses_id is null
    and (risk_action is null or compliance_action is null or 'DENY' in (risk_action, compliance_action))
  union all
  select 'transaction ' || transaction_id || ' is completed and has no entries'
  from transaction t where status = 'COMPLETED'
    and not exists (select from entry e where e.transaction_id = t.transaction_id)
`;
