/** A bank of people and transactions, as the ledger would ask about them and tell of them, for this service's own tests. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CaseState,
  ComplianceService,
  type RuleSpecSchema,
  Typology,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import {
  type TransactionSchema,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  AccountType,
  type TransactionFactsSchema,
  TransactionType,
  VerdictAction,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { connectBus, toHeaders } from '#kit/bus/bus.ts';
import { sha256 } from '#kit/derived-id.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';

export const { ALLOW, REVIEW, DENY } = VerdictAction;
export const { TRANSFER, DEPOSIT, WITHDRAWAL, PAYMENT } = TransactionType;

const dayMs = 24 * 3_600_000;

/** An account of somebody. */
export interface TestAccount {
  readonly accountId: string;
  /** Empty for an account of the system. */
  readonly ownerId: string;
  readonly openedAt: number;
}

/** A new account of a new customer, opened lately unless told otherwise. */
export function newAccount({
  now = Date.now(),
  ageDays = 30,
  ownerId = uuidv7(),
} = {}): TestAccount {
  return { accountId: uuidv7(), ownerId, openedAt: now - ageDays * dayMs };
}

/** Where cash comes from and goes to. */
export const outside: TestAccount = { accountId: uuidv7(), ownerId: '', openedAt: 0 };

/** A transaction of one leg, which its source's owner asks for. */
export interface Wanted {
  readonly from: TestAccount;
  readonly to: TestAccount;
  /** Minor units. */
  readonly amount: bigint;
  readonly currency?: string;
  readonly type?: TransactionType;
  readonly initiatorId?: string;
  readonly transactionId?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
}

const partyOf = ({ accountId, ownerId, openedAt }: TestAccount) => ({
  accountId,
  ownerId,
  accountType: ownerId === '' ? AccountType.UNSPECIFIED : AccountType.CHECKING,
  openTime: timestampFromMs(openedAt),
});

/** As the ledger asks about it. */
export function factsOf(wanted: Wanted): MessageInitShape<typeof TransactionFactsSchema> {
  const { from, to, amount, currency = 'EUR', type = TRANSFER, at = Date.now() } = wanted;
  const transactionId = wanted.transactionId ?? uuidv7();
  const content = [transactionId, type, from.accountId, to.accountId, amount, currency];
  return {
    transactionId,
    contentHash: sha256(content.join(' ')),
    type,
    legs: [
      {
        source: partyOf(from),
        destination: partyOf(to),
        amount: { currencyCode: currency, amountMinor: amount },
      },
    ],
    initiatorId: wanted.initiatorId ?? from.ownerId,
    requestTime: timestampFromMs(at),
  };
}

/** As the ledger tells that it was posted. */
export function postedOf(wanted: Wanted): MessageInitShape<typeof TransactionSchema> {
  const { from, to, amount, currency = 'EUR', type = TRANSFER, at = Date.now() } = wanted;
  return {
    transactionId: wanted.transactionId ?? uuidv7(),
    type,
    status: TransactionStatus.COMPLETED,
    sourceAccountId: from.accountId,
    destinationAccountId: to.accountId,
    amount: { currencyCode: currency, amountMinor: amount },
    capturedMinor: amount,
    updateTime: timestampFromMs(at),
    initiatorId: wanted.initiatorId ?? from.ownerId,
  };
}

/** The bus of a network, on which this test is the ledger. */
export async function openLedger(network: Network, natsUrl: string) {
  // A network names its database and its part of the bus alike.
  const namespace = new URL(network.databaseUrl).pathname.slice(1);
  const bus = await connectBus({ url: natsUrl, namespace, name: 'test' });
  const { typeName: type } = TransactionsChangedSchema;
  return {
    /** Tells of transactions in one event, which may be sent again under its id. */
    async tell(
      transactions: MessageInitShape<typeof TransactionSchema>[],
      id = uuidv7(),
    ): Promise<void> {
      const message = create(TransactionsChangedSchema, { transactions });
      const payload = toBinary(TransactionsChangedSchema, message);
      const event = {
        id,
        type,
        key: 'key',
        payload,
        traceparent: undefined,
        createdAt: Date.now(),
      };
      // Past the memory of the bus: what is sent is delivered, each time.
      await bus.js.publish(bus.subject(type), payload, {
        headers: toHeaders(event),
        msgID: uuidv7(),
      });
    },
    /** Hears of events of a type from now on: a list that grows. */
    async listen<Schema extends DescMessage>(schema: Schema): Promise<MessageShape<Schema>[]> {
      const heard: MessageShape<Schema>[] = [];
      bus.listen(schema.typeName, (payload) => heard.push(fromBinary(schema, payload)));
      // Whatever is published after the server has answered is heard.
      await bus.check();
      return heard;
    },
    close: () => bus.close(),
  };
}

/** The service as the ledger, finance.account and an analyst call it. */
export function complianceOf(network: Network, analyst: Person) {
  const as = (service?: string) =>
    network.client(
      ComplianceService,
      'finance.compliance',
      service === undefined ? {} : { service },
    );
  const [ledger, accounts, people] = [as('finance.transaction'), as('finance.account'), as()];
  const { headers } = analyst;
  return {
    ledger,
    accounts,
    people,
    headers,
    async check(wanted: Wanted) {
      const { verdict } = await ledger.checkTransaction({ facts: factsOf(wanted) });
      return verdict!;
    },
    async cases(ownerId: string, state?: CaseState) {
      const { cases } = await people.listCases({ ownerId, state: state ?? 0 }, { headers });
      return cases;
    },
    /** The open case of a customer and a typology, with all that belongs to it. */
    async caseOf(ownerId: string, typology: Typology) {
      const { cases } = await people.listCases({ ownerId, typology }, { headers });
      return people.getCase({ caseId: cases[0]!.caseId }, { headers });
    },
    resolve: (caseId: string, outcome: CaseState, more: { blocksCustomer?: boolean } = {}) =>
      people.resolveCase(
        { requestId: uuidv7(), caseId, outcome, note: 'looked into it', ...more },
        { headers },
      ),
    createRule: async (spec: MessageInitShape<typeof RuleSpecSchema>) =>
      (await people.createRule({ requestId: uuidv7(), spec }, { headers })).rule!,
    screen: (
      name: string,
      more: { ownerId?: string; birthYear?: number; requestId?: string } = {},
    ) =>
      accounts.screenCustomer({ requestId: uuidv7(), ownerId: uuidv7(), name, kind: 1, ...more }),
  };
}

export type Compliance = ReturnType<typeof complianceOf>;

/** The names of typologies, for what is expected. */
export function typologiesOf(cases: readonly { typology: Typology }[]): string[] {
  return cases.map(({ typology }) => nameOfTypology(typology)).sort();
}

function nameOfTypology(typology: Typology): string {
  return Object.entries(Typology).find(([, value]) => value === typology)![0];
}
