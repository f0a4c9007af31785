/** Payments with a card provider and with a ledger, whose judges decide as a test tells them. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { PayingAccountSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { NetworkOptions, Person } from '#kit/testing/network.ts';
import { transaction } from '../transaction/service.ts';
import { createJudge, type Judge, ledgerOf } from '../transaction/testing.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';
import { payment } from './service.ts';

export interface PaidBank {
  paid: PaidNetwork;
  risk: Judge;
  compliance: Judge;
  ledger: ReturnType<typeof ledgerOf>;
  /** An analyst, who decides reviews. */
  analyst: Person;
  /** Somebody with so much on an account. */
  customer(balanceMinor?: bigint): Promise<{ userId: string; accountId: string }>;
  /** What a payment from an account is asked for by; `account` may name somebody who is paid. */
  asked(
    customer: { userId: string; accountId: string },
    amountMinor?: bigint,
    account?: Omit<MessageInitShape<typeof PayingAccountSchema>, '$typeName'>,
  ): AskedOfAccount;
  /** The id of the transaction of an account that is in review; undefined when none is. */
  waitingFor(accountId: string): Promise<string | undefined>;
  /** Decides upon the one transaction of an account that is in review. */
  review(accountId: string, approves: boolean): Promise<void>;
  stop(): Promise<void>;
}

export type AskedOfAccount = Omit<ReturnType<PaidNetwork['asked']>, 'paymentToken'> & {
  account: Omit<MessageInitShape<typeof PayingAccountSchema>, '$typeName'>;
};

/** With `joins` it is a second process of both services. */
export async function startPaidBank({
  joins,
  ...options
}: Partial<Omit<NetworkOptions, 'joins'>> & { joins?: PaidBank } = {}): Promise<PaidBank> {
  const risk = joins?.risk ?? createJudge('finance.risk', RiskService);
  const compliance = joins?.compliance ?? createJudge('finance.compliance', ComplianceService);
  const paid = await startPaidNetwork(['finance.payment'], {
    ...options,
    modules: [risk.module, compliance.module, transaction, payment],
    ...(joins && { joins: joins.paid.network, settings: joins.paid.settings }),
  });
  const { network } = paid;
  const analyst = await network.person({ roles: ['staff'] });
  const ledger = ledgerOf(network);

  async function waitingFor(accountId: string): Promise<string | undefined> {
    const { transactions } = await ledger.people.listReviews({ pageSize: 500 }, analyst);
    const found = transactions.find(({ sourceAccountId, destinationAccountId }) =>
      [sourceAccountId, destinationAccountId].includes(accountId),
    );
    return found?.transactionId;
  }

  return {
    paid,
    risk,
    compliance,
    ledger,
    analyst,
    async customer(balanceMinor = 5_000n) {
      const userId = uuidv7();
      return { userId, accountId: await ledger.open(userId, balanceMinor) };
    },
    asked({ userId, accountId }, amountMinor = 1999n, account = {}) {
      const { paymentToken: _, ...asked } = paid.asked('', amountMinor);
      return { ...asked, userId, account: { accountId, ...account } };
    },
    waitingFor,
    async review(accountId, approves) {
      const transactionId = await waitingFor(accountId);
      const request = {
        requestId: uuidv7(),
        transactionId: transactionId!,
        approves,
        note: 'seen',
      };
      await ledger.people.reviewTransaction(request, analyst);
    },
    async stop() {
      await paid.stop();
    },
  };
}
