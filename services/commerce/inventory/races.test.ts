import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ReservationState } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { tally, times } from '#kit/testing/crowd.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { meetAt, meetInCrowd } from '#kit/testing/meet.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { newSku, reserveRequest, stockOf } from './testing.ts';

let network: Network;
let second: Network;
/** The same service in two processes. */
let processes: ReturnType<typeof stockOf>[];
let disarm = () => {};

beforeAll(async () => {
  network = await startNetwork(['commerce.inventory']);
  second = await startNetwork(['commerce.inventory'], { joins: network });
  const staff = await network.person({ roles: ['staff'] });
  processes = [network, second].map((each) => stockOf(each, staff));
});
afterEach(() => disarm());
afterAll(async () => {
  await second.stop();
  await network.stop();
});

const at = (i: number) => processes[i % processes.length]!;

async function stocked(onHand: bigint): Promise<string> {
  const sku = newSku();
  await at(0).set(sku, onHand);
  return sku;
}

const atCommit = () => ({ point: 'commerce.inventory.before-commit', sql: network.sql });

/** From so many down to nothing. */
function countdown(from: number): bigint[] {
  return Array.from({ length: from + 1 }, (_, i) => BigInt(from - i));
}

describe('two processes', () => {
  test('sell a hot SKU together to exactly as many as there are units', async () => {
    const sku = await stocked(30n);
    const results = await times(100, (i) => at(i).order.reserveStock(reserveRequest(sku)));
    expect(tally(results)).toEqual({ done: 30, INSUFFICIENT_STOCK: 70 });
    expect(await at(0).read(sku)).toEqual({ onHand: 30n, reserved: 30n, available: 0n });
  });

  test('sell the last unit to one of 50 buyers, whom both have before either commits', async () => {
    const sku = await stocked(1n);
    const results = await meetInCrowd(atCommit(), 50, (i) =>
      at(i).order.reserveStock(reserveRequest(sku)),
    );
    expect(tally(results)).toEqual({ done: 1, INSUFFICIENT_STOCK: 49 });
    expect(await at(0).read(sku)).toEqual({ onHand: 1n, reserved: 1n, available: 0n });
  });

  test('give an order that both are asked to reserve for one reservation', async () => {
    const sku = await stocked(1_000n);
    for (let round = 0; round < 20; round += 1) {
      const { orderId, lines } = reserveRequest(sku);
      const results = await times(4, (i) =>
        at(i).order.reserveStock({ requestId: uuidv7(), orderId, lines }),
      );
      expect(tally(results)).toEqual({ done: 1, RESERVATION_EXISTS: 3 });
    }
    expect(await at(1).read(sku)).toMatchObject({ reserved: 20n });
  });

  test('answer the same request once, and the same', async () => {
    const sku = await stocked(1_000n);
    for (let round = 0; round < 20; round += 1) {
      const request = reserveRequest(sku);
      const results = await times(6, (i) => at(i).order.reserveStock(request));
      const answers = results.map((result) => (result as { value?: unknown }).value);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    }
    expect(await at(0).read(sku)).toMatchObject({ reserved: 20n });
  });

  test('add to one SKU without losing a unit', async () => {
    const sku = await stocked(0n);
    await times(40, (i) => at(i).adjust(sku, 1n));
    expect(await at(0).read(sku)).toMatchObject({ onHand: 40n });
    const { movements } = await at(1).movements(sku, { pageSize: 100 });
    expect(movements.map(({ onHand }) => onHand)).toEqual(countdown(40));
  });

  test('make the same SKUs at once, in whatever order', async () => {
    const skus = Array.from({ length: 20 }, newSku);
    const orders = [skus, skus.toReversed()];
    const results = await Promise.all(
      orders.map((order, i) => times(order.length, (j) => at(i).set(order[j]!, BigInt(i + 1)))),
    );
    expect(tally(results.flat())).toEqual({ done: 40 });
    for (const sku of skus) expect([1n, 2n]).toContain((await at(0).read(sku)).onHand);
  });

  test('either commit a reservation or let it expire, never both', async () => {
    const sku = await stocked(40n);
    const requests = Array.from({ length: 40 }, () => reserveRequest(sku));
    await times(40, (i) => at(i).order.reserveStock({ ...requests[i]!, holdSeconds: 60 }));
    const { advance } = network.clock;
    const committing = times(40, (i) => {
      if (i === 20) advance({ seconds: 61 });
      return at(i).commit(requests[i]!.orderId);
    });
    const expiring = [network.settle(), second.settle()];
    const counts = tally(await committing);
    await Promise.all(expiring);
    await network.settle();
    const sold = counts.done ?? 0;
    expect(sold + (counts.RESERVATION_NOT_ACTIVE ?? 0)).toBe(40);
    const left = BigInt(40 - sold);
    expect(await at(0).read(sku)).toEqual({ onHand: left, reserved: 0n, available: left });
  });

  const commitAndExpiry = ['commerce.inventory.before-commit', 'commerce.inventory.before-expiry'];

  test('let a reservation expire, of which a commit comes too late by a moment', async () => {
    const sku = await stocked(1n);
    const request = { ...reserveRequest(sku), holdSeconds: 60 };
    await at(0).order.reserveStock(request);
    const meeting = meetAt(commitAndExpiry, network.sql);
    network.clock.advance({ seconds: 61 });
    // Both processes look for what has expired.
    await meeting.joined(2);
    const committing = times(1, () => at(1).commit(request.orderId));
    await meeting.joined(3);
    meeting.letAllGo();
    expect(tally(await committing)).toEqual({ RESERVATION_NOT_ACTIVE: 1 });
    expect(await at(0).read(sku)).toEqual({ onHand: 1n, reserved: 0n, available: 1n });
  });

  test('commit a reservation, of which the expiry comes too late by a moment', async () => {
    const sku = await stocked(1n);
    const request = { ...reserveRequest(sku), holdSeconds: 60 };
    await at(0).order.reserveStock(request);
    const meeting = meetAt(commitAndExpiry, network.sql);
    const committing = times(1, () => at(1).commit(request.orderId));
    await meeting.joined(1);
    network.clock.advance({ seconds: 61 });
    // Both processes look for what has expired.
    await meeting.joined(3);
    meeting.letOneGo();
    expect(tally(await committing)).toEqual({ done: 1 });
    meeting.letAllGo();
    await Promise.all([network.settle(), second.settle()]);
    expect(await at(0).read(sku)).toEqual({ onHand: 0n, reserved: 0n, available: 0n });
  });

  test('release a reservation that is being committed, whichever comes first', async () => {
    const sku = await stocked(20n);
    for (let round = 0; round < 20; round += 1) {
      const request = reserveRequest(sku);
      await at(0).order.reserveStock(request);
      const [, released] = await Promise.allSettled([
        at(round).commit(request.orderId),
        at(round + 1).release(request.orderId),
      ]);
      expect(released).toMatchObject({
        value: { reservation: { state: ReservationState.RELEASED } },
      });
    }
    expect(await at(0).read(sku)).toEqual({ onHand: 20n, reserved: 0n, available: 20n });
  });
});

