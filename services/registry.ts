/** Every service of the mesh, once. */
import type { DescService } from '@bufbuild/protobuf';
import type { ServiceModule } from '#kit/service.ts';

export interface Registration {
  /** "<domain>.<service>"; its folder is services/<domain>/<service>, its schema and role <domain>_<service>. */
  name: string;
  /** Offset from the mesh's first port. Never reused. */
  port: number;
  /**
   * The services of the contract that it implements. Loaded when asked for: a process needs its own and those it calls,
   * and each takes memory. All of them are in services/contracts.ts.
   */
  contracts(): Promise<readonly DescService[]>;
  /** Services that it calls. */
  calls: readonly string[];
  /** Environment variables that it reads, with their defaults; a value of undefined must be given. */
  settings?: Readonly<Record<string, string | undefined>>;
  load(): Promise<ServiceModule>;
}

export const registry: readonly Registration[] = [
  {
    name: 'commerce.product',
    port: 11,
    contracts: async () => [
      (await import('#gen/commerce/product/v1/product_pb.ts')).ProductService,
    ],
    calls: ['commerce.inventory'],
    load: async () => (await import('./commerce/product/service.ts')).product,
  },
  {
    name: 'platform.gateway',
    port: 0,
    contracts: async () => [],
    calls: [],
    settings: { CORS_ORIGINS: '*' },
    load: async () => {
      const { createGateway } = await import('./platform/gateway/service.ts');
      const { serviceContracts } = await import('./contracts.ts');
      return createGateway(serviceContracts.filter(({ name }) => name !== 'platform.gateway'));
    },
  },
  {
    name: 'platform.user',
    port: 1,
    contracts: async () => [
      (await import('#gen/platform/user/v1/user_pb.ts')).UserService,
      (await import('#gen/platform/user/v1/session_pb.ts')).SessionService,
      (await import('#gen/platform/identity/v1/identity_pb.ts')).KeyService,
    ],
    calls: [],
    settings: {
      SIGNING_KEY_SECRET: undefined,
      BOOTSTRAP_STAFF_EMAIL: '',
      BOOTSTRAP_STAFF_PASSWORD: '',
    },
    load: async () => (await import('./platform/user/service.ts')).user,
  },
  {
    name: 'platform.notification',
    port: 2,
    contracts: async () => [
      (await import('#gen/platform/notification/v1/notification_pb.ts')).NotificationService,
    ],
    calls: [],
    load: async () => (await import('./platform/notification/service.ts')).notification,
  },
  {
    name: 'commerce.inventory',
    port: 12,
    contracts: async () => [
      (await import('#gen/commerce/inventory/v1/inventory_pb.ts')).InventoryService,
    ],
    calls: [],
    load: async () => (await import('./commerce/inventory/service.ts')).inventory,
  },
  {
    name: 'commerce.order',
    port: 13,
    contracts: async () => [(await import('#gen/commerce/order/v1/order_pb.ts')).OrderService],
    calls: ['commerce.product', 'commerce.inventory', 'finance.payment'],
    load: async () => (await import('./commerce/order/service.ts')).order,
  },
  {
    name: 'finance.payment',
    port: 21,
    contracts: async () => [(await import('#gen/finance/payment/v1/payment_pb.ts')).PaymentService],
    calls: ['finance.transaction'],
    settings: {
      // Where services/finance/payment/sandbox/main.ts listens unless it is told otherwise.
      PROVIDER_URL: 'http://127.0.0.1:7390',
      PROVIDER_WEBHOOK_SECRET: undefined,
      PROVIDER_TIMEOUT_MS: '5000',
    },
    load: async () => (await import('./finance/payment/service.ts')).payment,
  },
  {
    name: 'finance.transaction',
    port: 23,
    contracts: async () => [
      (await import('#gen/finance/transaction/v1/transaction_pb.ts')).TransactionService,
    ],
    calls: ['finance.risk', 'finance.compliance'],
    load: async () => (await import('./finance/transaction/service.ts')).transaction,
  },
  {
    name: 'finance.risk',
    port: 24,
    contracts: async () => [(await import('#gen/finance/risk/v1/risk_pb.ts')).RiskService],
    calls: ['finance.transaction'],
    load: async () => (await import('./finance/risk/service.ts')).risk,
  },
  {
    name: 'finance.compliance',
    port: 25,
    contracts: async () => [
      (await import('#gen/finance/compliance/v1/compliance_pb.ts')).ComplianceService,
    ],
    calls: [],
    settings: {
      // sdn.csv of OFAC's, with alt.csv beside it; empty stands for an invented list.
      SANCTIONS_LIST: '',
      SCREENING_SECRET: undefined,
    },
    load: async () => (await import('./finance/compliance/service.ts')).compliance,
  },
  {
    name: 'platform.audit',
    port: 7,
    contracts: async () => [(await import('#gen/platform/audit/v1/audit_pb.ts')).AuditService],
    calls: [],
    settings: {
      // The one that every process has: entries come sealed under it.
      MESHWORK_AUDIT_SECRET: undefined,
      AUDIT_VAULT_SECRET: undefined,
      AUDIT_SIGNING_SECRET: undefined,
      AUDIT_LOG_NAME: 'meshwork/audit',
    },
    load: async () => (await import('./platform/audit/service.ts')).audit,
  },
  {
    name: 'finance.account',
    port: 22,
    contracts: async () => [(await import('#gen/finance/account/v1/account_pb.ts')).AccountService],
    calls: ['platform.user', 'finance.compliance', 'finance.transaction', 'platform.audit'],
    settings: {
      ACCOUNT_VAULT_SECRET: undefined,
      ACCOUNT_INDEX_SECRET: undefined,
    },
    load: async () => (await import('./finance/account/service.ts')).account,
  },
];

/** The service that issues access tokens and publishes the keys to check them with. */
export const issuer = 'platform.user';

/** The registration of a service. Throws when there is none: a misspelt name is a bug. */
export function registrationOf(name: string): Registration {
  const found = registry.find((registration) => registration.name === name);
  if (found === undefined) throw new Error(`services/registry.ts knows no service ${name}`);
  return found;
}
