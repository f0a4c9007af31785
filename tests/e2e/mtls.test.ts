import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import type { DescService } from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import type { TlsFiles } from '#kit/identity/tls-files.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Client, createClient } from '#kit/rpc/client/client.ts';
import { createChannel } from '#kit/rpc/client/wire-channel.ts';
import { engineLimits } from '#kit/rpc/engine-limits.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { serviceTokenHeader } from '#kit/rpc/server/interceptors/identity.ts';
import { createAuthority, createTlsSource } from '#kit/testing/certificates.ts';
import { eventually, failure, patient } from '#kit/testing/echo-fixture.ts';
import { placements } from '#tools/mesh/placements.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

describe.each(placements)('a mesh with certificates, placement %s', (placement) => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startTestMesh(placement, { mtls: true });
  });
  afterAll(() => mesh?.stop());

  const door = () =>
    createGrpcTransport({ baseUrl: `http://${mesh.addressOf('platform.gateway')}` });

  /** A client that shows what it is given, or nothing. */
  function clientWith<Service extends DescService>(
    service: Service,
    target: string,
    files: TlsFiles | undefined,
  ): Client<Service> {
    const channel = createChannel({
      target,
      addresses: [mesh.addressOf(target)],
      engine: grpcJsEngine,
      engineOptions: { ...engineLimits, tls: files && createTlsSource(files) },
    });
    onTestFinished(() => channel.close());
    return createClient(service, channel);
  }

  const releaseNothing = () => ({ requestId: uuidv7(), orderId: uuidv7() });

  test('an order goes through, and people are known by their tokens', async () => {
    const sku = await putOnSale(mesh, 2n);
    const shopper = await newShopper(door());
    const order = await shopper.buy(sku, 'tok_visa');
    expect(order.status).toBe(OrderStatus.PAID);
    // Not by the door: the token passes over mTLS as well.
    const products = mesh.client(ProductService, 'commerce.product');
    const product = { title: 'Tea' };
    const asCustomer = products.updateProduct({ requestId: uuidv7(), product }, shopper);
    expect(await failure(asCustomer)).toMatchObject({ code: 'permission_denied' });
  });

  test('who shows no certificate, or one of another authority, gets no answer', async () => {
    const { ca } = mesh.certificates!;
    const stranger = { ...createAuthority().issue('commerce.order'), ca };
    for (const files of [undefined, stranger]) {
      const inventory = clientWith(InventoryService, 'commerce.inventory', files);
      const error = await failure(inventory.getStock({ sku: 'X' }, patient));
      expect(error).toMatchObject({ code: 'unavailable', notProcessed: true });
    }
  });

  test('a service may call what the contract grants it, and another one may not', async () => {
    const granted = mesh.client(InventoryService, 'commerce.inventory', {
      service: 'commerce.order',
    });
    await granted.releaseStock(releaseNothing(), patient);
    for (const service of ['commerce.product', undefined]) {
      const other = mesh.client(InventoryService, 'commerce.inventory', service ? { service } : {});
      expect(await failure(other.releaseStock(releaseNothing(), patient))).toMatchObject({
        code: 'permission_denied',
        reason: 'CALLER_NOT_ALLOWED',
      });
    }
  });

  test('a service token is refused', async () => {
    const operator = mesh.client(InventoryService, 'commerce.inventory');
    const headers = { [serviceTokenHeader]: 'commerce.order:9999999999999:c2lnbmF0dXJl' };
    const release = operator.releaseStock(releaseNothing(), { ...patient, headers });
    expect(await failure(release)).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
  });

  /** The serial number of the certificate that a service shows to a new connection. */
  async function serialOf(service: string): Promise<string> {
    const [host, port] = mesh.addressOf(service).split(':');
    const { certificate: cert, key, ca } = mesh.certificates!.sourceOf(undefined).current();
    const socket = connect({ host, port: Number(port), cert, key, ca, ALPNProtocols: ['h2'] });
    await new Promise((resolve, reject) => {
      socket.on('secureConnect', resolve);
      socket.on('error', reject);
    });
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  test('all certificates are renewed under load, and no call fails', async () => {
    const sku = await putOnSale(mesh, 1_000n);
    const shopper = await newShopper(door());
    const inventory = mesh.client(InventoryService, 'commerce.inventory');
    const failures: unknown[] = [];
    let calls = 0;
    let isOver = false;
    onTestFinished(() => {
      isOver = true;
    });
    async function repeat(call: () => Promise<unknown>): Promise<void> {
      while (!isOver) {
        await call().catch((error) => failures.push(error));
        calls += 1;
      }
    }
    const buy = async () => {
      expect((await shopper.buy(sku, 'tok_visa')).status).toBe(OrderStatus.PAID);
    };
    const look = () => inventory.getStock({ sku }, patient);
    const load = [buy, buy, look, look].map(repeat);

    const services = ['commerce.order', 'commerce.inventory', 'platform.user', 'finance.payment'];
    const serials = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      const before = calls;
      mesh.certificates!.renew();
      for (const service of services) {
        const written = readFileSync(mesh.certificates!.pathsOf(service).certificate);
        const { serialNumber } = new X509Certificate(written);
        await eventually(() => serialOf(service)).toBe(serialNumber);
        serials.add(serialNumber);
      }
      await eventually(() => calls).toBeGreaterThan(before + 40);
    }
    isOver = true;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(serials.size).toBe(5 * services.length);
  });
});
