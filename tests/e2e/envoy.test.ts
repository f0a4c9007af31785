import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { CancelReason, OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { findPeer } from '#tools/peers.ts';
import { type Envoy, startEnvoy } from '../support/envoy.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

// In CI findPeer throws where there is no Envoy, so this suite is left out on users' machines only.
const isHere = (await findPeer('envoy')) !== undefined;

describe.runIf(isHere)('behind Envoy', () => {
  let mesh: TestMesh;
  let envoy: Envoy;
  beforeAll(async () => {
    mesh = await startTestMesh('domain');
    envoy = (await startEnvoy(mesh, 'https://shop\\.example'))!;
  });
  afterAll(async () => {
    await envoy?.stop();
    await mesh?.stop();
  });

  const viaEnvoy = () => createGrpcWebTransport({ baseUrl: envoy.url, httpVersion: '1.1' });
  const viaGateway = () =>
    createGrpcWebTransport({
      baseUrl: `http://${mesh.addressOf('platform.gateway')}`,
      httpVersion: '1.1',
    });

  test('a browser signs up and buys, and the gateway says the same of the order', async () => {
    const sku = await putOnSale(mesh, 1n);
    const shopper = await newShopper(viaEnvoy());
    const requestId = uuidv7();
    const order = await shopper.buy(sku, 'tok_visa', requestId);
    expect(order.status).toBe(OrderStatus.PAID);
    const { headers } = shopper;
    const orders = createClient(OrderService, viaGateway());
    const { orderId } = order;
    expect((await orders.getOrder({ orderId }, { headers })).order).toEqual(order);
    expect(await shopper.buy(sku, 'tok_visa')).toMatchObject({
      cancelReason: CancelReason.OUT_OF_STOCK,
    });
  });

  test('refusals come through with their reasons, over gRPC-Web and gRPC', async () => {
    for (const door of [viaEnvoy(), createGrpcTransport({ baseUrl: envoy.url })]) {
      const shopper = await newShopper(door);
      const unknown = shopper.orders.getOrder({ orderId: uuidv7() }, { headers: shopper.headers });
      const failure = await unknown.catch((error) => error);
      expect(failure.code).toBe(Code.NotFound);
      expect(failure.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'ORDER_NOT_FOUND' });
    }
  });

  test('nobody gets in without a token, nor with one that Envoy cannot check', async () => {
    const orders = createClient(OrderService, viaEnvoy());
    await expect(orders.listOrders({})).rejects.toMatchObject({ code: Code.Unauthenticated });
    const headers = { authorization: 'Bearer not.a.token' };
    await expect(orders.listOrders({}, { headers })).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
  });

  test('what is internal has no way in, whoever one says one is', async () => {
    const inventory = createClient(InventoryService, viaEnvoy());
    const request = { requestId: uuidv7(), orderId: uuidv7() };
    const headers = { 'x-meshwork-service': 'commerce.order' };
    await expect(inventory.releaseStock(request, { headers })).rejects.toMatchObject({
      code: Code.Unimplemented,
    });
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
