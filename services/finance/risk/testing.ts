/** Transactions and rules for this service's own tests. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RiskService, type RuleContentSchema } from '#gen/finance/risk/v1/risk_pb.ts';
import {
  AccountType,
  TransactionType,
  VerdictAction,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import type { Facts, Leg, Party } from './domain.ts';

const day = 86_400n;
/** 22 January 2026, a Thursday, at 10:40 UTC. */
const someTime = 1_769_078_400n;

export const party = (more: Partial<Party> = {}): Party => ({
  accountId: uuidv7(),
  ownerId: uuidv7(),
  accountType: 'CHECKING',
  openedAt: someTime - 100n * day,
  ...more,
});

export const leg = (more: Partial<Leg> = {}): Leg => ({
  source: party(),
  destination: party(),
  currency: 'EUR',
  amountMinor: 1_000n,
  ...more,
});

export function facts(more: Partial<Facts> = {}): Facts {
  const legs = more.legs ?? [leg()];
  return {
    transactionId: uuidv7(),
    contentHash: Buffer.alloc(32, 7),
    type: 'TRANSFER',
    legs,
    minorPerUnit: 100n,
    initiatorId: legs[0].source.ownerId,
    isAuthorization: false,
    requestedAt: someTime,
    ...more,
  };
}

/** A transaction as finance.transaction asks about it: a customer pays another one. */
export function asked(more: Partial<Asked> = {}) {
  const { transactionId = uuidv7(), contentHash = Buffer.alloc(32, 7), isDeposit = false } = more;
  const {
    source = uuidv7(),
    destination = uuidv7(),
    owner = uuidv7(),
    amountMinor = 1_000n,
  } = more;
  const { currencyCode = 'EUR', initiator = owner, type = TransactionType.TRANSFER } = more;
  const openTime = timestampFromMs(Date.now() - 86_400_000);
  const payer = isDeposit
    ? { accountId: source, openTime }
    : { accountId: source, ownerId: owner, accountType: AccountType.CHECKING, openTime };
  const payee = { accountId: destination, ownerId: uuidv7(), accountType: AccountType.SAVINGS };
  const legs = [
    { source: payer, destination: payee, amount: { currencyCode, amountMinor } },
    ...(more.furtherLegs ?? []).map((furtherMinor) => ({
      source: payer,
      destination: payee,
      amount: { currencyCode, amountMinor: furtherMinor },
    })),
  ];
  const requestTime = timestampFromMs(Date.now());
  return {
    facts: { transactionId, contentHash, type, legs, initiatorId: initiator, requestTime },
  };
}

/** What tests say of a transaction; the rest is made up. */
export interface Asked {
  transactionId: string;
  contentHash: Uint8Array;
  type: TransactionType;
  /** The accounts, and who owns the first. */
  source: string;
  destination: string;
  owner: string;
  amountMinor: bigint;
  /** Amounts that leave the source account beside it. */
  furtherLegs: bigint[];
  currencyCode: string;
  /** Empty for a service. */
  initiator: string;
  isDeposit: boolean;
}

/** What a rule says, as staff send it. */
export const ruleContent = (more: Partial<MessageInitShape<typeof RuleContentSchema>> = {}) => ({
  name: 'a rule of a test',
  condition: 'true',
  action: VerdictAction.REVIEW,
  priority: 10,
  isEnabled: true,
  explanation: 'It says so.',
  ...more,
});

/** The service as the ledger and as a person of the staff calls it. */
export function riskOf(network: Network, { headers }: Pick<Person, 'headers'>) {
  const ledger = network.client(RiskService, 'finance.risk', { service: 'finance.transaction' });
  const staff = network.client(RiskService, 'finance.risk');
  return {
    ledger,
    staff,
    headers,
    async check(more: Partial<Asked> = {}) {
      return (await ledger.checkTransaction(asked(more))).verdict!;
    },
    async createRule(more: Partial<MessageInitShape<typeof RuleContentSchema>> = {}) {
      const request = { requestId: uuidv7(), content: ruleContent(more) };
      return (await staff.createRule(request, { headers })).rule!;
    },
    async updateRule(ruleId: string, more: Partial<MessageInitShape<typeof RuleContentSchema>>) {
      const request = { requestId: uuidv7(), ruleId, content: ruleContent(more) };
      return (await staff.updateRule(request, { headers })).rule!;
    },
    deleteRule: (ruleId: string) => staff.deleteRule({ requestId: uuidv7(), ruleId }, { headers }),
    async decision(transactionId: string) {
      return (await staff.getDecision({ transactionId }, { headers })).decision!;
    },
  };
}

/** An amount that no other test uses: a rule denies it, so that its check tells the windows and reserves nothing. */
const probeMinor = 999_999_937n;

export type Windows = Record<string, { count: bigint; sum: bigint }>;

/** Reads windows as rules see them: "account.1h" of whoever pays, without the look itself. */
export async function createProbe(risk: ReturnType<typeof riskOf>) {
  const condition = `transaction.amount_minor == ${probeMinor}`;
  await risk.createRule({ condition, action: VerdictAction.DENY, priority: 0 });
  return async (payer: Partial<Asked>, names: readonly string[]): Promise<Windows> => {
    const { facts } = asked({ ...payer, amountMinor: probeMinor, initiator: '' });
    await risk.ledger.checkTransaction({ facts });
    const { inputs } = await risk.decision(facts.transactionId);
    const windows = names.map((name) => {
      const [subject, window] = name.split('.');
      const read = (measure: string) => BigInt(inputs[`velocity.${subject}.${measure}_${window}`]!);
      return [name, { count: read('count') - 1n, sum: read('sum') - probeMinor }];
    });
    return Object.fromEntries(windows);
  };
}
