import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService, ReservationState } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';

let network: Network;
let staff: Person;

beforeAll(async () => {
  network = await startNetwork(['commerce.inventory']);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

const client = (service = 'commerce.order') =>
  network.client(InventoryService, 'commerce.inventory', { service });

async function stocked(onHand: bigint): Promise<string> {
  const sku = `SKU-${uuidv7()}`;
  const request = { requestId: uuidv7(), sku, onHand };
  await network
    .client(InventoryService, 'commerce.inventory')
    .setStock(request, { headers: staff.headers });
  return sku;
}

const reserveRequest = (sku: string, quantity = 1n) => ({
  requestId: uuidv7(),
  orderId: uuidv7(),
  lines: [{ sku, quantity }],
});

async function stockOf(sku: string) {
  const { stock } = await client().getStock({ sku });
  return { onHand: stock!.onHand, reserved: stock!.reserved, available: stock!.available };
}

describe('a reservation', () => {
  test('holds all lines or none', async () => {
    const plenty = await stocked(10n);
    const scarce = await stocked(1n);
    const request = {
      requestId: uuidv7(),
      orderId: uuidv7(),
      lines: [
        { sku: plenty, quantity: 2n },
        { sku: scarce, quantity: 2n },
      ],
    };
    await expect(client().reserveStock(request)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'INSUFFICIENT_STOCK',
      metadata: { sku: scarce, requested: '2', available: '1' },
    });
    expect(await stockOf(plenty)).toEqual({ onHand: 10n, reserved: 0n, available: 10n });
  });

  test('adds up lines that name one SKU before the check', async () => {
    const sku = await stocked(3n);
    const lines = [
      { sku, quantity: 2n },
      { sku, quantity: 2n },
    ];
    const request = { requestId: uuidv7(), orderId: uuidv7(), lines };
    await expect(client().reserveStock(request)).rejects.toMatchObject({
      reason: 'INSUFFICIENT_STOCK',
    });
  });

  test('asked for again with the same request gives the first answer, byte for byte', async () => {
    const sku = await stocked(100n);
    const request = reserveRequest(sku, 3n);
    const inventory = client();
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => inventory.reserveStock(request)),
    );
    expect(new Set(answers.map((answer) => answer.reservation!.expireTime!.nanos)).size).toBe(1);
    expect(await stockOf(sku)).toMatchObject({ reserved: 3n });
  });

  test('asked for with another body under the same request id is refused', async () => {
    const sku = await stocked(100n);
    const request = reserveRequest(sku, 3n);
    await client().reserveStock(request);
    const other = { ...request, lines: [{ sku, quantity: 4n }] };
    await expect(client().reserveStock(other)).rejects.toMatchObject({
      code: 'already_exists',
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('is sold by commit, given back by release, and by the clock', async () => {
    const sku = await stocked(10n);
    const [sold, released, forgotten] = [1n, 2n, 3n].map((units) => reserveRequest(sku, units));
    for (const request of [sold!, released!, forgotten!]) await client().reserveStock(request);
    expect(await stockOf(sku)).toEqual({ onHand: 10n, reserved: 6n, available: 4n });

    await client().commitReservation({ requestId: uuidv7(), orderId: sold!.orderId });
    await client().releaseStock({ requestId: uuidv7(), orderId: released!.orderId });
    network.clock.advance({ minutes: 16 });
    await network.settle();
    expect(await stockOf(sku)).toEqual({ onHand: 9n, reserved: 0n, available: 9n });

    const late = { requestId: uuidv7(), orderId: forgotten!.orderId };
    await expect(client().commitReservation(late)).rejects.toMatchObject({
      reason: 'RESERVATION_NOT_ACTIVE',
      metadata: { state: 'EXPIRED' },
    });
  });

  test('that arrives after its own release finds the door closed', async () => {
    const sku = await stocked(10n);
    const request = reserveRequest(sku);
    const { reservation } = await client().releaseStock({
      requestId: uuidv7(),
      orderId: request.orderId,
    });
    expect(reservation!.state).toBe(ReservationState.RELEASED);
    await expect(client().reserveStock(request)).rejects.toMatchObject({
      reason: 'RESERVATION_NOT_ACTIVE',
    });
  });
});

test('a watcher sees the present stock and then each newer one', async () => {
  const sku = await stocked(5n);
  const seen: bigint[] = [];
  for await (const { stock } of client().watchStock({ skus: [sku] })) {
    seen.push(stock!.available);
    if (seen.length === 1) await client().reserveStock(reserveRequest(sku, 2n));
    if (stock!.available === 3n) break;
  }
  expect(seen).toEqual([5n, 3n]);
});
