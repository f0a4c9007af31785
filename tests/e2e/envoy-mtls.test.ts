import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { codes } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import { eventually } from '#kit/testing/echo-fixture.ts';
import { placements } from '#tools/mesh/placements.ts';
import { type Envoy, isEnvoyHere, protocols, startEnvoy } from '../support/envoy.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

describe.runIf(isEnvoyHere).each(placements)(
  'behind Envoy, a mesh with certificates, placement %s',
  (placement) => {
    let mesh: TestMesh;
    let envoy: Envoy;
    beforeAll(async () => {
      const env = { MESHWORK_TRUSTED_PROXIES: '127.0.0.1' };
      mesh = await startTestMesh(placement, { mtls: true, env });
      envoy = (await startEnvoy(mesh, '.*'))!;
    });
    afterAll(async () => {
      await envoy?.stop();
      await mesh?.stop();
    });

    async function buysOne(door: Transport): Promise<void> {
      const sku = await putOnSale(mesh, 1n);
      const shopper = await newShopper(door);
      expect((await shopper.buy(sku, 'tok_visa')).status).toBe(OrderStatus.PAID);
    }

    test.each(protocols)('a customer signs up and buys, over %s', (_, open) =>
      buysOne(open(envoy.url)),
    );

    test('nobody becomes a service by coming through it', async () => {
      const inventory = createClient(InventoryService, createGrpcTransport({ baseUrl: envoy.url }));
      const release = inventory.releaseStock({ requestId: uuidv7(), orderId: uuidv7() });
      await expect(release).rejects.toMatchObject({ code: codes.permission_denied });
    });

    /** Of the certificates that Envoy shows and trusts, the serial numbers. */
    async function serialsOf({ adminUrl }: Envoy): Promise<string[]> {
      const answer = await fetch(`${adminUrl}/certs`);
      const { certificates } = (await answer.json()) as {
        certificates: { cert_chain?: { serial_number: string }[] }[];
      };
      return certificates.flatMap(({ cert_chain: chain = [] }) =>
        chain.map((c) => c.serial_number),
      );
    }

    test('takes new certificates as they come', async () => {
      const before = await serialsOf(envoy);
      expect(before.length).toBeGreaterThan(0);
      mesh.certificates!.renew();
      await eventually(async () => {
        const serials = await serialsOf(envoy);
        return serials.some((serial) => before.includes(serial));
      }).toBe(false);
      await buysOne(createGrpcTransport({ baseUrl: envoy.url }));
    });

    test('sends nothing to who shows another name', async () => {
      const addressOf = (service: string) =>
        mesh.addressOf(service === 'platform.user' ? 'commerce.order' : service);
      const misled = (await startEnvoy({ ...mesh, addressOf }, '.*'))!;
      const customer = newShopper(createGrpcTransport({ baseUrl: misled.url }));
      await expect(customer).rejects.toMatchObject({ code: codes.unavailable });
      await misled.stop();
    });
  },
);
