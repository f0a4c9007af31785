import { type CallOptions, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { CancelReason, OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { NotificationService } from '#gen/platform/notification/v1/notification_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { type Code, codes } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import { freePort } from '#kit/testing/port.ts';
import { placements } from '#tools/mesh/placements.ts';
import { type BadCredential, badCredentials } from '../support/credentials.ts';
import { type Envoy, isEnvoyHere, protocols, startEnvoy } from '../support/envoy.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

type Stranger = (baseUrl: string, localAddress: string) => Transport;

/** Each with addresses of its own, for the services remember them for a minute. */
const strangers: [string, Stranger, [string, string]][] = [
  [
    'gRPC',
    // What http2.connect hands on to net.connect is not in its types.
    (baseUrl, localAddress) =>
      createGrpcTransport({ baseUrl, nodeOptions: { localAddress } as object }),
    ['127.0.0.2', '127.0.0.3'],
  ],
  [
    'gRPC-Web',
    (baseUrl, localAddress) =>
      createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { localAddress } }),
    ['127.0.0.4', '127.0.0.5'],
  ],
];

type Caller = 'nobody' | 'customer' | 'so-called service' | BadCredential;

interface Refused {
  as: Caller;
  what: string;
  code: Code;
  reason?: string;
  call(door: Transport, options: CallOptions): Promise<unknown>;
}

const listOrders: Refused['call'] = (door, options) =>
  createClient(OrderService, door).listOrders({}, options);
const listProducts: Refused['call'] = (door, options) =>
  createClient(ProductService, door).listProducts({}, options);
const releaseStock: Refused['call'] = (door, options) =>
  createClient(InventoryService, door).releaseStock({ requestId, orderId: requestId }, options);

const requestId = uuidv7();
const invalid = { code: 'unauthenticated', reason: 'CREDENTIALS_INVALID' } as const;
const expired = { code: 'unauthenticated', reason: 'CREDENTIALS_EXPIRED' } as const;
const notAllowed = { code: 'permission_denied', reason: 'CALLER_NOT_ALLOWED' } as const;

const refusals: Refused[] = [
  {
    as: 'nobody',
    what: 'a method for persons',
    code: 'unauthenticated',
    reason: 'CREDENTIALS_REQUIRED',
    call: listOrders,
  },
  ...(
    [
      ['malformed', invalid],
      ['of another scheme', invalid],
      ['expired', expired],
      ['just expired', expired],
      ['forged and expired', invalid],
      ['forged', invalid],
      ['signed by a stranger', invalid],
      ['for another audience', invalid],
      ['of another issuer', invalid],
    ] as const
  ).flatMap(([as, answer]) => [
    { as, what: 'a method for persons', ...answer, call: listOrders },
    { as, what: 'a method for everybody', ...answer, call: listProducts },
  ]),
  { as: 'forged', what: 'a method within the mesh', ...invalid, call: releaseStock },
  ...(['nobody', 'customer', 'so-called service'] as const).map((as) => ({
    as,
    what: 'a method within the mesh',
    ...notAllowed,
    call: releaseStock,
  })),
  {
    as: 'customer',
    what: 'a method for staff',
    ...notAllowed,
    call: (door, options) =>
      createClient(InventoryService, door).setStock({ requestId, sku: 'X', onHand: 1n }, options),
  },
  {
    as: 'nobody',
    what: 'a stream for persons',
    code: 'unauthenticated',
    reason: 'CREDENTIALS_REQUIRED',
    async call(door, options) {
      const notifications = createClient(NotificationService, door);
      for await (const _ of notifications.streamNotifications({}, options));
    },
  },
  {
    as: 'customer',
    what: 'an order that is not there',
    code: 'not_found',
    reason: 'ORDER_NOT_FOUND',
    call: (door, options) =>
      createClient(OrderService, door).getOrder({ orderId: requestId }, options),
  },
  {
    as: 'customer',
    what: 'an invalid field',
    code: 'invalid_argument',
    reason: 'FIELD_INVALID',
    call: (door, options) => createClient(OrderService, door).getOrder({ orderId: 'x' }, options),
  },
  ...(['nobody', 'customer', 'malformed'] as const).map((as) => ({
    as,
    what: 'a method that does not exist',
    code: 'unimplemented' as const,
    call(door: Transport, { headers }: CallOptions) {
      const method = { ...OrderService.method.getOrder, name: 'Forget' };
      return door.unary(method, undefined, undefined, headers, {});
    },
  })),
];

/** All that a caller learns; of the headers what is not the door's own business. */
async function refusalOf(call: Promise<unknown>) {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  if (failure === undefined) throw new Error('not refused');
  const { code, rawMessage, details, metadata } = failure;
  const names = [...metadata.keys()].filter((name) => !ofTheDoor.has(name));
  const [info] = failure.findDetails(ErrorInfoSchema);
  return { code, rawMessage, reason: info?.reason, details, names };
}

const ofTheDoor = new Set([
  ...['date', 'server', 'x-envoy-upstream-service-time', 'connection', 'keep-alive'],
  ...['content-type', 'content-length', 'transfer-encoding', 'vary', 'grpc-encoding'],
  // Read already; as headers or as trailers, in plain text or not.
  ...['accept-encoding', 'grpc-status', 'grpc-message', 'grpc-status-details-bin'],
]);

