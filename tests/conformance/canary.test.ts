import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { type Shop, shopServices, startShop } from '#services/commerce/order/testing.ts';
import type { ServerUrls } from '#tools/servers/servers.ts';
import { collectEvidence, messagesOf } from '../support/evidence.ts';
import { jsonOf, tablesWith } from '../support/secrecy.ts';

/** Credentials: nowhere in clear once the call is over. */
const secret: Record<string, string> = {
  password: 'canary-password-one',
  'next password': 'canary-password-two',
  'wrong password': 'canary-password-bad',
  'payment token': 'tok_visa-canary-good-card',
  'declined token': 'tok_card_declined-canary-bad-card',
  'token of a failure': 'tok_visa-canary-lost-card',
  'event signature': 't=1,v1=canary-signature',
  'signing key secret': 'canary-signing-key-secret-of-32-characters',
  'password of the first staff': 'canary-password-of-staff',
  'database password': 'canary-database-password',
  'bus password': 'canary-bus-password',
  'cache password': 'canary-cache-password',
};

/** Whatever looks like one of these is a credential, although the test cannot know its value. */
const shapes: Record<string, RegExp> = {
  'a signed token': /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/,
  'a service token': /\b[a-z]+\.[a-z]+:\d{13}:[\w-]{80,}/,
  // As text, as a JWK, and as the bytes that PKCS #8 has for Ed25519 alone.
  'a private key': /PRIVATE KEY|"d":"|\+ep.". /s,
};

/** What describes a person: only in the tables that are there for it. */
const personal = {
  email: 'canary-address@example.com',
  name: 'Canary Name',
  phone: '+49301234567890',
  recipient: 'Canary Recipient',
  street: 'Canary Street 1',
  city: 'Canary City',
  'postal code': 'CANARY 77',
};

let shop: Shop;
let network: Network;
const evidence = collectEvidence();
const { lines, errors, refused } = evidence;

beforeAll(async () => {
  shop = await startShop({
    services: ['platform.user', ...shopServices, 'platform.gateway'],
    settings: {
      'platform.user': {
        SIGNING_KEY_SECRET: secret['signing key secret']!,
        BOOTSTRAP_STAFF_EMAIL: 'staff@example.com',
        BOOTSTRAP_STAFF_PASSWORD: secret['password of the first staff']!,
      },
    },
    ...withPasswords(inject('servers')),
    ...evidence.options,
  });
  secret['webhook secret'] = shop.settings['finance.payment']!.PROVIDER_WEBHOOK_SECRET!;
  network = shop.network;
  const headers = await useAccount();
  await useShop(headers);
  await useProvider(headers);
  await failInside(headers);
  await shop.settle();
});
afterAll(async () => {
  evidence.stop();
  await shop.stop();
});

type Headers = { authorization: string };

/** The servers of the tests, which ask for no password, with one in each address. */
function withPasswords({ databaseUrl, natsUrl, redisUrl }: ServerUrls): ServerUrls {
  const put = (address: string, password: string) => {
    const url = new URL(address);
    url.username ||= 'somebody';
    url.password = password;
    return url.toString();
  };
  return {
    databaseUrl: put(databaseUrl, secret['database password']!),
    natsUrl: put(natsUrl, secret['bus password']!),
    redisUrl: put(redisUrl, secret['cache password']!),
  };
}

/** Signs up, in, wrongly, and refreshes; every token becomes a canary. Answers a session that is left open. */
async function useAccount(): Promise<Headers> {
  const users = network.client(UserService, 'platform.gateway');
  const sessions = network.client(SessionService, 'platform.gateway');
  const { email, name, phone } = personal;
  const password = secret.password!;
  const signUp = { requestId: uuidv7(), email, password, name, phone };
  await users.createUser(signUp);
  await refused(users.createUser({ ...signUp, requestId: uuidv7() }));
  await refused(users.createUser({ ...signUp, requestId: uuidv7(), phone: `${phone}x` }));
  await refused(users.createUser({ ...signUp, email: `${email} <` }));
  const signIn = { requestId: uuidv7(), email, password };
  const wrong = { ...signIn, requestId: uuidv7(), password: secret['wrong password']! };
  await refused(sessions.authenticate(wrong));
  const { tokens: first } = await sessions.authenticate(signIn);
  const refresh = { requestId: uuidv7(), refreshToken: first!.refreshToken };
  const { tokens: next } = await sessions.refreshToken(refresh);
  // A token that was used up, sent anew: the session ends.
  await refused(sessions.refreshToken({ ...refresh, requestId: uuidv7() }));
  await network.settle();
  const change = { currentPassword: password, newPassword: secret['next password']! };
  const { tokens: last } = await sessions.authenticate({ ...signIn, requestId: uuidv7() });
  const headers = { authorization: `Bearer ${last!.accessToken}` };
  const wrongChange = { ...change, requestId: uuidv7(), currentPassword: wrong.password };
  await refused(users.changePassword(wrongChange, { headers }));
  await users.changePassword({ requestId: uuidv7(), ...change }, { headers });
  [first, next, last].forEach((pair, i) => {
    secret[`access token ${i}`] = pair!.accessToken;
    secret[`refresh token ${i}`] = pair!.refreshToken;
  });
  const broken = { authorization: `${headers.authorization}x` };
  await refused(users.getUser({ userId: uuidv7() }, { headers: broken }));
  return headers;
}

function wanted(sku: string, paymentToken: string) {
  const { recipient, street, city } = personal;
  const shippingAddress = {
    recipient,
    lines: [street],
    city,
    postalCode: personal['postal code'],
    countryCode: 'DE',
  };
  return { requestId: uuidv7(), lines: [{ sku, quantity: 1n }], paymentToken, shippingAddress };
}

