import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#kit/testing/echo-fixture.ts';
import { serviceContracts } from '#services/contracts.ts';
import { placements } from '#tools/mesh/placements.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

/** The samples of a process: "name{labels}" and value. */
async function samplesAt(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The values of one label among all samples. */
function valuesOf(label: string, samples: Map<string, number>): Set<string> {
  const pattern = new RegExp(`[{,]${label}="([^"]*)"`);
  return new Set([...samples.keys()].flatMap((name) => pattern.exec(name)?.[1] ?? []));
}

/** Its status codes, and the buckets of its time, as server and as client: what no request can make more of. */
const samplesPerMethodMax = 40;

describe.each(placements)('placement %s', (placement) => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startTestMesh(placement);
  });
  afterAll(() => mesh?.stop());

  const metricsOf = (service: string) => mesh.metricsUrls[mesh.processOf(service)]!;

  /** The samples of the process of a service: "name{labels}" and value. */
  const samplesOf = (service: string) => samplesAt(metricsOf(service));

  test('after orders each process shows what it did, by method and status', async () => {
    const sku = await putOnSale(mesh, 1n);
    const door = createGrpcTransport({ baseUrl: `http://${mesh.addressOf('platform.gateway')}` });
    const shopper = await newShopper(door);
    await shopper.buy(sku, 'tok_visa');
    await shopper.buy(sku, 'tok_visa');
    await expect(shopper.orders.getOrder({ orderId: 'x' }, shopper)).rejects.toThrow();

    const orders = await samplesOf('commerce.order');
    const order = 'service="commerce.order.v1.OrderService",method="CreateOrder"';
    // At least: on a busy machine a call is tried again, and a payment that takes long is asked for again.
    expect(orders.get(`rpc_server_calls_total{${order},code="ok"}`)).toBeGreaterThanOrEqual(2);
    expect(orders.get(`rpc_server_seconds_count{${order}}`)).toBeGreaterThanOrEqual(2);
    const pay = 'service="finance.payment.v1.PaymentService",method="BatchProcessPayments"';
    expect(orders.get(`rpc_client_calls_total{${pay},code="ok"}`)).toBeGreaterThanOrEqual(1);
    expect(orders.get(`rpc_client_seconds_count{${pay}}`)).toBeGreaterThanOrEqual(1);

    const payments = await samplesOf('finance.payment');
    expect(payments.get(`rpc_server_calls_total{${pay},code="ok"}`)).toBeGreaterThanOrEqual(1);
    const gateway = await samplesOf('platform.gateway');
    expect(gateway.get(`rpc_client_calls_total{${order},code="ok"}`)).toBe(2);
    // What is no request of the contract comes no further than the door.
    const refused = 'service="commerce.order.v1.OrderService",method="GetOrder"';
    expect(gateway.get(`rpc_server_calls_total{${refused},code="invalid_argument"}`)).toBe(1);
    expect(gateway.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  test('events are counted where they leave and where they arrive, and what waits is shown', async () => {
    const published =
      'bus_events_total{service="commerce.order",direction="published",outcome="ok"}';
    const consumed =
      'bus_events_total{service="platform.notification",direction="consumed",outcome="ok"}';
    await eventually(async () =>
      (await samplesOf('commerce.order')).get(published),
    ).toBeGreaterThan(3);
    await eventually(async () =>
      (await samplesOf('platform.notification')).get(consumed),
    ).toBeGreaterThan(3);
    await eventually(async () =>
      (await samplesOf('commerce.order')).get('outbox_oldest_seconds{service="commerce.order"}'),
    ).toBe(0);
    const orders = await samplesOf('commerce.order');
    const sagas = 'queue_waiting{service="commerce.order",queue="job commerce.order.recovery"}';
    expect(orders.get(sagas)).toBe(0);
    const consumer = 'queue_waiting{service="platform.notification",queue="consumer orders"}';
    expect((await samplesOf('platform.notification')).get(consumer)).toBeTypeOf('number');
    expect(orders.get('dead_letters{service="commerce.order"}')).toBe(0);
    expect(orders.get('work_waiting{work="commerce.order.price"}')).toBe(0);
    const pool = 'service="commerce.order",use="transactions"';
    // The only one may be at work for a job just now.
    await eventually(async () =>
      (await samplesOf('commerce.order')).get(`database_connections{${pool},state="idle"}`),
    ).toBeGreaterThan(0);
    expect(orders.get(`database_waiting{${pool}}`)).toBe(0);
    expect(orders.get('rpc_server_in_flight{service="commerce.order",kind="call"}')).toBe(0);
  });

  test('labels name what the contract names, and nothing that a request says', async () => {
    const made = await fetch(`http://${mesh.addressOf('platform.gateway')}/made.up.v1.Thing/Do`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(made.status).toBe(404);
    const contracts = serviceContracts.flatMap(({ contracts }) => contracts);
    const methods = contracts.flatMap((contract) => contract.methods);
    const known = new Set([
      ...serviceContracts.map(({ name }) => name),
      ...contracts.map(({ typeName }) => typeName),
      'platform.ops.v1.OpsService',
      'grpc.health.v1.Health',
    ]);
    for (const url of Object.values(mesh.metricsUrls)) {
      const samples = await samplesAt(url);
      const services = valuesOf('service', samples);
      expect(services.size).toBeGreaterThan(0);
      expect([...services].filter((name) => !known.has(name))).toEqual([]);
      expect(samples.size).toBeLessThan(methods.length * samplesPerMethodMax);
    }
  });

  test('a process is healthy while its services take calls', async () => {
    for (const url of Object.values(mesh.metricsUrls)) {
      await eventually(async () => (await fetch(`${url}/healthz`)).status).toBe(200);
    }
    const health = await fetch(`${metricsOf('finance.payment')}/healthz`);
    expect(await health.json()).toMatchObject({ 'finance.payment': true });
  });

  const serverNamed = (wanted: string) => mesh.servers.managed.find(({ name }) => name === wanted)!;
  const healthOf = async (service: string) => (await fetch(`${metricsOf(service)}/healthz`)).status;

  test('while the bus is away the age of what waits for it grows, and health says so', async () => {
    const sku = await putOnSale(mesh, 1n);
    const door = createGrpcTransport({ baseUrl: `http://${mesh.addressOf('platform.gateway')}` });
    const shopper = await newShopper(door);
    const nats = serverNamed('nats');
    await nats.kill('SIGKILL');
    await shopper.buy(sku, 'tok_visa');
    const age = async () =>
      (await samplesOf('commerce.order')).get('outbox_oldest_seconds{service="commerce.order"}') ??
      0;
    await eventually(age).toBeGreaterThan(0);
    const first = await age();
    await eventually(age).toBeGreaterThan(first + 0.1);
    await eventually(() => healthOf('commerce.order')).toBe(503);
    await nats.start();
    await eventually(age).toBe(0);
    await eventually(() => healthOf('commerce.order')).toBe(200);
  });

  test('while the database is away what cannot be known is left out', async () => {
    const gauges = async () =>
      [...(await samplesOf('finance.payment')).keys()].filter((name) =>
        /^(outbox_oldest_seconds|queue_waiting)\{service="finance\.payment"/.test(name),
      );
    const all = await gauges();
    expect(all).toContain('outbox_oldest_seconds{service="finance.payment"}');
    const postgres = serverNamed('postgres');
    await postgres.kill('SIGKILL');
    // The bus still tells of the consumers.
    expect((await gauges()).toSorted()).toEqual([
      'queue_waiting{service="finance.payment",queue="consumer ledger"}',
      'queue_waiting{service="finance.payment",queue="revocations"}',
      'queue_waiting{service="finance.payment",queue="work in hand"}',
    ]);
    await postgres.start();
    await eventually(gauges).toEqual(expect.arrayContaining(all));
  });
});
