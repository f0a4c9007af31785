/** The ledger for this service's own tests, with judges that decide as a test tells them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import {
  type AuthorizeTransactionRequestSchema,
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
import { registrationOf } from '#services/registry.ts';
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

/** With `joins` it is a second process of that bank, with the same judges. `services` run besides. */
export async function startBank({
  joins,
  services = [],
}: {
  joins?: Bank;
  services?: readonly string[];
} = {}): Promise<Bank> {
  const risk = joins?.risk ?? createJudge('finance.risk', RiskService);
  const compliance = joins?.compliance ?? createJudge('finance.compliance', ComplianceService);
  const others = await Promise.all(services.map((name) => registrationOf(name).load()));
  const network = await startNetwork(services, {
    modules: [risk.module, compliance.module, transaction, ...others],
    ...(joins && { joins: joins.network }),
  });
  const ledger = ledgerOf(network);
  return { network, risk, compliance, ledger, stop: () => network.stop() };
}

type Movement = Omit<MessageInitShape<typeof AuthorizeTransactionRequestSchema>, '$typeName'>;

export const eur = (amountMinor: bigint) => ({ currencyCode: 'EUR', amountMinor });

/** The ledger as the services of the mesh and as people call it. */
export function ledgerOf(network: Pick<Network, 'client'>) {
  const as = (service: string) =>
    network.client(TransactionService, 'finance.transaction', { service });
  const accounts = as('finance.account');
  const payments = as('finance.payment');
  const people = network.client(TransactionService, 'finance.transaction');

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

  function movement(
    sourceAccountId: string,
    destinationAccountId: string,
    amountMinor: bigint,
    { as: person, ...more }: Partial<Movement> & { as?: Pick<Person, 'headers'> } = {},
  ) {
    const amount = eur(amountMinor);
    const requestId = uuidv7();
    return {
      client: person === undefined ? payments : people,
      request: { requestId, sourceAccountId, destinationAccountId, amount, ...more },
      options: person && { headers: person.headers },
    };
  }

  return {
    accounts,
    payments,
    people,
    open,
    /** Transfers as a service does, or as the person whose headers are given. */
    transfer(...asked: Parameters<typeof movement>) {
      const { client, request, options } = movement(...asked);
      return client.executeTransaction({ type: TransactionType.TRANSFER, ...request }, options);
    },
    /** Holds money in the same way. */
    async authorize(...asked: Parameters<typeof movement>) {
      const { client, request, options } = movement(...asked);
      const { transaction } = await client.authorizeTransaction(
        { type: TransactionType.PAYMENT, ...request },
        options,
      );
      return transaction!;
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