/** An order that is paid and given back, one that is declined, and requests that are refused. */
async function useShop(headers: Headers): Promise<void> {
  const orders = network.client(OrderService, 'platform.gateway');
  const sku = await shop.stocked(10n);
  const token = secret['payment token']!;
  const paidRequest = wanted(sku, token);
  const { order } = await orders.createOrder(paidRequest, { headers });
  await orders.createOrder(paidRequest, { headers });
  await orders.createOrder(wanted(sku, secret['declined token']!), { headers });
  await refused(orders.createOrder(wanted('no-such-sku', token), { headers }));
  await refused(orders.createOrder({ ...paidRequest, lines: [] }, { headers }));
  await refused(orders.createOrder(wanted(sku, `${token} §`), { headers }));
  await orders.cancelOrder({ requestId: uuidv7(), orderId: order!.orderId }, { headers });
  await shop.settle();
}

/** Money back by staff, a forged event, and a payment that nobody knows. */
async function useProvider(headers: Headers): Promise<void> {
  const payments = network.client(PaymentService, 'platform.gateway');
  const orders = network.client(OrderService, 'platform.gateway');
  const sku = await shop.stocked(1n);
  const paid = await orders.createOrder(wanted(sku, secret['payment token']!), { headers });
  const { paymentId } = paid.order!;
  const refund = { requestId: uuidv7(), paymentId, amountMinor: 1n, reason: 'a scratch' };
  await payments.refundPayment(refund, shop.staff);
  await refused(payments.refundPayment({ ...refund, amountMinor: 2n }, shop.staff));
  const payload = Buffer.from(jsonOf({ email: personal.email, token: paid.order }));
  const forged = { payload, signature: secret['event signature']! };
  await refused(payments.handleProviderEvent(forged));
  await shop.settle();
}

/** Failures that are ours: the driver's errors hold statements and values. */
async function failInside(headers: Headers): Promise<void> {
  const { sql } = network;
  const orders = network.client(OrderService, 'platform.gateway');
  const sku = await shop.stocked(1n);
  const token = secret['token of a failure']!;
  await sql`alter table commerce_order.customer_order rename column address to place`;
  await refused(orders.createOrder(wanted(sku, token), { headers }));
  await sql`alter table commerce_order.customer_order rename column place to address`;
  await sql`alter table finance_payment.payment rename column payment_token to card`;
  await refused(shop.payments().processPayment(shop.asked(token)));
  await sql`alter table finance_payment.payment rename column card to payment_token`;
  const users = network.client(UserService, 'platform.gateway');
  const { email, name, phone } = personal;
  const person = {
    requestId: uuidv7(),
    email: `x${email}`,
    password: secret.password!,
    name,
    phone,
  };
  await sql`alter table platform_user.app_user rename column phone to telephone`;
  await refused(users.createUser(person));
  await sql`alter table platform_user.app_user rename column telephone to phone`;
}

/** The names of the canaries that a text holds. */
function foundIn(text: string): string[] {
  const values = Object.entries({ ...secret, ...personal });
  const known = values.filter(([, value]) => text.includes(value));
  const alike = Object.entries(shapes).filter(([, shape]) => shape.test(text));
  return [...known, ...alike].map(([name]) => name);
}

test('the flows that carry the canaries did run', async () => {
  expect(errors.length).toBeGreaterThan(12);
  expect(errors.filter((text) => text.includes('"internal"'))).toHaveLength(3);
  const rows =
    await network.sql`select status, count(*)::integer from commerce_order.customer_order group by 1`;
  expect(Object.fromEntries(rows.map(({ status, count }) => [status, count]))).toEqual({
    CANCELLED: 2,
    PAID: 1,
  });
});

test('no log line of any service holds one, at any level', () => {
  const text = lines.join('\n');
  for (const service of ['platform.user', ...shopServices, 'platform.gateway']) {
    expect(text).toContain(`"service":"${service}"`);
  }
  expect(text).toContain('rpc.failed');
  expect(foundIn(text)).toEqual([]);
});

test('no span holds one', () => {
  const spans = evidence.spans();
  const names = spans.map(({ name }) => name);
  expect(names).toContain('/commerce.order.v1.OrderService/CreateOrder');
  expect(foundIn(spans.map(({ text }) => text).join('\n'))).toEqual([]);
});

test('no error tells a caller one', () => {
  expect(foundIn(errors.join('\n'))).toEqual([]);
});

test('no message on the bus holds one, dead letters included', async () => {
  const messages = await messagesOf(network);
  for (const { type, text } of messages) expect(foundIn(text), type).toEqual([]);
  expect(messages.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['OrderChanged', 'PaymentChanged', 'StockChanged', 'UserCreated']),
  );
});

/** Tables that are there for what describes a person. The provider's own books are not ours. */
const homes: Record<string, (keyof typeof personal)[]> = {
  'platform_user.app_user': ['email', 'name', 'phone'],
  'commerce_order.customer_order': ['recipient', 'street', 'city', 'postal code'],
  // The answer of CreateOrder shows the order as its table does, to the person whose it is.
  'commerce_order.request_log': ['recipient', 'street', 'city', 'postal code'],
};

test('no table holds one but those that are there for it, the log of requests included', async () => {
  for (const [table, text] of await tablesWith(network.sql, /^(?!sandbox_provider\.)/)) {
    const strangers = foundIn(text).filter((name) => !homes[table]?.includes(name as never));
    expect(strangers, table).toEqual([]);
  }
});