describe.runIf(isEnvoyHere).each(placements)('behind Envoy, placement %s', (placement) => {
  let mesh: TestMesh;
  let envoy: Envoy;
  beforeAll(async () => {
    mesh = await startTestMesh(placement, { env: { MESHWORK_TRUSTED_PROXIES: '127.0.0.1' } });
    envoy = (await startEnvoy(mesh, 'https://shop\\.example'))!;
  });
  afterAll(async () => {
    await envoy?.stop();
    await mesh?.stop();
  });

  const gateway = () => `http://${mesh.addressOf('platform.gateway')}`;

  test.each(protocols)(
    'a customer signs up and buys as at the gateway, over %s',
    async (_, open) => {
      const bought = [];
      for (const url of [gateway(), envoy.url]) {
        const sku = await putOnSale(mesh, 1n);
        const shopper = await newShopper(open(url));
        const requestId = uuidv7();
        const order = await shopper.buy(sku, 'tok_visa', requestId);
        expect(await shopper.buy(sku, 'tok_visa', requestId)).toEqual(order);
        for (const door of [gateway(), envoy.url]) {
          const { orderId } = order;
          const orders = createClient(OrderService, open(door));
          expect((await orders.getOrder({ orderId }, shopper)).order).toEqual(order);
        }
        const second = await shopper.buy(sku, 'tok_visa');
        const { status, total } = order;
        bought.push({ status, total, secondEnded: second.cancelReason });
      }
      expect(bought[1]).toEqual(bought[0]);
      const secondEnded = CancelReason.OUT_OF_STOCK;
      expect(bought[0]).toMatchObject({ status: OrderStatus.PAID, secondEnded });
    },
  );

  describe.each(protocols)('refuses as the gateway does, over %s', (_, open) => {
    let headers: Record<string, Record<string, string>>;
    beforeAll(async () => {
      const { headers: customer } = await newShopper(open(gateway()));
      const service = { 'x-meshwork-service': 'commerce.order' };
      headers = {
        nobody: {},
        customer,
        'so-called service': service,
        ...(await badCredentials(mesh)),
      };
    });

    test.each(refusals)('$as: $what', async ({ as, call, code, reason }) => {
      const answers = [];
      for (const url of [gateway(), envoy.url]) {
        answers.push(await refusalOf(call(open(url), { headers: headers[as] })));
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[0]).toMatchObject({ code: codes[code], reason });
    });
  });

  // Only Linux has all of 127.0.0.0/8 without being asked.
  test.runIf(process.platform === 'linux').each(strangers)(
    'a stranger has a limit of his own, whoever he says he is, over %s',
    async (_, open, [first, second]) => {
      const from = (address: string) => {
        const users = createClient(UserService, open(envoy.url, address));
        // Whoever is over the limit is told that first, and is told nothing of the request.
        return (forged: string) =>
          refusalOf(users.createUser({}, { headers: { 'x-forwarded-for': forged } }));
      };
      const [callFirst, callSecond] = [from(first), from(second)];
      const reasons = [];
      // The contract allows 20 a minute.
      for (let call = 0; call < 10; call += 1) {
        for (const forged of [second, '127.0.0.1', `${second}, 127.0.0.1`, 'nonsense']) {
          reasons.push((await callFirst(forged)).reason);
        }
      }
      expect(reasons[0]).toBe('FIELD_INVALID');
      expect(reasons.at(-1)).toBe('RATE_LIMITED');
      expect((await callSecond(first)).reason).toBe('FIELD_INVALID');
    },
  );

  test('no token is called bad while Envoy has no keys', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    const addressOf = (service: string) =>
      service === 'platform.gateway' ? nowhere : mesh.addressOf(service);
    const keyless = (await startEnvoy({ ...mesh, addressOf }, '.*'))!;
    onTestFinished(() => keyless.stop());
    for (const [, open] of protocols) {
      const { headers } = await newShopper(open(gateway()));
      const refusal = await refusalOf(listOrders(open(keyless.url), { headers }));
      expect(refusal.code).toBe(codes.unavailable);
    }
  });

  test('a page may read why it was refused', async () => {
    const answer = await fetch(`${envoy.url}/commerce.order.v1.OrderService/ListOrders`, {
      method: 'POST',
      headers: {
        origin: 'https://shop.example',
        authorization: 'Bearer not.a.token',
        'content-type': 'application/grpc-web+proto',
      },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(answer.headers.get('access-control-expose-headers')).toContain(
      'grpc-status-details-bin',
    );
    expect(answer.headers.get('grpc-status')).toBe(String(codes.unauthenticated));
  });

  test('only the shop’s own pages may read the answers', async () => {
    const preflight = async (origin: string) => {
      const answer = await fetch(`${envoy.url}/commerce.order.v1.OrderService/ListOrders`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      return answer.headers.get('access-control-allow-origin');
    };
    expect(await preflight('https://shop.example')).toBe('https://shop.example');
    expect(await preflight('https://evil.example')).toBeNull();
  });
});
