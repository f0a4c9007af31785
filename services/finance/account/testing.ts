/** Accounts for this service's own tests: with the real ledger and audit log, and people and screening as a test says. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AccountOpenedSchema,
  AccountService,
  type CreateAccountRequestSchema,
} from '#gen/finance/account/v1/account_pb.ts';
import {
  ComplianceService,
  SanctionsListChangedSchema,
  type ScreenCustomerRequest,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { UserService, UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { connectBus, toHeaders } from '#kit/bus/bus.ts';
import { DomainError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { ServiceModule } from '#kit/service.ts';
import type { Network, NetworkOptions, Person } from '#kit/testing/network.ts';
import { createJudge, eur, ledgerOf } from '#services/finance/transaction/testing.ts';
import { registrationOf } from '#services/registry.ts';
import { startNetwork } from '#services/testing.ts';
import { account } from './service.ts';

/** What else runs: compliance decides transactions as a judge does, and notes whom it is asked to screen. */
interface Surroundings {
  modules: ServiceModule[];
  /** Statuses of people who are not ACTIVE; undefined for whom there is none. */
  statuses: Map<string, UserStatus | undefined>;
  screened: ScreenCustomerRequest[];
  /** Throws to be away. */
  screen: () => void;
}

class UserNotFound extends DomainError<{ user_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'USER_NOT_FOUND';
}

function createSurroundings(): Surroundings {
  const risk = createJudge('finance.risk', RiskService);
  const judge = createJudge('finance.compliance', ComplianceService);
  const statuses: Surroundings['statuses'] = new Map();
  const screened: ScreenCustomerRequest[] = [];
  const users = handlersOf(UserService, {
    getUser: ({ userId }: { userId: string }) => {
      const status = statuses.has(userId) ? statuses.get(userId) : UserStatus.ACTIVE;
      if (status === undefined) throw new UserNotFound({ user_id: userId });
      return { user: { userId, status } };
    },
  });
  const surroundings: Surroundings = {
    statuses,
    screened,
    screen: () => {},
    modules: [
      risk.module,
      {
        name: 'finance.compliance',
        async create(deps) {
          const { implementations } = await judge.module.create(deps);
          Object.assign(implementations[0]!.handlers, {
            screenCustomer: (request: ScreenCustomerRequest) => {
              surroundings.screen();
              screened.push(request);
              return {};
            },
          });
          return { implementations };
        },
      },
      {
        name: 'platform.user',
        create: () => ({ implementations: [{ service: UserService, handlers: users as never }] }),
      },
    ],
  };
  return surroundings;
}

/** Handlers of all methods, of which those that are not given answer with nothing. */
function handlersOf(service: typeof UserService, given: Record<string, unknown>) {
  const all = service.methods.map(({ localName }) => [localName, given[localName] ?? (() => ({}))]);
  return Object.fromEntries(all);
}

type Wanted = Omit<MessageInitShape<typeof CreateAccountRequestSchema>, '$typeName'>;
type By = Pick<Person, 'headers'>;

/** What CreateAccount needs. */
const wanted = (more: Partial<Wanted> = {}) => ({
  requestId: uuidv7(),
  accountType: AccountType.CHECKING,
  currencyCode: 'EUR',
  legalName: 'Ada Lovelace',
  taxId: '12 345/67890',
  ...more,
});

/** The service with the real ledger and audit log. */
export type Bank = ReturnType<typeof bankOf>;

function bankOf(network: Network, staff: Person, surroundings: Surroundings) {
  const accounts = network.client(AccountService, 'finance.account');
  const ledger = ledgerOf(network);
  return {
    network,
    staff,
    surroundings,
    accounts,
    ledger,
    audit: network.client(AuditService, 'platform.audit'),
    wanted,
    open: async (by: By, more: Partial<Wanted> = {}) =>
      (await accounts.createAccount(wanted(more), by)).account!,
    close: (accountId: string, by: By) =>
      accounts.closeAccount({ requestId: uuidv7(), accountId }, by),
    erase: (ownerId: string) => accounts.eraseCustomer({ requestId: uuidv7(), ownerId }, staff),
    reveal: (accountId: string, by: By, requestId = uuidv7()) =>
      accounts.revealAccountNumber({ requestId, accountId }, by),
    deposit: (destinationAccountId: string, amountMinor: bigint) =>
      ledger.payments.executeTransaction({
        requestId: uuidv7(),
        type: TransactionType.DEPOSIT,
        destinationAccountId,
        amount: eur(amountMinor),
      }),
    stop: () => network.stop(),
  };
}

/** The bus of a bank, on which a test hears what is published and is finance.compliance. Close it. */
export async function openBus({ network }: Bank, natsUrl: string) {
  // A network names its database and its part of the bus alike.
  const namespace = new URL(network.databaseUrl).pathname.slice(1);
  const bus = await connectBus({ url: natsUrl, namespace, name: 'test' });
  const opened: string[] = [];
  bus.listen(AccountOpenedSchema.typeName, (payload) =>
    opened.push(fromBinary(AccountOpenedSchema, payload).accountId),
  );
  // Whatever is published after the server has answered is heard.
  await bus.check();
  return {
    /** How often it was told that an account is open. */
    async openingsOf(accountId: string): Promise<number> {
      await network.settle();
      // What the bus delivered before this answer has been heard.
      await bus.check();
      return opened.filter((id) => id === accountId).length;
    },
    /** Tells of a new sanctions list. */
    async tellOfList(listVersion: string): Promise<void> {
      const { typeName: type } = SanctionsListChangedSchema;
      const message = create(SanctionsListChangedSchema, { listVersion });
      const payload = toBinary(SanctionsListChangedSchema, message);
      const event = { id: uuidv7(), type, key: listVersion, payload, createdAt: Date.now() };
      await bus.js.publish(bus.subject(type), payload, {
        headers: toHeaders({ ...event, traceparent: undefined }),
        msgID: event.id,
      });
    },
    close: () => bus.close(),
  };
}

const real = ['platform.audit', 'finance.transaction'];

/** With `joins` it is a second process of that bank. `module` is the service, when it is not the usual one. */
export async function startAccounts({
  joins,
  module = account,
  settings,
  ...options
}: {
  joins?: Bank;
  module?: ServiceModule;
  settings?: Record<string, string>;
} & Pick<Partial<NetworkOptions>, 'logLevel' | 'logDestination'> = {}): Promise<Bank> {
  const surroundings = joins?.surroundings ?? createSurroundings();
  const network = await startNetwork([...real, module.name], {
    ...options,
    modules: [
      ...surroundings.modules,
      ...(await Promise.all(real.map((name) => registrationOf(name).load()))),
      module,
    ],
    ...(joins && { joins: joins.network }),
    ...(settings && { settings: { [module.name]: settings } }),
  });
  const staff = joins?.staff ?? (await network.person({ roles: ['staff'] }));
  return bankOf(network, staff, surroundings);
}