describe('a process that dies', () => {
  test('before the commit has done nothing, and the same request then does it once', async () => {
    const sku = await stocked(10n);
    const request = reserveRequest(sku, 3n);
    disarm = armDebugPoint('commerce.inventory.before-commit', () => {
      disarm();
      return killTransactions(network.sql, 'commerce.inventory');
    });
    await expect(at(0).order.reserveStock(request)).rejects.toMatchObject({ code: 'aborted' });
    expect(await at(1).read(sku)).toEqual({ onHand: 10n, reserved: 0n, available: 10n });
    const { reservation } = await at(1).order.reserveStock(request);
    expect(reservation!.state).toBe(ReservationState.ACTIVE);
    expect((await at(0).order.reserveStock(request)).reservation).toEqual(reservation);
    expect(await at(0).read(sku)).toEqual({ onHand: 10n, reserved: 3n, available: 7n });
  });

  test('before the commit of a correction has neither made nor kept it', async () => {
    const sku = await stocked(10n);
    const requestId = uuidv7();
    disarm = armDebugPoint('commerce.inventory.before-commit', () => {
      disarm();
      return killTransactions(network.sql, 'commerce.inventory');
    });
    await expect(at(0).adjust(sku, -4n, requestId)).rejects.toMatchObject({ code: 'aborted' });
    expect((await at(1).movements(sku)).movements).toHaveLength(1);
    await at(1).adjust(sku, -4n, requestId);
    await at(0).adjust(sku, -4n, requestId);
    const { movements } = await at(0).movements(sku);
    expect(movements).toMatchObject([{ delta: -4n, onHand: 6n }, { delta: 10n }]);
    expect(await at(0).read(sku)).toMatchObject({ onHand: 6n });
  });

  test('in the middle of an expiry leaves it to the next one', async () => {
    const sku = await stocked(5n);
    await at(0).order.reserveStock({ ...reserveRequest(sku, 2n), holdSeconds: 60 });
    let deaths = 0;
    disarm = armDebugPoint('commerce.inventory.before-expiry', async () => {
      deaths += 1;
      disarm();
      await killTransactions(network.sql, 'commerce.inventory');
    });
    network.clock.advance({ seconds: 61 });
    await expect.poll(() => deaths).toBe(1);
    await second.settle();
    expect(await at(0).read(sku)).toEqual({ onHand: 5n, reserved: 0n, available: 5n });
  });
});

test('after all of it, no unit was lost or made', async () => {
  await network.settle();
  const wrong = await network.sql`
    select sku from commerce_inventory.stock s
    where on_hand < reserved
      or on_hand + sold <> (
        select coalesce(sum(delta), 0) from commerce_inventory.stock_movement m where m.sku = s.sku)
      or reserved <> (
        select coalesce(sum((line ->> 1)::bigint), 0) from commerce_inventory.reservation r,
          jsonb_array_elements(r.lines) as line
        where r.state = 'ACTIVE' and line ->> 0 = s.sku)
      or sold <> (
        select coalesce(sum((line ->> 1)::bigint), 0) from commerce_inventory.reservation r,
          jsonb_array_elements(r.lines) as line
        where r.state = 'COMMITTED' and line ->> 0 = s.sku)`;
  expect(wrong).toEqual([]);
});
