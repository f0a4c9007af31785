import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { type Order, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { eventually } from '#kit/testing/echo-fixture.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

const inventory = 'commerce.inventory';
const processes = [inventory, `${inventory}.2`];
const units = 10_000n;
/** Orders under way at once. */
const shopperCount = 8;

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startTestMesh('service', { replicas: { [inventory]: processes.length } });
});
afterAll(() => mesh?.stop());

/** Calls that a process of the inventory has answered in this life. */
async function callsOf(process: string): Promise<number> {
  const text = await (await fetch(`${mesh.metricsUrls[process]}/metrics`)).text();
  const pattern = /^rpc_server_calls_total\{service="commerce\.inventory\.v1[^}]*\} (\d+)$/gm;
  return [...text.matchAll(pattern)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

test('two processes of a service share its calls, and the death of one costs no order', async () => {
  const sku = await putOnSale(mesh, units);
  const door = createGrpcTransport({ baseUrl: `http://${mesh.addressOf('platform.gateway')}` });
  const shoppers = await Promise.all(Array.from({ length: shopperCount }, () => newShopper(door)));
  const victim = mesh.processes.find(({ name }) => name === processes[1])!;
  const orders: Order[] = [];
  /** Each shopper buys so many times, one after the other. */
  const everyoneBuys = async (times: number) => {
    const shopping = shoppers.map(async ({ buy }) => {
      for (let time = 0; time < times; time += 1) orders.push(await buy(sku, 'tok_visa'));
    });
    await Promise.all(shopping);
  };
  /** Not as fast as may be: nobody may order more than twice a second for long. */
  const buyUntilCalled = async (process: string) => {
    const look = async () => {
      await everyoneBuys(1);
      return callsOf(process);
    };
    await eventually(look, { interval: 200 }).toBeGreaterThan((await callsOf(process)) + 10);
  };

  for (const process of processes) await buyUntilCalled(process);
  const buying = everyoneBuys(10);
  const count = orders.length;
  await eventually(async () => orders.length, { interval: 1 }).toBeGreaterThan(count + 10);
  await Promise.all([buying, victim.stop('SIGKILL')]);
  expect(orders.length).toBe(count + 10 * shopperCount);
  await everyoneBuys(2);
  expect(victim.pid).toBeUndefined();
  await victim.start();
  await buyUntilCalled(victim.name);

  expect(orders.filter(({ status }) => status !== OrderStatus.PAID)).toEqual([]);
  const left = units - BigInt(orders.length);
  const stock = async () =>
    (await mesh.client(InventoryService, inventory).getStock({ sku })).stock;
  await eventually(stock).toMatchObject({ onHand: left, reserved: 0n, available: left });
});
