import { randomBytes } from 'node:crypto';
import { createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type CollectedSpan, type Collector, startCollector } from '#kit/testing/collector.ts';
import { eventually } from '#kit/testing/echo-fixture.ts';
import { placements } from '#tools/mesh/placements.ts';
import { signInAsStaff } from '#tools/seed/seed.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

describe.each(placements)('placement %s', (placement) => {
  let collector: Collector;
  let mesh: TestMesh;
  beforeAll(async () => {
    collector = await startCollector();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    mesh = await startTestMesh(placement, { env });
  });
  afterAll(async () => {
    await mesh?.stop();
    collector?.close();
  });

  /** The public door; each call through it carries these headers. */
  function door(headers: Record<string, string> = {}): Transport {
    const withHeaders: Interceptor = (next) => (request) => {
      for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
      return next(request);
    };
    const baseUrl = `http://${mesh.addressOf('platform.gateway')}`;
    return createGrpcTransport({ baseUrl, interceptors: [withHeaders] });
  }

  /** A trace that a caller begins: the header that says so, and its spans as they are collected. */
  function beginTrace() {
    const traceId = randomBytes(16).toString('hex');
    const spanId = randomBytes(8).toString('hex');
    const spans = () => collector.spans.filter((span) => span.traceId === traceId);
    return {
      headers: { traceparent: `00-${traceId}-${spanId}-01` },
      spans,
      /** Each span as the way to it, from the caller's on. */
      ways: () => spans().map((span) => wayTo(span, spans(), spanId)),
    };
  }

  /** A span as it is told here. */
  const at = (service: string, name: string) => `${mesh.processOf(service)} ${name}`;

  function wayTo(span: CollectedSpan, all: readonly CollectedSpan[], rootId: string): string[] {
    const own = `${span.process} ${span.name}`;
    if (span.parentSpanId === rootId) return [own];
    const parent = all.find(({ spanId }) => spanId === span.parentSpanId);
    return parent === undefined ? ['nobody', own] : [...wayTo(parent, all, rootId), own];
  }

  test('a call through the door, the service behind it and the consumers of its events are one trace', async () => {
    const { headers: staff } = await signInAsStaff(mesh);
    const { headers, spans, ways } = beginTrace();
    const variants = [
      { sku: `E2E-${uuidv7()}`, unitPrice: { currencyCode: 'EUR', amountMinor: 1n } },
    ];
    const product = { title: 'Tea', category: 'food/tea', brand: 'b', variants };
    const products = createClient(ProductService, door(headers));
    await products.createProduct({ requestId: uuidv7(), product }, { headers: staff });
    const call = '/commerce.product.v1.ProductService/CreateProduct';
    const way = [
      at('platform.gateway', call),
      at('platform.gateway', call),
      at('commerce.product', call),
    ];
    const event = at('commerce.product', 'commerce.product.v1.ProductChanged');
    const entry = at('platform.audit', 'platform.audit.v1.EntriesMade');
    const all = [way.slice(0, 1), way.slice(0, 2), way, [...way, event], [...way, entry]];
    await eventually(ways).toEqual(expect.arrayContaining(all));
    expect(ways().flat()).not.toContain('nobody');
    expect(
      spans()
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual([2, 2, 3, 5, 5]);
  });

  test('one order is one trace, from the door to what its buyer is told', async () => {
    const sku = await putOnSale(mesh, 1n);
    const { headers, ways } = beginTrace();
    const shopper = await newShopper(door(headers));
    await shopper.buy(sku, 'tok_visa');
    const call = '/commerce.order.v1.OrderService/CreateOrder';
    const order = [
      at('platform.gateway', call),
      at('platform.gateway', call),
      at('commerce.order', call),
    ];
    const to = (service: string, method: string) => [
      ...order,
      at('commerce.order', method),
      at(service, method),
    ];
    const inventory = '/commerce.inventory.v1.InventoryService';
    const reserve = to('commerce.inventory', `${inventory}/BatchReserveStock`);
    const commit = to('commerce.inventory', `${inventory}/BatchCommitReservations`);
    const pay = to('finance.payment', '/finance.payment.v1.PaymentService/BatchProcessPayments');
    const expected = [
      to('commerce.product', '/commerce.product.v1.ProductService/BatchGetVariants'),
      reserve,
      pay,
      commit,
      [...order, at('platform.notification', 'commerce.order.v1.OrderChanged')],
      [...reserve, at('commerce.product', 'commerce.inventory.v1.StockChanged')],
    ];
    await eventually(ways).toEqual(expect.arrayContaining(expected));
    expect(ways().flat()).not.toContain('nobody');
  });

  test('what people and cards are called is in no span', async () => {
    const sku = await putOnSale(mesh, 2n);
    const shopper = await newShopper(door());
    const { shippingAddress } = await shopper.buy(sku, 'tok_visa');
    await shopper.buy(sku, 'tok_expired_card');
    const calls = [
      'CreateUser',
      'Authenticate',
      'CreateOrder',
      'BatchProcessPayments',
      'OrderChanged',
    ];
    for (const call of calls) await eventually(() => collector.text()).toContain(call);
    const { recipient, lines, city } = shippingAddress!;
    const token = shopper.headers.authorization.slice('Bearer '.length);
    const values = [
      recipient,
      lines[0]!,
      city,
      token,
      'tok_visa',
      'tok_expired_card',
      '@example.com',
    ];
    const text = collector.text();
    expect([...values, 'correct horse'].filter((value) => text.includes(value))).toEqual([]);
  });
});
