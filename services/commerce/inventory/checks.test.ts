import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { newSku, stockOf } from './testing.ts';

let network: Network;
let stock: ReturnType<typeof stockOf>;

beforeAll(async () => {
  network = await startNetwork(['commerce.inventory']);
  stock = stockOf(network, await network.person({ roles: ['staff'] }));
});
afterAll(() => network.stop());

/** Each leaves the other two checks content, so that one alone refuses it. */
const wrongs: [what: string, row: { on_hand: number; reserved: number; sold: number }][] = [
  ['a negative reservation', { on_hand: 5, reserved: -1, sold: 0 }],
  ['more reserved than there is', { on_hand: 5, reserved: 6, sold: 0 }],
  ['a negative sale', { on_hand: 5, reserved: 0, sold: -1 }],
];

test.each(wrongs)(
  'the database itself refuses %s, in a new row and in an old one',
  async (_, row) => {
    const { sql } = network;
    const known = newSku();
    await stock.set(known, 5n);
    const before = await stock.read(known);
    // check_violation
    const refused = { code: '23514', table_name: 'stock' };
    await expect(
      sql`insert into commerce_inventory.stock ${sql({ sku: newSku(), ...row })}`,
    ).rejects.toMatchObject(refused);
    await expect(
      sql`update commerce_inventory.stock set ${sql(row)} where sku = ${known}`,
    ).rejects.toMatchObject(refused);
    expect(await stock.read(known)).toEqual(before);
  },
);
